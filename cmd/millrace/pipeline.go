package main

import (
	"errors"
	"fmt"
	"os"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/features"
	"millrace/files"
	"millrace/learner"
	"millrace/model"
	"millrace/scorer"
	"millrace/snapshot"
)

// loadPipeline reads a pipeline file; its mistakes are usage errors.
func loadPipeline(path string) (*config.Pipeline, error) {
	if path == "" {
		return nil, usagef("no pipeline file: name one with -c FILE, or write one with millrace init")
	}
	p, err := config.Load(path, os.LookupEnv)
	var problems config.Errors
	if errors.As(err, &problems) || errors.Is(err, os.ErrNotExist) {
		return nil, usageError{err}
	}
	return p, err
}

// learned is one pipeline's learned pieces: what a snapshot holds.
type learned struct {
	extractor *features.Extractor
	model     model.Model
	decoder   *decode.Decoder
	trainer   *learner.Trainer
	layout    *snapshot.Layout
	files     files.Options // how its data files are read
}

// newLearned builds fresh pieces from the pipeline.
func newLearned(p *config.Pipeline) (*learned, error) {
	x, m, err := newModel(p)
	if err != nil {
		return nil, err
	}
	d, err := decode.New(p.DecodeSpec())
	if err != nil {
		return nil, usageError{fmt.Errorf("compiling the schema: %w", err)}
	}
	l := &learned{extractor: x, model: m, decoder: d, trainer: learner.NewTrainer(x, m, p.Target().Classes),
		files: fileOptions(p)}
	l.layout, err = snapshot.NewLayout(metadata(p), snapshot.Part{Prefix: "features", State: x},
		snapshot.Part{Prefix: "model", State: m}, snapshot.Part{Prefix: "progressive", State: l.trainer.Progressive})
	if err != nil {
		return nil, fmt.Errorf("planning snapshots: %w", err)
	}
	return l, nil
}

func newModel(p *config.Pipeline) (*features.Extractor, model.Model, error) {
	x, err := features.New(p.FeatureSpec())
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("building features: %w", err)}
	}
	m, err := model.New(p.Model, p.Target(), x)
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("building the model: %w", err)}
	}
	return x, model.Weighted(m, p.ClassWeights()), nil
}

// newReplica builds what a scorer restores a snapshot into.
func newReplica(p *config.Pipeline) (*scorer.Replica, error) {
	x, m, err := newModel(p)
	if err != nil {
		return nil, err
	}
	layout, err := snapshot.NewLayout(metadata(p), snapshot.Part{Prefix: "features", State: x}, snapshot.Part{Prefix: "model", State: m})
	if err != nil {
		return nil, fmt.Errorf("planning snapshots: %w", err)
	}
	return &scorer.Replica{Extractor: x, Model: m, Layout: layout}, nil
}

func metadata(p *config.Pipeline) map[string]string {
	return map[string]string{"format": "millrace", "model": p.Name, "family": p.Model.Type}
}

// manifest begins every snapshot of the pipeline.
func manifest(p *config.Pipeline, cluster string) millrace.Manifest {
	spec, schemaHash, trainingHash := p.CanonicalSpec()
	return millrace.Manifest{Model: p.Name, Cluster: cluster, Spec: spec, SchemaHash: schemaHash,
		TrainingHash: trainingHash, Profile: model.Profile()}
}

// snapshot is the pieces' state as it is now, sealed, under the given manifest.
func (l *learned) snapshot(m millrace.Manifest) millrace.Snapshot {
	buffer := l.layout.NewBuffer()
	l.layout.Copy(buffer)
	s := millrace.Snapshot{Manifest: m, Serving: buffer.Serving(), Training: buffer.Training()}
	snapshot.Seal(&s)
	return s
}
