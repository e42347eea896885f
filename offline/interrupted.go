package offline

import (
	"context"
	"fmt"
)

// InterruptedError is that reading was called off after some rows were learned: their figures stand, each model's over
// the rows that it has seen. It is a context.Canceled, too.
type InterruptedError struct{ Events uint64 }

// Error says how far it came.
func (e *InterruptedError) Error() string {
	rows := "events"
	if e.Events == 1 {
		rows = "event"
	}
	return fmt.Sprintf("interrupted after %d %s", e.Events, rows)
}

// Unwrap is what called it off.
func (*InterruptedError) Unwrap() error { return context.Canceled }
