package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"millrace/consumers"
	"millrace/store"
)

// decoder fills Go values from YAML nodes, driven by struct tags, and collects what is wrong
// instead of stopping at it. A field at fault keeps its default.
type decoder struct {
	env      Env
	problems Errors
	faults   faults
	shapes   map[reflect.Type]shape
	secrets  []string // values that no message may show
	nodes    int      // decoded so far, at most nodesMax

}

func newDecoder(env Env) *decoder {
	return &decoder{env: env, shapes: make(map[reflect.Type]shape), faults: make(faults)}
}

// shape remembers the tags of a type: ten thousand columns share one.
func (d *decoder) shape(t reflect.Type) shape {
	s, ok := d.shapes[t]
	if !ok {
		s = shapeOf(t)
		d.shapes[t] = s
	}
	return s
}

// report notes a problem at a spot, under the path that the spot has.
func (d *decoder) report(s *spot, format string, args ...any) {
	d.reportAt(s, s.path, fmt.Sprintf(format, args...), "")
}

// reportAt notes a problem under another path than its place has: what is missing has no place.
func (d *decoder) reportAt(s *spot, path, message, suggestion string) {
	d.faults.add(path)
	d.note(s, path, message, suggestion)
}

// note keeps a problem without marking its path as faulty.
func (d *decoder) note(s *spot, path, message, suggestion string) {
	if len(d.problems) == problemsMax {
		return
	}
	d.problems = append(d.problems, Problem{
		Line: s.line, Column: s.column, Path: path, Message: message, Suggestion: suggestion,
	})
}

// decode fills v, which is addressable, from n. Types nest to a fixed depth, so this recursion does
// too, whatever the file holds.
func (d *decoder) decode(v reflect.Value, n *yaml.Node, s *spot, f field) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
		s.line, s.column = n.Line, n.Column
	}
	if d.nodes++; d.nodes > nodesMax {
		if d.nodes == nodesMax+1 {
			d.report(s, "the file holds more than %d values, aliases counted at each use; that is the most a pipeline may have", nodesMax)
		}
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		d.report(s, "the tag %s is not understood; leave it out (numbers that are text stand in quotes)", quoted(n.Tag))
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" {
		message := "there is no value; write " + want(f)
		if !f.needed {
			message += ", or leave the field out"
		}
		d.report(s, "%s", message)
		return
	}
	switch k := kindOf(f.typ); {
	case k == kindStruct:
		d.decodeStruct(v, n, s, f)
	case k == kindKeyed && n.Kind == yaml.MappingNode:
		d.decodeKeyed(v, n, s)
	case k == kindList && n.Kind == yaml.SequenceNode:
		d.decodeList(v, n, s, f)
	case k == kindList && n.Kind == yaml.ScalarNode && f.one:
		d.decodeOne(v, n, s, f)
	case k != kindKeyed && k != kindList && n.Kind == yaml.ScalarNode:
		d.decodeScalar(v, n, s, f)
	default:
		d.report(s, "found %s; write %s", d.found(n, f), want(f))
	}
}

// decodeStruct fills a struct, whose defaults are set, from a mapping or from a short form.
func (d *decoder) decodeStruct(v reflect.Value, n *yaml.Node, s *spot, f field) {
	sh := d.shape(f.typ)
	if n.Kind == yaml.ScalarNode && sh.short >= 0 {
		short := sh.fields[sh.short]
		short.secret = short.secret || f.secret
		s.short = short.name
		if message := addressAsMode(f.typ, n.Value); message != "" {
			d.report(s, "%s", message)
			return
		}
		d.decode(v.Field(short.index), n, s, short)
		return
	}
	if n.Kind == yaml.SequenceNode && sh.list >= 0 {
		list := sh.fields[sh.list]
		s.short = list.name
		d.decode(v.Field(list.index), n, s, list)
		return
	}
	if n.Kind != yaml.MappingNode {
		d.report(s, "found %s; write %s", d.found(n, f), want(f))
		return
	}
	d.eachField(n, s, func(name string, value *yaml.Node, key *spot) {
		inner, ok := sh.find(name)
		if !ok || inner.inside() {
			d.unknown(sh, s, key, name)
			return
		}
		child := s.add(name, value.Line, value.Column)
		if long := sh.long(name); len(long.fields) > 0 {
			for value.Kind == yaml.AliasNode {
				value = value.Alias
			}
			if value.Kind == yaml.MappingNode {
				d.decodeLong(v, long, value, child)
				return
			}
		}
		d.decode(v.Field(inner.index), value, child, inner)
	})
	for _, inner := range sh.fields {
		if inner.needed && !s.has(inner.name) {
			d.reportAt(s, joinPath(s.path, inner.name), "required and missing: "+inner.doc, "")
		}
	}
}

// decodeLong fills a setting, and what belongs to it, from its long form.
func (d *decoder) decodeLong(v reflect.Value, long shape, n *yaml.Node, s *spot) {
	d.eachField(n, s, func(name string, value *yaml.Node, key *spot) {
		inner, ok := long.find(name)
		if !ok {
			d.unknown(long, s, key, name)
			return
		}
		d.decode(v.Field(inner.index), value, s.add(name, value.Line, value.Column), inner)
	})
}

// addressAsMode answers `kafka: localhost:9092`, which every newcomer writes once. It quotes nothing:
// the address of a Redis holds its password.
func addressAsMode(t reflect.Type, text string) string {
	switch {
	case t == reflect.TypeFor[store.Spec]() && strings.Contains(text, ":"):
		return "found an address; write {url: redis://host:port/db}, or embedded"
	case t == reflect.TypeFor[consumers.Spec]() && strings.Contains(text, ":"):
		return "found an address; write {brokers: [host:port]}, or embedded"
	}
	return ""
}

// eachField calls visit for every field of a mapping, and reports keys that are no names and names
// that come twice.
func (d *decoder) eachField(n *yaml.Node, s *spot, visit func(name string, value *yaml.Node, key *spot)) {
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		at := &spot{line: k.Line, column: k.Column, path: joinPath(s.path, k.Value)}
		switch {
		case k.Tag == "!!merge":
			d.reportAt(at, s.path, "merge keys (<<) are not understood; write the fields out", "")
			continue
		case k.Kind != yaml.ScalarNode || k.Tag == "!!null" || k.Value == "" || k.Style&yaml.TaggedStyle != 0:
			d.reportAt(at, s.path, "the name of a field is a text that is not empty", "")
			continue
		}
		if line, twice := lines[k.Value]; twice {
			d.note(at, at.path, fmt.Sprintf("given twice, first on line %d; keep one", line), "")
			continue
		}
		lines[k.Value] = k.Line
		visit(k.Value, value, at)
	}
}

// unknown reports a field that the struct does not have, with the nearest that it or one of the
// structs inside it has.
func (d *decoder) unknown(sh shape, s, key *spot, name string) {
	names := sh.names()
	suggestion := Nearest(name, names)
	if suggestion == "" {
		suggestion = d.elsewhere(sh, name)
	}
	message := "unknown field"
	if suggestion == "" {
		message += "; " + orElse(s.path, "a pipeline file") + " has " + wordList(names, "and")
	}
	d.reportAt(key, key.path, message, suggestion)
}

// elsewhere finds a field one level down: `rate` in a model means `optimizer.rate`.
func (d *decoder) elsewhere(sh shape, name string) string {
	for _, f := range sh.fields {
		if kindOf(f.typ) != kindStruct {
			continue
		}
		if inner, ok := d.shape(f.typ).find(name); ok {
			return f.name + "." + inner.name
		}
	}
	return ""
}

// decodeKeyed fills a slice of structs from a mapping, in the mapping's order.
func (d *decoder) decodeKeyed(v reflect.Value, n *yaml.Node, s *spot) {
	elem := v.Type().Elem()
	sh := d.shape(elem)
	out := reflect.MakeSlice(v.Type(), 0, len(n.Content)/2)
	d.eachField(n, s, func(name string, value *yaml.Node, _ *spot) {
		item := reflect.New(elem).Elem()
		setDefaults(item)
		item.Field(sh.key).SetString(name)
		child := s.add(name, value.Line, value.Column)
		// Violations name elements by index, people by name: both lead here.
		s.put(indexName(out.Len()), child)
		d.decode(item, value, child, field{typ: elem})
		out = reflect.Append(out, item)
	})
	v.Set(out)
}

// decodeOne fills a slice from the one element that may stand for it. A problem with it has the list's place.
func (d *decoder) decodeOne(v reflect.Value, n *yaml.Node, s *spot, f field) {
	out := reflect.MakeSlice(f.typ, 1, 1)
	s.put(indexName(0), s)
	d.decodeScalar(out.Index(0), n, s, field{name: f.name, typ: f.typ.Elem(), enum: f.enum, secret: f.secret})
	v.Set(out)
}

// decodeList fills a slice from a sequence. What the file gives replaces the default.
func (d *decoder) decodeList(v reflect.Value, n *yaml.Node, s *spot, f field) {
	elem := f.typ.Elem()
	out := reflect.MakeSlice(f.typ, 0, len(n.Content))
	for i, value := range n.Content {
		item := reflect.New(elem).Elem()
		if elem.Kind() == reflect.Struct {
			setDefaults(item)
		}
		child := s.addItem(i, value.Line, value.Column)
		d.decode(item, value, child, field{
			name: f.name, typ: elem, enum: f.enum, secret: f.secret, element: true,
		})
		out = reflect.Append(out, item)
	}
	v.Set(out)
}

// found says what stands in the file. It never quotes a secret, and strings.Cut-short texts keep a
// message on one line.
func (d *decoder) found(n *yaml.Node, f field) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	text, err := d.text(n)
	if err != nil || f.secret {
		return "text"
	}
	return text.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// quoted shows a value in a message, at most forty characters of it, and of a URL not the user and
// password: masked before it is cut, for what is cut is no longer known for a URL.
func quoted(s string) string {
	const runesMax = 40
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			s = scheme + "://***" + rest[i:]
		}
	}
	if r := []rune(s); len(r) > runesMax {
		s = string(r[:runesMax]) + "…"
	}
	return `"` + strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}
