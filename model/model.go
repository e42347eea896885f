// Package model is the numeric core: linear models, support-vector machines, multi-layer perceptrons,
// trees and mixtures of these that learn one event at a time. It is pure: no I/O, no clock, no goroutines.
package model

import "millrace"

// Model predicts and learns. Predict and NewScratch may be called concurrently with each other, not
// with Learn. A model holds float32 weights; what accumulates is float64.
type Model interface {
	millrace.Stateful
	// Views lists the views of an Input that the model reads.
	Views() []millrace.ViewID
	// NewScratch returns working memory for one goroutine's Predict and Learn.
	NewScratch() Scratch
	// Predict writes the prediction for x into dst, whose length is Outputs: one probability a class
	// (summing to 1), or one value in the user's units. It is pure and allocates nothing. Every
	// value it writes is finite.
	Predict(dst []float32, x millrace.Input, s Scratch)
	// Learn updates the model with one example, its loss multiplied by weight (finite, >= 0). It may
	// reuse what Predict left in s for the same x; callers always Predict first. It allocates nothing.
	// When the update would leave a weight non-finite it changes nothing and returns an error that
	// wraps millrace.ErrUpdateRefused.
	Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error
	// Outputs is the length of a prediction: the number of classes, or 1 for numbers.
	Outputs() int
	// Norms are the Euclidean norms of the weights and of the latest gradient.
	Norms() (weights, gradient float64)
}

// Scratch is a model's working memory. Only the model that made it looks inside.
type Scratch any
