package learner

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/features"
	"millrace/snapshot"
)

// watchedTrainer is a trainer whose features are watched, with the layout of its snapshots.
func watchedTrainer(t *testing.T, columns ...features.Column) (*Trainer, *snapshot.Layout) {
	t.Helper()
	x, err := features.New(features.Spec{Columns: columns, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.View(millrace.ViewRaw); err != nil {
		t.Fatal(err)
	}
	trainer := NewTrainer(x, &fakeModel{hash: make([]uint64, 1)}, 0)
	trainer.Watch = NewWatch(x, trainer.Model, 0, 7)
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "features", State: x}, snapshot.Part{Prefix: "watch", State: trainer.Watch})
	if err != nil {
		t.Fatal(err)
	}
	return trainer, layout
}

// shopping are events with an amount that a quarter of them lack, and a country, of which a tenth comes once only.
func shopping(n int) []*millrace.Event {
	random, all := rand.New(rand.NewPCG(3, 5)), make([]*millrace.Event, n)
	for i := range all {
		e := &millrace.Event{Fields: make([]millrace.Field, 2), Label: millrace.Label{Known: i%3 > 0, Value: 1}}
		if random.Float64() < 0.75 {
			e.Fields[0] = millrace.Field{Presence: millrace.Present, Number: random.NormFloat64()}
		}
		country := "ch"
		if random.Float64() < 0.1 {
			country = fmt.Sprint(i)
		}
		e.Fields[1] = millrace.Field{Presence: millrace.Present, Text: []byte(country)}
		all[i] = e
	}
	return all
}

func shoppingColumns() []features.Column {
	country := features.DefaultColumn("country", features.Category)
	country.Cap = features.CapMax
	return []features.Column{features.DefaultColumn("amount", features.Number), country}
}

// applyAll has a stream without state by key apply events.
func applyAll(t *testing.T, trainer *Trainer, all []*millrace.Event) {
	t.Helper()
	s := NewStream(StreamOptions{Trainer: trainer})
	for _, e := range all {
		if _, why := s.Event(e, &millrace.Record{}); why != nil {
			t.Fatal(why)
		}
	}
}

// TestSharesOfFeatures: missing and unknown values are told as they are, whether an event has a label or not, and what
// says nothing of a feature is no number.
func TestSharesOfFeatures(t *testing.T) {
	trainer, _ := watchedTrainer(t, shoppingColumns()...)
	for _, f := range trainer.Watch.Figures() {
		if !math.IsNaN(f.Missing) || !math.IsNaN(f.Unknown) {
			t.Errorf("before the first event: %+v", f)
		}
	}
	applyAll(t, trainer, shopping(60_000))
	f := trainer.Watch.Figures()
	if f[0].Name != "amount" || math.Abs(f[0].Missing-0.25) > 0.06 || !math.IsNaN(f[0].Unknown) {
		t.Errorf("%+v, want a quarter missing", f[0])
	}
	if f[1].Name != "country" || f[1].Missing != 0 || math.Abs(f[1].Unknown-0.1) > 0.05 {
		t.Errorf("%+v, want a tenth unknown", f[1])
	}
}

// TestWatchGoesOn: after a restart at any place everything is as it would have been, to the last bit; a snapshot of
// before there was a watch begins with an empty one.
func TestWatchGoesOn(t *testing.T) {
	all := shopping(1000)
	whole, layout := watchedTrainer(t, shoppingColumns()...)
	applyAll(t, whole, all)
	want := layout.NewBuffer()
	layout.Copy(want)
	for _, at := range []int{0, 1, 127, 500, 999} {
		first, layout := watchedTrainer(t, shoppingColumns()...)
		applyAll(t, first, all[:at])
		kept := layout.NewBuffer()
		layout.Copy(kept)
		second, layout := watchedTrainer(t, shoppingColumns()...)
		if err := layout.Restore(kept.Serving(), kept.Training()); err != nil {
			t.Fatal(err)
		}
		applyAll(t, second, all[at:])
		got := layout.NewBuffer()
		layout.Copy(got)
		if !slices.Equal(got.Training(), want.Training()) {
			t.Errorf("restarted after %d events, the watch differs", at)
		}
	}
	old, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "features", State: whole.Extractor})
	if err != nil {
		t.Fatal(err)
	}
	kept := old.NewBuffer()
	old.Copy(kept)
	if err := layout.Restore(kept.Serving(), kept.Training()); err != nil {
		t.Fatalf("restoring a snapshot without a watch: %v", err)
	}
	if !math.IsNaN(whole.Watch.Figures()[0].Missing) {
		t.Error("the watch of a snapshot without one is not empty")
	}
}

// TestWatchLooksAtFewEvents: the time that it takes is bounded by how many it looks at, not by how long they take.
func TestWatchLooksAtFewEvents(t *testing.T) {
	trainer, _ := watchedTrainer(t, shoppingColumns()...)
	looks, last, events := 0, 0, 100*watchEvery
	for i := range events {
		if trainer.Watch.due() {
			trainer.Watch.clock[clockLook] = gap(&trainer.Watch.clock[clockRandom])
			if gap := i - last; i > 2*watchEvery && gap < watchEvery/2 {
				t.Fatalf("looked again after %d events", gap)
			}
			looks, last = looks+1, i
		}
	}
	if looks < 85 || looks > 115 {
		t.Errorf("looked at %d of %d events", looks, events)
	}
}

// TestCorruptWatch: what no events leave is refused.
func TestCorruptWatch(t *testing.T) {
	for what, spoil := range map[string]func(*Watch){
		"never due":      func(w *Watch) { w.clock[clockLook] = 0 },
		"due too late":   func(w *Watch) { w.clock[clockLook] = 2 * watchEvery },
		"no number":      func(w *Watch) { w.sums[0] = math.NaN() },
		"negative":       func(w *Watch) { w.sums[0] = -1 },
		"more than all":  func(w *Watch) { w.sums[0], w.sums[1] = 0.5, 0.4 },
		"more than once": func(w *Watch) { w.sums[1] = 1.5 },
	} {
		trainer, _ := watchedTrainer(t, shoppingColumns()...)
		if err := trainer.Watch.Restored(); err != nil {
			t.Fatal(err)
		}
		if spoil(trainer.Watch); trainer.Watch.Restored() == nil {
			t.Errorf("%s: not refused", what)
		}
	}
}

// TestFeaturesAreGauges: fifty features have series of their own, the others one together.
func TestFeaturesAreGauges(t *testing.T) {
	columns, n := make([]features.Column, 0, 60), 60
	for i := range n {
		columns = append(columns, features.DefaultColumn(fmt.Sprintf("f%02d", i), features.Number))
	}
	trainer, layout := watchedTrainer(t, columns...)
	e := &millrace.Event{Fields: make([]millrace.Field, n)}
	for i := range n - 5 {
		e.Fields[i] = millrace.Field{Presence: millrace.Present, Number: 1}
	}
	trainer.Watch.look(e)
	registry := prometheus.NewRegistry()
	l := New(Options{Name: "test", Stream: NewStream(StreamOptions{Trainer: trainer}), Layout: layout, DeadLetters: &fakeDeadLetters{},
		Registerer: registry, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	l.report()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "millrace_feature_missing_ratio" {
				series[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	if len(series) != featuresMax+1 || series["f00"] != 0 || series["other"] != 0.5 {
		t.Errorf("%d series, %v", len(series), series)
	}
	told := l.Status().Features
	if len(told) != featuresTold || told[0].Name != "f00" || told[9].Missing != 0 {
		t.Errorf("the status tells of %+v", told)
	}
}
