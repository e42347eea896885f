package infer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/config/infer"
)

// TestTimeThatRises: a time that rises with the rows is the events' own before one that jumps, whatever their names.
// One that jumps is taken where its name says so and none rises, and how often it steps back is said; the time of a
// sign-up is never an event's.
func TestTimeThatRises(t *testing.T) {
	for _, c := range []struct {
		name         string
		jumps, rises string // the fields' names; empty is none
		want         string
		everySteps   int // of the rising one, of so many rows one steps back
		warns        bool
	}{
		{"rises after one that jumps", "order_date", "shipped", "shipped", 0, false},
		{"rises beside one called time", "time", "created_at", "created_at", 0, false},
		{"none rises", "order_date", "", "order_date", 0, true},
		{"time alone", "time", "", "time", 0, true},
		{"a sign-up", "signup_date", "", "", 0, false},
		{"steps back now and then", "", "time", "time", 20, false},
		{"steps back often", "", "time", "time", 4, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			texts := repeat(600, func(i int) string {
				at := time.Date(2024, 2, 1, 0, 30, 0, 0, time.UTC)
				fields := []string{fmt.Sprintf(`"a":%d,"y":"k%d"`, i%9, i%2)}
				if c.jumps != "" {
					fields = append(fields, fmt.Sprintf(`%q:%q`, c.jumps, at.Add(time.Duration(i*7919%600)*time.Hour).Format(time.DateTime)))
				}
				if c.rises != "" {
					row := i
					if c.everySteps > 0 && i%c.everySteps == 0 {
						row = max(i-10, 0)
					}
					fields = append(fields, fmt.Sprintf(`%q:%q`, c.rises, at.Add(time.Duration(row)*time.Hour).Format(time.DateTime)))
				}
				return "{" + strings.Join(fields, ",") + "}"
			})
			r := run(t, infer.Options{}, texts...)
			accept(t, r)
			if r.Time != c.want {
				t.Errorf("the events' time is %q, want %q", r.Time, c.want)
			}
			at := slices.IndexFunc(r.Report.Warnings, func(w infer.Warning) bool { return strings.Contains(w.Text, "steps back in") })
			if c.warns != (at >= 0) || c.warns != strings.Contains(string(r.YAML), "steps back in") {
				t.Errorf("warnings %+v of\n%s", r.Report.Warnings, r.YAML)
			}
			if at >= 0 && (r.Report.Warnings[at].Kind != infer.WarnTime || r.Report.Warnings[at].Field != c.want || *r.Report.Warnings[at].Figure < 0.15 || *r.Report.Warnings[at].Figure > 0.6) {
				t.Errorf("%+v, %v", r.Report.Warnings[at], *r.Report.Warnings[at].Figure)
			}
		})
	}
}
