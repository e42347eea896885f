package model

import (
	"errors"

	"millrace"
)

func (s Spec) resolveAuto() Spec { return s }

func (s Spec) validateAuto(*checker) {}

func newMixture(Spec, TargetSpec, millrace.Views, *kernels) (Model, error) {
	return nil, errors.New("mixtures cannot be built yet")
}
