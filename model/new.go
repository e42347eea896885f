package model

import (
	"errors"
	"fmt"
	"math"

	"millrace"
	"millrace/model/kernel"
)

// StateBytesMax is the most state that a model may hold, all optimizer state and an open mini-batch
// included. A snapshot holds it in two preallocated buffers and goes through Redis in one piece a
// blob, whose limit is 512 MiB each.
const StateBytesMax = 1 << 30

// New makes the model that a spec describes for a target, over the views that it asks for. Weights
// that start at random depend on the spec's seed alone. The spec need not be resolved. Errors name
// every mistake in the spec, views that cannot be had, and a state beyond StateBytesMax.
func New(spec Spec, target TargetSpec, views millrace.Views) (Model, error) {
	return construct(spec, target, views, kernel.Best())
}

// construct is New with kernels to choose, so that tests reach the fallback on any machine.
func construct(spec Spec, target TargetSpec, views millrace.Views, k *kernel.Set) (Model, error) {
	if found := spec.Validate(target); len(found) > 0 {
		all := make([]error, 0, len(found))
		for _, v := range found {
			all = append(all, fmt.Errorf("%s: %s", v.Path, v.Message))
		}
		return nil, fmt.Errorf("checking the model's spec: %w", errors.Join(all...))
	}
	spec = spec.Resolve(target)
	switch spec.Type {
	case familyAuto:
		return newMixture(spec, target, views, k)
	case familyTree, familyForest:
		return newTree(spec, target, views)
	case familySVM:
		return newSVM(spec, target, views, k)
	}
	kind := millrace.ViewKind(spec.View)
	if kind == "" {
		kind = millrace.ViewStandard
	}
	view, shape, err := viewOf(views, kind)
	if err != nil {
		return nil, err
	}
	if bytes := spec.StateBytes(target, shape); bytes > StateBytesMax {
		return nil, fmt.Errorf("the model would hold %d MiB of state, more than %d MiB: use fewer units, fewer hash bits or a smaller batch",
			bytes>>20, StateBytesMax>>20)
	}
	return newNetwork(spec, target, view, shape, k), nil
}

// viewOf asks for a view that has columns to learn from.
func viewOf(views millrace.Views, kind millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	view, shape, err := views.View(kind)
	if err != nil {
		return 0, shape, fmt.Errorf("asking for the %s view: %w", kind, err)
	}
	if shape.Width <= 0 {
		return 0, shape, fmt.Errorf("the %s view has no columns to learn from", kind)
	}
	return view, shape, nil
}

// StateBytes is the size of all the state, in bytes, of the model that New would make on a view of
// this shape; the state never grows beyond it. The spec must be valid.
func (s Spec) StateBytes(target TargetSpec, shape millrace.ViewShape) int64 {
	s = s.Resolve(target)
	if s.Type == familySVM {
		return s.svmBytes(target, shape)
	}
	// In float64, no count overflows; it is exact up to 8 PiB.
	each := float64(4) // bytes a weight
	m := s.Optimizer.remembers()
	for _, has := range []bool{m.first, m.second, m.third, m.trace, s.Optimizer.Type == ruleCOCOB && s.Type == familyMLP} {
		if has {
			each += 4
		}
	}
	for _, has := range []bool{m.square, m.sum, m.reward} {
		if has {
			each += 8
		}
	}
	const scalars = 256 // steps, counts, moments of the target
	bytes := float64(scalars)
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
			bytes += 4 * biases
			if i == 0 && shape.Sparse {
				bytes += float64(rowsCap(s.Batch, shape)) * (4 + 4*float64(out))
			} else {
				bytes += 4 * weights
			}
		}
		if i < len(s.Layers) && s.Plasticity != "" && s.Layers[i].Activation == activationReLU {
			bytes += 4 * float64(out)
		}
		in = out
	}
	return int64(min(bytes, math.MaxInt64/2))
}

// Profile is kernel.Profile, which names what the bits of a result depend on besides the binary. Models that learned the same events under one profile are equal bit for bit;
// under two they are equal to rounding.
func Profile() string { return kernel.Profile() }
