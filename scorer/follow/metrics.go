package follow

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are a follower's Prometheus metrics.
type Metrics struct{ registerer prometheus.Registerer }

// NewMetrics prepares metrics that New registers.
func NewMetrics(r prometheus.Registerer) *Metrics { return &Metrics{registerer: r} }

func (m *Metrics) watch(f *Follower) {
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	m.registerer.MustRegister(
		gauge("millrace_scorer_windows_ready", "1 when the scorer's window tables hold all that an event needs, 0 while they are filled.", func() float64 {
			if f.Warm() {
				return 1
			}
			return 0
		}),
		gauge("millrace_scorer_windows_remaining_records", "Records to be read until the scorer's window tables are filled.",
			func() float64 { return float64(f.Remaining()) }),
		gauge("millrace_scorer_windows_kept_bytes", "Memory of window values kept for events whose scores are not committed.",
			func() float64 { return float64(f.values.held()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "millrace_scorer_windows_dropped_total",
			Help: "Events whose window values had to go before their scores were committed, for want of room."},
			func() float64 { return float64(f.values.lost()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "millrace_scorer_windows_fillings_total",
			Help: "How often the scorer began to fill its window tables; each but the first is one more reading of the topic."},
			func() float64 { return float64(f.passes.Load()) }),
	)
}
