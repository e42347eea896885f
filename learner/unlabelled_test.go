package learner

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"millrace"
	"millrace/snapshot"
)

// sparseDecoder leaves every event but each tenth without a label.
type sparseDecoder struct{ fakeDecoder }

func (d sparseDecoder) Decode(rec *millrace.Record, e *millrace.Event) error {
	err := d.fakeDecoder.Decode(rec, e)
	if rec.Offset%10 != 0 {
		e.Label = millrace.Label{}
	}
	return err
}

// TestUnlabelledEvents are seen by the features, change no weight and no figure, are no dead letters, and move the
// position like any other; a version is due by them, too.
func TestUnlabelledEvents(t *testing.T) {
	m, observed := &fakeModel{hash: make([]uint64, 1)}, make([]uint64, 1)
	trainer := NewTrainer(&fakeExtractor{observed: observed}, m, 0)
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "features", State: trainer.Extractor},
		snapshot.Part{Prefix: "model", State: trainer.Model}, snapshot.Part{Prefix: "progressive", State: trainer.Progressive})
	if err != nil {
		t.Fatal(err)
	}
	store, dead, registry := &fakeStore{}, &fakeDeadLetters{}, prometheus.NewRegistry()
	l := New(Options{Name: "test", Stream: NewStream(StreamOptions{Trainer: trainer}), Layout: layout, Snapshots: SnapshotsSpec{Events: 7, UnpublishedMax: 30},
		Source: &fakeSource{batches: batchesOf(0, 1, 96, 5)}, Decoder: sparseDecoder{}, DeadLetters: dead, Publisher: store,
		Registerer: registry, Log: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: 5 * time.Second})
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := &fakeModel{hash: make([]uint64, 1)}
	var learned, rejected, unlabelled uint64
	for offset := int64(1); offset < 96; offset++ {
		switch {
		case offset%7 == 3: // batchesOf has no number there
			rejected++
		case offset%10 != 0:
			unlabelled++
		default:
			learned++
			if err := want.Learn(millrace.Input{{Dense: []float32{float32(offset * 31)}}}, millrace.Target{}, 1, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m.hash[0] != want.hash[0] {
		t.Error("something other than the labelled events was learned")
	}
	last := store.last(t).Manifest
	if last.Learned != learned || last.Rejected != rejected || len(dead.rejected) != int(rejected) || offsetOf(t, last, 0) != 96 {
		t.Errorf("%d learned, %d rejected, dead letters %q, positions %v; want %d and %d",
			last.Learned, last.Rejected, dead.rejected, last.Positions, learned, rejected)
	}
	if observed[0] != learned+unlabelled || trainer.Progressive.Events() != learned {
		t.Errorf("%d events observed and %d measured, want %d and %d", observed[0], trainer.Progressive.Events(), learned+unlabelled, learned)
	}
	if n := testutil.ToFloat64(l.metrics.unlabelled); n != float64(unlabelled) || l.Status().Unlabelled != unlabelled {
		t.Errorf("%g unlabelled events are counted, %d in the status, want %d", n, l.Status().Unlabelled, unlabelled)
	}
	if len(store.heads) < 3 {
		t.Errorf("%d snapshots with 7 events between them", len(store.heads))
	}
}
