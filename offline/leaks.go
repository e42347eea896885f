package offline

import (
	"context"
	"errors"
	"fmt"
	"io"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/features"
	"millrace/files"
	"millrace/pipeline"
)

const (
	// leakCells bounds what is kept of the rows looked at: so many values in all.
	leakCells = 2 << 20
	// leakRowsLeast rows tell something, with so many others than the usual class among the latter half of them.
	leakRowsLeast, leakOthersLeast = 200, 20
	// leakRest of the errors that one makes who always says the usual class may be left for a feature to be a leak,
	// and leakSpread of a number's variance.
	leakRest, leakSpread = 0.05, 0.01
)

// Leak is a feature that alone tells the label nearly perfectly: it may be a copy of it, or known only when it is.
type Leak struct {
	Feature string `json:"feature"`
	// Figure is the share of rows whose class it tells, or of a number's variance that it explains: learned from the
	// first half of the rows, measured on the other.
	Figure float64 `json:"figure"`
	Rows   int     `json:"rows"` // of both halves
}

// Leaks looks for features that alone tell the label, among the first rows of the data.
func Leaks(ctx context.Context, p *config.Pipeline, data Data) ([]Leak, error) {
	pieces, err := pipeline.Build(p)
	if err != nil {
		return nil, err
	}
	o := pieces.Files
	o.Input = data.Input
	src, err := files.Open(data.Events, o)
	if err != nil {
		return nil, err
	}
	defer src.Close() //nolint:errcheck // a file that was only read
	s := newSuspects(p)
	if err := s.read(ctx, src, pieces.Decoder); err != nil {
		return nil, fmt.Errorf("looking at %s: %w", data.Events, err)
	}
	return s.leaks(), nil
}

// suspects are the values of all features, and the labels, of some rows.
type suspects struct {
	columns features.Columns
	classes int // 0 where the label is a number
	most    int // rows
	labels  []float64
	cells   [][]cell // by feature
}

// cell is a value of a feature: a number, or what tells texts apart.
type cell struct {
	number  float64
	text    uint64
	present bool
}

func newSuspects(p *config.Pipeline) *suspects {
	columns := p.Features // those that are made of others tell no more than these do
	return &suspects{columns: columns, classes: p.Target().Classes, most: min(TrialRows, leakCells/max(len(columns), 1)),
		cells: make([][]cell, len(columns))}
}

// read keeps the first rows that can be decoded.
func (s *suspects) read(ctx context.Context, src *files.Source, d *decode.Decoder) error {
	e := d.NewEvent()
	for len(s.labels) < s.most {
		b, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Records {
			if rec := &b.Records[i]; decodeRecord(d, rec, e) != nil || !e.Label.Known || e.Label.Fault != nil {
				continue
			}
			label := e.Label.Value
			if s.classes > 0 {
				label = float64(e.Label.Class)
			}
			s.labels = append(s.labels, label)
			for f := range s.cells {
				field := &e.Fields[f]
				s.cells[f] = append(s.cells[f], cell{field.Number, features.Hash(0, field.Text), field.Presence == millrace.Present})
			}
		}
		b.Release()
	}
	return nil
}

// leaks measures every feature.
func (s *suspects) leaks() []Leak {
	if len(s.labels) < leakRowsLeast {
		return nil
	}
	var out []Leak
	for f := range s.cells {
		tells := s.tellsNumber
		if s.classes > 0 {
			tells = s.tellsClass
		}
		if figure, leaks := tells(f); leaks {
			out = append(out, Leak{s.columns[f].Name, figure, len(s.labels)})
		}
	}
	return out
}
