package learner

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/drift"
)

// driftMetrics are what detectors of drift export.
type driftMetrics struct {
	alarms    *prometheus.CounterVec
	statistic *prometheus.GaugeVec
	names     map[string]string // by feature, the name that its series have
}

// newDriftMetrics registers the series of a monitor's detectors; nil without one.
func newDriftMetrics(r prometheus.Registerer, m *drift.Monitor) *driftMetrics {
	all := m.Standings()
	if all == nil {
		return nil
	}
	d := &driftMetrics{names: map[string]string{},
		alarms: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_drift_alarms_total",
			Help: "Alarms of drift, of losses, labels or a feature."}, []string{"of", "feature"}),
		statistic: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_drift_statistic",
			Help: "How far recent values are from the reference: the population stability index; of losses the mean of the present window, as a share of the largest that counts."},
			[]string{"of", "feature"}),
	}
	r.MustRegister(d.alarms, d.statistic)
	for _, s := range all {
		if s.Of == drift.Feature {
			d.names[s.Feature] = s.Feature
			if len(d.names) > featuresMax {
				d.names[s.Feature] = otherFeatures
			}
		}
		d.alarms.WithLabelValues(string(s.Of), d.names[s.Feature]) // every detector has a series from the start
	}
	return d
}

// report refreshes the statistics; features that share a series have the largest there.
func (d *driftMetrics) report(all []drift.Standing) {
	if d == nil {
		return
	}
	other := math.NaN()
	for _, s := range all {
		name := d.names[s.Feature]
		switch {
		case math.IsNaN(s.Statistic):
			d.statistic.DeleteLabelValues(string(s.Of), name)
		case name == otherFeatures && s.Of == drift.Feature && other >= s.Statistic:
		default:
			d.statistic.WithLabelValues(string(s.Of), name).Set(s.Statistic)
			if name == otherFeatures {
				other = s.Statistic
			}
		}
	}
}

// tellDrift logs and counts what detectors have told since it was called last.
func (l *Learner) tellDrift() {
	for _, a := range l.o.Stream.Trainer.Drift.Fresh() {
		l.drift.alarms.WithLabelValues(string(a.Of), l.drift.names[a.Feature]).Inc()
		about := []any{"of", a.Of}
		if a.Of == drift.Feature {
			about = append(about, "feature", a.Feature)
		}
		l.o.Log.Warn("the stream has changed", append(about, "side", a.Side, "size", math.Round(a.Size*1e4)/1e4,
			"topic", l.o.Stream.Topics[0], "partition", a.From.Partition, "offset", a.From.Offset)...)
	}
}

// Metrics are the progressive metrics and how many alarms of drift there were, under stable names, for manifests.
func (t *Trainer) Metrics() map[string]float64 {
	m := t.Progressive.Metrics()
	for _, s := range t.Drift.Standings() {
		m["drift_alarms"] += float64(s.Alarms)
		m["drift_alarms_"+string(s.Of)] += float64(s.Alarms)
	}
	return m
}
