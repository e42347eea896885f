package learner

import (
	"slices"
	"testing"

	"millrace"
	"millrace/conformal"
)

// TestIntervalsLearnFromBeforeLearning: of a label that came later, intervals learn from the prediction made just
// before learning, not from the one that is measured; where something was assumed when the event came, that one is
// both.
func TestIntervalsLearnFromBeforeLearning(t *testing.T) {
	for _, c := range []struct {
		known, assumed bool
		want           []float64
	}{{true, false, []float64{2}}, {true, true, []float64{1}}, {false, false, nil}, {false, true, nil}} {
		s := &Stream{}
		s.together.latest, s.Assume.Known = []float64{2}, c.assumed
		p := &pending{label: millrace.Label{Known: c.known}}
		if got := s.beforeLearning(p, []float64{1}); !slices.Equal(got, c.want) {
			t.Errorf("known %t, assumed %t: %v, want %v", c.known, c.assumed, got, c.want)
		}
	}
}

// TestCoverage: figures count what was held and the width of what had bounds, over all events and recently; they begin
// anew with the others.
func TestCoverage(t *testing.T) {
	p := NewProgressive(2)
	if _, ok := p.Coverage(All); ok {
		t.Error("there is coverage without sets")
	}
	tr := &Trainer{Progressive: p}
	tr.SetIntervals(conformal.New(.5, 2))
	if _, ok := p.Coverage(All); ok {
		t.Error("there is coverage before the first event")
	}
	for range 40 {
		tr.learnInterval([]float64{.9, .1}, millrace.Label{Class: 1, Known: true})
		tr.learnInterval([]float64{.9, .1}, millrace.Label{Class: 0, Known: true})
	}
	c, ok := p.Coverage(All)
	if !ok || !(c.Held >= .5 && c.Held <= 1 && c.Width >= 1 && c.Width <= 2) || c.Unbounded != 0 {
		t.Errorf("coverage is %+v", c)
	}
	if m := p.Metrics(); m["coverage"] != c.Held || m["interval_width"] != c.Width {
		t.Errorf("metrics are %v", m)
	}
	if p.Reset(); p.covered.restored() != nil || p.covered.sums[coveredEvents] != 0 {
		t.Error("figures go on after a reset")
	}
}
