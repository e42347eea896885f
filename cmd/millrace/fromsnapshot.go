package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/model"
	"millrace/pipeline"
	"millrace/snapshot"
	"millrace/store"
)

// pipelineNameMax is how long a pipeline's name may be.
const pipelineNameMax = 100

// lookAtSnapshot writes the pipeline file of a snapshot, or that of one of its experts.
func (a *app) lookAtSnapshot(ctx context.Context, o *initFlags) (*looked, error) {
	if o.infer.Label != "" || o.infer.Model != "" {
		return nil, config.Usagef("--label and --model are for data; a snapshot knows both")
	}
	s, where, err := a.findSnapshot(ctx, o.fromSnapshot, o.infer.Redis)
	if err != nil {
		return nil, err
	}
	file, differences, err := snapshotFile(&s, where, o.expert, o.infer)
	if err != nil {
		return nil, err
	}
	for _, d := range differences {
		fmt.Fprintf(a.err, "this release reads the snapshot otherwise: %s\n", d)
	}
	return &looked{result: &infer.Result{YAML: file, Report: infer.Report{Source: where}}, learned: s.Manifest.Learned}, nil
}

// fromPipeline fills a report with what a pipeline file says, where no data was looked at.
func (r *initReport) fromPipeline(p *config.Pipeline) {
	r.Pipeline, r.Model, r.ID, r.Time = p.Name, p.Model.Type, p.Events.ID, p.Events.Time.Path
	r.LeftOut, r.Warnings = []infer.LeftOut{}, append([]infer.Warning{}, r.Warnings...) // check's are there
	r.Label = infer.LabelReport{Path: p.Label.Path, Kind: "number"}
	for _, class := range p.Label.Classes {
		r.Label.Kind = "class"
		r.Label.Classes = append(r.Label.Classes, infer.ClassShare{Class: class})
	}
	r.Label.Positive = p.Label.PositiveName()
	widths := p.Features.Widths()
	for i := range p.Features {
		f := &p.Features[i]
		feature := infer.FeatureReport{Name: f.Name, Kind: string(f.Type), Columns: widths[i]}
		if f.EventPath() != f.Name {
			feature.Path = f.Path
		}
		r.Features = append(r.Features, feature)
	}
}

// findSnapshot reads a snapshot file, or the served version of a model in the store at url. where says which it was.
func (a *app) findSnapshot(ctx context.Context, from, url string) (s millrace.Snapshot, where string, err error) {
	if _, err := os.Stat(from); err == nil {
		s, err := snapshot.ReadFile(from)
		return s, from, err
	}
	if url == "" {
		return s, "", config.Usagef("--from-snapshot: there is no file %s; if that is a model, say in which store with --redis URL", from)
	}
	log, err := a.logger()
	if err != nil {
		return s, "", err
	}
	var spec store.Spec
	spec.SetDefaults()
	spec.Mode, spec.URL = "external", url
	st, err := store.Open(spec, store.Options{Log: log})
	if err != nil {
		return s, "", config.UsageError{Err: fmt.Errorf("opening the store: %w", err)}
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	head, err := st.Served(ctx, from)
	if errors.Is(err, millrace.ErrNoSnapshot) {
		return s, "", fmt.Errorf("--from-snapshot: the store serves no version of %s, and there is no such file: name a model as its pipeline file's name does", from)
	}
	if err != nil {
		return s, "", fmt.Errorf("looking for the served version of %s: %w", from, err)
	}
	s, err = st.Load(ctx, from, head, true)
	return s, fmt.Sprintf("version %d of %s", head.Seq, from), err
}

// snapshotFile writes the file. A mixture gives that of an expert: the best one unless another is named, or the
// mixture itself when that is asked for.
func snapshotFile(s *millrace.Snapshot, where, expert string, o infer.Options) (file []byte, differences []string, err error) {
	m := &s.Manifest
	f := config.FileOptions{Name: cmp.Or(o.Name, m.Model), Topic: o.Topic, Brokers: o.Brokers, Redis: o.Redis}
	if len(m.Positions) > 0 && f.Topic == "" {
		f.Topic = m.Positions[0].Topic
	}
	spec := m.Spec
	f.Notes = []string{fmt.Sprintf("The features, label and model of %s, which had learned %s.", where, millrace.Counted(m.Learned, "event"))}
	if expert != model.FamilyAuto && (expert != "" || pipeline.Family(spec) == model.FamilyAuto) {
		p, pieces, err := pipeline.Revive(s)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the experts of %s: %w", where, err)
		}
		e, err := chooseExpert(expertsOf(pieces.Model), expert)
		if err != nil {
			return nil, nil, err
		}
		spec = specAs(p, e.Spec)
		f.Name = cmp.Or(o.Name, expertPipeline(m.Model, e))
		f.Notes = expertNotes(where, m, e)
	}
	f.Notes = append(f.Notes, "Read it, then run", "  millrace check -c FILE")
	return config.FromSpec(spec, f)
}

// expertPipeline names the pipeline of an expert that stands on its own: not as the mixture, whose versions would not
// fit. Names of experts hold rates, so their dots stay.
func expertPipeline(mixture string, e model.Expert) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, mixture+"-"+e.Name)
	return name[:min(len(name), pipelineNameMax)]
}

func expertNotes(where string, m *millrace.Manifest, e model.Expert) []string {
	return []string{
		fmt.Sprintf("The features and label of %s, which had learned %s,", where, millrace.Counted(m.Learned, "event")),
		fmt.Sprintf("and as its model the expert %s (weight %.3f, loss %.4g).", e.Name, e.Weight, e.Loss),
	}
}
