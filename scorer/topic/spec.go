// Package topic scores every event of a topic and writes the scores to another.
package topic

// Spec says where scores go and what they carry; a bare string is the topic.
type Spec struct {
	Topic   string   `yaml:"topic,short" doc:"topic of the scores; <events topic>.scores by default"`
	Include []string `yaml:"include" enum:"id|model|version|class|probabilities|time" doc:"fields beside the score; all by default"`
	HTTP    string   `yaml:"http" doc:"address that answers POST /v1/score, host:port; none by default"`
	Start   string   `yaml:"start" enum:"latest|earliest" doc:"where a scorer without a committed position starts"`
}

// SetDefaults fills in what a pipeline file may leave out.
func (s *Spec) SetDefaults() {
	*s = Spec{Include: []string{"id", "model", "version", "class", "probabilities", "time"}, Start: "latest"}
}
