package offline

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"millrace"
	"millrace/config"
)

// Predictions writes what was predicted of each event when it came, before anything was learned from it, as CSV: the
// row's number from 1, the event's id and time, and a probability a class or the number. Events that could not be used
// are left out. Its methods belong to one goroutine.
type Predictions struct {
	w   *csv.Writer
	row []string
}

// NewPredictions writes the header for the pipeline.
func NewPredictions(w io.Writer, p *config.Pipeline) (*Predictions, error) {
	out := &Predictions{w: csv.NewWriter(w)}
	head := []string{"row", "id", "time"}
	if p.Target().Classes == 0 {
		head = append(head, "prediction")
	}
	for _, class := range p.Label.Classes {
		head = append(head, "p_"+class)
	}
	if err := out.w.Write(head); err != nil {
		return nil, fmt.Errorf("writing predictions: %w", err)
	}
	return out, nil
}

// Add writes one event's prediction. Errors are Close's.
func (p *Predictions) Add(rec *millrace.Record, e *millrace.Event, prediction []float64) {
	at := ""
	if e.Time != rec.Offset { // a row without a time has its number in place of one
		at = time.UnixMilli(e.Time).UTC().Format(time.RFC3339Nano)
	}
	p.row = append(p.row[:0], strconv.FormatInt(rec.Offset+1, 10), string(e.ID), at)
	bits := 32 // of probabilities; a number is told to the last digit
	if len(prediction) == 1 {
		bits = 64
	}
	for _, v := range prediction {
		p.row = append(p.row, strconv.FormatFloat(v, 'g', -1, bits))
	}
	_ = p.w.Write(p.row) // the writer keeps its error
}

// Close ends the rows, and says what writing any of them failed with.
func (p *Predictions) Close() error {
	p.w.Flush()
	if err := p.w.Error(); err != nil {
		return fmt.Errorf("writing predictions: %w", err)
	}
	return nil
}
