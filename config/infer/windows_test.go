package infer_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"millrace/config"
	"millrace/config/infer"
)

// spending are events of 100 cards, ten an hour, with names that need quotes.
func spending(withTime bool) []string {
	var events []string
	for i := range 1000 {
		at := fmt.Sprintf(`"at": "2026-03-%02dT%02d:%02d:00Z", `, 1+i/240, i/10%24, i%10*6)
		if !withTime {
			at = ""
		}
		events = append(events, fmt.Sprintf(`{%s"card no": "c%d", "country": "%c", "amount": %d.5, "small": 0.%d, "count": %d, "name": "n %d", "y": %d}`,
			at, i*7%101, 'a'+i%3, i%700, i%900, i%4, i, i%2))
	}
	return events
}

// TestProposedWindows: they are comments, and each of them is a feature once its mark is gone.
func TestProposedWindows(t *testing.T) {
	plain := run(t, infer.Options{Label: "y"}, spending(true)...)
	r := run(t, infer.Options{Label: "y", Windows: true}, spending(true)...)
	if strings.Contains(string(plain.YAML), "window") {
		t.Errorf("unasked it proposes\n%s", plain.YAML)
	}
	marked := regexp.MustCompile(`(?m)^  # (\S+: \{type: (?:window|ratio))`)
	p, err := config.Parse("p.yaml", marked.ReplaceAll(r.YAML, []byte("  $1")), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.YAML)
	}
	var names []string
	for _, c := range p.Features[len(r.Features):] {
		names = append(names, c.Name)
	}
	want := "card_no_1h card_no_idle amount_by_card_no_1d amount_vs_card_no small_by_card_no_1d small_vs_card_no"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("proposed are %s, want %s\n%s", got, want, r.YAML)
	}
	for _, none := range []struct {
		events []string
		text   string
	}{{spending(false), "no field is one"}, {spending(true)[:60], "no category has 100 different values"}} {
		r := run(t, infer.Options{Label: "y", Windows: true}, none.events...)
		if !strings.Contains(string(r.YAML), none.text) || marked.Match(r.YAML) {
			t.Errorf("want %q:\n%s", none.text, r.YAML)
		}
	}
}
