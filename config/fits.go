package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"millrace"
)

// Misfit is the error of a version whose settings are not the pipeline's where they must be. It wraps
// millrace.ErrIncompatible.
type Misfit struct{ Differences []string }

// Error lists the settings that differ, one a line.
func (m *Misfit) Error() string {
	return fmt.Sprintf("%v: it was learned with other settings than the pipeline file's:\n  %s", millrace.ErrIncompatible,
		strings.Join(m.Differences, "\n  "))
}

// Unwrap is millrace.ErrIncompatible.
func (m *Misfit) Unwrap() error { return millrace.ErrIncompatible }

// Fits reports a version that the pipeline's learner cannot go on with, as a *Misfit that says which settings differ;
// nil when it can, and then its scorers can serve it, too.
//
// What the file leaves to be chosen is as the version has it, see Beside.
//
// The specs are compared, not the hashes that stand in manifests: which setting is in which hash differs from release
// to release, and a version that an earlier one left behind must be learned on.
func (p *Pipeline) Fits(version *millrace.Manifest) error {
	spec, _, _ := p.Beside(version).CanonicalSpec()
	before := withBefore(version.Spec)
	own, theirs, err := bothHalves(spec, before)
	if err != nil {
		return err
	}
	if sameSettings(own.schema, theirs.schema) && sameSettings(own.training, theirs.training) {
		return nil
	}
	return &Misfit{diff(before, spec)}
}

// Serves reports a version that the pipeline's scorers cannot serve, as Fits does: they need less.
func (p *Pipeline) Serves(version *millrace.Manifest) error {
	spec, _, _ := p.Beside(version).CanonicalSpec()
	before := withBefore(version.Spec)
	own, theirs, err := bothHalves(spec, before)
	if err != nil {
		return err
	}
	if sameSettings(own.schema, theirs.schema) {
		return p.servesLevel(before)
	}
	return &Misfit{touching(diff(before, spec), diff(canonical(theirs.schema), canonical(own.schema)))}
}

// servesLevel reports a version whose intervals hold another share of labels than the file says. Scorers that write
// none take any, and a version without intervals is served with intervals that have no bounds.
func (p *Pipeline) servesLevel(version json.RawMessage) error {
	var theirs struct {
		Scores struct {
			Interval float64 `json:"interval"`
		} `json:"scores"`
	}
	if err := json.Unmarshal(version, &theirs); err != nil {
		return fmt.Errorf("%w: reading the version's settings: %w", millrace.ErrIncompatible, err)
	}
	if own := p.Scores.Interval; own != 0 && theirs.Scores.Interval != 0 && own != theirs.Scores.Interval {
		return &Misfit{[]string{fmt.Sprintf("scores.interval: %g in the snapshot, %g in the pipeline; the learner's next version has the level of the learner's file",
			theirs.Scores.Interval, own)}}
	}
	return nil
}

// touching are those of all differences that are at, within or around one of the given: they say what both files have,
// where a half of a spec may lack what decides.
func touching(all, given []string) []string {
	path := func(difference string) string {
		path, _, _ := strings.Cut(difference, ": ")
		return path
	}
	return slices.DeleteFunc(all, func(d string) bool {
		return !slices.ContainsFunc(given, func(g string) bool { return under(path(d), path(g)) || under(path(g), path(d)) })
	})
}

func bothHalves(own, theirs json.RawMessage) (a, b halves, err error) {
	if a, err = divideSpec(own); err != nil {
		return a, b, err
	}
	if b, err = divideSpec(theirs); err != nil {
		return a, b, fmt.Errorf("%w: reading the version's settings: %w", millrace.ErrIncompatible, err)
	}
	return a, b, nil
}

func sameSettings(a, b object) bool { return bytes.Equal(canonical(a), canonical(b)) }

// ServedBy is the pipeline as a version's learner had it: features, label and model are the version's own, and the
// rest, with what no snapshot remembers, is p's. A scorer builds from it what it restores the version into. So whatever
// it is that the two files may differ in, the seed that places what is hashed among it, predictions are the learner's.
func (p *Pipeline) ServedBy(version *millrace.Manifest) (*Pipeline, error) {
	if err := p.Serves(version); err != nil {
		return nil, err
	}
	theirs, err := ParseSpec(version.Spec, p.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", millrace.ErrIncompatible, err)
	}
	if err := theirs.Serves(version); err != nil {
		return nil, fmt.Errorf("this release reads the version's settings otherwise: %w", err)
	}
	out := *p
	out.Features, out.Label, out.Model = theirs.Features, theirs.Label, theirs.Model
	out.Model.Pin = p.Model.Pin
	keepOwn(reflect.ValueOf(&out.Label).Elem(), reflect.ValueOf(p.Label), verdict{})
	return &out, nil
}

// keepOwn puts what no snapshot remembers of a section back as own has it.
func keepOwn(v, own reflect.Value, section verdict) {
	for _, f := range shapeOf(v.Type()).fields {
		switch verdict := f.hash.or(section); {
		case f.typ.Kind() == reflect.Struct:
			keepOwn(v.Field(f.index), own.Field(f.index), verdict)
		case verdict.part == partNone:
			v.Field(f.index).Set(own.Field(f.index))
		}
	}
}

// ParseSpec is the pipeline of a snapshot's canonical spec, under a name. What no snapshot knows is at its default.
func ParseSpec(spec json.RawMessage, name string) (*Pipeline, error) {
	file, _, err := FromSpec(spec, FileOptions{Name: name})
	if err != nil {
		return nil, err
	}
	return Parse("the snapshot's spec", file, nil)
}
