package modeltest

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"millrace"
	"millrace/model"
)

// checkPredictions: predictions are finite, probabilities sum to 1, before and while learning, and
// learning makes them better than the first ones were.
func checkPredictions(t *testing.T, build func() Case) {
	c := build()
	l := newLearner(c.Model)
	for i, e := range c.Examples {
		c.Model.Predict(l.dst, e.Input, l.scratch)
		l.goodPrediction(t)
		if err := c.Model.Learn(e.Input, e.Target, e.weight(), l.scratch); err != nil {
			t.Fatalf("learning example %d: %v", i, err)
		}
	}
	finiteState(t, c.Model)
	for _, view := range c.Model.Views() {
		if int(view) >= len(c.Examples[0].Input) {
			t.Errorf("the model reads view %d of %d", view, len(c.Examples[0].Input))
		}
	}
	if len(c.Model.Views()) == 0 {
		t.Error("the model says that it reads no view")
	}
	if m, ok := model.As[model.HasNorms](c.Model); ok {
		if weights, gradient := m.Norms(); !finite(weights) || !finite(gradient) || weights <= 0 {
			t.Errorf("norms are %g and %g", weights, gradient)
		}
	}
}

// checkPure: predicting changes no state, and predictions at once equal predictions in turn.
func checkPure(t *testing.T, build func() Case) {
	c := build()
	l := newLearner(c.Model)
	l.mustLearn(t, c.Examples[:len(c.Examples)/2])
	before := Bytes(c.Model)
	want := make([][]float32, 0, len(c.Examples))
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
				if !c.predicts(own.dst, want[i]) {
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
func checkDeterministic(t *testing.T, build func() Case) {
	a, b := build(), build()
	if !a.same(a.Model, b.Model) {
		t.Fatal("initial states differ")
	}
	newLearner(a.Model).mustLearn(t, a.Examples)
	newLearner(b.Model).mustLearn(t, b.Examples)
	if !a.same(a.Model, b.Model) {
		t.Error("states differ after the same examples")
	}
}

// checkRestore: a state copied into a fresh model is the same state, and going on from there equals
// never having stopped, wherever the copy was taken: also in the middle of a mini-batch.
func checkRestore(t *testing.T, build func() Case) {
	whole := build()
	newLearner(whole.Model).mustLearn(t, whole.Examples)
	n := len(whole.Examples)
	for _, at := range []int{0, 1, n/2 + 1, n - 1} {
		first, second := build(), build()
		newLearner(first.Model).mustLearn(t, first.Examples[:at])
		if err := Copy(second.Model, first.Model); err != nil {
			t.Fatalf("restoring after %d examples: %v", at, err)
		}
		if !bytes.Equal(Bytes(first.Model), Bytes(second.Model)) {
			t.Fatalf("restored after %d examples: the states differ", at)
		}
		newLearner(second.Model).mustLearn(t, second.Examples[at:])
		if !whole.same(whole.Model, second.Model) {
			t.Errorf("resumed after %d examples: the states differ from an uninterrupted run's", at)
		}
	}
}

// checkServing: the serving tensors alone, all that a scorer loads, make a fresh model predict the same.
func checkServing(t *testing.T, build func() Case) {
	learned, fresh := build(), build()
	l := newLearner(learned.Model)
	l.mustLearn(t, learned.Examples[:len(learned.Examples)-1])
	if err := copyState(fresh.Model, learned.Model, millrace.Serving); err != nil {
		t.Fatalf("restoring the serving tensors: %v", err)
	}
	other := newLearner(fresh.Model)
	for i, e := range learned.Examples {
		learned.Model.Predict(l.dst, e.Input, l.scratch)
		fresh.Model.Predict(other.dst, e.Input, other.scratch)
		if !learned.predicts(l.dst, other.dst) || !learned.near(l.value(t), other.value(t)) {
			t.Fatalf("example %d: the learner predicts %v (%g), a scorer %v (%g)", i, l.dst, l.value(t), other.dst, other.value(t))
		}
	}
}

// late is a step count that a float32 counter could not hold any more.
const late = 100_000_000

// checkLate: what was promised holds from step 10⁸ on as well. Every counter of steps is set there.
func checkLate(t *testing.T, build func() Case) {
	aged := func() Case {
		c := build()
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
func checkZeroWeight(t *testing.T, build func() Case) {
	c := build()
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

// checkAllocations: predicting and learning allocate nothing.
func checkAllocations(t *testing.T, build func() Case) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := build()
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
func checkState(t *testing.T, build func() Case) {
	c := build()
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
