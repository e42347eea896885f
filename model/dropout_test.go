package model

import (
	"math"
	"testing"

	"millrace"
	"millrace/model/kernel"
)

// TestMasks: about the wished share is left out, the rest keeps the expected output, no two events or layers are
// alike, and a mask depends on nothing but seed, event and place.
func TestMasks(t *testing.T) {
	const units, events = 63, 2000
	s := Spec{Dropout: 0.3, Seed: 9, Layers: []LayerSpec{{Units: units}, {Units: units}}}
	d := newDropout(s)
	var left, pairs, same float64
	mask, second, again := make([]float32, units), make([]float32, units), make([]float32, units)
	for range events {
		next := d.mask(mask, 0)
		d.mask(second, next)
		d.mask(again, 0)
		for i, v := range mask {
			switch v {
			case 0:
				left++
			case float32(1 / 0.7):
			default:
				t.Fatalf("factor %g", v)
			}
			if again[i] != v {
				t.Fatal("the same mask differs")
			}
			pairs++
			if second[i] == v {
				same++
			}
		}
		d.events[0]++
	}
	if share := left / pairs; math.Abs(share-0.3) > 0.005 {
		t.Errorf("a share of %g was left out, want 0.3", share)
	}
	if share, want := same/pairs, 0.3*0.3+0.7*0.7; math.Abs(share-want) > 0.01 {
		t.Errorf("masks of two layers agree in a share of %g, independent ones in %g", share, want)
	}
	d.mask(mask, 0)
	before := append([]float32(nil), mask...)
	d.events[0] -= 1000
	d.mask(mask, 0)
	differ := 0
	for i := range mask {
		if mask[i] != before[i] {
			differ++
		}
	}
	if differ < 10 {
		t.Errorf("masks 1000 events apart differ in %d of %d units", differ, units)
	}
}

// denseView hands out one dense view of a width.
type denseView int

func (v denseView) View(millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	return 0, millrace.ViewShape{Width: int(v)}, nil
}

// TestDropoutOnlyLearns: predictions leave no unit out, a refused event does not take its mask, and one that is
// learned changes only the weights of units that were kept.
func TestDropoutOnlyLearns(t *testing.T) {
	const units = 40
	s := Spec{Type: FamilyMLP, Hidden: []int{units}, Activation: ActivationTanh, Dropout: 0.5, Optimizer: OptimizerSpec{Type: RuleSGD}}
	plain := s
	plain.Dropout = 0
	build := func(s Spec) *network {
		m, err := NewNetwork(s.Resolve(TargetSpec{Classes: 2}), TargetSpec{Classes: 2}, denseView(3), kernel.Best())
		if err != nil {
			t.Fatal(err)
		}
		return m.(*network)
	}
	a, b := build(s), build(plain)
	x := millrace.Input{{Dense: []float32{1, -2, 0.5}}}
	sa, sb := a.NewScratch(), b.NewScratch()
	pa, pb := make([]float32, 2), make([]float32, 2)
	a.Predict(pa, x, sa)
	b.Predict(pb, x, sb)
	if pa[0] != pb[0] || pa[1] != pb[1] {
		t.Errorf("predictions %v with dropout, %v without", pa, pb)
	}
	if err := a.Learn(x, millrace.Target{Known: true, Class: 5}, 1, sa); err == nil || a.dropout.events[0] != 0 {
		t.Errorf("a refused event was counted: %v, %d events", err, a.dropout.events[0])
	}
	mask := make([]float32, units)
	a.dropout.mask(mask, 0)
	if err := a.Learn(x, millrace.Target{Known: true, Class: 1}, 1, sa); err != nil {
		t.Fatal(err)
	}
	for u, factor := range mask {
		moved := a.layers[0].weight.w.Data[u] != b.layers[0].weight.w.Data[u]
		if moved != (factor > 0) {
			t.Errorf("unit %d with factor %g: moved is %t", u, factor, moved)
		}
	}
	if a.dropout.events[0] != 1 {
		t.Errorf("%d events counted, want 1", a.dropout.events[0])
	}
}
