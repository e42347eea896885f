package payments

import (
	"strings"

	"millrace/examples"
)

// Topics that the embedded pipeline names.
const (
	EventsTopic = "payments.events"
	ScoresTopic = "payments.scores"
	LabelsTopic = "payments.labels"
)

// Pipeline is the text of the pipeline file that learns these payments, with the topics put in. An
// empty name keeps the file's own.
func Pipeline(events, scores string) string {
	if events == "" {
		events = EventsTopic
	}
	if scores == "" {
		scores = ScoresTopic
	}
	// One pass, so that a name put in is never replaced again.
	return strings.NewReplacer(
		"topic: "+EventsTopic, "topic: "+events,
		"topic: "+ScoresTopic, "topic: "+scores,
	).Replace(examples.Payments)
}
