package scorer

import (
	"fmt"

	"millrace"
)

// Spec says where scores go, what they carry and where single events are answered; a bare string is the topic.
type Spec struct {
	Topic   string   `yaml:"topic,short" doc:"topic of the scores; <events topic>.scores by default"`
	Include []string `yaml:"include" enum:"id|model|version|class|probabilities|time" doc:"fields beside the score; all by default"`
	HTTP    string   `yaml:"http" doc:"address that answers POST /v1/score, host:port; none by default"`
	Start   string   `yaml:"start" enum:"latest|earliest" doc:"where a scorer without a committed position starts"`
	// Interval is learned, so versions carry it.
	Interval float64 `yaml:"interval" hash:"served" doc:"share of labels that an interval around each number, or a set of classes, is to hold, as 0.9: scores carry it; none by default"`
}

// SetDefaults fills in what a pipeline file may leave out.
func (s *Spec) SetDefaults() {
	*s = Spec{Include: []string{"id", "model", "version", "class", "probabilities", "time"}, Start: "latest"}
}

// Levels of intervals. Beyond the most, a label in a thousand decides, which takes too long to learn.
const (
	intervalLeast = 0.5
	intervalMost  = 0.999
)

// Validate lists what is wrong with the spec.
func (s Spec) Validate() (v []millrace.Violation) {
	if s.Interval != 0 && !(s.Interval >= intervalLeast && s.Interval <= intervalMost) {
		v = append(v, millrace.Violation{Path: "interval", Message: fmt.Sprintf("must be in %g to %g, not %g", intervalLeast, intervalMost, s.Interval)})
	}
	return v
}
