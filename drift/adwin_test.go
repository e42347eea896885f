package drift

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

// TestADWIN detects where River does, and holds the window that River holds.
func TestADWIN(t *testing.T) {
	var reference struct {
		Adwin []struct {
			Delta               float64
			Values              json.RawMessage
			Found               []int
			Width, Mean, Spread float64
		}
	}
	text, err := os.ReadFile("testdata/adwin.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	near := func(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(a), math.Abs(b)) }
	for i, c := range reference.Adwin {
		var values []float64
		if c.Values[0] == '"' {
			for _, b := range c.Values[1 : len(c.Values)-1] {
				values = append(values, float64(b-'0'))
			}
		} else if err := json.Unmarshal(c.Values, &values); err != nil {
			t.Fatal(err)
		}
		d := NewWindows(3, c.Delta)
		const place = 1
		var found []int
		for at, v := range values {
			if d.Add(place, v) {
				found = append(found, at)
			}
			if at%100 == 0 && !d.Check() {
				t.Fatalf("stream %d: after %d values the window fails its own check", i, at+1)
			}
		}
		if !slices.Equal(found, c.Found) {
			t.Errorf("stream %d: detections at %v, want %v", i, found, c.Found)
		}
		if got := d.Width(place); got != c.Width {
			t.Errorf("stream %d: width %g, want %g", i, got, c.Width)
		}
		if got := d.Mean(place); !near(got, c.Mean, 1e-9) {
			t.Errorf("stream %d: mean %g, want %g", i, got, c.Mean)
		}
		if got := d.sums[3*place+2]; !near(got, c.Spread, 1e-6) {
			t.Errorf("stream %d: sum of squares %g, want %g", i, got, c.Spread)
		}
		if d.Width(0) != 0 || d.Width(2) != 0 {
			t.Errorf("stream %d: other places were touched", i)
		}
	}
}
