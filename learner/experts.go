package learner

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/model"
)

// expertsMax bounds the experts that have series at once: a mixture may try many in its time, and Prometheus keeps
// every series that it has ever seen.
const expertsMax = 32

// expertMetrics are gauges of a mixture's experts.
type expertMetrics struct {
	mixture      model.HasExperts
	weight, loss *prometheus.GaugeVec
	skipped      prometheus.Counter
	skippedSeen  uint64
	shown        map[string]bool
}

// newExpertMetrics registers the gauges if the model is made of experts; nil otherwise.
func newExpertMetrics(r prometheus.Registerer, m model.Model) *expertMetrics {
	mixture, ok := model.As[model.HasExperts](m)
	if !ok {
		return nil
	}
	e := &expertMetrics{mixture: mixture, shown: map[string]bool{},
		weight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_expert_weight",
			Help: "An active expert's part of the mixture's prediction."}, []string{"expert"}),
		loss: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_expert_loss",
			Help: "An active expert's recent progressive loss."}, []string{"expert"}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_expert_skipped_total",
			Help: "Updates that an expert refused for itself, summed over all; an event that every one refuses is a dead letter."}),
	}
	r.MustRegister(e.weight, e.loss, e.skipped)
	return e
}

// report refreshes the gauges of the experts that are active, the heaviest expertsMax of them; those of others go. Nil
// reports nothing.
func (e *expertMetrics) report() {
	if e == nil {
		return
	}
	all := e.mixture.Experts()
	var skipped uint64
	for i := range all {
		skipped += all[i].Skipped
	}
	e.skipped.Add(float64(skipped - e.skippedSeen))
	e.skippedSeen = skipped
	experts := slices.DeleteFunc(all, func(x model.Expert) bool { return !x.Active })
	slices.SortStableFunc(experts, func(a, b model.Expert) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.ID, b.ID))
	})
	now := make(map[string]bool, len(experts))
	for _, x := range experts[:min(len(experts), expertsMax)] {
		name := x.Name
		if now[name] { // names are for people and may come twice
			name += " #" + strconv.FormatUint(x.ID, 10)
		}
		now[name] = true
		e.weight.WithLabelValues(name).Set(x.Weight)
		e.loss.WithLabelValues(name).Set(x.Loss)
	}
	for name := range e.shown {
		if !now[name] {
			e.weight.DeleteLabelValues(name)
			e.loss.DeleteLabelValues(name)
		}
	}
	e.shown = now
}
