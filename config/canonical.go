package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"

	"millrace"
	"millrace/decode"
	"millrace/features"
	"millrace/model"
	"millrace/snapshot"
)

// CanonicalSpec is what a snapshot remembers of the pipeline: features, label, model and limits as
// canonical JSON with defaults written out, so that equal pipelines have equal bytes however their
// files are spelt. Connections, names and topics are in none of the three.
//
// schemaHash covers what a scorer needs to agree on to use the weights: the columns, their order and
// encoding, the classes, and the model's shape. trainingHash covers the rest: what the label is read
// from, loss, rates, seed and limits. Both are SHA-256 in lower-case hexadecimal.
//
// The pipeline must be one that Parse returned; a number that is not finite panics.
func (p *Pipeline) CanonicalSpec() (spec json.RawMessage, schemaHash, trainingHash string) {
	schema, training := p.canonicalParts()
	whole := object{}
	for _, part := range []object{schema, training} {
		for section, value := range part {
			whole[section] = merged(whole[section], value)
		}
	}
	return canonical(whole), hash(schema), hash(training)
}

// canonicalParts divides the spec's fields between the two hashes. No field is in both.
func (p *Pipeline) canonicalParts() (schema, training object) {
	columns := make([]any, len(p.Features))
	// Products of two columns may be hashed; a mixture may look at them.
	hashed := p.Model.View == string(millrace.ViewPairs) || p.Model.Type == "auto"
	for i := range p.Features {
		columns[i] = canonicalColumn(&p.Features[i])
		switch c := &p.Features[i]; c.Type {
		case features.Category:
			hashed = hashed || c.Encode == "hash"
		case features.Text, features.Bag, features.Cross, features.Lag:
			hashed = true
		}
	}
	label := object{"type": p.Label.Type}
	if p.Label.Type == "class" {
		label["classes"] = p.Label.Classes
	}
	weighting := canonicalWeights(p.Label)
	if w := p.Label.ClassWeights; w.Probabilities == "corrected" {
		// The scorer divides by them, and finds those of balanced in its blob.
		label["class_weights"] = weighting["class_weights"]
		delete(weighting, "class_weights")
	}
	shape, rest := object{}, object{}
	for name, value := range canonicalStruct(reflect.ValueOf(resolveModel(p.Model, p.Target()))) {
		switch name {
		case "type", "layers", "view", "norm", "kernel", "multiclass", // what the tensors' shapes follow from
			"leaf", "observer", "drift", "depth", "leaves", "trees", "subspace", "budget":
			shape[name] = value
		case "pin": // it may change between two runs of a learner; what is pinned stands in the state
		default:
			rest[name] = value
		}
	}
	// Counts are predicted through an exponential, which a scorer must know of.
	if rest["loss"] == "poisson" {
		shape["loss"] = rest["loss"]
		delete(rest, "loss")
	}
	// The seed places what is hashed; a scorer with another one would read other weights.
	if seed, ok := rest["seed"]; ok && hashed {
		shape["seed"] = seed
		delete(rest, "seed")
	}
	schema = object{"features": columns, "label": label, "model": shape}
	weighting["path"] = p.Label.Path
	training = object{
		"label":  weighting,
		"model":  rest,
		"limits": canonicalStruct(reflect.ValueOf(p.Limits)),
	}
	return schema, training
}

// canonicalWeights is what the label says of weights, nothing when it says nothing. Defaults are not written out: to
// name one is to ask for what the file had without it.
func canonicalWeights(l decode.LabelSpec) object {
	out := object{}
	if l.Weight != "" {
		out["weight"] = l.Weight
	}
	if l.WeightMax != 0 {
		out["weight_max"] = l.WeightMax
	}
	if w := canonicalStruct(reflect.ValueOf(l.ClassWeights)); len(w) > 0 {
		out["class_weights"] = w
	}
	return out
}

// resolver fills in the defaults that depend on a model's family and target. It is found by
// interface, in either form, as validators are.
type (
	resolver interface {
		Resolve(model.TargetSpec) model.Spec
	}
	errorResolver interface {
		Resolve(model.TargetSpec) (model.Spec, error)
	}
)

func resolveModel(spec model.Spec, target model.TargetSpec) model.Spec {
	switch r := any(&spec).(type) {
	case resolver:
		spec = r.Resolve(target)
	case errorResolver:
		if resolved, err := r.Resolve(target); err == nil {
			spec = resolved
		}
	}
	return spelledOut(spec)
}

// spelledOut gives the layers one spelling of the several that a file may use.
func spelledOut(spec model.Spec) model.Spec {
	layers := slices.Clone(spec.Layers)
	if len(layers) == 0 {
		for _, units := range spec.Hidden {
			layers = append(layers, model.LayerSpec{Units: units})
		}
	}
	for i := range layers {
		setEmpty(&layers[i].Activation, spec.Activation)
	}
	spec.Layers, spec.Hidden, spec.Activation = layers, nil, ""
	return spec
}

// canonicalColumn leaves out the settings that the column's type does not read: their defaults are
// none of the pipeline's doing, and changing one later must not estrange a snapshot.
func canonicalColumn(c *features.Column) object {
	out := canonicalStruct(reflect.ValueOf(*c))
	for _, name := range inapplicable(c) {
		delete(out, name)
	}
	out["name"] = c.Name
	return out
}

// canonicalStruct has the fields of a spec that are not zero, under the file's names. A zero means
// "not asked for" in every spec, so leaving it out lets specs grow without changing old hashes.
func canonicalStruct(v reflect.Value) object {
	out := object{}
	for _, f := range shapeOf(v.Type()).fields {
		value := v.Field(f.index)
		switch kindOf(f.typ) {
		case kindStruct:
			if inner := canonicalStruct(value); len(inner) > 0 {
				out[f.name] = inner
			}
		case kindList:
			if value.Len() > 0 {
				out[f.name] = canonicalList(value)
			}
		default:
			if !value.IsZero() {
				out[f.name] = canonicalScalar(value)
			}
		}
	}
	return out
}

func canonicalList(v reflect.Value) []any {
	out := make([]any, v.Len())
	for i := range out {
		if v.Index(i).Kind() == reflect.Struct {
			out[i] = canonicalStruct(v.Index(i))
		} else {
			out[i] = canonicalScalar(v.Index(i))
		}
	}
	return out
}

// canonicalScalar writes sizes with their unit, as a person would.
func canonicalScalar(v reflect.Value) any {
	if size, ok := v.Interface().(millrace.Bytes); ok {
		return size.String()
	}
	return v.Interface()
}

// merged joins the two halves of a section.
func merged(a, b any) any {
	x, ok := a.(object)
	if !ok {
		return b
	}
	out := object{}
	for _, half := range []object{x, b.(object)} {
		for name, value := range half {
			out[name] = value
		}
	}
	return out
}

func canonical(v any) []byte {
	data, err := snapshot.CanonicalJSON(v)
	if err != nil {
		panic("config: spec without a JSON form: " + err.Error())
	}
	return data
}

func hash(v any) string {
	sum := sha256.Sum256(canonical(v))
	return hex.EncodeToString(sum[:])
}
