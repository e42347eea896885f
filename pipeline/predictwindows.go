package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/decode"
	"millrace/features"
	"millrace/keyed"
	"millrace/scorer/follow"
)

// rowLane is the partition that rows of files come from. No topic has it.
const rowLane = math.MaxInt32

// rowWindows are the window tables that rows are scored with, and which observe each row that was scored. They begin
// empty, or as those of a scorer that has read the pipeline's topic to its end.
type rowWindows struct {
	spec   features.Spec
	tables *keyed.Windows
	clock  *keyed.Clock
	filled bool // from a topic

	event  *millrace.Event // the one that was filled last
	before int64           // the watermark before it
}

// newRowWindows returns empty tables; nil for a pipeline without windows.
func newRowWindows(p *config.Pipeline) (*rowWindows, error) {
	spec := p.FeatureSpec()
	tables, err := keyed.New(spec.Columns, spec.Seed)
	if tables == nil || err != nil {
		return nil, err
	}
	return &rowWindows{spec: spec, tables: tables, clock: keyed.NewClock()}, nil
}

// Fill implements scorer.Windows.
func (w *rowWindows) Fill(e *millrace.Event, rec *millrace.Record) error {
	e.CapTime(rec)
	w.event, w.before = e, w.clock.Now()
	w.tables.Fill(e, w.before)
	return nil
}

// observe has the tables see the event that was filled last, as a follower's see each one that can be scored.
func (w *rowWindows) observe() {
	w.tables.Observe(w.event, w.before)
	w.clock.Advance(rowLane, w.event.Time)
}

// fill reads the pipeline's topic to its end, as a scorer does that begins there.
func (w *rowWindows) fill(ctx context.Context, e *environment) error {
	topic := atEnd{&following{env: e, gaps: true}}
	if _, err := topic.Bounds(ctx); errors.Is(err, consumers.ErrUnknownTopic) {
		return config.UsageError{Err: fmt.Errorf("filling the window tables: %w; to begin with empty windows, say --cold", err)}
	} else if err != nil {
		return fmt.Errorf("filling the window tables: %w", err)
	}
	d, err := decode.New(e.pipeline.DecodeSpec())
	if err != nil {
		return fmt.Errorf("compiling the schema: %w", err)
	}
	x, err := features.New(w.spec)
	if err != nil {
		return fmt.Errorf("building features: %w", err)
	}
	f := follow.New(follow.Options{Topic: topic, Own: func() []int32 { return nil }, Windows: w.tables,
		NewClock: func() follow.Clock { // each pass over the topic has one, and the last one's stays
			w.clock = keyed.NewClock()
			return w.clock
		},
		Fields: windowFields(w.spec.Columns), Decoder: d, Extractor: x, Log: e.log, Now: time.Now})
	if err := runUntil(ctx, f.Run, f.Warm); err != nil {
		return fmt.Errorf("filling the window tables: %w", err)
	}
	w.clock.Turn(slices.Collect(maps.Keys(w.clock.Watermarks())), nil) // rows go on alone
	w.filled = true
	return nil
}

// readyEvery is how often it is looked whether something has come as far as it should.
const readyEvery = 5 * time.Millisecond

// runUntil runs something until it is ready, and ends it then. An end before is an error.
func runUntil(ctx context.Context, run func(context.Context) error, ready func() bool) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(inner) }()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for !ready() {
		select {
		case err := <-ended:
			if err == nil {
				err = context.Cause(inner)
			}
			return err
		case <-ticker.C:
		}
	}
	stop()
	return <-ended
}

// atEnd is the events topic for a follower of rows that come after all that it holds.
type atEnd struct{ *following }

// Committed implements follow.Topic: all was scored.
func (t atEnd) Committed(ctx context.Context) ([]millrace.Position, error) {
	bounds, err := t.Bounds(ctx)
	all := make([]millrace.Position, 0, len(bounds))
	for partition, b := range bounds {
		all = append(all, millrace.Position{Topic: t.env.pipeline.Events.Topic, Partition: partition, Offset: b[1]})
	}
	return all, err
}
