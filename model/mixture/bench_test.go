package mixture_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/mixture"
)

// benchViews are all views of numbers, or of a sparse input.
type benchViews struct{ standard, pairs, levels millrace.ViewShape }

func newBenchViews(columns, nonZeros int) benchViews {
	if nonZeros == 0 {
		return benchViews{
			standard: millrace.ViewShape{Width: columns, NonZeroMax: columns},
			pairs:    millrace.ViewShape{Width: columns + columns*(columns+1)/2, NonZeroMax: columns + columns*(columns+1)/2},
			levels:   millrace.ViewShape{Width: 33 * columns, Sparse: true, NonZeroMax: 2 * columns},
		}
	}
	crossed := min(nonZeros, 64)
	return benchViews{
		standard: millrace.ViewShape{Width: columns, Sparse: true, NonZeroMax: nonZeros},
		pairs:    millrace.ViewShape{Width: columns + 1<<18, Sparse: true, NonZeroMax: nonZeros + crossed*(crossed+1)/2},
		levels:   millrace.ViewShape{Width: columns, Sparse: true, NonZeroMax: nonZeros},
	}
}

func (v benchViews) View(kind millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	switch kind {
	case millrace.ViewRaw:
		return 0, millrace.ViewShape{Width: min(v.standard.Width, 1000), NonZeroMax: min(v.standard.Width, 1000)}, nil
	case millrace.ViewStandard:
		return 1, v.standard, nil
	case millrace.ViewLevels:
		return 2, v.levels, nil
	default:
		return 3, v.pairs, nil
	}
}

// inputs are n random events under all views.
func (v benchViews) inputs(n int) []millrace.Input {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]millrace.Input, n)
	for i := range all {
		all[i] = make(millrace.Input, 4)
		for id, kind := range []millrace.ViewKind{millrace.ViewRaw, millrace.ViewStandard, millrace.ViewLevels, millrace.ViewPairs} {
			_, s, _ := v.View(kind)
			x := &all[i][id]
			if !s.Sparse {
				for j := range s.Width {
					x.Dense = append(x.Dense, float32(r.NormFloat64()))
					if id > 0 && j < len(all[i][0].Dense) {
						x.Dense[j] = all[i][0].Dense[j]
					}
				}
				continue
			}
			for j := range s.NonZeroMax {
				at := r.IntN(s.Width)
				if kind == millrace.ViewLevels && j < v.standard.Width {
					at = j
				}
				v := float32(r.NormFloat64())
				if j == 0 {
					at, v = 0, all[i][0].Dense[0]
				}
				x.Index, x.Value = append(x.Index, uint32(at)), append(x.Value, v)
			}
		}
	}
	return all
}

// BenchmarkExperts holds the costs that a mixture foresees against those it has: one candidate a line,
// for inputs and labels of several sizes. "/foreseen" is the ratio of the two.
func BenchmarkExperts(b *testing.B) {
	for _, c := range []struct{ columns, nonZeros, classes int }{{8, 0, 2}, {16, 0, 26}, {64, 0, 10}, {12, 0, 0}, {123, 14, 2}, {40_000, 150, 40}} {
		v, target := newBenchViews(c.columns, c.nonZeros), model.TargetSpec{Classes: c.classes}
		inputs := v.inputs(200)
		seen := map[string]bool{}
		for _, s := range append(mixture.Candidates(target), model.Spec{Type: model.FamilyMLP}, model.Spec{Type: model.FamilyAuto}) {
			s = s.Resolve(target)
			name := mixture.NameOf(s)
			if seen[name] {
				continue
			}
			seen[name] = true
			for _, learn := range []bool{false, true} {
				b.Run(fmt.Sprintf("%d-%d-%d/%s/learn=%t", c.columns, c.nonZeros, c.classes, name, learn), func(b *testing.B) {
					benchmarkExpert(b, s, target, v, inputs, learn)
				})
			}
		}
	}
}

func benchmarkExpert(b *testing.B, s model.Spec, target model.TargetSpec, v benchViews, inputs []millrace.Input, learn bool) {
	m, err := family.New(s, target, v)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
	i := 0
	step := func(learn bool) {
		x := inputs[i%len(inputs)]
		i++
		m.Predict(dst, x, scratch)
		if learn {
			signal := float64(x[0].Dense[0]) + 0.2*r.NormFloat64()
			k := float64(max(1, target.Classes))
			y := millrace.Target{Class: int32(min(max((signal+2)/4*k, 0), k-1)), Value: signal, Known: true}
			if err := m.Learn(x, y, 1, scratch); err != nil {
				b.Fatal(err)
			}
		}
	}
	for range 3000 {
		step(true)
	}
	b.ReportAllocs()
	for b.Loop() {
		step(learn)
	}
	predict, learning, err := mixture.Cost(s, target, v)
	if err != nil {
		b.Fatal(err)
	}
	if s.Type == model.FamilyAuto {
		predict, learning = 0, 0
		experts, _, _ := mixture.Inside(m)
		for _, e := range experts {
			learning += e.Learn
			if e.Active {
				predict += e.Predict
			}
		}
	}
	foreseen := predict
	if learn {
		foreseen = learning
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/foreseen, "/foreseen")
}
