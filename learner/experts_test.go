package learner

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/model"
	"millrace/snapshot"
)

// fakeMixture is a model of experts.
type fakeMixture struct {
	fakeModel
	experts []model.Expert
}

func (m *fakeMixture) Experts() []model.Expert { return slices.Clone(m.experts) }

// TestExpertsAreGauges: the active ones have series, those that are given up lose theirs, and there are never more than
// a bounded number.
func TestExpertsAreGauges(t *testing.T) {
	m := &fakeMixture{fakeModel: fakeModel{hash: make([]uint64, 1)}, experts: []model.Expert{
		{ID: 1, Name: "mlp", Weight: 0.7, Loss: 0.2, Active: true}, {ID: 2, Name: "svm", Weight: 0.1, Loss: 0.4, Active: true},
		{ID: 3, Name: "mlp", Weight: 0.2, Loss: 0.3, Active: true}, {ID: 4, Name: "tree", Loss: 0.9},
	}}
	trainer := NewTrainer(&fakeExtractor{observed: make([]uint64, 1)}, m, 0)
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "model", State: m})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	l := New(Options{Name: "test", Stream: NewStream(StreamOptions{Trainer: trainer}), Layout: layout, DeadLetters: &fakeDeadLetters{},
		Registerer: registry, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	series := func(name string) map[string]float64 {
		t.Helper()
		l.report()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, f := range families {
			if f.GetName() == name {
				for _, s := range f.GetMetric() {
					if len(s.GetLabel()) == 0 {
						values[""] = s.GetCounter().GetValue()
						continue
					}
					values[s.GetLabel()[0].GetValue()] = s.GetGauge().GetValue()
				}
			}
		}
		return values
	}
	if got := fmt.Sprint(series("millrace_expert_weight")); got != "map[mlp:0.7 mlp #3:0.2 svm:0.1]" {
		t.Errorf("weights %s", got)
	}
	if got := fmt.Sprint(series("millrace_expert_loss")); got != "map[mlp:0.2 mlp #3:0.3 svm:0.4]" {
		t.Errorf("losses %s", got)
	}
	m.experts[3].Skipped = 5
	if got := series("millrace_expert_skipped_total")[""]; got != 5 {
		t.Errorf("%g updates were skipped", got)
	}
	m.experts[0].Active, m.experts[1].Skipped = false, 2
	if got := series("millrace_expert_skipped_total")[""]; got != 7 {
		t.Errorf("%g updates were skipped after another", got)
	}
	if got := fmt.Sprint(series("millrace_expert_weight")); got != "map[mlp:0.2 svm:0.1]" {
		t.Errorf("weights after one is given up: %s", got)
	}
	for i := range 100 {
		m.experts = append(m.experts, model.Expert{ID: uint64(10 + i), Name: fmt.Sprint("e", i), Weight: float64(i), Active: true})
	}
	got := series("millrace_expert_weight")
	if _, heaviest := got["e99"]; len(got) != expertsMax || !heaviest {
		t.Errorf("%d experts have series, want the %d heaviest", len(got), expertsMax)
	}
	if newExpertMetrics(prometheus.NewRegistry(), model.Weighted(m, model.ClassWeights{Balanced: true})) == nil {
		t.Error("a mixture with class weights has no metrics of its experts")
	}
	if newExpertMetrics(prometheus.NewRegistry(), &fakeModel{}) != nil {
		t.Error("a model without experts has metrics of them")
	}
}
