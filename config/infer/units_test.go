package infer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"millrace/config/infer"
)

// TestUnits: a column where one unit stands at nearly all numbers is one of numbers, and what has another is rejected;
// with several it is none.
func TestUnits(t *testing.T) {
	pick := func(i, every int, seldom, often string) string {
		if i%every == 0 {
			return seldom
		}
		return often
	}
	for _, c := range []struct {
		name   string
		value  func(i int) string
		kind   string
		format string
		unit   []string
		say    string
	}{
		{"behind", func(i int) string { return fmt.Sprintf("%d.5 kg", i%90) }, "number", "", []string{"kg"}, `numbers with the unit kg, as "0.5 kg"`},
		{"a ratio", func(i int) string { return fmt.Sprintf("%d km/h", i%90) }, "number", "", []string{"km/h"}, ""},
		{"no space", func(i int) string { return fmt.Sprintf("-%d.5°C", i%90) }, "number", "", []string{"°C"}, ""},
		{"a digit at its end", func(i int) string { return fmt.Sprintf("%d m2", i%90) }, "number", "", []string{"m2"}, ""},
		{"with a comma", func(i int) string { return fmt.Sprintf("%d,%d5 m²", i%900, i%7) }, "number", "eu", []string{"m²"}, ""},
		{"plurals", func(i int) string { return fmt.Sprintf("%d %s", i%9, pick(i, 9, "year", "years")) }, "number", "", []string{"year", "years"}, ""},
		{"cases", func(i int) string { return fmt.Sprintf("%d %s", i%9, pick(i, 2, "kg", "KG")) }, "number", "", []string{"KG", "kg"}, ""},
		{"milli and mega", func(i int) string { return fmt.Sprintf("%d %s", i%9, pick(i, 2, "mW", "MW")) }, "category", "", nil, "several units"},
		{"few others", func(i int) string { return fmt.Sprintf("%d %s", i%90, pick(i, 50, "lb", "kg")) }, "number", "", []string{"kg"},
			`20 of 1,000 values do not read as numbers, as "0 lb"`},
		{"few others of money", func(i int) string { return fmt.Sprintf("%s %d", pick(i, 50, "CAD", "$"), i%90) }, "number", "us", []string{"$"},
			`20 of 1,000 values do not read as numbers, as "CAD 0"`},
		{"signs and codes", func(i int) string { return fmt.Sprintf("%s %d", pick(i, 2, "EUR", "€"), i%90) }, "number", "us", nil, "currencies are passed over"},
		{"money without", func(i int) string { return pick(i, 2, "$ ", "") + fmt.Sprint(i%90) }, "number", "us", nil, "500 of 1,000 values have no $ and count as if they had"},
		{"magnitudes", func(i int) string { return fmt.Sprintf("%d.5%s", i%90, pick(i, 3, "M", "k")) }, "number", "", []string{"M", "k"}, "numbers with M or k, which multiply"},
		{"magnitudes and none", func(i int) string { return fmt.Sprintf("%d%s", i%90, pick(i, 2, "", "k")) }, "number", "", []string{"k"}, "which multiply"},
		{"money with magnitudes", func(i int) string { return fmt.Sprintf("$%d.5%s", i%90, pick(i, 3, "M", "K")) }, "category", "", nil,
			"write {type: number, unit: [$, M, K]}"},
		{"kelvin or thousands", func(i int) string { return fmt.Sprintf("%d.5 K", i%90) }, "number", "", []string{"K"}, "K is a thousand, never kelvin"},
		{"apostrophes", func(i int) string { return fmt.Sprintf("'%d.5", i%90) }, "number", "us", nil, ""},
		{"padded words", func(i int) string { return pick(i, 9, " - ", fmt.Sprintf(" %d.5 ", i%90)) }, "number", "us", nil, `values: ["-"]`},
		{"sections", func(i int) string { return fmt.Sprintf("%d%c", i%9, 'A'+i%26) }, "category", "", nil, ""},
		{"letters and hours", func(i int) string { return fmt.Sprintf("%dh%02dm", i%9, i%60) }, "number", "duration", nil, "durations in seconds"},
		{"one unit of time", func(i int) string { return fmt.Sprintf("%d min", i%90) }, "number", "", []string{"min"}, ""},
		{"several of time", func(i int) string { return fmt.Sprintf("%d %s", i%90, pick(i, 2, "h", "min")) }, "number", "duration", nil, ""},
		{"colons", func(i int) string { return fmt.Sprintf("%02d:%02d:%02d", i%30, i%60, i*7%60) }, "number", "duration", nil, ""},
	} {
		r := run(t, infer.Options{Label: "y", Cells: true}, repeat(1000, func(i int) string {
			return fmt.Sprintf(`{"a":%s,"b":%d,"y":"k%d"}`, quote(c.value(i)), i%40, i%2)
		})...)
		accept(t, r)
		got := column(t, r, "a")
		if string(got.Type) != c.kind || got.Format != c.format || !slices.Equal(got.Unit, c.unit) || !strings.Contains(string(r.YAML), c.say) {
			t.Errorf("%s: a is a %s of format %q and unit %q, want a %s of %q and %q, and %q said:\n%s",
				c.name, got.Type, got.Format, got.Unit, c.kind, c.format, c.unit, c.say, r.YAML)
		}
	}
}

// TestUnitLabel: a label with a unit is a number, whose range is without it.
func TestUnitLabel(t *testing.T) {
	r := run(t, infer.Options{Label: "y", ScanAll: true, RowsMax: 500}, repeat(1000, func(i int) string {
		return fmt.Sprintf(`{"a":%d,"y":"%d.5 min"}`, i%40, i)
	})...)
	accept(t, r)
	if want := `label: {path: "y", unit: min, type: number}    # 0.5 to 999.5`; !strings.Contains(string(r.YAML), want) {
		t.Errorf("the file does not say %q:\n%s", want, r.YAML)
	}
}
