package config

import (
	"reflect"
	"strings"
	"time"

	"millrace"
	"millrace/decode"
	"millrace/features"
	"millrace/model"
)

// field is one struct field as its tags describe it.
type field struct {
	index   int
	name    string
	typ     reflect.Type
	doc     string
	enum    []string
	time    bool // an RFC 3339 time is allowed beside the enum
	hash    verdict
	secret  bool // its value is never printed
	needed  bool // the file must give it
	element bool // an element of a list, where a number may stand for its text
	number  bool // a text that a number may stand for, too
	class   bool // a text that a number or a boolean may stand for: a class
	one     bool // a list that its one element may stand for
}

// shape is a struct as the pipeline file sees it.
type shape struct {
	fields []field
	short  int // index into fields of the one that a bare scalar fills; -1 for none
	list   int // index into fields of the one that a bare list fills; -1 for none
	key    int // index into the struct of the field that the mapping's key fills; -1 for none
}

// shapeOf reads a struct type's tags. Fields without a yaml tag are none of the file's business.
func shapeOf(t reflect.Type) shape {
	s := shape{short: -1, list: -1, key: -1}
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if option == "key" {
			s.key = i
		}
		if name == "" || name == "-" {
			continue
		}
		switch option {
		case "short":
			s.short = len(s.fields)
		case "list":
			s.list = len(s.fields)
		}
		out := field{
			index: i, name: name, typ: f.Type, doc: millrace.Documentation(f), hash: parseVerdict(f.Tag.Get("hash")),
			time: f.Tag.Get("also") == "time", number: f.Tag.Get("also") == "number", one: f.Tag.Get("also") == "one",
			class: f.Tag.Get("also") == "class", secret: f.Tag.Get("secret") == "true", needed: isNeeded(t, name),
		}
		if words := f.Tag.Get("enum"); words != "" {
			out.enum = strings.Split(words, "|")
		}
		s.fields = append(s.fields, out)
	}
	return s
}

// asName is what a setting itself is called in its long form, `missing: {as: mean, values: [...]}`.
const asName = "as"

// long has the fields of a setting's long form: itself, and those whose names begin with its own and a dot. There are
// none where it has no such form.
func (s shape) long(name string) shape {
	out := shape{short: -1, list: -1, key: -1}
	own, ok := s.find(name)
	if !ok {
		return out
	}
	own.name = asName
	for _, f := range s.fields {
		if rest, ok := strings.CutPrefix(f.name, name+"."); ok {
			f.name = rest
			out.fields = append(out.fields, f)
		}
	}
	if len(out.fields) > 0 {
		out.fields = append([]field{own}, out.fields...)
	}
	return out
}

// inside reports whether the field stands in the long form of another.
func (f field) inside() bool { return strings.Contains(f.name, ".") }

// names are the fields in the order of the struct, which is the order people are shown.
func (s shape) names() []string {
	out := make([]string, 0, len(s.fields))
	for _, f := range s.fields {
		if !f.inside() {
			out = append(out, f.name)
		}
	}
	return out
}

// find searches one by one: no spec has enough fields for a map to pay.
func (s shape) find(name string) (field, bool) {
	for _, f := range s.fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// isNeeded says which fields a file must give. It stands here and not in the specs' tags because
// it is the file that needs them: a spec built in code is checked by its own Validate.
func isNeeded(t reflect.Type, name string) bool {
	switch t {
	case reflect.TypeFor[Pipeline]():
		switch name {
		case "name", "events", "features", "label", "model":
			return true
		}
	case reflect.TypeFor[Events]():
		return name == "topic"
	case reflect.TypeFor[features.Column](), reflect.TypeFor[model.Spec]():
		return name == "type"
	case reflect.TypeFor[decode.LabelSpec]():
		return name == "path"
	case reflect.TypeFor[model.LayerSpec]():
		return name == "units"
	}
	return false
}

// kind is what a Go type looks like in the file.
type kind int

const (
	kindText kind = iota
	kindInt
	kindUint
	kindFloat
	kindBool
	kindDuration
	kindBytes
	kindStruct
	kindKeyed // a slice of structs that the file writes as a mapping
	kindList
)

// kindOf tells named types that have a notation of their own from the plain ones they are made of.
func kindOf(t reflect.Type) kind {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return kindDuration
	case reflect.TypeFor[millrace.Bytes]():
		return kindBytes
	}
	switch t.Kind() {
	case reflect.String:
		return kindText
	case reflect.Int:
		return kindInt
	case reflect.Uint64:
		return kindUint
	case reflect.Float64:
		return kindFloat
	case reflect.Pointer: // a number that may be absent, where 0 says something
		if t.Elem().Kind() == reflect.Float64 {
			return kindFloat
		}
	case reflect.Bool:
		return kindBool
	case reflect.Struct:
		return kindStruct
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct && shapeOf(t.Elem()).key >= 0 {
			return kindKeyed
		}
		return kindList
	}
	// A spec with a type that the file cannot write is a programmer's error; the tests walk every
	// spec, so it never leaves a desk.
	panic("config: no pipeline file can hold a " + t.String())
}

// want says in words what a field takes.
func want(f field) string {
	switch kindOf(f.typ) {
	case kindText:
		return wantText(f)
	case kindInt:
		return "a whole number"
	case kindUint:
		return "a whole number, 0 or more"
	case kindFloat:
		return "a number"
	case kindBool:
		return "true or false"
	case kindDuration:
		return "a duration with its unit, as 5s, 200ms, 1m30s or 30d"
	case kindBytes:
		return "a size with its unit, as 64KiB or 1MiB"
	case kindStruct:
		s := shapeOf(f.typ)
		mapping := "a mapping with " + wordList(s.names(), "and")
		if s.short < 0 {
			return mapping
		}
		short := want(s.fields[s.short])
		if s.list >= 0 {
			short += ", " + want(s.fields[s.list])
		}
		return short + ", or " + mapping
	case kindKeyed:
		return "a mapping from name to settings"
	}
	if f.one {
		return wantText(field{enum: f.enum}) + ", or a list, as [" + listExample(f) + "]"
	}
	return "a list, as [" + listExample(f) + "]"
}

// wantText lists the words of a closed list, since those are what a person wants to see.
func wantText(f field) string {
	switch {
	case f.time:
		return wordList(append(f.enum[:len(f.enum):len(f.enum)], "a time as 2026-01-31T12:00:00Z"), "or")
	case f.enum != nil:
		return wordList(f.enum, "or")
	}
	return "text"
}

// listExample is what a list of this kind looks like; an example is read faster than a rule.
func listExample(f field) string {
	switch {
	case f.enum != nil:
		return strings.Join(f.enum[:min(2, len(f.enum))], ", ")
	case f.name == "brokers":
		return "localhost:9092"
	case f.name == "classes":
		return "no, yes"
	case f.name == "challengers":
		return "other.yaml"
	case f.name == "weights":
		return "1, 50"
	case f.typ.Elem().Kind() == reflect.String:
		return "one, two"
	}
	return "64, 32"
}

// wordList joins words as a sentence does: "a, b and c".
func wordList(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// defaulter is what a spec implements to fill in what a file may leave out.
type defaulter interface{ SetDefaults() }

// setDefaults fills v, an addressable struct, and the structs inside it. Outer defaults come first:
// a SetDefaults assigns the whole struct, and the inner ones know their own values best.
func setDefaults(v reflect.Value) {
	if d, ok := v.Addr().Interface().(defaulter); ok {
		d.SetDefaults()
	}
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct && f.CanSet() {
			setDefaults(f)
		}
	}
}
