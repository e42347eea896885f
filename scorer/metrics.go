package scorer

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
)

// Metrics are a scorer's Prometheus metrics.
type Metrics struct {
	refused      *prometheus.CounterVec
	swaps        prometheus.Counter
	info         *prometheus.GaugeVec
	scored       prometheus.Counter
	unscored     *prometheus.CounterVec
	consumed     prometheus.Counter
	bytes        prometheus.Counter
	eventToScore prometheus.Histogram
	score        prometheus.Histogram
	predicted    *prometheus.CounterVec

	registerer prometheus.Registerer
	now        func() time.Time
}

// latencyBuckets are fine around the millisecond that a score takes and the ten that it may take, and
// reach to the ten seconds of an outage.
func latencyBuckets() []float64 {
	return []float64{0.0005, 0.00075, 0.001, 0.00125, 0.0015, 0.00175, 0.002, 0.0025, 0.003, 0.004, 0.005, 0.0075,
		0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
}

// NewMetrics registers a scorer's metrics. Probabilities get linear score buckets, numbers powers of ten.
func NewMetrics(r prometheus.Registerer, classes []string, now func() time.Time) *Metrics {
	buckets := prometheus.LinearBuckets(0.05, 0.05, 20)
	if len(classes) == 0 {
		buckets = prometheus.ExponentialBuckets(0.001, 10, 13)
	}
	m := &Metrics{
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_snapshots_refused_total", Help: "Snapshots not put in service, by reason."}, []string{"reason"}),
		swaps:    prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_snapshot_swaps_total", Help: "Snapshots put in service."}),
		scored:   prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_scored_events_total", Help: "Events scored."}),
		unscored: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_unscored_events_total", Help: "Events that could not be scored, by reason."}, []string{"reason"}),
		consumed: prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_consumed_records_total", Help: "Records read, by stage."}),
		bytes:    prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_consumed_bytes_total", Help: "Bytes of record values read, by stage."}),
		eventToScore: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "millrace_event_to_score_seconds", Help: "From a record's timestamp until its score is acknowledged.",
			Buckets: latencyBuckets(), NativeHistogramBucketFactor: 1.1}),
		score: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "millrace_score", Help: "Scores: the probability of the positive or predicted class, or the predicted value.",
			Buckets: buckets}),
		predicted:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_predicted_class_total", Help: "Scores, by predicted class."}, []string{"class"}),
		registerer: r, now: now,
	}
	m.info = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_model_info", Help: "The model in use; its version is the sequence number of its head."}, []string{"version", "family"})
	prometheus.WrapRegistererWith(prometheus.Labels{"role": "scorer"}, r).MustRegister(m.info)
	prometheus.WrapRegistererWith(prometheus.Labels{"stage": "scorer"}, r).MustRegister(m.consumed, m.bytes)
	r.MustRegister(m.refused, m.swaps, m.scored, m.unscored, m.eventToScore, m.score, m.predicted)
	for _, c := range classes { // every class has a series from the start
		m.predicted.WithLabelValues(c)
	}
	return m
}

// watch exports the age of the version that s serves; 0 before the first.
func (m *Metrics) watch(s *Scorer) {
	m.registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "millrace_snapshot_age_seconds", Help: "Time since the newest snapshot was taken.",
		ConstLabels: prometheus.Labels{"role": "scorer"}}, func() float64 {
		v := s.Current()
		if v == nil {
			return 0
		}
		return m.now().Sub(v.CreatedAt).Seconds()
	}))
}

// Predicted counts one prediction.
func (m *Metrics) Predicted(s *millrace.Score) {
	m.score.Observe(s.Score)
	if s.Class != "" {
		m.predicted.WithLabelValues(s.Class).Inc()
	}
}

// Unscored counts an event that could not be scored.
func (m *Metrics) Unscored(reason millrace.Reason) { m.UnscoredRange(reason, 1) }

// UnscoredRange counts n events that cannot be scored.
func (m *Metrics) UnscoredRange(reason millrace.Reason, n uint64) {
	m.unscored.WithLabelValues(string(reason)).Add(float64(n))
}

// Written counts a score that is acknowledged, for a record with this timestamp.
func (m *Metrics) Written(recordTime int64) {
	m.scored.Inc()
	age := m.now().Sub(time.UnixMilli(recordTime)).Seconds()
	m.eventToScore.Observe(max(age, 0)) // producers' clocks may run ahead
}

// Read counts a batch whose events were all predicted.
func (m *Metrics) Read(b *millrace.Batch, bytes int) {
	n := uint64(0)
	for i := range b.Records {
		n += b.Records[i].Count()
	}
	m.consumed.Add(float64(n))
	m.bytes.Add(float64(bytes))
}

func (m *Metrics) swapped(h millrace.Head, family string) {
	m.swaps.Inc()
	m.info.Reset()
	m.info.WithLabelValues(strconv.FormatUint(h.Seq, 10), family).Set(1)
}
