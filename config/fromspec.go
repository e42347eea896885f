package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"millrace/decode"
	"millrace/features"
)

// FileOptions are what a pipeline file holds beside a snapshot's spec.
type FileOptions struct {
	Name    string
	Topic   string   // of the events; <name>.events when empty
	Brokers []string // Kafka's addresses; an embedded broker when empty
	Redis   string   // Redis's URL; an embedded store when empty
	// Notes are lines of comment at the head of the file.
	Notes []string
}

// FromSpec writes a pipeline file from a snapshot's canonical spec: features, label, model and limits as they were
// learned with. What no snapshot knows (the paths of ids and times, connections, topics) comes from the options or
// stays at its default. The file means the very spec it was written from; where this program reads it otherwise, for
// the snapshot is of another release, differences says how. A spec that makes no pipeline file at all is an error.
func FromSpec(spec json.RawMessage, o FileOptions) (file []byte, differences []string, err error) {
	spec = withBefore(spec)
	decoded, err := decodeSpec(spec)
	if err != nil {
		return nil, nil, err
	}
	sections, ok := decoded.(object)
	if !ok {
		return nil, nil, errors.New("the spec is no JSON object")
	}
	w := &fileWriter{}
	for _, note := range o.Notes {
		w.line("# %s", strings.Map(printable, note))
	}
	w.line("")
	w.section(object{"name": o.Name})
	if len(o.Brokers) > 0 {
		w.section(object{"kafka": object{"brokers": anyList(o.Brokers)}})
	}
	if o.Redis != "" {
		w.section(object{"redis": object{"url": o.Redis}})
	}
	if o.Topic == "" {
		o.Topic = o.Name + ".events"
	}
	w.line("\n# Add id: PATH and time: PATH if events have them: snapshots do not say.")
	events, _ := sections["events"].(object) // what of it is learned from, if anything
	if label, late := lateLabel(sections["label"], o.Name); late {
		w.line("# Labels came later, on a topic of their own: say in label.topic which one, and in events.id what they name events by.")
		events, sections["label"] = merged(object{"id": "id"}, events).(object), label
	}
	w.section(object{"events": merged(events, object{"topic": o.Topic})})
	w.features(sections["features"])
	for _, f := range shapeOf(reflect.TypeFor[Pipeline]()).fields {
		value, ok := sections[f.name]
		switch f.name {
		case "events", "features":
			continue
		case "label":
			value = shortLabel(value)
		case "limits":
			value = withoutDefaults(value, limitsDefault())
		}
		if inner, isObject := value.(object); ok && (!isObject || len(inner) > 0) {
			w.line("")
			w.section(object{f.name: value})
		}
	}
	if w.err != nil {
		return nil, nil, fmt.Errorf("writing the pipeline file: %w", w.err)
	}
	p, err := Parse("pipeline.yaml", w.out.Bytes(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("the snapshot's spec makes no pipeline: %w", err)
	}
	again, _, _ := p.CanonicalSpec()
	return w.out.Bytes(), diff(spec, again), nil
}

// lateLabel gives a label the topic that its settings need, and that no snapshot knows; late is false for labels whose
// settings need none.
func lateLabel(v any, name string) (label object, late bool) {
	label, _ = v.(object)
	_, missing := label["missing"]
	_, assume := label["assume"]
	if !missing && !assume {
		return label, false
	}
	return merged(label, object{"topic": name + ".labels"}).(object), true
}

// fileWriter writes a pipeline file from decoded JSON.
type fileWriter struct {
	out bytes.Buffer
	err error
}

func (w *fileWriter) line(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

// section writes a mapping at the file's root, what stands inside it in one line each.
func (w *fileWriter) section(v object) {
	n := nodeOf(reflect.TypeFor[Pipeline](), v)
	n.Style = 0
	if inner := n.Content[1]; len(inner.Content) > 6 { // of fields and values: longer ones take a line each
		inner.Style = 0
	}
	w.encode(n)
}

func (w *fileWriter) encode(n *yaml.Node) {
	encoder := yaml.NewEncoder(&w.out)
	encoder.SetIndent(2)
	w.err = errors.Join(w.err, encoder.Encode(n), encoder.Close())
}

// features writes columns by name, each short where what it says is the default.
func (w *fileWriter) features(v any) {
	list, _ := v.([]any)
	columns := &yaml.Node{Kind: yaml.MappingNode}
	for _, c := range list {
		c, ok := c.(object)
		name, _ := c["name"].(string)
		if !ok || name == "" {
			w.err = errors.Join(w.err, errors.New("a column without a name"))
			return
		}
		columns.Content = append(columns.Content, textNode(name), columnNode(name, c))
	}
	w.line("")
	w.encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode("features"), columns}})
}

// columnNode leaves out what a column of the type has by default, but for what would be chosen anew.
func columnNode(name string, c object) *yaml.Node {
	typ, _ := c["type"].(string)
	standard := features.DefaultColumn(name, features.Type(typ))
	standard.Path = name
	usual, err := decodeSpec(canonical(canonicalStruct(reflect.ValueOf(standard))))
	if err != nil {
		panic("config: a column without a JSON form: " + err.Error()) // it was just written
	}
	if o, ok := usual.(object); ok {
		delete(o, "bits")
	}
	rest := withoutDefaults(c, usual).(object)
	delete(rest, "name")
	if len(rest) == 0 {
		return valueNode(typ)
	}
	rest["type"] = typ
	return nodeOf(reflect.TypeFor[features.Column](), rest)
}

// withoutDefaults leaves out the fields that are as usual.
func withoutDefaults(v, usual any) any {
	fields, ok := v.(object)
	defaults, okDefaults := usual.(object)
	if !ok || !okDefaults {
		return v
	}
	out := object{}
	for name, value := range fields {
		if !reflect.DeepEqual(value, defaults[name]) {
			out[name] = value
		}
	}
	return out
}

func limitsDefault() any {
	var l decode.Limits
	l.SetDefaults()
	usual, err := decodeSpec(canonical(canonicalStruct(reflect.ValueOf(l))))
	if err != nil {
		panic("config: limits without a JSON form: " + err.Error()) // they were just written
	}
	return usual
}

// shortLabel leaves out the type that classes imply.
func shortLabel(v any) any {
	label, ok := v.(object)
	if !ok || label["classes"] == nil {
		return v
	}
	label = maps.Clone(label)
	delete(label, "type")
	return label
}

// nodeOf turns decoded JSON into YAML on one line, fields in the order of their struct: that is the order people are
// shown. What the struct does not know comes last, for the parser to refuse by name.
func nodeOf(t reflect.Type, v any) *yaml.Node {
	switch v := v.(type) {
	case object:
		n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		add := func(name string, t reflect.Type) {
			n.Content = append(n.Content, textNode(name), nodeOf(t, v[name]))
		}
		known := map[string]bool{}
		if t != nil && t.Kind() == reflect.Struct {
			for _, f := range shapeOf(t).fields {
				if _, ok := v[f.name]; ok {
					known[f.name] = true
					add(f.name, f.typ)
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if !known[name] {
				add(name, nil)
			}
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		var element reflect.Type
		if t != nil && t.Kind() == reflect.Slice {
			element = t.Elem()
		}
		for _, e := range v {
			n.Content = append(n.Content, nodeOf(element, e))
		}
		return n
	}
	return valueNode(v)
}

// valueNode writes a scalar so that it is read back as what it is: variables, which are looked for in values only, have
// their dollar doubled.
func valueNode(v any) *yaml.Node {
	switch v := v.(type) {
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.String()}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case string:
		return textNode(strings.ReplaceAll(v, "${", "$${"))
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	// Line breaks and the like are escaped within quotes; the words are booleans to readers of older YAML.
	if strings.ContainsFunc(s, func(r rune) bool { return r != printable(r) }) || slices.Contains(booleanWords(), strings.ToLower(s)) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func booleanWords() []string { return []string{"y", "n", "yes", "no", "on", "off"} }

// printable is the rune, or a space for what would end a comment's line.
func printable(r rune) rune {
	if r < ' ' || r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029 || r == 0xfeff {
		return ' '
	}
	return r
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}
