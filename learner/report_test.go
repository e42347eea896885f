package learner

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/model"
	"millrace/snapshot"
)

// TestStatusCatchesUp with the last events also when no further ones come and no snapshot is due.
func TestStatusCatchesUp(t *testing.T) {
	r := newRig(t, &fakeSource{batches: batchesOf(0, 0, 20, 1), endless: true}, SnapshotsSpec{}, &fakeStore{}, nil)
	done := make(chan error, 1)
	go func() { done <- r.learner.Run(t.Context()) }()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		s := r.learner.Status()
		if s.Learned+s.Rejected == 20 {
			return
		}
		if len(done) > 0 || time.Since(began) > time.Minute {
			t.Fatalf("status says %d learned and %d rejected of 20", s.Learned, s.Rejected)
		}
	}
}

// TestRestoredClassesAreNotCountedAgain: counters begin at zero with the process, as all others do.
func TestRestoredClassesAreNotCountedAgain(t *testing.T) {
	trainer := NewTrainer(&fakeExtractor{observed: make([]uint64, 1)}, &fakeModel{hash: make([]uint64, 1)}, 2)
	for range 5 {
		trainer.Progressive.Add([]float64{0.5, 0.5}, millrace.Label{Known: true, Class: 1})
	}
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "progressive", State: trainer.Progressive},
		snapshot.Part{Prefix: "model", State: trainer.Model})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	l := New(Options{Name: "test", Classes: []string{"a", "b"}, Stream: NewStream(StreamOptions{Trainer: trainer}), Layout: layout, DeadLetters: &fakeDeadLetters{},
		Registerer: registry, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	trainer.Progressive.Add([]float64{0.5, 0.5}, millrace.Label{Known: true, Class: 1})
	l.report()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, f := range families {
		if f.GetName() == "millrace_observed_class_total" {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	if sum != 1 {
		t.Errorf("%g labels counted, want the 1 since the start", sum)
	}
}

// watchingModel is a model with units.
type watchingModel struct {
	fakeModel
	dead float64
}

func (m *watchingModel) DeadUnits() float64 { return m.dead }

// TestDeadUnitsAreReported where the model knows of them.
func TestDeadUnitsAreReported(t *testing.T) {
	for _, dead := range []float64{0.25, 0, math.NaN()} {
		m := model.Weighted(&watchingModel{fakeModel{hash: make([]uint64, 1)}, dead}, model.ClassWeights{Balanced: true})
		trainer := NewTrainer(&fakeExtractor{observed: make([]uint64, 1)}, m, 2)
		layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "model", State: m})
		if err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		New(Options{Name: "test", Classes: []string{"a", "b"}, Stream: NewStream(StreamOptions{Trainer: trainer}), Layout: layout, DeadLetters: &fakeDeadLetters{},
			Registerer: registry, Log: slog.New(slog.DiscardHandler), Now: time.Now}).report()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, f := range families {
			if f.GetName() == "millrace_model_dead_units_ratio" {
				got = append(got, f.GetMetric()[0].GetGauge().GetValue())
			}
		}
		if known := !math.IsNaN(dead); known != (len(got) == 1) || known && got[0] != dead {
			t.Errorf("a share of %g is reported as %v", dead, got)
		}
	}
}
