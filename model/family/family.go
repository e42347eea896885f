// Package family makes the model that a spec describes, whatever its family. It alone knows them all: a new family is a
// package beside model/tree and model/mixture, and a line here.
package family

import (
	"errors"
	"fmt"

	"millrace"
	"millrace/model"
	"millrace/model/kernel"
	"millrace/model/mixture"
)

// New makes the model that a spec describes for a target, over the views that it asks for. Weights
// that start at random depend on the spec's seed alone. The spec need not be resolved. Errors name
// every mistake in the spec, views that cannot be had, and a state beyond model.StateBytesMax.
func New(spec model.Spec, target model.TargetSpec, views millrace.Views) (model.Model, error) {
	return construct(spec, target, views, kernel.Best())
}

// construct is New with kernels to choose, so that tests reach the fallback on any machine.
func construct(spec model.Spec, target model.TargetSpec, views millrace.Views, k *kernel.Set) (model.Model, error) {
	if found := spec.Validate(target); len(found) > 0 {
		all := make([]error, 0, len(found))
		for _, v := range found {
			all = append(all, fmt.Errorf("%s: %s", v.Path, v.Message))
		}
		return nil, fmt.Errorf("checking the model's spec: %w", errors.Join(all...))
	}
	spec = spec.Resolve(target)
	if spec.Type == model.FamilyAuto { // its experts are delayed, each for itself
		return mixture.New(spec, target, views, mixture.Parts{Kernels: k,
			Build: func(expert model.Spec) (model.Model, error) { return construct(expert, target, views, k) }})
	}
	m, err := single(spec, target, views, k)
	if err != nil || !target.Delayed {
		return m, err
	}
	return model.Delayed(m), nil
}

// single makes a model of one family.
func single(spec model.Spec, target model.TargetSpec, views millrace.Views, k *kernel.Set) (model.Model, error) {
	switch spec.Type {
	case model.FamilyTree, model.FamilyForest:
		return newTree(spec, target, views)
	case model.FamilySVM:
		return model.NewSVM(spec, target, views, k)
	case model.FamilyLogistic, model.FamilyLinear, model.FamilyMLP:
		return model.NewNetwork(spec, target, views, k)
	default:
		return nil, fmt.Errorf("nothing makes models of the family %s", spec.Type)
	}
}
