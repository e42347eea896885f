package offline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"millrace/config"
)

const (
	// TrialRows are as many as a trial learns.
	TrialRows = 20_000
	// TrialTime is how long it goes on learning, and trialMost when it is given up: a chunk of very wide events may
	// take that long.
	TrialTime, trialMost = 3 * time.Second, 15 * time.Second
)

// limit ends the reading of data early.
type limit struct {
	rows int64
	over func() bool
}

// reached reports whether no more is to be read after so many rows.
func (l *limit) reached(rows int64) bool {
	return l != nil && (rows >= l.rows || rows > 0 && l.over != nil && l.over())
}

// Trial is how well a pipeline learns the first rows of a file.
type Trial struct {
	Family  string  `json:"model"`
	Seconds float64 `json:"seconds"`
	// Stopped is why it ended before the rows that it may learn: time, or interrupted; empty if it did not.
	Stopped string `json:"stopped,omitempty"`
	Summary
	// Better reports whether the model is better than every baseline; of numbers by RMSE, of classes by log-loss and,
	// beside the last label, which has none, by accuracy.
	Better bool `json:"better"`
	// Reasons and First are why rows were rejected.
	Reasons string `json:"reasons,omitempty"`
	First   string `json:"first_rejected,omitempty"`
}

// Try learns the first TrialRows rows of the data, or as many as there is time for. A file of which no row can be
// learned is a *NoneLearnedError, one for which there was no time at all context.DeadlineExceeded.
func Try(ctx context.Context, p *config.Pipeline, data Data) (*Trial, error) {
	start := time.Now()
	data.limit = &limit{rows: TrialRows, over: func() bool { return ctx.Err() != nil || time.Since(start) > TrialTime }}
	c, err := data.alone(p)
	if err != nil {
		return nil, err
	}
	// What was learned before an interrupt is worth telling.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialMost)
	defer cancel()
	err = Race(within, data, []*Contender{c}, func(int64) func(int64) { return func(int64) {} })
	if err != nil {
		return nil, err
	}
	t := &Trial{Family: c.Pipeline.Model.Type, Seconds: math.Round(time.Since(start).Seconds()*100) / 100, Summary: c.Summary()}
	switch {
	case c.Pass.Events >= TrialRows:
	case ctx.Err() != nil:
		t.Stopped = "interrupted"
	case time.Since(start) > TrialTime:
		t.Stopped = "time"
	}
	if c.Pass.Rejections() > 0 {
		t.Reasons, t.First = c.Pass.Reasons(), c.Pass.First()
	}
	t.Better, t.NoBetter = t.better(), "" // which is stricter
	return t, nil
}

// betterBy is how much better than a baseline is no chance.
const betterBy = 0.01

// better compares the model with its baselines.
func (t *Trial) better() bool {
	last := t.Baselines["last"]
	if t.MAE != nil {
		mean := t.Baselines["mean"]
		return *t.RMSE < (1-betterBy)**mean.RMSE && *t.RMSE < *last.RMSE
	}
	return *t.LogLoss < (1-betterBy)**t.Baselines["majority"].LogLoss && *t.Accuracy >= *last.Accuracy
}

// TrialFault says in words why a trial came to nothing, for a person who goes on without it.
func TrialFault(err error) string {
	var none *NoneLearnedError
	switch {
	case errors.As(err, &none):
		return "no row can be learned as the file says: " + none.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("nothing was learned within %s", trialMost)
	}
	return err.Error()
}
