package pipeline

import (
	"fmt"

	"millrace/config"
	"millrace/join"
	"millrace/keyed"
	"millrace/learner"
)

// Begin gives the pieces a new stream: windows are empty and nothing waits for its label, while what was learned stays.
// Every pass over a file begins so.
func (l *Pieces) Begin(p *config.Pipeline) error {
	spec := p.FeatureSpec()
	windows, err := keyed.New(spec.Columns, spec.Seed)
	if err != nil {
		return config.UsageError{Err: fmt.Errorf("building windows: %w", err)}
	}
	o := learner.StreamOptions{Trainer: l.Trainer, Topics: [2]string{p.Events.Topic, p.Label.Topic}}
	if windows != nil {
		o.Windows = windows
	}
	if p.LateLabels() {
		o.Join = join.New(p.JoinSpec(), l.Model.Outputs())
	}
	if windows != nil || o.Join != nil {
		o.Clock = keyed.NewClock()
	}
	l.Stream = learner.NewStream(o)
	return nil
}
