package pipeline

import (
	"millrace/config"
	"millrace/drift"
	"millrace/features"
)

// driftSpec is what is watched for drift. A time always moves on, and texts and bags are words: of them it is only seen
// whether they are there, and nothing of crosses and lags, which are other features' values.
func driftSpec(p *config.Pipeline) drift.Spec {
	columns := p.FeatureSpec().Columns.Expand()
	s := drift.Spec{Classes: p.Target().Classes, Budget: drift.Budget, Columns: make([]drift.Column, len(columns))}
	for i, c := range columns {
		kind := drift.Presence
		switch c.Type {
		case features.Number, features.Boolean, features.Window, features.Ratio, features.Since:
			kind = drift.Numbers
		case features.Category:
			kind = drift.Texts
		}
		s.Columns[i] = drift.Column{Name: c.Name, Kind: kind}
	}
	return s
}
