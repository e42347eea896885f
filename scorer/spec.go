package scorer

// Spec says where scores go, what they carry and where single events are answered; a bare string is the topic.
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
