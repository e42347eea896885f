package offline

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"millrace"
	"millrace/config"
)

// Predictions writes what was predicted of each event when it came, before anything was learned from it, as CSV or JSON
// lines: the row's number from 1, the event's id and time, a probability a class or the number, and the label, also one
// that came later; empty where none did. Events that could not be used are left out. Its methods belong to one
// goroutine.
type Predictions struct {
	w       rowWriter
	row     []string
	classes []string // none where the label is a number

	// Where labels come later, rows stay in a file without a name until the end, and labels in memory by row: an index
	// into classes or the number, NaN for none.
	out    rowWriter
	kept   *os.File
	labels []float64
}

// NewPredictions begins the rows for the pipeline: as JSON lines, or as CSV with a header.
func NewPredictions(w io.Writer, p *config.Pipeline, lines bool) (*Predictions, error) {
	out := &Predictions{w: csv.NewWriter(w), classes: p.Label.Classes}
	head := []string{"row", "id", "time"}
	if p.Target().Classes == 0 {
		head = append(head, "prediction")
	}
	for _, class := range p.Label.Classes {
		head = append(head, "p_"+class)
	}
	head = append(head, "label")
	write := out.w.Write
	if lines {
		l := &lineWriter{w: bufio.NewWriter(w)}
		out.w, write = l, func(head []string) error { return l.header(head, p.Target().Classes) }
	}
	if err := write(head); err != nil {
		return nil, fmt.Errorf("writing predictions: %w", err)
	}
	return out, nil
}

// awaitLabels keeps all rows until the labels are known that come later.
func (p *Predictions) awaitLabels() error {
	kept, err := os.CreateTemp("", "millrace-predictions-*.csv")
	if err != nil {
		return fmt.Errorf("keeping predictions until their labels come: %w", err)
	}
	if err := os.Remove(kept.Name()); err != nil {
		return errors.Join(fmt.Errorf("keeping predictions until their labels come: %w", err), kept.Close())
	}
	p.kept, p.out, p.w = kept, p.w, csv.NewWriter(kept)
	return nil
}

// label is told of a label that came later than its event, which is in a row, from 0.
func (p *Predictions) label(row int64, l millrace.Label) {
	for int64(len(p.labels)) <= row {
		p.labels = append(p.labels, math.NaN())
	}
	p.labels[row] = l.Value
	if len(p.classes) > 0 {
		p.labels[row] = float64(l.Class)
	}
}

// Add writes one event's prediction. Errors are Close's.
func (p *Predictions) Add(rec *millrace.Record, e *millrace.Event, prediction []float64) {
	at := ""
	if e.Time != rec.Offset { // a row without a time has its number in place of one
		at = time.UnixMilli(e.Time).UTC().Format(time.RFC3339Nano)
	}
	id := string(e.ID)
	if p.kept != nil {
		id = strconv.Quote(id) // CSV is not read as it was written where a text has carriage returns
	}
	p.row = append(p.row[:0], strconv.FormatInt(rec.Offset+1, 10), id, at)
	bits := 32 // of probabilities; a number is told to the last digit
	if len(prediction) == 1 {
		bits = 64
	}
	for _, v := range prediction {
		p.row = append(p.row, strconv.FormatFloat(v, 'g', -1, bits))
	}
	label := ""
	if l := &e.Label; l.Known && len(p.classes) > 0 {
		label = p.classes[l.Class]
	} else if l.Known {
		label = strconv.FormatFloat(l.Value, 'g', -1, 64)
	}
	p.row = append(p.row, label)
	_ = p.w.Write(p.row) // the writer keeps its error
}

// Close ends the rows, and says what writing any of them failed with.
func (p *Predictions) Close() error {
	p.w.Flush()
	err := p.w.Error()
	if p.kept != nil {
		if err == nil {
			err = p.copyKept()
		}
		err = errors.Join(err, p.kept.Close())
	}
	if err != nil {
		return fmt.Errorf("writing predictions: %w", err)
	}
	return nil
}

// copyKept writes the rows that were kept, with the labels that came for them.
func (p *Predictions) copyKept() error {
	if _, err := p.kept.Seek(0, io.SeekStart); err != nil {
		return err
	}
	rows := csv.NewReader(p.kept)
	rows.ReuseRecord = true
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			p.out.Flush()
			return p.out.Error()
		}
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			return err
		}
		if row[1], err = strconv.Unquote(row[1]); err != nil {
			return err
		}
		if label := p.labelOf(n - 1); label != "" {
			row[len(row)-1] = label
		}
		if err := p.out.Write(row); err != nil {
			return err
		}
	}
}

// labelOf is the label that came later for a row, from 0; empty for none.
func (p *Predictions) labelOf(row int64) string {
	if row >= int64(len(p.labels)) || math.IsNaN(p.labels[row]) {
		return ""
	}
	if len(p.classes) > 0 {
		return p.classes[int(p.labels[row])]
	}
	return strconv.FormatFloat(p.labels[row], 'g', -1, 64)
}
