package model

// Expert is one member of a mixture, as people are shown it.
type Expert struct {
	ID     uint64  // never used twice within a model
	Name   string  // family, view and rate, as "mlp-64-64-adam-0.003"; two experts may share one
	Spec   Spec    // resolved: a pipeline of its own, with this expert's present rate
	Parent uint64  // id of the expert that it began as a copy of; 0 for one of the first
	Born   uint64  // events that the mixture had learned when it began
	Weight float64 // share of the prediction that it carries, from 0 to 1; those of all experts sum to 1
	Loss   float64 // log-loss, or squared error in variances of the label, over about the last thousand events
	Active bool    // whether the prediction is made from it
	Why    string  // why it stands where it stands, in words
}
