package model

import "millrace"

// NewGeneric is New on the fallback kernels.
func NewGeneric(spec Spec, target TargetSpec, views millrace.Views) (Model, error) {
	return construct(spec, target, views, genericKernels())
}
