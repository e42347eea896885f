// Package infer looks at events and writes the pipeline file that learns them: which fields are
// numbers, booleans or categories, which one is the label, what is missing, and what should be left
// out. Everything it guessed stands in the file's comments, for a person to correct.
package infer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"millrace"
	"millrace/features"
	"millrace/model"
)

const (
	// rowsDefault rows show types, ranges and categories well enough, and take a fraction of a second.
	rowsDefault = 10_000
	// classesMax is the largest number of classes that a label of text may have: a softmax over more
	// is not what a guess should start.
	classesMax = 1000
	// integerClassesMax distinct whole numbers are taken for classes, if each stands for enough rows;
	// beyond it they are amounts or counts.
	integerClassesMax = 50
	// rowsPerClass is how many rows a class of whole numbers needs on average to be one.
	rowsPerClass = 20
)

// Options say what is known beforehand. The zero value guesses everything.
type Options struct {
	Name  string // of the pipeline; from the records' topic when empty
	Label string // path of the label, or a column's name; guessed when empty
	Model string // a model's family; modelDefault when empty
	// RowsMax is how many events are looked at; 10,000 when zero, unless Enough says how many.
	RowsMax int
	// Enough is asked before each batch whether no more events shall be looked at; nil is never.
	Enough func() bool
	// Look is how many bytes of a file are looked at, and Progress is told of those that were, for whoever reads
	// files; offline.LookDefault when zero, and nil for nobody.
	Look     int64
	Progress func(total int64) func(read int64)
	// ScanAll reads on to the end for the label, so that a file's rare classes are all found. Leave
	// it out for a topic, which has no end.
	ScanAll bool
	Brokers []string // Kafka's addresses; an embedded broker when empty
	Redis   string   // Redis's URL; an embedded store when empty
	Topic   string   // of the events; <name>.events when empty
	// Windows proposes features of type window and ratio, in comments.
	Windows bool
	// Bag is the path of a field that is known to be a bag: an object whose keys are data. Others are
	// found by the number of their keys.
	Bag string
	// Indices is how many columns a bag whose keys are indices has, when that is known.
	Indices int
	// Missing tells words such as NA, which are no classes of a label; nil is none. Among numbers, booleans and times
	// they are found without it.
	Missing func(text []byte) bool
	// Cells is set where events are the rows of a table, whose cells have no types: what looks like a JSON number may
	// be one of another format.
	Cells bool
	// Flags are those that say how the file is written, as they are typed; other verbs that read it need them as well.
	Flags string
	// Source names the events to people, and Where the place of one by its number in the source; the records' topic and
	// their offset when left out.
	Source string
	Where  func(offset int64) string
}

// Result is the pipeline file and what stands in it.
type Result struct {
	YAML     []byte
	Name     string
	Label    string   // its path
	Guessed  bool     // the label is a guess
	Classes  []string // in order; nil when the label is a number
	Positive string   // of two classes, the one that a score is the probability of
	Model    string   // its type
	ID, Time string   // paths; empty when there are none
	Features features.Columns
	Sparse   bool   // absent numbers are zeros, as in a LIBSVM file
	Rows     int64  // events looked at
	Skipped  int64  // of them no JSON objects
	Fault    string // the first of those, with its place
	Report   Report
}

// FromSource looks at the events that next delivers and writes a pipeline file for them. It stops at
// io.EOF, at RowsMax events, or when ctx ends, if there were any events until then; it releases every
// batch. It is an error if there is no event, no label or no feature to be found.
func FromSource(ctx context.Context, next func(context.Context) (*millrace.Batch, error), o Options) (*Result, error) {
	switch {
	case o.RowsMax <= 0 && o.Enough != nil:
		o.RowsMax = math.MaxInt
	case o.RowsMax <= 0:
		o.RowsMax = rowsDefault
	}
	if o.Model != "" && !slices.Contains(model.Families(), o.Model) {
		return nil, fmt.Errorf("unknown model %q: use one of %s", o.Model, strings.Join(model.Families(), ", "))
	}
	s := &survey{next: next, enough: o.Enough, where: o.Where, seen: newSeen(o.Bag)}
	s.seen.cells = o.Cells
	if err := s.read(ctx, int64(o.RowsMax)); err != nil {
		return nil, err
	}
	if s.seen.rows == 0 {
		return nil, s.nothing()
	}
	p := &plan{options: o, seen: s.seen, topic: cmp.Or(o.Source, s.topic), rows: s.seen.rows}
	if err := p.oneEvent(); err != nil {
		return nil, err
	}
	p.settleNumbers()
	p.settleMissing()
	if err := p.chooseLabel(); err != nil {
		return nil, s.partly(err)
	}
	p.settleStandIns()
	p.sparse = sparse(p.seen, p.label)
	if o.ScanAll {
		if err := s.readOn(ctx, p); err != nil {
			return nil, err
		}
	}
	p.settleLabel()
	if err := p.decide(); err != nil {
		return nil, s.partly(err)
	}
	return p.result(s), nil
}

// oneEvent says what is wrong with a single event whose values are lists: they may be columns, or hold the rows.
func (p *plan) oneEvent() error {
	if p.rows != 1 {
		return nil
	}
	for _, c := range p.seen.columns {
		if c.lists > 0 {
			return fmt.Errorf("there is one event only, whose %s is a list or an object: where that holds columns or rows, "+
				"write an object for each row, as {\"a\": 1, \"y\": 2}, one a line or in an array", c.path)
		}
	}
	return nil
}

// survey reads events and keeps what they look like.
type survey struct {
	next    func(context.Context) (*millrace.Batch, error)
	where   func(offset int64) string
	enough  func() bool
	seen    *seen
	topic   string
	skipped int64
	fault   string // of the first event skipped
	faulty  bool   // it is a file's row, and the fault says where it stands
	rest    *millrace.Batch
	at      int // first record of rest that was not looked at
	ended   bool
	stopped bool // by the context, before the end
}

// read looks at rows events, or at all there are, or at enough.
func (s *survey) read(ctx context.Context, rows int64) error {
	for s.seen.rows+s.skipped < rows {
		if s.enough != nil && (s.rest == nil || s.at == len(s.rest.Records)) && s.seen.rows > 0 && s.enough() {
			return nil
		}
		record, err := s.record(ctx)
		if err != nil || record == nil {
			return err
		}
		if err := s.look(record); err != nil {
			return err
		}
	}
	return nil
}

func (s *survey) look(record *millrace.Record) error {
	if record.Fault != nil {
		s.skipped++
		if s.fault == "" {
			s.fault, s.faulty = record.Fault.Detail, true
		}
		return nil
	}
	err := s.seen.add(record.Value)
	var unusable *unusableError
	if errors.As(err, &unusable) {
		s.skipped++
		if s.fault == "" {
			place := fmt.Sprintf("%s, record %d", record.Topic, record.Offset)
			if s.where != nil {
				place = s.where(record.Offset)
			}
			s.fault = fmt.Sprintf("%s: %v", place, err)
		}
		return nil
	}
	return err
}

// readOn looks at the label of all further events; of sparse ones at everything, for a feature may
// come up late.
func (s *survey) readOn(ctx context.Context, p *plan) error {
	for {
		record, err := s.record(ctx)
		if err != nil || record == nil {
			return err
		}
		if p.sparse {
			if err := s.look(record); err != nil {
				return err
			}
			continue
		}
		// What cannot be read here the pipeline will reject, and say so.
		if s.seen.addOnly(record.Value, p.label) {
			p.scanned++
		}
	}
}

// record returns the next record, or nil at the end. It is valid until the next call.
func (s *survey) record(ctx context.Context) (*millrace.Record, error) {
	for s.rest == nil || s.at == len(s.rest.Records) {
		if s.rest != nil {
			s.rest.Release()
			s.rest, s.at = nil, 0
		}
		if s.ended {
			return nil, nil
		}
		batch, err := s.next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			s.ended = true
			return nil, nil
		case err != nil && ctx.Err() != nil && s.seen.rows > 0:
			s.ended, s.stopped = true, true
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("reading events: %w", err)
		}
		s.rest, s.topic = batch, batch.Topic
	}
	s.at++
	return &s.rest.Records[s.at-1], nil
}

// partly adds to an error what was not seen: what is wrong may stand there.
func (s *survey) partly(err error) error {
	if s.skipped == 0 {
		return err
	}
	return fmt.Errorf("%w; beside them %d cannot be read; the first: %s", err, s.skipped, s.fault)
}

func (s *survey) nothing() error {
	if s.faulty {
		return fmt.Errorf("none of %d rows can be read; the first: %s", s.skipped, s.fault)
	}
	if s.fault != "" {
		return fmt.Errorf("none of %d events is a JSON object; the first: %s", s.skipped, s.fault)
	}
	return errors.New("there are no events to look at")
}

// nameOf makes a pipeline's name of a file's or topic's.
func nameOf(topic string) string {
	name := topic
	for _, suffix := range []string{".gz", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".svm", ".libsvm", ".events"} {
		name = strings.TrimSuffix(name, suffix)
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, name)
	// The events topic is named after it, and Kafka's names end at 249 characters.
	name = name[:min(len(name), 100)]
	if strings.Trim(name, "-.") == "" {
		return "pipeline"
	}
	return name
}
