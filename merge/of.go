package merge

import (
	"context"
	"time"

	"millrace"
)

// Next is a source of one partition, as a file is.
type Next interface {
	Next(ctx context.Context) (*millrace.Batch, error)
}

// Of makes a Source of one that delivers partition 0 alone, in order, until io.EOF.
func Of(s Next) Source { return only{s} }

type only struct{ s Next }

func (o only) NextOf(ctx context.Context, _ func(int32) bool) (*millrace.Batch, error) {
	return o.s.Next(ctx)
}

// Standings tells of the partition that there is; it is never idle, it ends.
func (o only) Standings() ([]millrace.Standing, bool) {
	return []millrace.Standing{{}}, true
}

// Ask is merge.Source's. Nothing is ever seen at its end here.
func (only) Ask(context.Context, time.Time, func(int32) bool) error { return nil }
