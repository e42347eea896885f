package offline

import (
	"millrace/decode"
	"millrace/learner"
	"millrace/pipeline"
	"millrace/pipeline/status"
)

// Summary are the figures of a pass over a file, or of a stream, beside those of two baselines.
type Summary struct {
	Events   uint64 `json:"events"`
	Learned  uint64 `json:"learned"`
	Rejected uint64 `json:"rejected"`
	// Unlabelled events had no label.
	Unlabelled uint64 `json:"unlabelled,omitempty"`
	// Labels are those that came later, and LabelsRejected those of them that could not be used.
	Labels         uint64      `json:"labels,omitempty"`
	LabelsRejected uint64      `json:"labels_rejected,omitempty"`
	LabelDelay     *LabelDelay `json:"label_delay,omitempty"` // of those that found their event
	// Names are what became of events and labels, as package join says them; nil where labels come with their events.
	Names map[string]uint64 `json:"names,omitempty"`
	// Waiting events had no label yet when the data ended, and LabelsEarly no event.
	Waiting     *uint64 `json:"waiting,omitempty"`
	LabelsEarly uint64  `json:"labels_early,omitempty"`
	status.Losses
	// Positive is the one of two classes that precision, recall and the areas under both curves are of.
	Positive string `json:"positive,omitempty"`
	// Calibration is the curve of events, of classes, in groups by rising probability: of the positive one of two, of
	// the predicted one of more.
	Calibration     []Reliability            `json:"calibration,omitempty"`
	Baselines       map[string]status.Losses `json:"baselines"`
	EventsPerSecond float64                  `json:"events_per_second"`
	// NoBetter is the baseline that the model is no better than, of those, once it learned a thousand events. It is
	// left out where class weights move the losses.
	NoBetter string `json:"no_better_than,omitempty"`
	// Interrupted says that the figures are of the events so far, and there were more.
	Interrupted bool `json:"interrupted,omitempty"`
}

// Reliability is one group of events of a calibration curve.
type Reliability struct {
	Events    float64 `json:"events"`
	Predicted float64 `json:"predicted"` // mean probability
	Observed  float64 `json:"observed"`  // share that came true
}

// newSummary are progressive figures over all events, of a label. The counts are the caller's.
func newSummary(p *learner.Progressive, label decode.LabelSpec) Summary {
	classes := len(label.Classes)
	_, first, last := p.Report(learner.All)
	model := p.Figures(learner.All)
	s := SummaryOf(pipeline.Figures(model, classes), pipeline.Losses(first, classes), pipeline.Losses(last, classes))
	s.Positive = label.PositiveName()
	if !label.MovesLosses() {
		first := s.Baselines["majority"]
		if classes == 0 {
			first = s.Baselines["mean"]
		}
		s.NoBetter = status.NoBetter(p.Events(), s.Losses, first, s.Baselines["last"])
	}
	if model.Calibration != nil {
		for _, c := range model.Calibration.Curve {
			s.Calibration = append(s.Calibration, Reliability{c.Events, c.Predicted, c.Observed})
		}
	}
	return s
}

// SummaryOf are the figures of a model and its baselines. first is the majority class or the mean.
func SummaryOf(model, first, last status.Losses) Summary {
	last.LogLoss = nil // a label has no probability
	name := "majority"
	if model.MAE != nil {
		name = "mean"
	}
	return Summary{Losses: model, Baselines: map[string]status.Losses{name: first, "last": last}}
}
