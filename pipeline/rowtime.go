package pipeline

import (
	"fmt"
	"math"

	"millrace"
	"millrace/decode"
)

// RowTime reads the time of a file's rows, as decoding reads an event's: files.Options.Time. It is for one goroutine.
// Without a path it is nil: no row has a time.
func RowTime(t decode.TimeSpec, limits decode.Limits) (func(row []byte) (ms int64, ok bool), error) {
	if !t.Given() {
		return nil, nil
	}
	d, err := decode.New(decode.Spec{Time: t, Limits: limits})
	if err != nil {
		return nil, fmt.Errorf("compiling the path of times: %w", err)
	}
	e := d.NewEvent()
	return func(row []byte) (int64, bool) {
		err := d.Decode(&millrace.Record{Value: row, Time: math.MinInt64}, e)
		return e.Time, err == nil && e.Time != math.MinInt64
	}, nil
}
