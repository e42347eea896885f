package model

import (
	"fmt"

	"millrace"
)

// Runner calls f(0) … f(n-1), perhaps at the same time, and returns when all have returned. Each of the last followers
// begins only when all calls before it have begun, so that it may wait for what those leave.
type Runner interface {
	Run(n, followers int, f func(i int))
}

// OneByOne is the runner of a single core: it makes the calls itself, in their order.
type OneByOne struct{}

// Run implements Runner.
func (OneByOne) Run(n, _ int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

// ChunkEvents is the most events that a chunk takes.
const ChunkEvents = 100

// ChunkSpare is how many predictions more fit in, at any place among the events: Room leaves them out.
const ChunkSpare = 3

// ErrSkipped is the error of an event that every part of a model refused, each for itself: none has learned it, but
// what went on beside them, as features do, has taken it in.
var ErrSkipped = fmt.Errorf("no part of the model can learn it: %w", millrace.ErrUpdateRefused)

// Chunk is events in their order, which a model predicts and learns as if one by one, with its parts side by side. What
// comes of them does not depend on where one chunk ends and the next begins, nor on the runner, to the last bit. It
// belongs to one goroutine, and while it holds events that have not been run nothing else may use the model.
type Chunk interface {
	// Room is how many events it takes before it must be run and reset; 0 when it is full.
	Room() int
	// Predict adds an event that is only predicted. Its input must stay as it is until Run has returned.
	Predict(x millrace.Input)
	// Learn adds an event that is predicted and then learned: steps times, each predicted anew, which make one event
	// together. It refuses what Model.Learn refuses whatever was learned before, and then adds nothing.
	Learn(x millrace.Input, y millrace.Target, weight float32, steps int) error
	// Run predicts and learns all events.
	Run(r Runner)
	// Prediction is what was predicted of the event added as number i, with the state that the events before it left: a
	// probability a class, or a value in the user's units. Err is an ErrSkipped, wrapped, when no part of the model
	// learned it. Both hold until Reset.
	Prediction(i int) []float64
	Err(i int) error
	// Reset makes the chunk an empty one, to be filled again.
	Reset()
}

// HasChunks is what models implement whose parts may learn side by side, or which make one product of what they make of
// several events.
type HasChunks interface {
	// NewChunk returns an empty chunk; nil when the model beneath a decorator has none.
	NewChunk() Chunk
}

// NewChunk returns an empty chunk of a model, nil for one that learns one event after the other.
func NewChunk(m Model) Chunk {
	if c, ok := As[HasChunks](m); ok {
		return c.NewChunk()
	}
	return nil
}

// HasSteps is what models implement to which several steps on one event are one event.
type HasSteps interface {
	// LearnSteps is steps times Learn, with a prediction between any two.
	LearnSteps(x millrace.Input, y millrace.Target, weight float32, steps int, s Scratch) error
}
