package mixture

import (
	"fmt"
	"slices"

	"millrace/model"
)

// Experts lists the experts for people, in the order in which they were built.
func (m *mixture) Experts() []model.Expert {
	all := make([]model.Expert, len(m.experts))
	weights := make([]float64, len(m.experts))
	p := int(m.pinned[0])
	if p >= 0 {
		weights[p] = 1
	} else {
		m.mixer.weights(weights, m.active)
	}
	for i := range all {
		e := &m.experts[i]
		spec := e.spec
		spec.Layers = slices.Clone(spec.Layers)
		all[i] = model.Expert{ID: m.ids[i], Name: e.name(), Spec: spec, Parent: m.parent[i], Born: m.born[i],
			Weight: weights[i], Loss: m.loss[i], Active: p < 0 && m.inside[i] || i == p, Skipped: m.skipped[i], Why: m.why(i)}
	}
	return all
}

// why says what keeps expert i where it stands.
func (m *mixture) why(i int) string {
	best := 0
	for j := range m.loss {
		if m.loss[j] < m.loss[best] {
			best = j
		}
	}
	behind := 0.0
	if m.loss[best] > 0 {
		behind = 100 * (m.loss[i]/m.loss[best] - 1)
	}
	switch {
	case i == int(m.pinned[0]):
		return "pinned: it alone predicts"
	case m.pinned[0] >= 0:
		return fmt.Sprintf("another is pinned: loss %.0f %% above the best", behind)
	case i == best && m.inside[i]:
		return "least loss of all"
	case !m.inside[i]:
		return fmt.Sprintf("outside the serving budget: loss %.0f %% above the best", behind)
	case m.carry[i] < idle/float64(len(m.experts)):
		return fmt.Sprintf("carries little: loss %.0f %% above the best", behind)
	default:
		return fmt.Sprintf("adds to the others: loss %.0f %% above the best", behind)
	}
}
