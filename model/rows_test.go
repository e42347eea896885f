package model

import (
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
	"millrace/model/kernel"
)

// TestMerge: after any sequence of events, ascending or not, repeats or not, with restored states in
// between, the rows are those of the last one alone.
func TestMerge(t *testing.T) {
	shape := millrace.ViewShape{Width: 50, Sparse: true, NonZeroMax: 20}
	s := Spec{Type: FamilyLogistic, Optimizer: OptimizerSpec{Type: RuleSGD}}.Resolve(TargetSpec{Classes: 3})
	r := newNetwork(s, TargetSpec{Classes: 3}, 0, shape, kernel.Best()).rows
	random := rand.New(rand.NewPCG(7, 8))
	for event := range 500 {
		var v millrace.Vector
		want := map[uint32]float32{}
		for i := range random.IntN(shape.NonZeroMax + 1) {
			v.Index = append(v.Index, uint32(random.IntN(shape.Width)))
			v.Value = append(v.Value, float32(i+1))
		}
		if event%2 == 0 {
			slices.Sort(v.Index)
		}
		if event%4 == 0 {
			v.Index = slices.Compact(v.Index)
			v.Value = v.Value[:len(v.Index)]
		}
		for i, row := range v.Index {
			want[row] += v.Value[i]
		}
		r.merge(&v)
		if int(r.count[0]) != len(want) {
			t.Fatalf("event %d: %d rows, want %d", event, r.count[0], len(want))
		}
		if event%7 == 0 {
			if err := r.restored(shape.Width); err != nil {
				t.Fatal(err)
			}
		}
		for i, row := range r.index[:r.count[0]] {
			if r.value[i] != want[row] {
				t.Fatalf("event %d: row %d has %g, want %g", event, row, r.value[i], want[row])
			}
		}
	}
}
