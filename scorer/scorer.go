// Package scorer predicts with the newest good snapshot. It follows the store's served pointer, loads
// off the hot path, verifies, and swaps one atomic pointer; when the store is away or serves something
// bad, the last good version goes on serving. It never trains.
package scorer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"millrace"
	"millrace/conformal"
	"millrace/explain"
	"millrace/model"
	"millrace/snapshot"
)

// Snapshots is where a scorer finds what to serve.
type Snapshots interface {
	// Wait blocks until the served pointer differs from known. While the store is away it answers an
	// error at most every poll interval.
	Wait(ctx context.Context, known millrace.Head) (millrace.Head, error)
	// Load returns the served blobs of a head, verified against its digest.
	Load(ctx context.Context, h millrace.Head) (millrace.Snapshot, error)
}

// Extractor is the feature path that learner, scorer and evaluate share.
type Extractor interface {
	millrace.Stateful
	NewInput() millrace.Input
	Extract(dst millrace.Input, e *millrace.Event) error
}

// Decoder turns a record into an event; a *millrace.Rejection is its only error.
type Decoder interface {
	NewEvent() *millrace.Event
	Decode(rec *millrace.Record, dst *millrace.Event) error
}

// Replica is a fresh extractor, model and, where scores carry them, intervals, with the layout over all of them, to
// restore a snapshot into.
type Replica struct {
	Extractor Extractor
	Model     model.Model
	Intervals *conformal.Predictor // nil without
	Layout    *snapshot.Layout
	// NewExplainer returns, once a version is restored, what explains its scores; nil where nobody asks for reasons.
	NewExplainer func() (*explain.Explainer, error)
}

// Version is one served snapshot, restored and ready. It never changes.
type Version struct {
	Head      millrace.Head
	CreatedAt time.Time
	Manifest  millrace.Manifest
	extractor Extractor
	model     model.Model
	value     model.HasValue       // of numbers, else nil
	intervals *conformal.Predictor // nil without

	newExplainer func() (*explain.Explainer, error)
}

// Options are what a Scorer is made of.
type Options struct {
	Name    string
	Family  string
	Classes []string // empty for numbers
	// Positive is the one of two classes that a score is the probability of; the last one when empty.
	Positive string
	// NewReplica builds what a version is restored into, as the version's manifest says. It refuses one of other
	// features, classes or shape by an error that wraps millrace.ErrIncompatible.
	NewReplica func(version *millrace.Manifest) (*Replica, error)
	NewDecoder func() Decoder
	Snapshots  Snapshots
	Metrics    *Metrics
	Log        *slog.Logger
}

// Scorer holds the version in service.
type Scorer struct {
	o        Options
	positive int // of two classes, the index of Options.Positive
	current  atomic.Pointer[Version]
	ready    chan struct{} // closed when the first version is in service
}

// New returns a scorer that serves nothing until Run has loaded a version.
func New(o Options) *Scorer {
	s := &Scorer{o: o, positive: len(o.Classes) - 1, ready: make(chan struct{})}
	if i := slices.Index(o.Classes, o.Positive); i >= 0 {
		s.positive = i
	}
	o.Metrics.watch(s)
	return s
}

// Current is the version in service, nil before the first.
func (s *Scorer) Current() *Version { return s.current.Load() }

// Ready is closed when the first version is in service.
func (s *Scorer) Ready() <-chan struct{} { return s.ready }

// retryDelay is how soon a failed load is tried again, and how often a silent store is asked.
const retryDelay = 200 * time.Millisecond

// Run follows the served pointer until ctx ends. Nothing it meets ends it: a scorer that has a good
// version goes on serving it.
func (s *Scorer) Run(ctx context.Context) error {
	s.o.Log.Info("waiting for the first snapshot", "model", s.o.Name)
	var known millrace.Head // the latest pointer looked at, good or bad
	var away bool
	var refused refusals
	for ctx.Err() == nil {
		h, err := s.o.Snapshots.Wait(ctx, known)
		if err != nil && ctx.Err() != nil {
			break
		}
		answers := err == nil || errors.Is(err, millrace.ErrCorrupt)
		if away && answers {
			away = false
			s.o.Log.Info("the store answers again")
		}
		if err != nil {
			switch {
			case answers: // with a pointer that leads nowhere
				s.refuse(&refused, h, err)
			case !errors.Is(err, millrace.ErrNoSnapshot) && !away:
				away = true
				s.o.Log.Warn("the store does not answer; "+s.meanwhile(), "error", err)
			}
			sleep(ctx, retryDelay)
			continue
		}
		if err := s.swap(ctx, h); err != nil {
			s.refuse(&refused, h, err)
			if refusalReason(err) == RefusedUnreadable { // may be gone or slow: look at the pointer again
				sleep(ctx, retryDelay)
				continue
			}
		} else {
			refused = refusals{}
		}
		known = h
	}
	return nil
}

// meanwhile says what is served while there is no news.
func (s *Scorer) meanwhile() string {
	if s.current.Load() == nil {
		return "nothing is served yet"
	}
	return "the last good version goes on serving"
}

// Serve puts one version in service, for whoever scores with that alone and does not Run.
func (s *Scorer) Serve(ctx context.Context, h millrace.Head) error { return s.swap(ctx, h) }

// swap loads a head and puts it in service, or says why not.
func (s *Scorer) swap(ctx context.Context, h millrace.Head) error {
	old := s.current.Load()
	if old != nil && !h.Newer(old.Head) {
		if h.Seq == old.Head.Seq && h.Epoch == old.Head.Epoch && h.Digest == old.Head.Digest {
			return nil
		}
		return errStale
	}
	if old != nil && !h.Follows(old.Head) {
		return fmt.Errorf("version %d: %w: origin %s, began %s; served is origin %s", h.Seq, errOtherOrigin, h.Origin, h.Began, old.Head.Origin)
	}
	snap, err := s.o.Snapshots.Load(ctx, h)
	if err != nil {
		return fmt.Errorf("loading version %d: %w", h.Seq, err)
	}
	v, err := s.restore(h, snap)
	if err != nil {
		return err
	}
	s.current.Store(v)
	if old == nil {
		close(s.ready)
	}
	s.o.Log.Info("serving another version", "model", s.o.Name, "seq", h.Seq, "digest", h.Digest, "cause", h.Cause, "by", h.By,
		"learned", snap.Manifest.Learned)
	s.o.Metrics.swapped(h, s.o.Family)
	return nil
}

func (s *Scorer) restore(h millrace.Head, snap millrace.Snapshot) (*Version, error) {
	r, err := s.o.NewReplica(&snap.Manifest)
	if err != nil {
		return nil, fmt.Errorf("building a replica for version %d: %w", h.Seq, err)
	}
	if err := r.Layout.Restore(snap.Serving, nil); err != nil {
		return nil, fmt.Errorf("restoring version %d: %w", h.Seq, err)
	}
	v := &Version{Head: h, CreatedAt: snap.Manifest.CreatedAt, Manifest: snap.Manifest, extractor: r.Extractor, model: r.Model,
		intervals: r.Intervals, newExplainer: r.NewExplainer}
	if len(s.o.Classes) == 0 {
		v.value = model.ValueOf(r.Model)
	}
	return v, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// Windows set the fields of an event's windows, before it is scored. The event's time becomes at most its record's.
type Windows interface {
	// Fill has ErrWindowsNotReady as its only error.
	Fill(e *millrace.Event, rec *millrace.Record) error
}

// Session scores records on one goroutine, each with the newest version.
type Session struct {
	scorer     *Scorer
	windows    Windows
	decoder    Decoder
	event      *millrace.Event
	version    *Version
	input      millrace.Input
	scratch    model.Scratch
	prediction []float32
	set        []bool             // of classes, those in the set of the latest score
	explainer  *explain.Explainer // of the version explained; nil before the first
	explained  *Version
}

// NewSession returns working memory for one goroutine. windows is nil for a pipeline that has none.
func (s *Scorer) NewSession(windows Windows) *Session {
	d := s.o.NewDecoder()
	return &Session{scorer: s, windows: windows, decoder: d, event: d.NewEvent()}
}

// ErrNotReady says that no snapshot has been loaded yet.
var ErrNotReady = errors.New("no snapshot to score with yet")

// ErrWindowsNotReady says that the window tables do not hold yet what an event needs.
var ErrWindowsNotReady = errors.New("the window tables are still being filled")

// Score predicts for one record into dst, whose slices are valid until the next call. A record that
// cannot be scored is a *millrace.Rejection; a fault in its label is none.
func (s *Session) Score(rec *millrace.Record, dst *millrace.Score) error {
	v := s.scorer.current.Load()
	if v == nil {
		return ErrNotReady
	}
	if v != s.version {
		s.version, s.input, s.scratch = v, v.extractor.NewInput(), v.model.NewScratch()
		s.prediction = make([]float32, v.model.Outputs())
		s.set = make([]bool, v.model.Outputs())
	}
	if err := s.decoder.Decode(rec, s.event); err != nil {
		return err
	}
	if s.windows != nil {
		if err := s.windows.Fill(s.event, rec); err != nil {
			return err
		}
	}
	if err := v.extractor.Extract(s.input, s.event); err != nil {
		return err
	}
	v.model.Predict(s.prediction, s.input, s.scratch)
	s.fill(dst)
	return nil
}

// Event is what the record scored last was decoded to, also when it could not be scored for want of a feature. It is
// valid until the next call of Score.
func (s *Session) Event() *millrace.Event { return s.event }

// fill names what the prediction means: the positive class's probability for two classes, the predicted
// one's for more, the value for numbers.
func (s *Session) fill(dst *millrace.Score) {
	o := &s.scorer.o
	*dst = millrace.Score{ID: s.event.ID, IDNumber: s.event.IDNumber, Model: o.Name, Version: s.version.Head.Seq, Time: s.event.Time}
	if len(o.Classes) == 0 {
		dst.Score = s.version.value.Value(s.prediction[0])
		if i := s.version.intervals; i != nil {
			dst.Interval = true
			dst.Low, dst.High = i.Interval(dst.Score)
		}
		return
	}
	best := 0
	for i, p := range s.prediction {
		if p > s.prediction[best] {
			best = i
		}
	}
	dst.Class, dst.Score = o.Classes[best], float64(s.prediction[best])
	if len(o.Classes) == 2 {
		dst.Score = float64(s.prediction[s.scorer.positive])
	}
	dst.Probabilities = s.prediction
	if i := s.version.intervals; i != nil {
		for c, p := range s.prediction {
			s.set[c] = c == best || float64(p) >= i.Least()
		}
		dst.Set = s.set
	}
}

// Classes are the scorer's classes, empty for numbers.
func (s *Scorer) Classes() []string { return s.o.Classes }

// VersionText is a version as text, for headers.
func VersionText(version uint64) string { return strconv.FormatUint(version, 10) }
