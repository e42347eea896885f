package conformal

import (
	_ "embed"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"
)

// reference is what testdata/reference.py wrote.
//
//go:embed testdata/reference.json
var reference []byte

// TestReference: intervals and sets are those of an implementation in another language, event by event.
func TestReference(t *testing.T) {
	var want struct {
		Numbers map[string][]struct {
			Value, Label float64
			Interval     []float64
		}
		Classes map[string][]struct {
			Probabilities []float64
			Class         int
			Set           []int
		}
	}
	if err := json.Unmarshal(reference, &want); err != nil {
		t.Fatal(err)
	}
	levelOf := func(text string) float64 {
		level, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return level
	}
	for text, events := range want.Numbers {
		p := New(levelOf(text), 0)
		for i, e := range events {
			low, high := p.Interval(e.Value)
			if e.Interval == nil {
				if !math.IsInf(low, -1) || !math.IsInf(high, 1) {
					t.Fatalf("level %s, event %d: %g to %g, want no bounds", text, i, low, high)
				}
			} else if near := 1e-9 * (1 + high - low); !(math.Abs(low-e.Interval[0]) <= near && math.Abs(high-e.Interval[1]) <= near) {
				t.Fatalf("level %s, event %d: %g to %g, want %g", text, i, low, high, e.Interval)
			}
			p.LearnNumber(e.Value, e.Label)
		}
	}
	for text, events := range want.Classes {
		p := New(levelOf(text), 4)
		for i, e := range events {
			if got := setOf(p, e.Probabilities); !slices.Equal(got, e.Set) {
				t.Fatalf("level %s, event %d: %v, want %v", text, i, got, e.Set)
			}
			held, size := p.LearnClass(e.Probabilities, e.Class)
			if held != slices.Contains(e.Set, e.Class) || size != len(e.Set) {
				t.Fatalf("level %s, event %d: held %t of %d, want it of %v", text, i, held, size, e.Set)
			}
		}
	}
}

// setOf are the classes of a set.
func setOf(p *Predictor, probabilities []float64) (set []int) {
	best := slices.Index(probabilities, slices.Max(probabilities))
	for c, v := range probabilities {
		if c == best || v >= p.Least() {
			set = append(set, c)
		}
	}
	return set
}
