package quality

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/offline"
	"millrace/pipeline/status"
)

// TestCalibrations: streams of classes have a row, with figures of both; rows of others stay, and numbers have none.
func TestCalibrations(t *testing.T) {
	folder, r := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	var classes, numbers strings.Builder
	classes.WriteString("a,b,y\n")
	numbers.WriteString("a,b,y\n")
	for range 400 {
		a, b := r.NormFloat64(), r.NormFloat64()
		fmt.Fprintf(&classes, "%.3f,%.3f,%s\n", a, b, map[bool]string{true: "yes", false: "no"}[a+b+r.NormFloat64() > 0])
		fmt.Fprintf(&numbers, "%.3f,%.3f,%.3f\n", a, b, a+b)
	}
	for name, text := range map[string]string{"classes.csv": classes.String(), "numbers.csv": numbers.String()} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	streams, err := Find(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := &Calibrations{Families: []string{"linear", "tree"}, Out: &out}
	if err := c.Run(t.Context(), streams); err != nil {
		t.Fatal(err)
	}
	const head, others = "| | logistic | tree |\n|---|---|---|\n", "| before | 1 | 2 |\n"
	table := c.Table(head + "| classes | 3 | 4 |\n" + others)
	if table != head+others+out.String() {
		t.Errorf("the table is\n%s\nmeasured was\n%s", table, out.String())
	}
	cells := strings.Split(strings.Trim(strings.TrimSpace(out.String()), "|"), "|")
	if len(cells) != 3 || strings.TrimSpace(cells[0]) != "classes" || strings.Count(out.String(), " → ") != 4 {
		t.Errorf("measured was %q", out.String())
	}
}

// TestCalibrationFallsShort: what costs too much is bold and named, and what of auto is too far off.
func TestCalibrationFallsShort(t *testing.T) {
	figures := func(events uint64, loss, off float64) offline.Summary {
		chance := 0.0
		return offline.Summary{Events: events, Losses: status.Losses{LogLoss: &loss, ECE: &off, ECEExpected: &chance}}
	}
	for _, test := range []struct {
		family        string
		without, with offline.Summary
		cell          string
		short         int
	}{
		{"tree", figures(10_000, .5, .02), figures(10_000, .4, .02), " .5000 → .4000; .020 → .020 ", 0},
		{"tree", figures(10_000, .5, .02), figures(10_000, .5002, -.001), " .5000 → .5002; .020 → −.001 ", 0},
		{"tree", figures(10_000, .5, .02), figures(10_000, .5004, -.0001), " **.5000 → .5004**; .020 → .000 ", 1},
		{"auto", figures(10_000, 1.5, .02), figures(10_000, 1.4, .009), " 1.5000 → 1.4000; .020 → .009 ", 0},
		{"auto", figures(10_000, 1.5, .02), figures(10_000, 1.4, .011), " 1.5000 → 1.4000; **.020 → .011** ", 1},
		{"auto", figures(9_999, 1.5, .02), figures(9_999, 1.4, .011), " 1.5000 → 1.4000; .020 → .011 ", 0},
	} {
		var c Calibrations
		if got := c.cell("s.csv", test.family, test.without, test.with); got != test.cell || len(c.Short) != test.short {
			t.Errorf("%s: %q, short %v; want %q and %d", test.family, got, c.Short, test.cell, test.short)
		}
	}
}
