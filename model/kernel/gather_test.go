package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestGather: sums of rows in any order, repeats included, against float64, at every width and every
// alignment; nothing is read or written past its slice.
func TestGather(t *testing.T) {
	const rows = 9
	for _, k := range []*Set{Best(), Generic()} {
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
				k.Gather(dst, matrix, index, x)
				if !intact() {
					t.Fatalf("%s, %d columns: wrote past its slice", k.Name, n)
				}
				if offset == 0 {
					first = slices.Clone(dst)
				}
				if !slices.Equal(first, dst) {
					t.Fatalf("%s, %d columns: depends on an offset of %d", k.Name, n, offset)
				}
			}
			for o, got := range first {
				want := float64(z[o])
				for i, row := range index {
					want += float64(x[i]) * float64(w[int(row)*n+o])
				}
				if math.Abs(float64(got)-want) > 2e-5 {
					t.Fatalf("%s: sum %d of %d is %g, want %g", k.Name, o, n, got, want)
				}
			}
		}
	}
}

// TestGatherStaysWithin: a row beyond the matrix is never read.
func TestGatherStaysWithin(t *testing.T) {
	for _, k := range []*Set{Best(), Generic()} {
		for _, n := range []int{2, 8, 16, 40, 64, 67} {
			for _, row := range []uint32{5, 1 << 20, math.MaxUint32} {
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("%s, %d columns: row %d of 5 was read", k.Name, n, row)
						}
					}()
					k.Gather(make([]float32, n), make([]float32, 5*n), []uint32{4, row}, []float32{1, 1})
				}()
			}
		}
	}
}

func TestSparseDot(t *testing.T) {
	w := []float32{1, 2, 4, 8, 16, 32, 64}
	all := []uint32{6, 0, 5, 1, 4, 2, 3, 3, 0, 6}
	for n := range len(all) + 1 {
		index := all[:n]
		var x []float32
		var want float32
		for i, row := range index {
			x = append(x, float32(i))
			want += float32(i) * w[row]
		}
		if got := SparseDot(w, index, x); got != want {
			t.Errorf("%d entries: %g, want %g", n, got, want)
		}
	}
}
