package infer_test

import (
	"fmt"
	"strings"
	"testing"

	"millrace/config/infer"
)

// TestPositiveClass: of two classes the positive one is told by words, by a not before the other, else by rarity; the
// file says which and why. The rows hold one event of the first class for each share of the second.
func TestPositiveClass(t *testing.T) {
	for _, c := range []struct {
		first, second string // as JSON
		more          int    // events of the second class for one of the first
		want, why     string
	}{
		{`"yes"`, `"no"`, 1, "yes", "by its name"}, {`"NEIN"`, `"Ja"`, 3, "Ja", "by its name"}, {`"oui"`, `"non"`, 3, "oui", "by its name"},
		{`"Sí"`, `"No"`, 1, "Sí", "by its name"}, {`"y"`, `"n"`, 1, "y", "by its name"}, {`"T"`, `"F"`, 1, "T", "by its name"},
		{`true`, `false`, 1, "true", "by its name"}, {`0`, `1`, 9, "1", "by its name"}, {`-1`, `1`, 9, "1", "by its name"},
		{`"1"`, `"0"`, 2, "1", "by its name"}, {`0`, `7`, 3, "7", "by its name"}, {`"fraud"`, `"legit"`, 1, "fraud", "by its name"},
		{`"Fraud"`, `"other"`, 1, "Fraud", "by its name"}, {`"active"`, `"Churned"`, 9, "Churned", "by its name"},
		{`"Exited"`, `"Stayed"`, 2, "Exited", "by its name"}, {`"paid"`, `"default"`, 9, "default", "by its name"},
		{`"ham"`, `"spam"`, 9, "spam", "by its name"}, {`"bad"`, `"good"`, 2, "bad", "by its name"}, {`"ok"`, `"late"`, 9, "late", "by its name"},
		{`"won"`, `"lost"`, 1, "won", "by its name"}, {`"clicked"`, `"ignored"`, 5, "clicked", "by its name"}, {`"none"`, `"bought"`, 5, "bought", "by its name"},
		{`"sick"`, `"healthy"`, 5, "sick", "by its name"}, {`"negative"`, `"positive"`, 5, "positive", "by its name"},
		{`"not fraudulent"`, `"fraudulent"`, 3, "fraudulent", "by its name"}, {`"rain"`, `"no-rain"`, 2, "rain", "by its name"},
		{`"No-show"`, `"Show"`, 5, "No-show", "by its name"}, {`">50K"`, `"<=50K"`, 3, ">50K", "by its name"},
		{`"red"`, `"blue"`, 3, "red", "as the rarer one, in 25 % of the events"}, {`1`, `2`, 3, "1", "as the rarer one"}, {`4`, `2`, 3, "4", "as the rarer one"},
		{`"m"`, `"f"`, 1, "m", "as the last one; neither"}, {`"yes"`, `"true"`, 3, "yes", "as the rarer one"}, {`2`, `1`, 1, "2", "as the last one"},
		{`"on, off"`, `"x: \"y\" # z"`, 3, "on, off", "as the rarer one"},
	} {
		texts := repeat(80, func(i int) string {
			class := c.second
			if i%(c.more+1) == 0 {
				class = c.first
			}
			return fmt.Sprintf(`{"a":%d.5,"y":%s}`, i%7, class)
		})
		r := run(t, infer.Options{}, texts...)
		p := accept(t, r)
		if r.Positive != c.want || p.Label.PositiveName() != c.want || r.Report.Label.Positive != c.want {
			t.Errorf("%s and %s: the positive one is %q and the file's %q, want %q", c.first, c.second, r.Positive, p.Label.PositiveName(), c.want)
		}
		if !strings.Contains(r.Report.Label.PositiveWhy, c.why) || !strings.Contains(string(r.YAML), ", positive: ") ||
			!strings.Contains(string(r.YAML), c.want+", "+c.why) {
			t.Errorf("%s and %s: %q, want %q\n%s", c.first, c.second, r.Report.Label.PositiveWhy, c.why, r.YAML)
		}
	}
	for _, y := range []string{"%d", `"c%d"`} {
		r := run(t, infer.Options{}, repeat(90, func(i int) string { return fmt.Sprintf(`{"a":%d.5,"y":`+y+`}`, i%7, i%3) })...)
		if strings.Contains(string(r.YAML), "positive") || r.Positive != "" || r.Report.Label.Positive != "" {
			t.Errorf("of three classes %q is positive\n%s", r.Positive, r.YAML)
		}
	}
}
