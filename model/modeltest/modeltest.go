// Package modeltest is the conformance suite that every model passes, whatever its family. It knows
// models by their interface alone: what it needs to look inside, it reads through State.
package modeltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
)

// Example is one event as a model sees it.
type Example struct {
	Input  millrace.Input
	Target millrace.Target
	Weight float32 // 0 stands for 1
}

func (e Example) weight() float32 {
	if e.Weight == 0 {
		return 1
	}
	return e.Weight
}

// Case is a model with examples to learn, a few hundred at least. The function that Run is given makes
// it anew for every check: always the same model, in its initial state, and the same examples.
type Case struct {
	Model    model.Model
	Examples []Example
	// Tolerance is 0 for models that repeat themselves bit for bit. Otherwise it is how far apart two values that
	// should be the same may be, as a share of the larger or of 1: for arithmetic that depends on where its operands
	// stand.
	Tolerance float64
}

// same reports that two models of the case are in the same state.
func (c *Case) same(a, b millrace.Stateful) bool {
	if c.Tolerance == 0 {
		return bytes.Equal(Bytes(a), Bytes(b))
	}
	others := map[string]millrace.Tensor{}
	b.State(func(name string, t millrace.Tensor, _ millrace.Role) { others[name] = t })
	alike := true
	a.State(func(name string, x millrace.Tensor, _ millrace.Role) {
		y := others[name]
		alike = alike && slices.EqualFunc(x.F32, y.F32, func(v, w float32) bool { return c.near(float64(v), float64(w)) }) &&
			slices.EqualFunc(x.F64, y.F64, c.near) && slices.Equal(x.U64, y.U64) && slices.Equal(x.U32, y.U32)
	})
	return alike
}

// near reports that two values are the same, or as good as that.
func (c *Case) near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= c.Tolerance*max(1, math.Abs(a), math.Abs(b))
}

// predicts reports that two predictions are the same.
func (c *Case) predicts(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(v, w float32) bool { return c.near(float64(v), float64(w)) })
}

// Differentiable is a model whose gradient can be checked. LossGradient returns the loss of one
// example and, when visit is not nil, hands out the gradient of each weight tensor by its name in
// State.
type Differentiable interface {
	LossGradient(x millrace.Input, y millrace.Target, visit func(name string, gradient []float32)) float64
}

// Run checks that the model that build makes keeps every promise of [model.Model].
func Run(t *testing.T, name string, build func() Case) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for _, c := range []struct {
			name  string
			check func(*testing.T, func() Case)
		}{
			{"gradient", checkGradient},
			{"predictions", checkPredictions},
			{"pure", checkPure},
			{"deterministic", checkDeterministic},
			{"restore", checkRestore},
			{"serving", checkServing},
			{"late", checkLate},
			{"zero weight", checkZeroWeight},
			{"extreme", checkExtreme},
			{"refusal", checkRefusal},
			{"allocations", checkAllocations},
			{"state", checkState},
		} {
			t.Run(c.name, func(t *testing.T) { c.check(t, build) })
		}
	})
}

// learner is a model with its working memory.
type learner struct {
	model   model.Model
	scratch model.Scratch
	dst     []float32
}

func newLearner(m model.Model) *learner {
	return &learner{model: m, scratch: m.NewScratch(), dst: make([]float32, m.Outputs())}
}

// learn predicts and then learns, as every caller does.
func (l *learner) learn(e Example) error {
	l.model.Predict(l.dst, e.Input, l.scratch)
	return l.model.Learn(e.Input, e.Target, e.weight(), l.scratch)
}

// value is the latest prediction of a number in the user's units; 0 of classes.
func (l *learner) value(t *testing.T) float64 {
	t.Helper()
	if l.model.Outputs() > 1 {
		return 0
	}
	v, ok := model.As[model.HasValue](l.model)
	if !ok {
		t.Fatal("a model of numbers says no value")
	}
	return v.Value(l.dst[0])
}

// goodPrediction fails the test when the latest prediction, or its value, is none.
func (l *learner) goodPrediction(t *testing.T) {
	t.Helper()
	goodPrediction(t, l.dst)
	if v := l.value(t); !finite(v) {
		t.Fatalf("%g is a value of %g", l.dst[0], v)
	}
}

func (l *learner) mustLearn(t *testing.T, examples []Example) {
	t.Helper()
	for i, e := range examples {
		if err := l.learn(e); err != nil {
			t.Fatalf("learning example %d: %v", i, err)
		}
	}
}

// Bytes is all of a model's state: names, roles, shapes and the bits of every value.
func Bytes(m millrace.Stateful) []byte {
	// Written out and sized in advance: the suite compares states of megabytes thousands of times.
	size := 0
	m.State(func(name string, t millrace.Tensor, _ millrace.Role) {
		size += len(name) + 64 + 4*(len(t.F32)+len(t.I32)+len(t.U32)) + 8*(len(t.F64)+len(t.I64)+len(t.U64)) + len(t.U8)
	})
	b := make([]byte, 0, size)
	le := binary.LittleEndian
	m.State(func(name string, t millrace.Tensor, role millrace.Role) {
		b = fmt.Appendf(b, "%s %d %v\n", name, role, t.Shape)
		for _, v := range t.F32 {
			b = le.AppendUint32(b, math.Float32bits(v))
		}
		for _, v := range t.F64 {
			b = le.AppendUint64(b, math.Float64bits(v))
		}
		for _, v := range t.I32 {
			b = le.AppendUint32(b, uint32(v))
		}
		for _, v := range t.I64 {
			b = le.AppendUint64(b, uint64(v))
		}
		for _, v := range t.U32 {
			b = le.AppendUint32(b, v)
		}
		for _, v := range t.U64 {
			b = le.AppendUint64(b, v)
		}
		b = append(b, t.U8...)
	})
	return b
}

// Copy copies all of one model's state into another, as a snapshot and its restore do.
func Copy(dst, src millrace.Stateful) error {
	return copyState(dst, src, millrace.Serving, millrace.Training)
}

// copyState copies the tensors of some roles.
func copyState(dst, src millrace.Stateful, roles ...millrace.Role) error {
	tensors := map[string]millrace.Tensor{}
	src.State(func(name string, t millrace.Tensor, role millrace.Role) {
		if slices.Contains(roles, role) {
			tensors[name] = t
		}
	})
	dst.State(func(name string, to millrace.Tensor, _ millrace.Role) {
		to.Set(tensors[name])
	})
	return dst.Restored()
}

// finiteState fails the test when a float of the state is not finite.
func finiteState(t *testing.T, m millrace.Stateful) {
	t.Helper()
	m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
		for i, v := range x.F32 {
			if !finite(float64(v)) {
				t.Fatalf("%s[%d] is %g", name, i, v)
			}
		}
		for i, v := range x.F64 {
			if !finite(v) {
				t.Fatalf("%s[%d] is %g", name, i, v)
			}
		}
	})
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// goodPrediction fails the test when dst is no prediction: a value that is not finite, or
// probabilities that are negative or do not sum to 1.
func goodPrediction(t *testing.T, dst []float32) {
	t.Helper()
	var sum float64
	for i, v := range dst {
		if !finite(float64(v)) {
			t.Fatalf("prediction[%d] is %g", i, v)
		}
		if len(dst) > 1 && v < 0 {
			t.Fatalf("probability %d is %g", i, v)
		}
		sum += float64(v)
	}
	if len(dst) > 1 && math.Abs(sum-1) > 1e-5 {
		t.Fatalf("probabilities sum to %g", sum)
	}
}

// cloneInput copies an input, so that a check may change it.
func cloneInput(x millrace.Input) millrace.Input {
	c := slices.Clone(x)
	for i := range c {
		c[i].Dense = slices.Clone(c[i].Dense)
		c[i].Index = slices.Clone(c[i].Index)
		c[i].Value = slices.Clone(c[i].Value)
	}
	return c
}
