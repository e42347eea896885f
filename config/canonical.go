package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/decode"
	"millrace/features"
	"millrace/snapshot"
)

// CanonicalSpec is what a snapshot remembers of the pipeline: features, label, model and limits as
// canonical JSON with defaults written out, so that equal pipelines have equal bytes however their
// files are spelt. Connections, names and topics are in none of the three; of events only the path of their time is,
// where windows go by it, and of scores the level of their intervals.
//
// schemaHash covers what a scorer needs to agree on to use the weights, trainingHash what a learner needs besides to go
// on with them: see verdict. Both are SHA-256 in lower-case hexadecimal. They are for people and for earlier releases:
// what fits what is found from the specs, by [Pipeline.Fits].
//
// The pipeline must be one that Parse returned; a number that is not finite panics.
func (p *Pipeline) CanonicalSpec() (spec json.RawMessage, schemaHash, trainingHash string) {
	resolved := *p
	resolved.Model = p.Model.Resolve(p.Target())
	resolved.Model.Calibrate = p.Calibration()
	sections := canonicalStruct(reflect.ValueOf(resolved))
	if p.timed() && p.Events.Time.Given() {
		sections["events"] = object{"time": canonicalTime(p.Events.Time)}
	}
	if p.Scores.Interval != 0 {
		sections["scores"] = object{"interval": p.Scores.Interval}
	}
	spec = canonical(sections)
	halves, err := divideSpec(spec)
	if err != nil {
		panic("config: spec without a JSON form: " + err.Error()) // it was just written
	}
	return spec, hash(halves.schema), hash(halves.training)
}

// canonicalTime is a time as its path, as all specs had it before there was more to say of one, or with how it reads.
func canonicalTime(t decode.TimeSpec) any {
	if t.Format == "" && t.Zone == "" {
		return t.Path
	}
	return canonicalStruct(reflect.ValueOf(t))
}

// timed reports whether a feature goes by the time of events.
func (p *Pipeline) timed() bool {
	return slices.ContainsFunc(p.Features, func(c features.Column) bool {
		return c.Type == features.Window || c.Type == features.Since
	})
}

// halves are a spec's settings, divided between the two hashes.
type halves struct{ schema, training object }

// divideSpec parts a canonical spec, this program's or a manifest's.
func divideSpec(spec json.RawMessage) (halves, error) {
	decoded, err := decodeSpec(spec)
	if err != nil {
		return halves{}, err
	}
	sections, ok := decoded.(object)
	if !ok {
		return halves{}, errors.New("decoding spec: it is no JSON object")
	}
	schema, training := divide(shapeOf(reflect.TypeFor[Pipeline]()), sections, verdict{})
	return halves{schema, training}, nil
}

// canonicalStruct has the fields of a spec that are not zero, under the file's names. A zero means
// "not asked for" in every spec, so leaving it out lets specs grow without changing old hashes. Left out are as well
// settings that nobody must agree on, and those that the spec's type does not read: their defaults are none of the
// pipeline's doing, and changing one later must not estrange a snapshot.
func canonicalStruct(v reflect.Value) object {
	out := object{}
	sh := shapeOf(v.Type())
	for _, f := range sh.fields {
		value := v.Field(f.index)
		switch kind := kindOf(f.typ); {
		case f.hash.part == partNone:
		case kind == kindStruct:
			setNonEmpty(out, f.name, canonicalStruct(value))
		case kind == kindKeyed || kind == kindList:
			if value.Len() > 0 {
				out[f.name] = canonicalList(value)
			}
		case !value.IsZero():
			out[f.name] = canonicalScalar(value)
		}
	}
	for _, unread := range millrace.UnreadSettings(v.Interface()) {
		delete(out, unread.Name)
	}
	for _, f := range sh.fields {
		if value, ok := out[f.name]; ok && f.inside() {
			name, rest, _ := strings.Cut(f.name, ".")
			long, isLong := out[name].(object)
			if !isLong {
				long = object{}
				if own, given := out[name]; given {
					long[asName] = own
				}
			}
			long[rest] = value
			out[name] = long
			delete(out, f.name)
		}
	}
	if sh.key >= 0 {
		out["name"] = v.Field(sh.key).String()
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

// canonicalScalar writes sizes and durations with their unit, as a person would.
func canonicalScalar(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case millrace.Bytes:
		return x.String()
	case time.Duration:
		return millrace.FormatDuration(x)
	case *float64:
		return *x
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
