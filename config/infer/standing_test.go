package infer_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"millrace/config/infer"
)

// warned is the text of the first warning of a kind; empty where there is none.
func warned(r *infer.Result, kind infer.WarningKind) string {
	for _, w := range r.Report.Warnings {
		if w.Kind == kind {
			return w.Text
		}
	}
	return ""
}

// Numbers and dates that stand for no value are named in the file, and what is an amount or a usual date stays one.
func TestStandInsAreNoValues(t *testing.T) {
	for _, c := range []struct {
		name, field string
		other       func(i int) string
		stand       string
		want        []string
	}{
		{"below what is not negative", "age", func(i int) string { return fmt.Sprint(i % 60) }, "-999", []string{"-999"}},
		{"below fractions", "load", func(i int) string { return fmt.Sprintf("%d.5", i%9000) }, "-99", []string{"-99"}},
		{"in another format", "amount", func(i int) string { return fmt.Sprintf(`"%d,5"`, i%900) }, "-9999", []string{"-9999"}},
		{"far above", "pdays", func(i int) string { return fmt.Sprint(i % 28) }, "999", []string{"999"}},
		{"an amount far above", "price", func(i int) string { return fmt.Sprint(i % 28) }, "999", nil},
		{"among negative ones", "profit", func(i int) string { return fmt.Sprint(i%5000 - 2500) }, "-999", nil},
		{"near the others", "n", func(i int) string { return fmt.Sprint(i % 900) }, "999", nil},
		{"no end yet", "ended", func(i int) string { return fmt.Sprintf(`"2024-01-%02d 12:00:00"`, i%28+1) }, `"9999-12-31 00:00:00"`, []string{"9999-12-31 00:00:00"}},
		{"zeros", "born", func(i int) string { return fmt.Sprintf(`"%02d.05.1985"`, i%28+1) }, `"00.00.0000"`, []string{"00.00.0000"}},
	} {
		r := run(t, infer.Options{Label: "y"}, repeat(1000, func(i int) string {
			value := c.other(i)
			if i%10 == 3 {
				value = c.stand
			}
			return fmt.Sprintf(`{"%s":%s,"y":"k%d"}`, c.field, value, i%2)
		})...)
		accept(t, r)
		f := column(t, r, c.field)
		if !reflect.DeepEqual(f.Gaps, c.want) || c.want != nil && f.Missing != "indicator" && f.Type != "time" {
			t.Errorf("%s: a %s, missing %q of %q, want %q:\n%s", c.name, f.Type, f.Missing, f.Gaps, c.want, r.YAML)
		}
		if c.field == "ended" && f.Type != "time" || c.field == "age" && r.Report.Features[0].Missing != 0.1 {
			t.Errorf("%s: %+v", c.name, r.Report.Features[0])
		}
	}
}

// A few lines of totals keep no column from counting rows, and a code with zeros in front is no label by its place.
func TestTotalsAndCodes(t *testing.T) {
	r := run(t, infer.Options{Label: "y"}, repeat(1001, func(i int) string {
		if i == 1000 {
			return `{"nr":"Summe","a":77,"y":null}`
		}
		return fmt.Sprintf(`{"nr":%d,"a":%d,"y":"k%d"}`, i+1, i%77, i%2)
	})...)
	if got := types(r); got != "a:number" || len(r.Report.LeftOut) != 1 || !strings.Contains(r.Report.LeftOut[0].Why, "counts the rows, 1 to 1000") {
		t.Errorf("features %s, left out %v", got, r.Report.LeftOut)
	}
	r = run(t, infer.Options{}, repeat(1000, func(i int) string {
		return fmt.Sprintf(`{"margin":%d.5,"plant":%s}`, i*i%997, []string{`"0100"`, `"0200"`, "1000"}[i%3])
	})...)
	if r.Label != "margin" {
		t.Errorf("the label is %q", r.Label)
	}
}

// What makes words of amounts, and two classes of one, is said.
func TestSpellingsAreSaid(t *testing.T) {
	for _, c := range []struct {
		value func(i int) string
		say   string
	}{
		{func(i int) string { return fmt.Sprintf(`"%d.5 kg"`, i%90) }, ""},
		{func(i int) string { return fmt.Sprintf(`"%d,%d m²"`, i%900, i%7) }, ""},
		{func(i int) string { return fmt.Sprintf(`"%d %s"`, i%90, []string{"MB", "GB"}[i%2]) }, `numbers in several units (500 in GB, 500 in MB), as "1 GB"`},
		{func(i int) string { return fmt.Sprintf(`"%s %d"`, []string{"USD", "EUR"}[i%2], i%90) }, `numbers in several units (500 in EUR, 500 in USD), as "EUR 1"`},
		{func(i int) string { return fmt.Sprintf(`"%d%s"`, i%90, []string{" kg", ""}[i%2]) }, `500 of its values have the unit kg, as "0 kg", 500 have none`},
		{func(i int) string { return fmt.Sprintf(`"%d%c"`, i%90, 'A'+i%26) }, ""}, // seats and sections
		{func(i int) string { return fmt.Sprintf(`"%02d:%02d:%02d"`, i%24, i%60, i*7%60) }, ""},
		{func(i int) string { return fmt.Sprintf(`"%02d:%02d"`, i%60, i*7%60) }, `durations or times of day, as "00:00", and may be hours and minutes`},
		{func(i int) string { return fmt.Sprintf(`"%d,%d5"`, i%90, i%10) }, ""},
		{func(i int) string { return fmt.Sprintf(`"A-%d"`, i%90) }, ""},
		{func(i int) string {
			if i < 500 {
				return fmt.Sprintf(`"%d,%d5"`, i%90, i%10)
			}
			return fmt.Sprintf(`%d.%d5`, i%90, i%10)
		}, `written in two ways, 500 only as us, as "50.05" (events 501 to 1,000), 500 only as eu, as "0,05" (events 1 to 500)`},
	} {
		r := run(t, infer.Options{Label: "y", Cells: true}, repeat(1000, func(i int) string {
			return fmt.Sprintf(`{"a":%s,"b":%d,"y":"k%d"}`, c.value(i), i%40, i%2)
		})...)
		if got := warned(r, infer.WarnUnread); (got == "") != (c.say == "") || !strings.Contains(got, c.say) {
			t.Errorf("got %q, want %q", got, c.say)
		}
	}
}

// TestClassSpellings: classes that differ in case are read as one, and blanks around one are none of it; letters may be
// other things in upper case.
func TestClassSpellings(t *testing.T) {
	for _, c := range []struct {
		classes   []string
		file, say string
	}{
		{[]string{"Won", "won", "lost", "WON "}, `ignore_case: true, classes: [lost, WON], positive: WON`, `classes "WON", "Won" and "won" differ in case alone and are read as one, WON`},
		{[]string{"won", "lost", " won", "lost\t"}, `classes: [lost, won]`, ""},
		{[]string{"Y", "y", "n", "N", "N"}, `ignore_case: true, classes: ["N", "Y"]`, `classes "N" and "n" differ in case alone`},
		{[]string{"k", "K", "q", "Q"}, `classes: [K, Q, k, q]`, `classes "K" and "k" differ in case alone and are learned as different ones`},
		{[]string{"a1", "A1"}, `classes: [A1, a1]`, "are learned as different ones"},
	} {
		r := run(t, infer.Options{Label: "y"}, repeat(400, func(i int) string {
			return fmt.Sprintf(`{"a":%d,"y":%q}`, i%9, c.classes[i%len(c.classes)])
		})...)
		accept(t, r)
		if got := warned(r, infer.WarnSpelling); !strings.Contains(got, c.say) || (got == "") != (c.say == "") || !strings.Contains(string(r.YAML), c.file) {
			t.Errorf("%q: said %q, want %q; want the file to say %q:\n%s", c.classes, got, c.say, c.file, r.YAML)
		}
	}
	r := run(t, infer.Options{Label: "y"}, repeat(400, func(i int) string {
		return fmt.Sprintf(`{"a":%q,"y":"k%d"}`, []string{"SE", "SE ", "DE"}[i%3], i%2)
	})...)
	if got, want := warned(r, infer.WarnSpelling), `values "SE" and "SE " of a differ in case or blanks alone`; !strings.Contains(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

// Long categories and ids raise the limit that would make dead letters of them, and are told apart to their ends.
func TestLongValuesRaiseLimits(t *testing.T) {
	r := run(t, infer.Options{Label: "y"}, repeat(200, func(i int) string {
		return fmt.Sprintf(`{"a":"%s%d","b":%d,"y":"k%d"}`, strings.Repeat("x", 1500), i%3, i%9, i%2)
	})...)
	accept(t, r)
	if !strings.Contains(string(r.YAML), "limits: {text: 4KiB}") || r.Report.Features[0].Distinct != 3 {
		t.Errorf("%d different values:\n%s", r.Report.Features[0].Distinct, r.YAML)
	}
	r = run(t, infer.Options{Label: "y"}, repeat(60, func(i int) string {
		return fmt.Sprintf(`{"a":"%s%d","b":%d,"y":"k%d"}`, strings.Repeat("x", 1<<20), i%3, i%9, i%2)
	})...)
	accept(t, r)
	if !strings.Contains(string(r.YAML), "limits: {text: 4MiB, event: 16MiB}") {
		t.Errorf("%s", r.YAML)
	}
}
