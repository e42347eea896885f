package learner

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/join"
	"millrace/keyed"
)

// keyedMetrics are those of state by key: of windows, of labels that come later, of the log that both need.
type keyedMetrics struct {
	stream  *Stream
	classes int
	seen    counts // outcomes that were added already; those of former processes were counted there

	events, labels           map[Outcome]prometheus.Counter
	unmeasured, early        prometheus.Counter
	waiting, kept, oldest    prometheus.Gauge
	memory, disk, held       prometheus.Gauge
	files, finding           prometheus.Gauge
	delay                    prometheus.Histogram
	losses                   *prometheus.GaugeVec
	keys, bytes              prometheus.Gauge
	windowsLate, windowsGone prometheus.Counter
	windowsSeen              keyed.Stats
	retention, labelsKept    prometheus.Gauge
	from, labelsFrom         atomic.Int64 // record time from which on a restart reads, Unix milliseconds; 0 is not known
}

// windowStats is what windows may tell of themselves.
type windowStats interface{ Stats() keyed.Stats }

// newKeyedMetrics registers what suits the stream; nil without state by key. The counts of a version that it goes on
// from, before, were added by former processes.
func newKeyedMetrics(r prometheus.Registerer, s *Stream, classes int, before map[string]uint64, now func() time.Time) *keyedMetrics {
	if s.Clock == nil {
		return nil
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_" + name, Help: help})
		r.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_" + name, Help: help})
		r.MustRegister(c)
		return c
	}
	m := &keyedMetrics{stream: s, classes: classes}
	m.seen.restore(before)
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "millrace_rebuild_reach_seconds",
		Help: "Age, by record time, of the oldest record that a restart reads to make the state by key of the latest snapshot again; " +
			"0 where it is not known."}, func() float64 { return reach(&m.from, now()) }))
	m.retention = gauge("rebuild_retention_seconds", "How far back the events' topic keeps its records; 0 where it is not known or has no bound.")
	if _, ok := s.Windows.(windowStats); ok {
		m.keys = gauge("windows_keys", "Keys that the learner's windows hold.")
		m.bytes = gauge("windows_bytes", "Memory of the learner's windows.")
		m.windowsLate = counter("windows_late_total", "Events that came too late for a pane of some window.")
		m.windowsGone = counter("windows_evicted_total", "Keys that gave way to others within their horizon.")
	}
	if s.Join != nil {
		m.registerLate(r, gauge, counter)
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "millrace_rebuild_labels_reach_seconds",
			Help: "Age, by record time, from which on a restart reads the labels' topic to make those that wait for their event again; " +
				"0 where it is not known, or nothing of it is read."}, func() float64 { return reach(&m.labelsFrom, now()) }))
		m.labelsKept = gauge("rebuild_labels_retention_seconds", "How far back the labels' topic keeps its records; 0 where it is not known or has no bound.")
	}
	return m
}

func (m *keyedMetrics) registerLate(r prometheus.Registerer, gauge func(name, help string) prometheus.Gauge, counter func(name, help string) prometheus.Counter) {
	m.waiting = gauge("waiting_events", "Events that wait for their label.")
	m.kept = gauge("waiting_labels", "Labels that came before their event and wait for it.")
	m.oldest = gauge("waiting_oldest_seconds", "For how long the event that waits longest has waited, in event time.")
	m.memory = gauge("waiting_memory_ratio", "Share of the memory for what waits that is in use.")
	m.disk = gauge("waiting_disk_ratio", "Share of the disk for what waits that is in use; 0 without join.disk.")
	m.files = gauge("waiting_disk_bytes", "Files of what waits on disk.")
	m.finding = gauge("waiting_disk_index_bytes", "Memory that finding what waits on disk takes, beyond join.memory.")
	m.held = gauge("expiries_held", "1 while expiries are held because no label at all comes, else 0.")
	m.unmeasured = counter("events_unmeasured_total", "Events in no figure, as the prediction from when they came was lost with a restart, before their label came or their wait ended.")
	m.early = counter("labels_early_total", "Labels that came before their event.")
	m.delay = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "millrace_label_delay_seconds",
		Help: "From an event's time until its label was known.", Buckets: prometheus.ExponentialBuckets(1, 4, 13)})
	name, help := "log_loss", "Recent mean log-loss in nats"
	if m.classes == 0 {
		name, help = "mae", "Recent mean absolute error"
	}
	m.losses = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "millrace_label_delay_" + name,
		Help: help + " of predictions made when events came, by how long after them their labels were known; it goes on over restarts."}, []string{"delay"})
	events := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_events_ended_total",
		Help: "What became of events, by outcome: every event ends under one, unless it waits."}, []string{"outcome"})
	labels := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "millrace_labels_ended_total",
		Help: "What became of labels, by outcome: every label ends under one, unless it waits for its event."}, []string{"outcome"})
	r.MustRegister(m.delay, m.losses, events, labels)
	m.events, m.labels = map[Outcome]prometheus.Counter{}, map[Outcome]prometheus.Counter{}
	for o := range outcomes { // every outcome has a series from the start
		switch {
		case o <= Lost && o != Waiting:
			m.events[o] = events.WithLabelValues(string(o.name()))
		case o >= LabelJoined && o <= LabelLost:
			m.labels[o] = labels.WithLabelValues(string(o.name())[len("label_"):])
		}
	}
	m.stream.Joined = func(delay time.Duration, _ []float64, _ millrace.Label) { m.delay.Observe(delay.Seconds()) }
}

// report refreshes the gauges, and adds what was counted since the last time.
func (m *keyedMetrics) report() {
	if m == nil {
		return
	}
	if w, ok := m.stream.Windows.(windowStats); ok {
		s := w.Stats()
		m.keys.Set(float64(s.Keys))
		m.bytes.Set(float64(s.Bytes))
		m.windowsLate.Add(float64(s.Late - m.windowsSeen.Late))
		m.windowsGone.Add(float64(s.Evicted - m.windowsSeen.Evicted))
		m.windowsSeen = s
	}
	if m.stream.Join != nil {
		m.reportLate(m.stream.Join.Stats())
	}
}

func (m *keyedMetrics) reportLate(s join.Stats) {
	m.waiting.Set(float64(s.Waiting))
	m.kept.Set(float64(s.Kept))
	m.oldest.Set(m.stream.OldestWaiting().Seconds())
	m.memory.Set(float64(s.Charge-s.Stored) / float64(s.Memory))
	if disk := s.Room - s.Memory; disk > 0 {
		m.disk.Set(float64(s.Stored) / float64(disk))
	}
	m.files.Set(float64(s.Files))
	m.finding.Set(float64(s.Finding))
	m.held.Set(0)
	if s.Holding {
		m.held.Set(1)
	}
	add := func(o Outcome, c prometheus.Counter) {
		n := m.stream.Count(o)
		c.Add(float64(n - m.seen[o]))
		m.seen[o] = n
	}
	for o, c := range m.events {
		add(o, c)
	}
	for o, c := range m.labels {
		add(o, c)
	}
	add(Unmeasured, m.unmeasured)
	add(LabelEarly, m.early)
	for _, d := range m.stream.Trainer.Progressive.delayedLosses() {
		m.losses.WithLabelValues(d.Delay).Set(d.Loss)
	}
}

// captured tells of the latest snapshot: from which records on it needs the logs, and for how long those keep them.
func (m *keyedMetrics) captured(events, labels time.Duration) {
	if m == nil {
		return
	}
	from, labelsFrom := m.stream.reachesBack()
	m.retention.Set(events.Seconds())
	m.from.Store(from)
	if m.labelsKept != nil {
		m.labelsKept.Set(labels.Seconds())
		m.labelsFrom.Store(labelsFrom)
	}
}

// reach is how old the oldest record is that a restart reads, in seconds. It goes by the record's time, as retention
// does: the time of its event may be any.
func reach(from *atomic.Int64, now time.Time) float64 {
	t := from.Load()
	if t == 0 {
		return 0
	}
	return max(now.Sub(time.UnixMilli(t)).Seconds(), 0)
}
