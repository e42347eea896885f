package mixture

import (
	"millrace"
	"millrace/model"
)

// TreeShare is treeShare.
const TreeShare = treeShare

// Seen is an expert as tests see it, with what it was foreseen to cost.
type Seen struct {
	Spec           model.Spec
	Name           string
	Predict, Learn float64
	Active         bool
}

// Inside lists a mixture's experts, and what serving one may cost and learning by one 64-64 mlp does.
func Inside(m model.Model) (experts []Seen, servingMax, unit float64) {
	mix := m.(*mixture)
	for i := range mix.experts {
		e := &mix.experts[i]
		experts = append(experts, Seen{e.spec, e.name(), e.predict, e.learn, mix.inside[i]})
	}
	return experts, mix.servingMax, mix.recruiter.unit
}

// Candidates is candidates.
func Candidates(target model.TargetSpec) []model.Spec { return candidates(target) }

// NameOf is the name of a candidate with a resolved spec.
func NameOf(s model.Spec) string { return (&candidate{spec: s}).name() }

// SizeOf is sizeOf.
func SizeOf(m model.Model) int64 { return sizeOf(m) }

// Cost is what a model with a resolved spec is foreseen to cost.
func Cost(s model.Spec, target model.TargetSpec, views millrace.Views) (predict, learn float64, err error) {
	shape, err := usual(views, viewKindOf(s))
	predict, learn = cost(s, target, shape)
	return predict, learn, err
}
