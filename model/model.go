// Package model is the numeric core: what a model is and may do (model.go, experts.go), how a pipeline file describes
// one (spec.go), and the families that are sums of products: linear models and multi-layer perceptrons (network.go) and
// support-vector machines (svm.go). Trees and mixtures have packages beneath, and package family makes any. All of it
// is pure: no I/O, no clock, no goroutines.
package model

import (
	"fmt"

	"millrace"
)

// Model predicts and learns. Predict and NewScratch may be called concurrently with each other, not
// with Learn. A model holds float32 weights; what accumulates is float64.
type Model interface {
	millrace.Stateful
	// Views lists the views of an Input that the model reads.
	Views() []millrace.ViewID
	// NewScratch returns working memory for one goroutine's Predict and Learn.
	NewScratch() Scratch
	// Predict writes the prediction for x into dst, whose length is Outputs: one probability a class
	// (summing to 1), or one number that HasValue turns into the user's units. It is pure and allocates
	// nothing. Every value it writes is finite.
	Predict(dst []float32, x millrace.Input, s Scratch)
	// Learn updates the model with one example, its loss multiplied by weight (finite, >= 0). It may
	// reuse what Predict left in s for the same x; callers always Predict first. It allocates nothing.
	// When the update would leave a weight non-finite it changes nothing and returns an error that
	// wraps millrace.ErrUpdateRefused.
	Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error
	// Outputs is the length of a prediction: the number of classes, or 1 for numbers.
	Outputs() int
}

// Wrapper is a Model that decorates another. What it does not do itself, [As] finds in the model beneath: a decorator
// passes on what Model asks for and hides nothing else.
type Wrapper interface {
	Model
	// Unwrap returns the model beneath, never nil.
	Unwrap() Model
}

// As finds what a model can do beyond Model: m itself if it is a T, or else the outermost of the models that it wraps
// that is one. A decorator whose answer differs from that of the model beneath implements T.
func As[T any](m Model) (T, bool) {
	for {
		if t, ok := m.(T); ok {
			return t, true
		}
		w, ok := m.(Wrapper)
		if !ok {
			var none T
			return none, false
		}
		m = w.Unwrap()
	}
}

// HasValue is what models of numbers implement: they predict in float32, in units of their own such as standard
// deviations of the label, whose scale and place are float64. So a label of 100,000,000 ± 2 keeps its digits.
type HasValue interface {
	// Value is a prediction, made under the state as it is, in the user's units. It is pure and finite.
	Value(prediction float32) float64
}

// ValueOf is what turns the predictions of m, a model of numbers, into the user's units.
func ValueOf(m Model) HasValue {
	v, ok := As[HasValue](m)
	if !ok {
		panic(fmt.Sprintf("model: %T predicts numbers and says no value", m))
	}
	return v
}

// HasNorms is what models implement whose size can be told in numbers, for people who watch them learn.
type HasNorms interface {
	// Norms are the Euclidean norms of the weights and of the latest gradient. They may cost a pass over the weights.
	Norms() (weights, gradient float64)
}

// HasUnits is what models implement that may watch their units.
type HasUnits interface {
	// DeadUnits is the share of relu units that were active for less than 1 % of recent events, NaN when they are not
	// watched.
	DeadUnits() float64
}

// Tunable is what models implement whose rate may change while they learn.
type Tunable interface {
	// SetRate sets the learning rate, or the C of an svm, between events. It is a setting, no part of the state.
	SetRate(rate float64)
}

// Reduced is what models implement that do with less of themselves where they have no room.
type Reduced interface {
	// LeftOut names the parts that are not there, as more state than the spec allows would be theirs.
	LeftOut() []string
}

// Scratch is a model's working memory. Only the model that made it looks inside.
type Scratch any
