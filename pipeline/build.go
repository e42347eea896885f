package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"

	"millrace"
	"millrace/config"
	"millrace/conformal"
	"millrace/decode"
	"millrace/drift"
	"millrace/explain"
	"millrace/features"
	"millrace/files"
	"millrace/join"
	"millrace/keyed"
	"millrace/learner"
	"millrace/model"
	"millrace/model/calibration"
	"millrace/model/family"
	"millrace/scorer"
	"millrace/snapshot"
)

// Pieces are what one pipeline learns with, and what its snapshots hold. One goroutine at a time may use them.
type Pieces struct {
	Extractor *features.Extractor
	Model     model.Model
	Decoder   *decode.Decoder
	// Labels decodes label records; nil where labels come with their events.
	Labels  *decode.Decoder
	Trainer *learner.Trainer
	// Windows and Join are state by key, nil without; it is in no snapshot, but for who still waits.
	Windows *keyed.Windows
	Join    *join.Table
	Stream  *learner.Stream  // applies events and labels to all of them
	Layout  *snapshot.Layout // of extractor, model, progressive metrics and watch
	Files   files.Options    // how its data files are read
}

// Build makes fresh pieces from the pipeline. What the file asks for and cannot be is a config.UsageError.
func Build(p *config.Pipeline) (*Pieces, error) {
	x, m, err := newModel(p)
	if err != nil {
		return nil, err
	}
	d, err := decode.New(p.DecodeSpec())
	if err != nil {
		return nil, config.UsageError{Err: fmt.Errorf("compiling the schema: %w", err)}
	}
	l := &Pieces{Extractor: x, Model: m, Decoder: d, Trainer: learner.NewTrainer(x, m, p.Target().Classes),
		Files: fileOptions(p)}
	l.Trainer.Drift = drift.New(driftSpec(p))
	l.Trainer.Progressive.SetPositive(p.Label.PositiveClass())
	l.Trainer.Watch = learner.NewWatch(x, m, p.Target().Classes, p.FeatureSpec().Seed)
	if p.LateLabels() {
		if l.Labels, err = decode.New(p.LabelDecodeSpec()); err != nil {
			return nil, config.UsageError{Err: fmt.Errorf("compiling the schema of labels: %w", err)}
		}
	}
	if err := l.Begin(p); err != nil {
		return nil, err
	}
	intervals := newIntervals(p)
	if intervals != nil {
		l.Trainer.SetIntervals(intervals)
	}
	parts := append(servingParts(x, m, intervals), snapshot.Part{Prefix: "progressive", State: l.Trainer.Progressive},
		snapshot.Part{Prefix: "watch", State: l.Trainer.Watch}, snapshot.Part{Prefix: "drift", State: l.Trainer.Drift})
	if p.LateLabels() {
		l.Layout, err = snapshot.NewTailedLayout(metadata(p), waitingTail, parts...)
	} else if l.Layout, err = snapshot.NewLayout(metadata(p), parts...); err == nil {
		l.Layout.SkipTail(waitingTail) // where labels no longer come later, nobody waits
	}
	if err != nil {
		return nil, fmt.Errorf("planning snapshots: %w", err)
	}
	l.Layout.Drop("model."+calibration.StatePrefix, intervalPart+".", "progressive."+learner.CoverageState)
	return l, nil
}

// intervalPart is the part of snapshots that intervals and sets are made by.
const intervalPart = "interval"

// newIntervals returns what makes the intervals that scores are to carry; nil without.
func newIntervals(p *config.Pipeline) *conformal.Predictor {
	if p.Scores.Interval == 0 {
		return nil
	}
	return conformal.New(p.Scores.Interval, p.Target().Classes)
}

// servingParts are the parts of snapshots that scorers need; intervals may be nil.
func servingParts(x *features.Extractor, m model.Model, intervals *conformal.Predictor) []snapshot.Part {
	parts := []snapshot.Part{{Prefix: "features", State: x}, {Prefix: "model", State: m}}
	if intervals != nil {
		parts = append(parts, snapshot.Part{Prefix: intervalPart, State: intervals})
	}
	return parts
}

// waitingTail is the tail of training blobs: which offsets of the log still wait.
const waitingTail = "join.waiting"

// Begin gives the pieces new state by key, and a stream over all of them: windows are empty and nothing waits for its
// label, while what was learned stays. Every pass over a file begins so.
func (l *Pieces) Begin(p *config.Pipeline) (err error) {
	o := learner.StreamOptions{Trainer: l.Trainer, Topics: [2]string{p.Events.Topic, p.Label.Topic}}
	spec := p.FeatureSpec()
	if l.Windows, err = keyed.New(spec.Columns, spec.Seed); err != nil {
		return config.UsageError{Err: fmt.Errorf("building windows: %w", err)}
	}
	if l.Windows != nil {
		o.Windows = l.Windows
	}
	if p.LateLabels() {
		l.Join = join.New(p.JoinSpec(), l.Model.Outputs())
		o.Join, o.Assume = l.Join, p.Label.Assumed()
	}
	if l.keyed() {
		o.Clock = keyed.NewClock()
	}
	l.Stream = learner.NewStream(o)
	return nil
}

// keyed reports whether the pieces have state by key.
func (l *Pieces) keyed() bool { return l.Windows != nil || l.Join != nil }

func newModel(p *config.Pipeline) (*features.Extractor, model.Model, error) {
	x, err := features.New(p.FeatureSpec())
	if err != nil {
		return nil, nil, config.UsageError{Err: fmt.Errorf("building features: %w", err)}
	}
	m, err := family.New(p.Model, p.Target(), x)
	if err != nil {
		return nil, nil, config.UsageError{Err: fmt.Errorf("building the model: %w%s", err, widestText(p))}
	}
	return x, calibration.New(model.Weighted(m, p.ClassWeights()), p.Calibration()), nil
}

// replicaOf builds what the pipeline's scorers restore a version into: from the version's own settings, once it is sure
// that they may differ from the file's. What cannot be built of them will not be built at the next attempt either.
func replicaOf(p *config.Pipeline, version *millrace.Manifest) (*scorer.Replica, error) {
	served, err := p.ServedBy(version)
	if err != nil {
		return nil, err
	}
	r, err := newReplica(served)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", millrace.ErrIncompatible, err)
	}
	return r, nil
}

// newReplica builds what a scorer restores a snapshot into.
func newReplica(p *config.Pipeline) (*scorer.Replica, error) {
	x, m, err := newModel(p)
	if err != nil {
		return nil, err
	}
	r := &scorer.Replica{Extractor: x, Model: m, Intervals: newIntervals(p)}
	if r.Layout, err = snapshot.NewLayout(metadata(p), servingParts(x, m, r.Intervals)...); err != nil {
		return nil, fmt.Errorf("planning snapshots: %w", err)
	}
	r.Layout.Drop(intervalPart + ".") // what scores need not carry is not restored
	positive := max(0, slices.Index(p.Label.Classes, p.Label.PositiveName()))
	r.NewExplainer = func() (*explain.Explainer, error) {
		return explain.New(x, m, len(p.Label.Classes), explain.Options{Positive: positive})
	}
	return r, nil
}

func metadata(p *config.Pipeline) map[string]string {
	return map[string]string{"format": "millrace", "model": p.Name, "family": p.Model.Type}
}

// Manifest begins every snapshot of the pipeline; cluster is the Kafka cluster's id, empty without one.
func Manifest(p *config.Pipeline, cluster string) millrace.Manifest {
	spec, schemaHash, trainingHash := p.CanonicalSpec()
	m := millrace.Manifest{Model: p.Name, Cluster: cluster, Spec: spec, SchemaHash: schemaHash,
		TrainingHash: trainingHash, Profile: model.Profile()}
	if p.LateLabels() {
		m.JoinedBy = fmt.Sprintf("events.id %q and label.id %q", p.Events.ID, p.Label.ID)
	}
	return m
}

// Snapshot is the pieces' state as it is now, sealed, under the given manifest.
func (l *Pieces) Snapshot(m millrace.Manifest) millrace.Snapshot {
	buffer := l.Layout.NewBuffer()
	l.Layout.Copy(buffer)
	s := millrace.Snapshot{Manifest: m, Serving: buffer.Serving(), Training: buffer.Training()}
	snapshot.Seal(&s)
	return s
}

// Family is the family of a snapshot's model; empty when the spec cannot be read.
func Family(spec json.RawMessage) string {
	var s struct{ Model struct{ Type string } }
	if json.Unmarshal(spec, &s) != nil {
		return ""
	}
	return s.Model.Type
}

// Revive builds a snapshot's pipeline and its pieces, restored, from the snapshot alone: the pipeline file at hand may
// say something else by now.
func Revive(s *millrace.Snapshot) (*config.Pipeline, *Pieces, error) {
	p, err := config.ParseSpec(s.Manifest.Spec, s.Manifest.Model)
	if err != nil {
		return nil, nil, err
	}
	pieces, err := Build(p)
	if err != nil {
		return nil, nil, err
	}
	if err := pieces.Layout.Restore(s.Serving, s.Training); err != nil {
		return nil, nil, fmt.Errorf("restoring the snapshot: %w", err)
	}
	return p, pieces, nil
}
