package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/config"
	"millrace/files"
	"millrace/scorer"
	"millrace/scorer/wire"
	"millrace/snapshot"
)

// Predicting says with what the rows of files are scored.
type Predicting struct {
	Snapshot string // a snapshot file; empty is the version that the pipeline's store serves
	Version  uint64 // a version of the store's in place of the served one; 0 for that
	// Cold leaves the window tables empty at first; else they are filled from the pipeline's topic. Pipelines without
	// windows have none.
	Cold bool
	Log  *slog.Logger
}

// Predictor scores the rows of files as the pipeline's scorers score its events: with their code, and so to the byte.
// It is for one caller.
type Predictor struct {
	pipeline *config.Pipeline
	scorer   *scorer.Scorer
	windows  *rowWindows // nil for a pipeline without windows
	version  string
	remote   *remote // who scores in place of all that; nil for this process
}

// OpenPredictor gets everything ready that rows are scored with. What cannot be is a config.UsageError where a person
// asked for something else than there is.
func OpenPredictor(ctx context.Context, p *config.Pipeline, o Predicting) (*Predictor, error) {
	e := newEnvironment(p, o.Log)
	defer e.Close()
	predictor := &Predictor{pipeline: p}
	var err error
	if predictor.windows, err = newRowWindows(p); err != nil {
		return nil, err
	}
	from, head, err := versionFor(ctx, e, o)
	if err != nil {
		return nil, err
	}
	// Nobody reads these metrics, and what goes wrong is returned.
	metrics := scorer.NewMetrics(prometheus.NewRegistry(), p.Label.Classes, time.Now)
	if predictor.scorer, err = newScorerOf(p, from, metrics, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	if err := predictor.scorer.Serve(ctx, head); err != nil {
		return nil, err
	}
	predictor.version = fmt.Sprintf("version %d of %s", head.Seq, p.Name)
	if o.Snapshot != "" {
		predictor.version = o.Snapshot
	}
	if predictor.windows == nil || o.Cold {
		return predictor, nil
	}
	if err := e.openKafka(ctx, Servers{}); err != nil {
		return nil, err
	}
	return predictor, predictor.windows.fill(ctx, e)
}

// versionFor is the version to score with, and where its blobs are: a file's, or the served one, which it loads, as the
// store is closed with the environment.
func versionFor(ctx context.Context, e *environment, o Predicting) (scorer.Snapshots, millrace.Head, error) {
	if o.Version > 0 {
		return versionOf(ctx, e, o.Version)
	}
	if file := o.Snapshot; file != "" {
		s, err := snapshot.ReadFile(file)
		if err != nil {
			return nil, millrace.Head{}, config.UsageError{Err: err}
		}
		return one{s}, millrace.Head{Seq: s.Manifest.Seq, Epoch: s.Manifest.Epoch, Origin: s.Manifest.Origin}, nil
	}
	name := e.pipeline.Name
	if err := e.openStore(ctx, Servers{}); err != nil {
		return nil, millrace.Head{}, err
	}
	head, err := e.store.Served(ctx, name)
	if errors.Is(err, millrace.ErrNoSnapshot) {
		return nil, head, fmt.Errorf("the store serves no version of %s yet: let millrace run learn some events first, or name a snapshot file with "+
			"--snapshot FILE", name)
	}
	if err != nil {
		return nil, head, fmt.Errorf("looking for the served version of %s: %w", name, err)
	}
	s, err := e.store.Load(ctx, name, head, false)
	return one{s}, head, err
}

// one is a single snapshot as a scorer's store.
type one struct{ snapshot millrace.Snapshot }

func (o one) Load(context.Context, millrace.Head) (millrace.Snapshot, error) { return o.snapshot, nil }

func (o one) Wait(ctx context.Context, _ millrace.Head) (millrace.Head, error) {
	<-ctx.Done()
	return millrace.Head{}, ctx.Err()
}

// Version names, for people, what rows are scored with.
func (r *Predictor) Version() string { return r.version }

// Cold reports whether rows begin with empty windows.
func (r *Predictor) Cold() bool { return r.windows != nil && !r.windows.filled }

// Options say how files are read whose rows are to be scored. Rows of cold windows happen at their own times, as in
// evaluate: with a topic behind them they come now, as all events do.
func (r *Predictor) Options(in files.Input) (o files.Options, err error) {
	o = fileOptions(r.pipeline)
	o.Input = in
	if r.Cold() {
		o.Time, err = RowTime(r.pipeline.Events.Time, r.pipeline.Limits)
	}
	return o, err
}

// session returns what a goroutine scores rows with.
func (r *Predictor) session() rowScorer {
	if r.remote != nil {
		return r.remote
	}
	encoder := wire.NewEncoder(r.pipeline.Name, r.pipeline.Label.Classes, r.pipeline.Scores.Include)
	if r.windows == nil {
		return &localRows{session: r.scorer.NewSession(nil), encoder: encoder}
	}
	return &localRows{session: r.scorer.NewSession(r.windows), encoder: encoder, windows: r.windows}
}

// Needs are the servers that scoring rows takes, see Locate.
func (o *Predicting) Needs(p *config.Pipeline) (broker, store bool) {
	return !o.Cold && len(windowFields(p.FeatureSpec().Columns)) > 0, o.Snapshot == ""
}
