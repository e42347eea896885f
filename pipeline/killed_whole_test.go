package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/join"
	"millrace/join/disk"
	"millrace/learner"
	"millrace/merge"
	"millrace/snapshot"
)

// measuredEvent is an event that comes into the figures: when, which, and what was predicted of it when it came.
type measuredEvent struct {
	applied    uint64 // records and ends of waits up to this one
	at         join.Place
	prediction []float64
	label      millrace.Label
	delay      time.Duration // of the label that came for it; notJoined where none did
}

const notJoined time.Duration = -1

// wholeRun goes through the logs one record after the other, and is never killed.
type wholeRun struct {
	t                          *testing.T
	pipeline                   *config.Pipeline
	pieces                     *Pieces
	label                      *millrace.Event
	applied, learned, rejected uint64
	measured                   []measuredEvent
	came                       map[string]measuredEvent // what was predicted of the events that came last, by id
	ids                        map[join.Place]string
	letters                    map[string]bool
	delay                      time.Duration // of the label that came for an event with the latest step
}

// newWholeRun goes through the logs from where m says.
func newWholeRun(t *testing.T, p *config.Pipeline, logs *memoryLogs, m *millrace.Manifest) *wholeRun {
	t.Helper()
	pieces, err := Build(p)
	if err != nil {
		t.Fatal(err)
	}
	w := &wholeRun{t: t, pipeline: p, pieces: pieces, label: pieces.Labels.NewEvent(), came: map[string]measuredEvent{},
		ids: map[join.Place]string{}, letters: map[string]bool{}}
	if p.Join.Disk > 0 {
		s, err := disk.Open(t.TempDir(), int64(p.Join.Disk))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		pieces.Join.Overflow(s)
	}
	r := learner.Rebuilding{Stream: pieces.Stream, Manifest: m, Merger: logs.merger(marksOf(m), m.Positions, 1, nil),
		Decoder: pieces.Decoder, Labels: pieces.Labels}
	if lost, err := r.Run(t.Context()); lost != 0 || err != nil {
		t.Fatal(lost, err)
	}
	pieces.Stream.Begin(m.Positions)
	pieces.Stream.Joined = func(delay time.Duration, _ []float64, _ millrace.Label) { w.delay = delay }
	w.read(t.Context(), logs.merger(m.Positions, nil, 2, nil))
	return w
}

// marksOf are where a version's state by key is made again from.
func marksOf(m *millrace.Manifest) (all []millrace.Position) {
	for _, mark := range m.Keyed.Rebuild {
		all = append(all, millrace.Position{Topic: mark.Topic, Partition: mark.Partition, Offset: mark.Offset})
	}
	return all
}

func (w *wholeRun) read(ctx context.Context, m *merge.Merger) {
	w.t.Helper()
	defer m.Close()
	for {
		s, err := m.Next(ctx)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if len(s.Idle)+len(s.Awake) > 0 {
			w.pieces.Stream.SetIdle(s.Idle, s.Awake)
			w.expire()
		}
		if s.Batch == nil {
			continue
		}
		for i := s.From; i < s.To; i++ {
			w.record(&s.Batch.Records[i], s.Source > 0)
		}
		if s.Last {
			s.Batch.Release()
		}
	}
}

func (w *wholeRun) record(rec *millrace.Record, label bool) {
	w.t.Helper()
	stream := w.pieces.Stream
	w.applied++
	decoder, e := w.pieces.Decoder, w.pieces.Decoder.NewEvent()
	if label {
		decoder, e = w.pieces.Labels, w.label
	}
	before := w.pieces.Trainer.Progressive.Events()
	w.delay = notJoined
	var outcome learner.Outcome
	var why *millrace.Rejection
	switch err := decoder.Decode(rec, e); {
	case err != nil && !errors.As(err, &why):
		w.t.Fatal(err)
	case err != nil:
		outcome = stream.Refuse(rec, label)
	case label:
		outcome, why = stream.Label(e, rec)
	default:
		outcome, why = stream.Event(e, rec)
	}
	if stream.Learned(outcome) {
		w.learned++
	}
	if why != nil {
		w.letter(rec.Topic, join.Place{Partition: rec.Partition, Offset: rec.Offset})
	}
	at := measuredEvent{w.applied, join.Place{Partition: rec.Partition, Offset: rec.Offset}, slices.Clone(stream.Prediction()), e.Label, w.delay}
	switch outcome {
	case learner.LabelJoined:
		came := w.came[string(e.ID)]
		at.at, at.prediction = came.at, came.prediction
	case learner.Waiting:
		w.came[string(e.ID)], w.ids[at.at] = at, string(e.ID)
	}
	w.measure(before, at)
	w.expire()
}

// measure notes an event that has come into the figures.
func (w *wholeRun) measure(before uint64, at measuredEvent) {
	if w.pieces.Trainer.Progressive.Events() > before {
		w.measured = append(w.measured, at)
	}
}

func (w *wholeRun) expire() {
	w.t.Helper()
	stream := w.pieces.Stream
	for before := w.pieces.Trainer.Progressive.Events(); stream.Expire(); before = w.pieces.Trainer.Progressive.Events() {
		w.applied++
		ended := stream.Ended()
		if ended.Learned {
			w.learned++
		}
		if ended.Why != nil {
			w.letter(w.pipeline.Events.Topic, ended.Place)
		}
		came, label := w.came[w.ids[ended.Place]], millrace.Label{Known: true, Class: w.pipeline.JoinSpec().Missing.Class}
		if stream.Assume.Known {
			label = stream.Assume
		}
		w.measure(before, measuredEvent{w.applied, ended.Place, came.prediction, label, notJoined})
	}
	if err := stream.Err(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wholeRun) letter(topic string, at join.Place) {
	w.rejected++
	w.letters[letterOf(topic, at)] = true
}

// tensors are all that the pieces hold, by name.
func tensorsOf(t *testing.T, pieces *Pieces) map[string][]byte {
	t.Helper()
	buffer := pieces.Layout.NewBuffer()
	pieces.Layout.Copy(buffer)
	if err := buffer.SetTail(pieces.Join.AppendState(nil)); err != nil {
		t.Fatal(err)
	}
	return tensorsIn(t, buffer.Serving(), buffer.Training())
}

func tensorsIn(t *testing.T, blobs ...[]byte) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, blob := range blobs {
		f, err := snapshot.Parse(blob)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range f.Tensors {
			all[x.Name] = bytes.Clone(x.Data)
		}
	}
	return all
}

// figures are those of all that was measured but what leaves out says, and how many that leaves out.
func (w *wholeRun) figures(leavesOut func(measuredEvent) bool) (p *learner.Progressive, tensors map[string][]byte, left uint64) {
	w.t.Helper()
	p = learner.NewProgressive(w.pipeline.Target().Classes)
	for _, e := range w.measured {
		if leavesOut(e) {
			left++
			continue
		}
		p.Add(e.prediction, e.label)
		if e.delay != notJoined {
			p.AddDelayed(e.delay, e.prediction, e.label)
		}
	}
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "progressive", State: p})
	if err != nil {
		w.t.Fatal(err)
	}
	buffer := layout.NewBuffer()
	layout.Copy(buffer)
	return p, tensorsIn(w.t, buffer.Training()), left
}

// names are what became of all events and labels, so many of them unmeasured.
func (w *wholeRun) names(unmeasured uint64) map[string]uint64 {
	names := maps.Clone(w.pieces.Stream.Names())
	delete(names, string(join.NameUnmeasured))
	if unmeasured > 0 {
		names[string(join.NameUnmeasured)] = unmeasured
	}
	return names
}
