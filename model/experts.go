package model

// Expert is one of the models that a mixture chooses from, as people are shown it.
type Expert struct {
	ID     uint64  // unlike that of any other expert, past or present
	Name   string  // what it is, as "mlp 64-64 adam 0.003"
	Spec   Spec    // the model that it is; on its own it learns the same way
	Parent uint64  // ID of the expert that it was made from; 0 for none
	Born   uint64  // events that the mixture had learned when it began
	Weight float64 // its part of the prediction, 0 to 1
	Loss   float64 // its recent progressive loss: log-loss, or squared error in variances of the label
	Active bool    // it predicts; others learn only
	// Skipped are the events that it refused for itself since the mixture was built in this process. It is no state.
	Skipped uint64
	Why     string // why it is active or not, in a few words
}

// HasExperts is what models implement that are made of experts. Experts lists them in a fixed order; the list belongs
// to the caller. It must not be called while the model learns.
type HasExperts interface {
	Experts() []Expert
}
