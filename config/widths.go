package config

import (
	"encoding/json"
	"reflect"
	"slices"

	"millrace"
	"millrace/features"
	"millrace/model"
	"millrace/model/calibration"
)

// chosen says what of a pipeline was chosen because its file leaves it out: a version of other choices is gone on with
// as it is.
type chosen struct {
	bits  []bool // by feature
	state bool   // the model's state_max
}

const (
	// bitsLeast is the least that is chosen for a hashed feature: a thousand columns.
	bitsLeast = 10
	// bitsMost is the most, and what all had before anything was chosen.
	bitsMost = 18
)

// chooseWidths chooses how many columns hashed features have where the file does not say: as many as the model's state
// has room for, alike for all of them. Shapes are fixed by it; what was chosen stands in every version.
func (p *Pipeline) chooseWidths(root *spot) {
	given := func(path string) bool {
		_, _, found := root.resolve(path)
		return found
	}
	p.chosen = chosen{state: p.Model.Type == model.FamilyAuto && !given("model.state_max")}
	left := make([]bool, len(p.Features))
	for i := range p.Features {
		left[i] = readsBits(p.Features[i]) && !given("features"+indexName(i)+".bits")
	}
	if !slices.Contains(left, true) {
		return
	}
	p.chosen.bits = left
	most := p.Model.Resolve(p.Target()).ColumnsFor(p.Target())
	for bits := bitsMost; bits >= bitsLeast; bits-- {
		for i := range p.Features {
			if left[i] {
				p.Features[i].Bits = bits
			}
		}
		if p.Features.Width() <= most {
			return
		}
	}
}

// readsBits reports whether the column's bits say anything.
func readsBits(c features.Column) bool {
	for _, unread := range millrace.UnreadSettings(c) {
		if unread.Name == "bits" {
			return false
		}
	}
	return true
}

// Beside is the pipeline as it goes on from a version: what its file leaves to be chosen is as in the version. So new
// defaults hold only where there is none.
func (p *Pipeline) Beside(version *millrace.Manifest) *Pipeline {
	var theirs struct {
		Features []struct {
			Name string `json:"name"`
			Bits int    `json:"bits"`
		} `json:"features"`
		Model struct {
			StateMax  string `json:"state_max"`
			Calibrate string `json:"calibrate"`
		} `json:"model"`
	}
	if err := json.Unmarshal(withBefore(version.Spec), &theirs); err != nil {
		return p // what compares the two says so
	}
	out := *p
	out.Features = append(features.Columns(nil), p.Features...)
	for i := range min(len(out.Features), len(p.chosen.bits)) {
		for _, c := range theirs.Features {
			if c.Name == out.Features[i].Name && c.Bits > 0 && p.chosen.bits[i] {
				out.Features[i].Bits = c.Bits
			}
		}
	}
	if size, err := millrace.ParseBytes(theirs.Model.StateMax); err == nil && p.chosen.state {
		out.Model.StateMax = size
	}
	if p.Model.Calibrate == "" {
		out.Model.Calibrate = theirs.Model.Calibrate
	}
	return &out
}

// withBefore is a version's spec with what it means by leaving out what it could not say when it was made.
func withBefore(spec json.RawMessage) json.RawMessage {
	decoded, err := decodeSpec(spec)
	sections, ok := decoded.(object)
	if err != nil || !ok {
		return spec
	}
	m, ok := sections["model"].(object)
	if !ok {
		return spec
	}
	if m["type"] == model.FamilyAuto && m["state_max"] == nil {
		m["state_max"] = canonicalScalar(reflect.ValueOf(model.StateMaxBefore))
	}
	if label, ok := sections["label"].(object); ok && label["type"] == "class" && m["calibrate"] == nil {
		m["calibrate"] = calibration.None
	}
	return canonical(sections)
}
