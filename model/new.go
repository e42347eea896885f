package model

import (
	"fmt"
	"math"

	"millrace"
	"millrace/model/kernel"
)

// StateBytesMax is the most state that a model may hold, all optimizer state and an open mini-batch
// included. A snapshot holds it in two preallocated buffers and goes through Redis in one piece a
// blob, whose limit is 512 MiB each.
const StateBytesMax = 1 << 30

// NewNetwork makes the linear model or the multi-layer perceptron that a resolved spec without mistakes describes for a
// target, over the view that it asks for; package family makes models of every family. Weights that start at random
// depend on the spec's seed alone. Errors are a view that cannot be had and a state beyond StateBytesMax.
func NewNetwork(s Spec, target TargetSpec, views millrace.Views, k *kernel.Set) (Model, error) {
	kind := millrace.ViewKind(s.View)
	if kind == "" {
		kind = millrace.ViewStandard
	}
	view, shape, err := ViewOf(views, kind)
	if err != nil {
		return nil, err
	}
	if bytes := s.StateBytes(target, shape); bytes > StateBytesMax {
		return nil, fmt.Errorf("the model would hold %d MiB of state, more than %d MiB: use fewer units, fewer hash bits or a smaller batch",
			bytes>>20, StateBytesMax>>20)
	}
	return newNetwork(s, target, view, shape, k), nil
}

// ViewOf asks for a view that has columns to learn from.
func ViewOf(views millrace.Views, kind millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	view, shape, err := views.View(kind)
	if err != nil {
		return 0, shape, fmt.Errorf("asking for the %s view: %w", kind, err)
	}
	if shape.Width <= 0 {
		return 0, shape, fmt.Errorf("the %s view has no columns to learn from", kind)
	}
	return view, shape, nil
}

// StateBytes is the size of all the state, in bytes, of the network or svm that a spec describes on a view of
// this shape; the state never grows beyond it. The spec must be valid.
func (s Spec) StateBytes(target TargetSpec, shape millrace.ViewShape) int64 {
	s = s.Resolve(target)
	if s.Type == FamilySVM {
		return s.svmBytes(target, shape)
	}
	// In float64, no count overflows; it is exact up to 8 PiB.
	each := float64(4) // bytes a weight
	m := s.Optimizer.remembers()
	for _, has := range []bool{m.first, m.second, m.third, m.trace, s.Optimizer.Type == ruleCOCOB && s.Type == FamilyMLP} {
		if has {
			each += 4
		}
	}
	for _, has := range []bool{m.square, m.sum, m.reward} {
		if has {
			each += 8
		}
	}
	const scalars = 256 // steps, counts
	bytes := float64(scalars + target.bytes())
	if s.Optimizer.Type == ruleNormalizedAdaptive {
		bytes += 4 * float64(shape.Width)
	}
	in := shape.Width
	outs := make([]int, 0, LayersMax+1)
	for _, l := range s.Layers {
		outs = append(outs, l.Units)
	}
	outs = append(outs, headOf(s, target).outputs(target.Classes))
	for i, out := range outs {
		weights, biases := float64(in)*float64(out), float64(out)
		if i < len(s.Layers) && s.Norm != "" {
			biases *= 2 // gains
		}
		bytes += (weights + biases) * each
		if s.Batch > 1 {
			bytes += 4*biases + heldBytes(s.Batch, i, in, out, shape.Sparse)
			if i == 0 && shape.Sparse {
				bytes += float64(rowsCap(s.Batch, shape)) * (4 + 4*float64(out))
			} else {
				bytes += 4 * weights
			}
		}
		if i < len(s.Layers) && s.Plasticity != "" && s.Layers[i].Activation == ActivationReLU {
			bytes += 4 * float64(out)
		}
		in = out
	}
	return int64(min(bytes, math.MaxInt64/2))
}

// Profile is kernel.Profile, which names what the bits of a result depend on besides the binary. Models that learned
// the same events under one profile are equal bit for bit; under two they are equal to rounding.
func Profile() string { return kernel.Profile() }
