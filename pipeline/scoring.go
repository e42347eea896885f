package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/decode"
	"millrace/scorer"
	"millrace/scorer/follow"
	"millrace/scorer/topic"
	scoreweb "millrace/scorer/web"
	"millrace/scorer/wire"
	"millrace/web"
)

func scorerGroup(name string) string { return name + ".scorer" }

// scoreBytes bounds scores that are not yet acknowledged; then reading events to score pauses.
const scoreBytes = 16 << 20

// scoring is a scorer with all it needs.
type scoring struct {
	env      *environment
	scorer   *scorer.Scorer
	loop     *topic.Loop
	source   *consumers.GroupSource
	producer *consumers.Producer
	metrics  *scorer.Metrics
	windows  *following // nil for a pipeline without windows
}

// openScoring builds a scorer of the pipeline's events, whose first positions placeScoring has fixed.
func openScoring(ctx context.Context, e *environment, o Options) (*scoring, error) {
	p := e.pipeline
	if err := ensureTopics(ctx, e, p.Scores.Topic); err != nil {
		return nil, err
	}
	s := &scoring{env: e, metrics: scorer.NewMetrics(e.metrics, p.Label.Classes, time.Now)}
	var err error
	if s.scorer, err = newScorer(e, s.metrics); err != nil {
		return nil, err
	}
	s.source = consumers.NewGroupSource(e.cluster, consumers.GroupOptions{Group: scorerGroup(p.Name), Topic: p.Events.Topic,
		Start: "earliest", AllowGaps: o.AllowGaps, UnknownTopic: p.Events.UnknownTopic})
	e.metrics.MustRegister(newLag("scorer", lagOf{p.Events.Topic, s.source.Lag}))
	s.producer = consumers.NewProducer(e.cluster, consumers.ProducerOptions{BufferBytes: scoreBytes})
	// Created anew like at the start, should somebody delete it. Where that is refused, scores wait; learning does not.
	writer := consumers.NewKeptWriter(s.producer, "scores", &consumers.TopicSpec{Name: p.Scores.Topic, Partitions: p.Events.Partitions})
	options := topic.Options{Scorer: s.scorer, Topic: p.Scores.Topic, Source: s.source, Writer: writer,
		Encoder: wire.NewEncoder(p.Name, p.Label.Classes, p.Scores.Include), Metrics: s.metrics,
		Log: e.log, Now: time.Now, OnScore: o.OnScore, ShutdownTimeout: o.drain()}
	if s.windows, err = newFollowing(e, o, s.source.Assigned); err != nil {
		return nil, err
	}
	if s.windows != nil {
		gate := follow.NewGate(s.source, s.windows.follower)
		options.Source, options.Windows = gate, gate
	}
	s.loop = topic.NewLoop(options)
	return s, nil
}

// newScoreServer listens for single events to score; it is nil when the pipeline names no address.
func newScoreServer(s *scoring) (*web.Server, error) {
	p := s.env.pipeline
	if p.Scores.HTTP == "" {
		return nil, nil //nolint:nilnil // no server is what was asked for
	}
	encoder := wire.NewEncoder(p.Name, p.Label.Classes, p.Scores.Include)
	handler := scoreweb.NewHandler(scoreweb.Options{NewSession: s.newSession, Append: encoder.Append, Metrics: s.metrics,
		EventBytesMax: int64(p.Limits.Event), Now: time.Now, Fields: scoreweb.NewFields(eventFields(p), config.Nearest), About: aboutScores(p),
		Explain: explainer(p),
		Version: func() uint64 {
			if v := s.scorer.Current(); v != nil {
				return v.Head.Seq
			}
			return 0
		}})
	server, err := web.Listen(p.Scores.HTTP, "scores of single events", handler, s.env.log)
	if err != nil {
		return nil, fmt.Errorf("%w (scores.http)", err)
	}
	return server, nil
}

// newSession scores events that are in no log.
func (s *scoring) newSession() scoreweb.Session {
	if s.windows == nil {
		return s.scorer.NewSession(nil)
	}
	return s.scorer.NewSession(s.windows.follower)
}

// notReady says why events cannot be scored yet; it is empty when they can.
func (s *scoring) notReady() string {
	switch {
	case s.scorer.Current() == nil:
		return "waiting for the first snapshot"
	case s.windows != nil && !s.windows.follower.Warm():
		return fmt.Sprintf("filling the window tables, about %s to go", millrace.Counted(s.windows.follower.Remaining(), "record"))
	}
	return ""
}

// newScorer builds a scorer that follows the pipeline's served version.
func newScorer(e *environment, m *scorer.Metrics) (*scorer.Scorer, error) {
	return newScorerOf(e.pipeline, served{e.store, e.pipeline.Name}, m, e.log)
}

// newScorerOf builds a scorer of the pipeline's versions in a store.
func newScorerOf(p *config.Pipeline, from scorer.Snapshots, m *scorer.Metrics, log *slog.Logger) (*scorer.Scorer, error) {
	if _, err := newReplica(p); err != nil { // what cannot be built must be known before it is tried at every snapshot
		return nil, err
	}
	d, err := decode.New(p.DecodeSpec())
	if err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	own, _, _ := p.CanonicalSpec()
	return scorer.New(scorer.Options{
		Name: p.Name, Family: p.Model.Type, Classes: p.Label.Classes, Positive: p.Label.Positive,
		NewReplica: func(version *millrace.Manifest) (*scorer.Replica, error) {
			if bytes.Equal(own, version.Spec) { // nearly always: nothing to compare setting by setting
				return newReplica(p)
			}
			return replicaOf(p, version)
		},
		NewDecoder: func() scorer.Decoder { return d.Clone() },
		Snapshots:  from, Metrics: m, Log: log,
	}), nil
}

// run scores until ctx ends. The source and the producer outlive the loop's drain.
func (s *scoring) run(ctx context.Context) error {
	parts := []part{{"reading events to score", s.source.Run}, {"writing scores", s.producer.Run}, {"following snapshots", s.scorer.Run}}
	if s.windows != nil {
		parts = append(parts, part{"following the events for their windows", s.windows.follower.Run})
	}
	partErr, loopErr := runAround(ctx, s.loop.Run, parts...)
	return errors.Join(partErr, loopErr)
}
