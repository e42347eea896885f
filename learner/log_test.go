package learner

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/merge"
)

// topicLog is a topic in memory: the records of its partitions.
type topicLog struct {
	name       string
	partitions [][]millrace.Record
}

// add appends a record.
func (l *topicLog) add(partition int, at int64, value string) {
	for len(l.partitions) <= partition {
		l.partitions = append(l.partitions, nil)
	}
	p := &l.partitions[partition]
	*p = append(*p, millrace.Record{Topic: l.name, Partition: int32(partition), Offset: int64(len(*p)), Time: at, Value: []byte(value)})
}

func (l *topicLog) records() (n int) {
	for _, p := range l.partitions {
		n += len(p)
	}
	return n
}

var errKilled = errors.New("killed")

// reading is a source over a topic in memory, from one position to another of each partition. Its batches are of random
// length. After a number of records it kills, if it is told to.
type reading struct {
	log      *topicLog
	from, to []int64
	rng      *rand.Rand
	kill     func(records int) bool // reports whether to die now
	ends     bool                   // a partition that is read to its end is gone; else it is idle
}

func (r *reading) NextOf(ctx context.Context, want func(int32) bool) (*millrace.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	more := false
	for p := range r.log.partitions {
		more = more || r.from[p] < r.to[p]
		if r.from[p] >= r.to[p] || !want(int32(p)) {
			continue
		}
		b := millrace.NewBatch(nil)
		b.Topic, b.Partition, b.From, b.End = r.log.name, int32(p), r.from[p], r.to[p]
		b.To = min(b.From+1+r.rng.Int64N(9), r.to[p])
		b.Records = slices.Clone(r.log.partitions[p][b.From:b.To])
		r.from[p] = b.To
		if r.kill != nil && r.kill(len(b.Records)) {
			return nil, errKilled
		}
		return b, nil
	}
	if more { // nobody wants it yet
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, io.EOF
}

func (r *reading) Standings() (all []millrace.Standing, ok bool) {
	for p := range r.log.partitions {
		s := millrace.Standing{Partition: int32(p), Answered: time.Now()}
		if r.from[p] >= r.to[p] { // and has been for long
			if r.ends {
				continue
			}
			s.Since = s.Answered.Add(-time.Hour)
		}
		all = append(all, s)
	}
	return all, true
}

func (r *reading) Ask(context.Context, time.Time, func(int32) bool) error { return nil }

var _ merge.Source = (*reading)(nil)

// lateDecoder reads "id value time label card": a dash is none, and what has fewer words does not decode; a label of
// "?" is a fault, one with a point is a number and others are classes.
type lateDecoder struct{ label bool }

func (d lateDecoder) NewEvent() *millrace.Event {
	if d.label {
		return &millrace.Event{}
	}
	return &millrace.Event{Fields: make([]millrace.Field, 8)}
}

func (d lateDecoder) Decode(rec *millrace.Record, e *millrace.Event) error {
	words := strings.Fields(string(rec.Value))
	if len(words) < 4 || !d.label && len(words) < 5 {
		return &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: "too few words"}
	}
	e.ID, e.Time, e.Label = nil, rec.Time, millrace.Label{}
	if words[0] != "-" {
		e.ID = []byte(words[0])
	}
	if t, err := strconv.ParseInt(words[2], 10, 64); err == nil {
		e.Time = t
	}
	if !d.label {
		clear(e.Fields)
		v, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			return &millrace.Rejection{Reason: millrace.ReasonWrongType, Detail: err.Error()}
		}
		e.Fields[0] = millrace.Field{Presence: millrace.Present, Number: v}
		e.Fields[1] = millrace.Field{Presence: millrace.Present, Text: []byte(words[4])}
		if v < 0 { // what extraction refuses
			e.Fields[0].Presence = millrace.Absent
		}
	}
	switch words[3] {
	case "-":
	case "?":
		e.Label.Fault = &millrace.Rejection{Reason: millrace.ReasonBadLabel}
	default:
		e.Label.Known = true
		if strings.Contains(words[3], ".") {
			var err error
			e.Label.Value, err = strconv.ParseFloat(words[3], 64)
			return err
		}
		class, err := strconv.Atoi(words[3])
		if err != nil {
			return err
		}
		e.Label.Class = int32(class)
	}
	return nil
}

// TestReadingDelivers what is in the log, once, to whoever asks for any partition.
func TestReadingDelivers(t *testing.T) {
	log := &topicLog{name: "t"}
	for i := range 50 {
		log.add(i%3, int64(i), "x")
	}
	r := &reading{log: log, from: []int64{0, 0, 0}, to: []int64{17, 17, 16}, rng: rand.New(rand.NewPCG(1, 1))}
	m := merge.New(merge.Options{Sources: []merge.Source{r}, Now: time.Now})
	for want := range int64(50) {
		s, err := m.Next(t.Context())
		if err != nil || s.To-s.From != 1 || s.Batch.Records[s.From].Time != want {
			t.Fatalf("record %d: %+v, %v", want, s, err)
		}
	}
	if _, err := m.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}
