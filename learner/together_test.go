package learner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/features"
	"millrace/keyed"
	"millrace/merge"
	"millrace/model"
	"millrace/model/family"
	"millrace/snapshot"
)

// sided is a pipeline whose labels come with their events, and whose model takes events together.
type sided struct {
	lives
	windows bool
	model   model.Spec
}

func newSided(windows bool, m model.Spec) *sided {
	s := &sided{lives: *newLives(3), windows: windows, model: m}
	now := int64(1_700_000_000_000)
	for i := range 900 {
		now += s.rng.Int64N(20)
		value, at, label := s.rng.NormFloat64()+4, now-s.rng.Int64N(300), fmt.Sprint(s.rng.IntN(2))
		switch i % 23 {
		case 4, 5:
			label = "-"
		case 7:
			label = "?"
		case 9:
			value = -1 // does not extract
		case 11, 12, 13, 14:
			label = fmt.Sprint(i % 2)
			value = float64(4 * (i % 2))
		}
		text := fmt.Sprintf("e%d %.4f %d %s c%d", i, value, at, label, s.rng.IntN(12))
		if i%31 == 6 {
			text = "nonsense"
		}
		s.events.add(0, now, text)
	}
	return s
}

// sidedCases are pipelines of the models that take events together.
func sidedCases() []*sided {
	batches := model.Spec{Type: "mlp", Hidden: []int{16, 9}, Batch: 24, Optimizer: model.OptimizerSpec{Type: "adam", Rate: 0.01}}
	auto := model.Spec{Type: "auto", Budget: "0.3x"}
	return []*sided{newSided(false, auto), newSided(true, auto), newSided(true, batches)}
}

func (s *sided) name() string { return fmt.Sprintf("%s, windows %t", s.model.Type, s.windows) }

func (s *sided) stream(tb testing.TB) (*Stream, *snapshot.Layout) {
	tb.Helper()
	columns := features.Columns{features.DefaultColumn("a", features.Number), features.DefaultColumn("card", features.Category)}
	columns[0].Missing = "reject"
	if s.windows {
		columns = s.columns()
	}
	x, err := features.New(features.Spec{Columns: columns})
	if err != nil {
		tb.Fatal(err)
	}
	m, err := family.New(s.model, model.TargetSpec{Classes: 2}, x)
	if err != nil {
		tb.Fatal(err)
	}
	trainer := NewTrainer(x, m, 2)
	o := StreamOptions{Trainer: trainer, Topics: [2]string{s.events.name, s.labels.name}}
	if s.windows {
		if o.Windows, err = keyed.New(columns, 1); err != nil {
			tb.Fatal(err)
		}
		o.Clock = keyed.NewClock()
	}
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "features", State: x},
		snapshot.Part{Prefix: "model", State: m}, snapshot.Part{Prefix: "progressive", State: trainer.Progressive})
	if err != nil {
		tb.Fatal(err)
	}
	return NewStream(o), layout
}

// blobs are the state as a snapshot holds it.
func blobs(l *snapshot.Layout) []byte {
	b := l.NewBuffer()
	l.Copy(b)
	return append(slices.Clone(b.Serving()), b.Training()...)
}

// told is what became of an event.
type told struct {
	outcome    Outcome
	reason     millrace.Reason
	prediction string
}

func tell(outcome Outcome, why *millrace.Rejection, prediction []float64) told {
	t := told{outcome: outcome}
	if why != nil {
		t.reason = why.Reason
		return t
	}
	t.prediction = fmt.Sprint(prediction)
	return t
}

// TestTogetherEqualsOneByOne: what becomes of events, what was predicted of them and all state are the same to the last
// bit, however many are taken in at a time.
func TestTogetherEqualsOneByOne(t *testing.T) {
	for _, s := range sidedCases() {
		records := s.events.partitions[0]
		one, layout := s.stream(t)
		var want []told
		for i := range records {
			e := lateDecoder{}.NewEvent()
			if (lateDecoder{}).Decode(&records[i], e) == nil {
				outcome, why := one.Event(e, &records[i])
				want = append(want, tell(outcome, why, one.Prediction()))
			}
		}
		state := blobs(layout)
		for _, most := range []int{1, 16, 100, 130} {
			together, layout := s.stream(t)
			got := takenTogether(together, records, func() int { return 1 + s.rng.IntN(most) })
			if !slices.Equal(got, want) {
				t.Errorf("%s: up to %d at a time, other outcomes or predictions", s.name(), most)
			}
			if !bytes.Equal(blobs(layout), state) || together.counts != one.counts {
				t.Errorf("%s: up to %d at a time, another state", s.name(), most)
			}
		}
	}
}

func takenTogether(s *Stream, records []millrace.Record, size func() int) (all []told) {
	cores := NewCores(make(chan struct{}, 3), false)
	for len(records) > 0 {
		n, added := min(size(), len(records)), 0
		for i := range records[:n] {
			e := lateDecoder{}.NewEvent()
			if (lateDecoder{}).Decode(&records[i], e) != nil {
				continue
			}
			if s.Room() == 0 {
				n = i
				break
			}
			s.Add(e, &records[i])
			added++
		}
		s.Run(cores)
		for range added {
			all = append(all, tell(s.Settle()))
		}
		records = records[n:]
	}
	return all
}

// TestVersionsStandBetweenEvents: every version of a learner whose model's parts go side by side holds exactly the
// events before its positions, however records arrive and wherever versions are due.
func TestVersionsStandBetweenEvents(t *testing.T) {
	for _, s := range sidedCases() {
		one, layout := s.stream(t)
		want, records := map[int64][]byte{}, s.events.partitions[0]
		for i := range records {
			e := lateDecoder{}.NewEvent()
			if (lateDecoder{}).Decode(&records[i], e) == nil {
				_, _ = one.Event(e, &records[i])
			}
			want[int64(i)+1] = blobs(layout)
		}
		for range 4 {
			stream, layout := s.stream(t)
			store := &fakeStore{}
			o := Options{Name: "test", Classes: []string{"0", "1"}, Stream: stream, Layout: layout, Decoder: lateDecoder{},
				Snapshots: SnapshotsSpec{Events: 1 + s.rng.Uint64N(150)}, DeadLetters: &fakeDeadLetters{}, Publisher: store, Registerer: prometheus.NewRegistry(),
				Log: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: time.Minute}
			r := &reading{log: s.events, rng: rand.New(rand.NewPCG(s.rng.Uint64(), 2)), from: []int64{0}, to: []int64{int64(len(records))}}
			o.Merger = merge.New(merge.Options{Sources: []merge.Source{r}, Now: time.Now})
			if err := New(o).Run(t.Context()); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			for _, head := range store.heads {
				at := offsetOf(t, head.Manifest, 0)
				if !bytes.Equal(append(slices.Clone(head.Serving), head.Training...), want[at]) {
					t.Fatalf("%s: the version at %d, of every %d, holds something else", s.name(), at, o.Snapshots.Events)
				}
			}
			if at := offsetOf(t, store.last(t).Manifest, 0); at != int64(len(records)) {
				t.Errorf("the last version is at %d", at)
			}
		}
	}
}
