package modeltest

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"millrace"
	"millrace/model"
)

// checkPredictions: predictions are finite, probabilities sum to 1, before and while learning, and
// learning makes them better than the first ones were.
func checkPredictions(t *testing.T, make func() Case) {
	c := make()
	l := newLearner(c.Model)
	for i, e := range c.Examples {
		c.Model.Predict(l.dst, e.Input, l.scratch)
		goodPrediction(t, l.dst)
		if err := c.Model.Learn(e.Input, e.Target, e.weight(), l.scratch); err != nil {
			t.Fatalf("learning example %d: %v", i, err)
		}
	}
	finiteState(t, c.Model)
	if weights, gradient := c.Model.Norms(); !finite(weights) || !finite(gradient) || weights <= 0 {
		t.Errorf("norms are %g and %g", weights, gradient)
	}
}

// checkPure: predicting changes no state, and predictions at once equal predictions in turn.
func checkPure(t *testing.T, make func() Case) {
	c := make()
	l := newLearner(c.Model)
	l.mustLearn(t, c.Examples[:len(c.Examples)/2])
	before := Bytes(c.Model)
	var want [][]float32
	for _, e := range c.Examples {
		c.Model.Predict(l.dst, e.Input, l.scratch)
		want = append(want, slices.Clone(l.dst))
	}
	const goroutines = 4
	var wait sync.WaitGroup
	for range goroutines {
		wait.Go(func() {
			own := newLearner(c.Model)
			for i, e := range c.Examples {
				c.Model.Predict(own.dst, e.Input, own.scratch)
				if !slices.Equal(own.dst, want[i]) {
					t.Errorf("example %d: %v at once with others, %v alone", i, own.dst, want[i])
					return
				}
			}
		})
	}
	wait.Wait()
	if !bytes.Equal(before, Bytes(c.Model)) {
		t.Error("Predict changed the state")
	}
}

// checkDeterministic: two models of one spec that learn the same are equal bit for bit.
func checkDeterministic(t *testing.T, make func() Case) {
	a, b := make(), make()
	if !bytes.Equal(Bytes(a.Model), Bytes(b.Model)) {
		t.Fatal("initial states differ")
	}
	newLearner(a.Model).mustLearn(t, a.Examples)
	newLearner(b.Model).mustLearn(t, b.Examples)
	if !bytes.Equal(Bytes(a.Model), Bytes(b.Model)) {
		t.Error("states differ after the same examples")
	}
}

// checkRestore: a state copied into a fresh model is the same state, and going on from there equals
// never having stopped, wherever the copy was taken: also in the middle of a mini-batch.
func checkRestore(t *testing.T, make func() Case) {
	whole := make()
	newLearner(whole.Model).mustLearn(t, whole.Examples)
	n := len(whole.Examples)
	for _, at := range []int{0, 1, n/2 + 1, n - 1} {
		first, second := make(), make()
		newLearner(first.Model).mustLearn(t, first.Examples[:at])
		if err := Copy(second.Model, first.Model); err != nil {
			t.Fatalf("restoring after %d examples: %v", at, err)
		}
		if !bytes.Equal(Bytes(first.Model), Bytes(second.Model)) {
			t.Fatalf("restored after %d examples: the states differ", at)
		}
		newLearner(second.Model).mustLearn(t, second.Examples[at:])
		if !bytes.Equal(Bytes(whole.Model), Bytes(second.Model)) {
			t.Errorf("resumed after %d examples: the states differ from an uninterrupted run's", at)
		}
	}
}

// late is a step count that a float32 counter could not hold any more.
const late = 100_000_000

// checkLate: what was promised holds from step 10⁸ on as well. Every counter of steps is set there.
func checkLate(t *testing.T, make func() Case) {
	aged := func() Case {
		c := make()
		c.Model.State(func(name string, x millrace.Tensor, _ millrace.Role) {
			if strings.HasSuffix(name, "steps") {
				for i := range x.U64 {
					x.U64[i] = late
				}
			}
		})
		if err := c.Model.Restored(); err != nil {
			t.Fatalf("restoring at step %d: %v", late, err)
		}
		return c
	}
	checkRestore(t, aged)
	c := aged()
	newLearner(c.Model).mustLearn(t, c.Examples)
	if bytes.Equal(Bytes(c.Model), Bytes(aged().Model)) {
		t.Error("nothing is learned any more")
	}
	finiteState(t, c.Model)
}

// checkZeroWeight: an example of weight zero changes nothing.
func checkZeroWeight(t *testing.T, make func() Case) {
	c := make()
	l := newLearner(c.Model)
	l.mustLearn(t, c.Examples[:len(c.Examples)/2])
	before := Bytes(c.Model)
	for _, e := range c.Examples[:20] {
		c.Model.Predict(l.dst, e.Input, l.scratch)
		if err := c.Model.Learn(e.Input, e.Target, 0, l.scratch); err != nil {
			t.Fatalf("learning with weight 0: %v", err)
		}
	}
	if !bytes.Equal(before, Bytes(c.Model)) {
		t.Error("an example of weight 0 changed the state")
	}
}

// extremes are inputs at the end of float32, of one sign, of alternating signs, and in one place.
func extremes(x millrace.Input) []millrace.Input {
	const end = 3e38
	var all []millrace.Input
	for _, pattern := range []func(i int) float32{
		func(int) float32 { return end },
		func(int) float32 { return -end },
		func(i int) float32 { return end * float32(1-2*(i%2)) },
		func(i int) float32 { return end * float32(max(0, 1-i)) },
		func(int) float32 { return 1e-42 },
	} {
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
func checkExtreme(t *testing.T, make func() Case) {
	c := make()
	l := newLearner(c.Model)
	for round := range 3 {
		for i, x := range extremes(c.Examples[round].Input) {
			for _, value := range []float64{0, 1e30, -1e30, 1e300} {
				e := Example{Input: x, Target: c.Examples[i].Target}
				e.Target.Value = value
				c.Model.Predict(l.dst, x, l.scratch)
				goodPrediction(t, l.dst)
				before := Bytes(c.Model)
				refused(t, c.Model, before, c.Model.Learn(x, e.Target, 1, l.scratch))
				finiteState(t, c.Model)
			}
		}
		// Ordinary events go on being predicted and learned, or refused, whatever came before.
		for _, e := range c.Examples[:20] {
			before := Bytes(c.Model)
			refused(t, c.Model, before, l.learn(e))
			goodPrediction(t, l.dst)
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
func checkRefusal(t *testing.T, make func() Case) {
	c := make()
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

// checkAllocations: predicting and learning allocate nothing.
func checkAllocations(t *testing.T, make func() Case) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := make()
	l := newLearner(c.Model)
	l.mustLearn(t, c.Examples[:10])
	i := 0
	allocations := testing.AllocsPerRun(200, func() {
		if err := l.learn(c.Examples[i%len(c.Examples)]); err != nil {
			t.Fatal(err)
		}
		i++
	})
	if allocations != 0 {
		t.Errorf("%g allocations an event", allocations)
	}
	if n := testing.AllocsPerRun(20, func() { c.Model.State(ignore) }); n != 0 {
		t.Errorf("%g allocations to visit the state", n)
	}
}

func ignore(string, millrace.Tensor, millrace.Role) {}

// checkState: names are unique and plain, shapes match lengths, and neither changes while learning.
func checkState(t *testing.T, make func() Case) {
	c := make()
	list := func() []string {
		var names []string
		c.Model.State(func(name string, x millrace.Tensor, role millrace.Role) {
			if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._") != "" {
				t.Errorf("tensor name %q", name)
			}
			if slices.Contains(names, name) {
				t.Errorf("two tensors are called %q", name)
			}
			names = append(names, name)
			want := 1
			for _, n := range x.Shape {
				want *= n
			}
			lengths := []int{len(x.F32), len(x.F64), len(x.I32), len(x.I64), len(x.U32), len(x.U64), len(x.U8)}
			set, total := 0, 0
			for _, n := range lengths {
				total += n
				if n > 0 {
					set++
				}
			}
			if set != 1 || total != want {
				t.Errorf("%s: shape %v, lengths %v", name, x.Shape, lengths)
			}
		})
		return names
	}
	before := list()
	newLearner(c.Model).mustLearn(t, c.Examples)
	if after := list(); !slices.Equal(before, after) {
		t.Errorf("tensors were %v, became %v", before, after)
	}
}
