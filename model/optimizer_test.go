package model

import (
	"math"
	"slices"
	"testing"

	"millrace/model/kernel"
)

func TestBiasCorrection(t *testing.T) {
	for _, beta := range []float64{0.9, 0.99, 0.999, 0.999999} {
		ln := math.Log(beta)
		for _, at := range []float64{1, 2, 10, 1000, 36_000} {
			want := 1 - math.Pow(beta, at)
			if got := biasCorrection(ln, at); math.Abs(got-want) > 1e-9*want {
				t.Errorf("β %g, t %g: %g, want %g", beta, at, got, want)
			}
		}
		for _, at := range []float64{1e8, 1e15} {
			if got := biasCorrection(ln, at); got != 1 {
				t.Errorf("β %g, t %g: %v, want exactly 1", beta, at, got)
			}
		}
	}
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		schedule ScheduleSpec
		steps    uint64
		want     float64
	}{
		{ScheduleSpec{}, 1000, 0.5},
		{ScheduleSpec{Type: "inverse_time", Decay: 0.1}, 0, 0.5},
		{ScheduleSpec{Type: "inverse_time", Decay: 0.1}, 10, 0.25},
		{ScheduleSpec{Decay: 0.3, Power: 0.5}, 10, 0.25},
		{ScheduleSpec{Decay: 1, Power: 1}, 1e8, 0.5 / (1 + 1e8)},
	} {
		s := Spec{Type: FamilyLogistic, Optimizer: OptimizerSpec{Type: "sgd", Rate: 0.5, Schedule: c.schedule}}
		o := newOptimizer(s.Resolve(TargetSpec{Classes: 2}), kernel.Generic())
		o.steps[0] = c.steps
		o.begin()
		if math.Abs(o.rate-c.want) > 1e-12 {
			t.Errorf("%+v at step %d: rate %g, want %g", c.schedule, c.steps, o.rate, c.want)
		}
	}
}

// TestSetRate: changing the rate equals having been made with it, at any step, and allocates nothing.
func TestSetRate(t *testing.T) {
	schedule := ScheduleSpec{Type: "inverse_time", Decay: 0.1}
	for _, rule := range []string{RuleSGD, RuleNormalized, RuleAdaGrad, RuleAdam} {
		made := func(rate float64) *optimizer {
			s := Spec{Type: FamilyLogistic, L2: 0.01, Optimizer: OptimizerSpec{Type: rule, Rate: rate, Schedule: schedule}}
			o := newOptimizer(s.Resolve(TargetSpec{Classes: 2}), kernel.Generic())
			o.steps[0] = 7
			o.begin()
			return o
		}
		o, want := made(0.5), made(0.25)
		o.setRate(0.25)
		if o.rate != want.rate || o.weights != want.weights || o.biases != want.biases {
			t.Errorf("%s: %+v, want %+v", rule, o.weights, want.weights)
		}
		if n := testing.AllocsPerRun(10, func() { o.setRate(0.3) }); n != 0 {
			t.Errorf("%s: %g allocations", rule, n)
		}
	}
}

func TestShrinkStopsAtZero(t *testing.T) {
	w := []float32{1, -1, 0.05, -0.05, 0}
	shrink(w, 0.1)
	if want := []float32{0.9, -0.9, 0, 0, 0}; !slices.Equal(w, want) {
		t.Errorf("%v, want %v", w, want)
	}
}

// TestAdvance holds the closed form of the importance-aware logistic step to bisection, from margins
// where its Lambert form overflows to those where it loses all digits.
func TestAdvance(t *testing.T) {
	for _, m := range []float64{-1e15, -1000, -40, -36, -30, -3, -0.1, 0, 0.1, 3, 30, 36, 37, 100, 800, 1e15} {
		for _, a := range []float64{1e-30, 1e-9, 1e-3, 0.1, 1, 10, 1e3, 1e9, 1e30, 1e120} {
			got := advance(m, a)
			left := func(d float64) float64 { return d + math.Exp(m)*math.Expm1(d) }
			switch {
			case m < -30:
				left = func(d float64) float64 { return d + math.Exp(m+d) - math.Exp(m) }
			case m > 0:
				left = func(d float64) float64 { return d*math.Exp(-m) + math.Expm1(d) } // the same times e⁻ᵐ
			}
			target := a
			if m > 0 {
				target = a * math.Exp(-m)
			}
			low, high := 0.0, min(a, 1e16)
			for range 400 {
				if middle := (low + high) / 2; left(middle) > target {
					high = middle
				} else {
					low = middle
				}
			}
			if !(got >= 0 && got <= a) || math.Abs(got-low) > 1e-9*low+1e-300 {
				t.Errorf("margin %g, time %g: %g, want %g", m, a, got, low)
			}
		}
	}
}
