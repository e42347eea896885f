package modeltest

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"millrace"
	"millrace/model"
)

// extremes are inputs at the end of float32, of one sign, of alternating signs, and in one place.
func extremes(x millrace.Input) []millrace.Input {
	const end = 3e38
	patterns := []func(i int) float32{
		func(int) float32 { return end },
		func(int) float32 { return -end },
		func(i int) float32 { return end * float32(1-2*(i%2)) },
		func(i int) float32 { return end * float32(max(0, 1-i)) },
		func(int) float32 { return 1e-42 },
	}
	all := make([]millrace.Input, 0, len(patterns))
	for _, pattern := range patterns {
		c := cloneInput(x)
		for v := range c {
			for i := range c[v].Dense {
				c[v].Dense[i] = pattern(i)
			}
			for i := range c[v].Value {
				c[v].Value[i] = pattern(i)
			}
		}
		all = append(all, c)
	}
	return all
}

// checkExtreme: extreme inputs and targets leave predictions and state finite; those refused leave
// the state as it was.
func checkExtreme(t *testing.T, build func() Case) {
	c := build()
	l := newLearner(c.Model)
	for round := range 3 {
		for i, x := range extremes(c.Examples[round].Input) {
			for _, value := range []float64{0, 1e30, -1e30, 1e300} {
				e := Example{Input: x, Target: c.Examples[i].Target}
				e.Target.Value = value
				c.Model.Predict(l.dst, x, l.scratch)
				l.goodPrediction(t)
				before := Bytes(c.Model)
				refused(t, c.Model, before, c.Model.Learn(x, e.Target, 1, l.scratch))
				finiteState(t, c.Model)
			}
		}
		// Ordinary events go on being predicted and learned, or refused, whatever came before.
		for _, e := range c.Examples[:20] {
			before := Bytes(c.Model)
			refused(t, c.Model, before, l.learn(e))
			l.goodPrediction(t)
		}
	}
	finiteState(t, c.Model)
	if err := c.Model.Restored(); err != nil {
		t.Errorf("extreme inputs left a state that cannot be restored: %v", err)
	}
}

// refused checks that an error is a refusal and that it left the state untouched.
func refused(t *testing.T, m model.Model, before []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if !errors.Is(err, millrace.ErrUpdateRefused) {
		t.Fatalf("learning failed with %v, which does not wrap ErrUpdateRefused", err)
	}
	if !bytes.Equal(before, Bytes(m)) {
		t.Fatalf("a refused update (%v) changed the state", err)
	}
}

// checkRefusal: what no model can learn is refused and leaves no trace, in any phase.
func checkRefusal(t *testing.T, build func() Case) {
	c := build()
	l := newLearner(c.Model)
	nan, inf := math.NaN(), math.Inf(1)
	for _, learned := range []int{0, 3, 50} {
		l.mustLearn(t, c.Examples[:learned])
		e := c.Examples[0]
		weights := []float32{float32(nan), float32(inf), -1}
		for _, w := range weights {
			before := Bytes(c.Model)
			c.Model.Predict(l.dst, e.Input, l.scratch)
			err := c.Model.Learn(e.Input, e.Target, w, l.scratch)
			if err == nil {
				t.Errorf("a weight of %g was learned", w)
			}
			refused(t, c.Model, before, err)
		}
		bad := []millrace.Target{{Class: -1, Known: true}, {Class: 1 << 20, Known: true}}
		if c.Model.Outputs() == 1 {
			bad = []millrace.Target{{Value: nan, Known: true}, {Value: -inf, Known: true}, {Value: math.MaxFloat64, Known: true}}
		}
		for _, y := range bad {
			before := Bytes(c.Model)
			c.Model.Predict(l.dst, e.Input, l.scratch)
			err := c.Model.Learn(e.Input, y, 1, l.scratch)
			if err == nil {
				t.Errorf("a target of %+v was learned", y)
			}
			refused(t, c.Model, before, err)
		}
	}
}
