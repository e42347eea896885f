package config

import (
	"reflect"
	"strings"

	"millrace"
)

// verdict says who must agree on a setting to use a snapshot, as the setting's tag does:
//
//	hash:"schema"      scorers and learners: the weights mean nothing without it
//	hash:"training"    learners alone: a scorer predicts the same whatever it is
//	hash:"kept"        nobody: a version says what it was made with, and whoever goes on does as the file says
//	hash:"served"      scorers alone: what a version carries for them, which they may do without
//	hash:"none"        nobody, and no snapshot remembers it
//	hash:"training; schema if loss=poisson"   a millrace.Condition decides between the two
//	hash:"training; schema if given"          whether it is given is the schema's, its value the training's
//
// A section's verdict is that of all settings in it that have none of their own.
type verdict struct {
	part  string
	given bool
	when  millrace.Condition // schema if it holds; none without a name
}

const (
	partSchema   = "schema"
	partTraining = "training"
	partKept     = "kept"
	partServed   = "served"
	partNone     = "none"
)

func parseVerdict(tag string) verdict {
	part, condition, _ := strings.Cut(tag, "; schema if ")
	v := verdict{part: part, given: condition == "given"}
	if !v.given {
		v.when = millrace.ParseCondition(condition)
	}
	return v
}

// or is v, or that of the section around it when there is none.
func (v verdict) or(section verdict) verdict {
	if v.part == "" {
		return section
	}
	return v
}

// divide parts a spec's settings, decoded from canonical JSON, between the two hashes. What this program does not know
// is the schema's: a scorer must not pass over it. No setting is in both, but for the fact that it is given.
func divide(sh shape, spec object, section verdict) (schema, training object) {
	schema, training = object{}, object{}
	value := func(name string) string {
		text, _ := spec[name].(string)
		return text
	}
	for name, v := range spec {
		f, known := sh.find(name)
		if !known {
			schema[name] = v
			continue
		}
		verdict := f.hash.or(section)
		inner, isObject := v.(object)
		switch list := f.typ.Kind() == reflect.Slice; {
		case isObject && f.typ.Kind() == reflect.Struct:
			a, b := divide(shapeOf(f.typ), inner, verdict)
			setNonEmpty(schema, name, a)
			setNonEmpty(training, name, b)
		case list && f.typ.Elem().Kind() == reflect.Struct:
			divideList(schema, training, name, shapeOf(f.typ.Elem()), v, verdict)
		case verdict.part == partSchema, verdict.when.Name != "" && verdict.when.Holds(value):
			schema[name] = v
		case verdict.part == partTraining:
			training[name] = v
			if verdict.given {
				schema[name] = "given"
			}
		}
	}
	return schema, training
}

// divideList parts every element of a list. A half in which no element has a setting is left out.
func divideList(schema, training object, name string, element shape, v any, section verdict) {
	elements, ok := v.([]any)
	if !ok {
		schema[name] = v // of another release, and not known
		return
	}
	halves := [2][]any{}
	has := [2]bool{}
	for _, e := range elements {
		inner, ok := e.(object)
		if !ok {
			inner = object{"": e}
		}
		a, b := divide(element, inner, section)
		halves[0], halves[1] = append(halves[0], a), append(halves[1], b)
		has[0], has[1] = has[0] || len(a) > 0, has[1] || len(b) > 0
	}
	for i, half := range []object{schema, training} {
		if has[i] {
			half[name] = halves[i]
		}
	}
}

func setNonEmpty(o object, name string, inner object) {
	if len(inner) > 0 {
		o[name] = inner
	}
}
