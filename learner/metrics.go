package learner

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
)

// latencyBuckets cover 250 µs to 16 s in powers of two; native histograms refine them.
var latencyBuckets = prometheus.ExponentialBuckets(0.00025, 2, 17)

// Metrics are the learner's Prometheus metrics. Counters are added to once a chunk, not once an
// event, which keeps atomics out of the hot path.
type Metrics struct {
	consumed, consumedBytes prometheus.Counter
	rejected                *prometheus.CounterVec
	learned, unlabelled     prometheus.Counter
	progressive, baseline   map[string]*prometheus.GaugeVec
	age                     prometheus.GaugeFunc
	size                    *prometheus.GaugeVec
	duration                *prometheus.HistogramVec
	published, skipped      prometheus.Counter
	eventToModel            prometheus.Histogram
	info                    *prometheus.GaugeVec
	observed                *prometheus.CounterVec
	gradientNorm            prometheus.Gauge
	weightNorm              prometheus.Gauge
	deadUnits               *prometheus.GaugeVec // without labels; no series where the model does not watch its units
	pending, blocked        prometheus.GaugeFunc
	paused                  prometheus.Counter

	classes  []string
	seen     []uint64 // class counts already added to observed
	deferred map[string]prometheus.Counter
	// What of the stream's counts was added already; those of former processes were counted there.
	learnedSeen, unlabelledSeen uint64
}

// newMetrics registers the learner's metrics. age and the dead letters are read at every scrape.
func newMetrics(r prometheus.Registerer, classes []string, age func() float64, dead []DeadLetters) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		r.MustRegister(g)
		return g
	}
	stage := prometheus.WrapRegistererWith(prometheus.Labels{"stage": "learner"}, r)
	m := &Metrics{
		rejected:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_rejected_events_total", Help: "Events sent to the dead letters, by reason."}, []string{"reason"}),
		learned:     counter("millrace_learned_events_total", "Events that changed the weights."),
		unlabelled:  counter("millrace_events_unlabelled_total", "Events without a label: predicted and observed, not learned."),
		progressive: map[string]*prometheus.GaugeVec{}, baseline: map[string]*prometheus.GaugeVec{},
		size:         gauge("millrace_snapshot_size_bytes", "Size of the latest published snapshot, by blob.", "blob"),
		published:    counter("millrace_snapshots_published_total", "Snapshots published."),
		skipped:      counter("millrace_snapshots_skipped_total", "Snapshots skipped because earlier ones were still being published."),
		info:         prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_model_info", Help: "The model in use; its version is the sequence number of its head."}, []string{"version", "family"}),
		observed:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_observed_class_total", Help: "Labels learned, by class."}, []string{"class"}),
		gradientNorm: prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_gradient_norm", Help: "Euclidean norm of the latest gradient."}),
		weightNorm:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_weight_norm", Help: "Euclidean norm of the weights."}),
		deadUnits:    gauge("millrace_model_dead_units_ratio", "Share of a network's relu units that were active for less than 1 % of recent events; for networks with plasticity."),
		paused:       counter("millrace_fetch_paused_seconds_total", "Time fetching was paused because too many events were unpublished."),
		classes:      classes, seen: make([]uint64, len(classes)), deferred: map[string]prometheus.Counter{},
	}
	m.consumed = prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_consumed_records_total", Help: "Records read, by stage."})
	m.consumedBytes = prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_consumed_bytes_total", Help: "Bytes of record values read, by stage."})
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "millrace_snapshot_duration_seconds", Help: "Time to copy the state (learning stands still) and to publish it; copy_keyed and keep_keyed are those of checkpoints of state by key.",
		Buckets: prometheus.ExponentialBuckets(0.00001, 4, 12), NativeHistogramBucketFactor: 1.1}, []string{"phase"})
	m.eventToModel = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "millrace_event_to_model_seconds", Help: "From a record's timestamp until the weights have learned it; one event a chunk is observed.",
		Buckets: latencyBuckets, NativeHistogramBucketFactor: 1.1})
	m.age = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "millrace_snapshot_age_seconds", Help: "Time since the newest snapshot was taken.", ConstLabels: prometheus.Labels{"role": "learner"}}, age)
	m.pending = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "millrace_dead_letters_pending", Help: "Dead letters not yet acknowledged."},
		func() (n float64) {
			for _, letters := range dead {
				n += float64(letters.Pending())
			}
			return n
		})
	m.blocked = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "millrace_dead_letters_blocked_seconds",
		Help: "Time for which some dead letter could not be written though it was tried, so that snapshots wait; 0 when all could."},
		func() (seconds float64) {
			for _, letters := range dead {
				seconds = max(seconds, letters.Blocked().Seconds())
			}
			return seconds
		})
	prometheus.WrapRegistererWith(prometheus.Labels{"role": "learner"}, r).MustRegister(m.info)
	stage.MustRegister(m.consumed, m.consumedBytes)
	r.MustRegister(m.rejected, m.observed, m.gradientNorm, m.weightNorm, m.duration, m.eventToModel, m.age, m.pending, m.blocked)
	m.registerLosses(r)
	for _, c := range classes { // every class has a series from the start
		m.observed.WithLabelValues(c)
	}
	return m
}

// registerLosses registers the losses that the target has: log-loss and accuracy for classes, mean
// absolute and root mean squared error for numbers.
func (m *Metrics) registerLosses(r prometheus.Registerer) {
	names := map[string]string{"mae": "Mean absolute error", "rmse": "Root mean squared error"}
	if len(m.classes) > 0 {
		names = map[string]string{"log_loss": "Mean log-loss in nats", "accuracy": "Share of right predictions"}
		m.registerFigures(r, map[string]string{"ece": "Expected calibration error (15 groups)",
			"ece_expected": "What the calibration error would be of perfect probabilities"})
	}
	m.registerFigures(r, map[string]string{"coverage": "Share of labels that intervals or sets held",
		"interval_width": "Mean width of intervals that had bounds, or mean number of classes in sets",
		"unbounded":      "Share of intervals without bounds"})
	for name, help := range names {
		p := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_progressive_" + name,
			Help: help + " of predictions made before learning, by window."}, []string{"window"})
		b := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_baseline_" + name,
			Help: help + " of the baselines, by window."}, []string{"baseline", "window"})
		r.MustRegister(p, b)
		m.progressive[name], m.baseline[name] = p, b
	}
	if len(m.classes) == 2 {
		m.registerFigures(r, map[string]string{"precision": "Share of positives among events predicted positive",
			"recall": "Share of predicted positives among positive events", "roc_auc": "Area under the ROC curve",
			"average_precision": "Area under the precision-recall curve"})
	}
}

// registerFigures registers what baselines have none of.
func (m *Metrics) registerFigures(r prometheus.Registerer, helps map[string]string) {
	for name, help := range helps {
		m.progressive[name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_progressive_" + name,
			Help: help + ", by predictions made before learning, by window."}, []string{"window"})
		r.MustRegister(m.progressive[name])
	}
}

// losses writes the progressive metrics.
func (m *Metrics) losses(p *Progressive) {
	for _, w := range []Window{All, Fading} {
		model, first, last := p.Report(w)
		if c, ok := p.Coverage(w); ok {
			m.progressive["coverage"].WithLabelValues(w.String()).Set(c.Held)
			m.progressive["interval_width"].WithLabelValues(w.String()).Set(c.Width)
			m.progressive["unbounded"].WithLabelValues(w.String()).Set(c.Unbounded)
		}
		if len(m.classes) == 0 {
			m.set("mae", w, model.MAE, "mean", first.MAE, "last", last.MAE)
			m.set("rmse", w, model.RMSE, "mean", first.RMSE, "last", last.RMSE)
			continue
		}
		m.set("accuracy", w, model.Accuracy, "majority", first.Accuracy, "last", last.Accuracy)
		m.set("log_loss", w, model.LogLoss, "majority", first.LogLoss, "", 0)
		if b, ok := p.Binary(w); ok {
			m.progressive["precision"].WithLabelValues(w.String()).Set(b.Precision)
			m.progressive["recall"].WithLabelValues(w.String()).Set(b.Recall)
			m.progressive["roc_auc"].WithLabelValues(w.String()).Set(b.ROCAUC)
			m.progressive["average_precision"].WithLabelValues(w.String()).Set(b.AveragePrecision)
		}
		if c, ok := p.Calibration(w); ok {
			m.progressive["ece"].WithLabelValues(w.String()).Set(c.ECE)
			m.progressive["ece_expected"].WithLabelValues(w.String()).Set(c.Expected)
		}
	}
	for c, n := range p.ClassCounts() {
		m.observed.WithLabelValues(m.classes[c]).Add(float64(n - m.seen[c]))
		m.seen[c] = n
	}
}

func (m *Metrics) set(name string, w Window, model float64, first string, firstValue float64, last string, lastValue float64) {
	m.progressive[name].WithLabelValues(w.String()).Set(model)
	m.baseline[name].WithLabelValues(first, w.String()).Set(firstValue)
	if last != "" {
		m.baseline[name].WithLabelValues(last, w.String()).Set(lastValue)
	}
}

// counted is what a part of a chunk has brought.
type counted struct {
	records uint64 // with those that faulty ranges stand for
	bytes   int
	newest  int64 // time of the event that was applied last, 0 for none
}

// partDone adds what a part of a chunk brought.
func (m *Metrics) partDone(c counted, now time.Time) {
	m.consumed.Add(float64(c.records))
	m.consumedBytes.Add(float64(c.bytes))
	if c.newest != 0 {
		m.eventToModel.Observe(max(now.Sub(time.UnixMilli(c.newest)).Seconds(), 0)) // producers' clocks may run ahead
	}
}

// counted adds what has been learned, and what came without a label, since it was called last.
func (m *Metrics) counted(learned, unlabelled uint64) {
	m.learned.Add(float64(learned - m.learnedSeen))
	m.unlabelled.Add(float64(unlabelled - m.unlabelledSeen))
	m.learnedSeen, m.unlabelledSeen = learned, unlabelled
}

func (m *Metrics) version(h millrace.Head, family string) {
	m.info.Reset()
	m.info.WithLabelValues(strconv.FormatUint(h.Seq, 10), family).Set(1)
}
