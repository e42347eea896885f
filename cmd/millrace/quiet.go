package main

import (
	"context"
	"errors"
	"io"
	"time"

	"millrace"
)

type nextFunc = func(context.Context) (*millrace.Batch, error)

// untilQuiet turns an endless source into a finite one: it ends when nothing has come for a while.
func untilQuiet(next nextFunc, patience time.Duration) nextFunc {
	return func(ctx context.Context) (*millrace.Batch, error) {
		inner, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		b, err := next(inner)
		if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return nil, io.EOF
		}
		return b, err
	}
}
