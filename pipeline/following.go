package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/consumers"
	"millrace/decode"
	"millrace/features"
	"millrace/keyed"
	"millrace/merge"
	"millrace/scorer/follow"
)

// following is how a scorer of a pipeline with windows keeps their tables: its follower, and the events topic as that
// sees it.
type following struct {
	env         *environment
	follower    *follow.Follower
	differences *follow.Differences // nil where nobody learns beside
	gaps        bool
}

// newFollowing builds the follower of a scorer; it is nil for a pipeline without windows.
func newFollowing(e *environment, o Options, own func() []int32) (*following, error) {
	p := e.pipeline
	spec := p.FeatureSpec()
	windows, err := keyed.New(spec.Columns, spec.Seed)
	if windows == nil || err != nil {
		return nil, err
	}
	d, err := decode.New(p.DecodeSpec())
	if err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	x, err := features.New(spec) // without views it does nothing but refuse
	if err != nil {
		return nil, fmt.Errorf("building features: %w", err)
	}
	f := &following{env: e, gaps: o.AllowGaps}
	if o.Learn {
		f.differences = follow.NewDifferences(e.metrics, windowFields(spec.Columns))
	}
	f.follower = follow.New(follow.Options{Topic: f, Own: own, Windows: windows, NewClock: func() follow.Clock { return keyed.NewClock() },
		Fields: windowFields(spec.Columns), Decoder: d, Extractor: x, Metrics: follow.NewMetrics(e.metrics), Differences: f.differences,
		Log: e.log, Now: time.Now})
	e.metrics.MustRegister(newLag("windows", lagOf{p.Events.Topic, f.follower.Lag}))
	f.export(windows)
	return f, nil
}

// compare has the windows of a learner that is about to run compared with those here. f may be nil.
func (f *following) compare(l *learning) {
	if f != nil {
		l.learned.Stream.Filled = f.differences.Learned
	}
}

// export tells of the tables as they are at each scrape.
func (f *following) export(windows *keyed.Windows) {
	read := func(of func(keyed.Stats) float64) func() float64 {
		return func() (n float64) {
			f.follower.Read(func() { n = of(windows.Stats()) })
			return n
		}
	}
	gauge := func(name, help string, of func(keyed.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read(of))
	}
	counter := func(name, help string, of func(keyed.Stats) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read(of))
	}
	f.env.metrics.MustRegister(
		gauge("millrace_scorer_windows_keys", "Keys in the scorer's window tables.", func(s keyed.Stats) float64 { return float64(s.Keys) }),
		gauge("millrace_scorer_windows_bytes", "Memory of the scorer's window tables.", func(s keyed.Stats) float64 { return float64(s.Bytes) }),
		counter("millrace_scorer_windows_late_total", "Events too late for a window at the scorer, since its tables were filled.",
			func(s keyed.Stats) float64 { return float64(s.Late) }),
		counter("millrace_scorer_windows_evicted_total", "Keys that gave way to others within their horizon, since the scorer's tables were filled.",
			func(s keyed.Stats) float64 { return float64(s.Evicted) }))
}

// windowFields are the fields of an event that windows make.
func windowFields(columns features.Columns) []int {
	var fields []int
	for i := range columns {
		if columns[i].Type == features.Window {
			fields = append(fields, i)
		}
	}
	return fields
}

// Committed implements follow.Topic.
func (f *following) Committed(ctx context.Context) ([]millrace.Position, error) {
	return f.env.cluster.CommittedOffsets(ctx, scorerGroup(f.env.pipeline.Name), f.env.pipeline.Events.Topic)
}

// Bounds implements follow.Topic.
func (f *following) Bounds(ctx context.Context) (map[int32][2]int64, error) {
	return f.env.cluster.Bounds(ctx, f.env.pipeline.Events.Topic)
}

// OffsetsAt implements follow.Topic.
func (f *following) OffsetsAt(ctx context.Context, t int64) (map[int32]int64, error) {
	positions, err := f.env.cluster.Resolve(ctx, f.env.pipeline.Events.Topic, consumers.StartAt(time.UnixMilli(t)))
	if err != nil {
		return nil, err
	}
	at := make(map[int32]int64, len(positions))
	for _, p := range positions {
		at[p.Partition] = p.Offset
	}
	return at, nil
}

// Read implements follow.Topic.
func (f *following) Read(from map[int32]int64) (follow.Reader, error) {
	e := f.env.pipeline.Events
	positions := make([]millrace.Position, 0, len(from))
	for partition, offset := range from {
		positions = append(positions, millrace.Position{Topic: e.Topic, Partition: partition, Offset: offset})
	}
	source := consumers.NewSource(f.env.cluster, consumers.SourceOptions{Topic: e.Topic, Positions: positions,
		AllowGaps: f.gaps, UnknownTopic: e.UnknownTopic})
	return merged{source, merge.New(merge.Options{Sources: []merge.Source{source}, Now: time.Now, Live: true})}, nil
}

// merged is a topic's source behind a merger.
type merged struct {
	*consumers.Source
	merger *merge.Merger
}

// Next implements follow.Reader.
func (m merged) Next(ctx context.Context) (merge.Stretch, error) { return m.merger.Next(ctx) }
