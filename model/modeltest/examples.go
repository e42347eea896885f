package modeltest

import (
	"math"
	"math/rand/v2"

	"millrace"
	"millrace/model"
)

// examplesLearned is enough to fill a mini-batch and to split a leaf many times over.
const examplesLearned = 180

// View hands out one view of its shape, whatever the kind that is asked for.
type View millrace.ViewShape

// View implements millrace.Views.
func (v View) View(millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	return 0, millrace.ViewShape(v), nil
}

// Examples are a noisy function of a few features under one view, dense or sparse, seeded: enough for a Case.
func Examples(target model.TargetSpec, shape millrace.ViewShape) []Example {
	random := rand.New(rand.NewPCG(7, uint64(target.Classes)))
	all := make([]Example, examplesLearned)
	for i := range all {
		var v millrace.Vector
		var signal float64
		if shape.Sparse {
			for range 1 + random.IntN(shape.NonZeroMax) {
				j := random.IntN(shape.Width)
				x := float32(random.NormFloat64())
				v.Index, v.Value = append(v.Index, uint32(j)), append(v.Value, x)
				signal += float64(x) * math.Sin(float64(j))
			}
			// The last entry repeats the first one's index, so that repetition is part of every check.
			if n := len(v.Index); n > 1 {
				v.Index[n-1] = v.Index[0]
			}
		} else {
			for j := range shape.Width {
				x := float32(random.NormFloat64())
				v.Dense = append(v.Dense, x)
				signal += float64(x) * math.Sin(float64(j))
			}
		}
		e := Example{Input: millrace.Input{v}, Weight: float32(1 + i%3)}
		e.Target = millrace.Target{Known: true, Value: 1000 + 50*signal}
		if k := target.Classes; k > 0 {
			// Every ninth label is wrong: a stream without errors would leave the hinge loss at zero.
			e.Target.Class = int32(min(max(int(math.Floor(signal+float64(k)/2)), 0), k-1))
			if i%9 == 0 {
				e.Target.Class = (e.Target.Class + 1) % int32(k)
			}
		}
		all[i] = e
	}
	return all
}
