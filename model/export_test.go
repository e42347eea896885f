package model

import (
	"gonum.org/v1/gonum/blas/gonum"

	"millrace"
	"millrace/model/kernel"
)

// NewGeneric makes a network or an svm on the fallback kernels.
func NewGeneric(spec Spec, target TargetSpec, views millrace.Views) (Model, error) {
	return newOn(kernel.Generic(), spec, target, views)
}

// NewGonum is NewGeneric with gonum's products.
func NewGonum(spec Spec, target TargetSpec, views millrace.Views) (Model, error) {
	return newOn(kernel.On("gonum", gonum.Implementation{}), spec, target, views)
}

func newOn(k *kernel.Set, spec Spec, target TargetSpec, views millrace.Views) (Model, error) {
	construct := NewNetwork
	if spec.Type == FamilySVM {
		construct = NewSVM
	}
	return construct(spec.Resolve(target), target, views, k)
}

// Fourier returns the random features of an input under a spec's kernel.
func Fourier(s Spec, shape millrace.ViewShape, x millrace.Vector) ([]float32, error) {
	f, err := newFourier(s.Resolve(TargetSpec{Classes: 2}), shape)
	if err != nil {
		return nil, err
	}
	dst := make([]float32, s.Kernel.Features)
	f.features(kernel.Best(), dst, &x)
	return dst, nil
}

// Cosine is cosine.
func Cosine(t float32) float32 { return cosine(t) }

// Unheld is a prediction of a number in the user's units, wherever recent labels are: what references predict.
func Unheld(m Model, prediction float32) float64 {
	if s, ok := m.(*svm); ok {
		return s.target.columns.Value(0, float64(prediction))
	}
	n := m.(*network)
	if n.standardises() {
		return n.target.columns.Value(0, float64(prediction))
	}
	return float64(prediction) * n.unit()
}

// NewUnheld is NewNetwork that adds every event's gradient at once; NewUnheldGeneric does so on the fallback kernels.
func NewUnheld(spec Spec, target TargetSpec, views millrace.Views) (Model, error) {
	return unheld(newOn(kernel.Best(), spec, target, views))
}

// NewUnheldGeneric is NewGeneric that adds every event's gradient at once.
func NewUnheldGeneric(spec Spec, target TargetSpec, views millrace.Views) (Model, error) {
	return unheld(NewGeneric(spec, target, views))
}

func unheld(m Model, err error) (Model, error) {
	if err == nil {
		m.(*network).held = nil
	}
	return m, err
}

// Holds reports that a network holds events of its open mini-batch, Held how many it does now.
func Holds(m Model) bool { return m.(*network).held != nil }

// Held is how many events are held.
func Held(m Model) uint64 { return m.(*network).held.events[0] }
