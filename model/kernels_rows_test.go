package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
)

// TestGather: sums of rows in any order, repeats included, against float64, at every width and every
// alignment; nothing is read or written past its slice.
func TestGather(t *testing.T) {
	const rows = 9
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		random := rand.New(rand.NewPCG(5, 6))
		for n := 2; n <= 140; n++ {
			index := make([]uint32, n%31)
			for i := range index {
				index[i] = uint32(random.IntN(rows))
			}
			w, x, z := make([]float32, rows*n), make([]float32, len(index)), make([]float32, n)
			for _, s := range [][]float32{w, x, z} {
				fill32(s, random.NormFloat64)
			}
			var first []float32
			for offset := range 8 {
				dst, intact := guarded(n, offset)
				matrix, _ := guarded(rows*n, 7-offset)
				copy(dst, z)
				copy(matrix, w)
				k.gather(dst, matrix, index, x)
				if !intact() {
					t.Fatalf("%s, %d columns: wrote past its slice", k.name, n)
				}
				if offset == 0 {
					first = slices.Clone(dst)
				}
				if !slices.Equal(first, dst) {
					t.Fatalf("%s, %d columns: depends on an offset of %d", k.name, n, offset)
				}
			}
			for o, got := range first {
				want := float64(z[o])
				for i, row := range index {
					want += float64(x[i]) * float64(w[int(row)*n+o])
				}
				if math.Abs(float64(got)-want) > 2e-5 {
					t.Fatalf("%s: sum %d of %d is %g, want %g", k.name, o, n, got, want)
				}
			}
		}
	}
}

// TestGatherStaysWithin: a row beyond the matrix is never read.
func TestGatherStaysWithin(t *testing.T) {
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		for _, n := range []int{2, 8, 16, 40, 64, 67} {
			for _, row := range []uint32{5, 1 << 20, math.MaxUint32} {
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("%s, %d columns: row %d of 5 was read", k.name, n, row)
						}
					}()
					k.gather(make([]float32, n), make([]float32, 5*n), []uint32{4, row}, []float32{1, 1})
				}()
			}
		}
	}
}

func TestGatherColumn(t *testing.T) {
	w := []float32{1, 2, 4, 8, 16, 32, 64}
	all := []uint32{6, 0, 5, 1, 4, 2, 3, 3, 0, 6}
	for n := range len(all) + 1 {
		v := millrace.Vector{Index: all[:n]}
		var want float32
		for i, row := range v.Index {
			v.Value = append(v.Value, float32(i))
			want += float32(i) * w[row]
		}
		if got := gatherColumn(w, &v); got != want {
			t.Errorf("%d entries: %g, want %g", n, got, want)
		}
	}
}

// TestMerge: after any sequence of events, ascending or not, repeats or not, with restored states in
// between, the rows are those of the last one alone.
func TestMerge(t *testing.T) {
	shape := millrace.ViewShape{Width: 50, Sparse: true, NonZeroMax: 20}
	s := Spec{Type: familyLogistic, Optimizer: OptimizerSpec{Type: ruleSGD}}.Resolve(TargetSpec{Classes: 3})
	r := newNetwork(s, TargetSpec{Classes: 3}, 0, shape, bestKernels()).rows
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
