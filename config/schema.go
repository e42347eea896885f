package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"millrace"
	"millrace/decode"
	"millrace/features"
)

// object is a JSON object under construction; encoding/json writes its keys in order.
type object = map[string]any

// Schema is the JSON Schema (draft 2020-12) of the pipeline file, from the same types that Parse
// decodes into. It accepts every file that Parse accepts; Parse refuses more, such as a label among
// the features, which no schema can say.
func Schema() ([]byte, error) {
	b := &schemaBuilder{defs: object{
		"variable": object{
			"type": "string", "pattern": `\$\{`,
			"description": "a value from the environment: ${VAR} or ${VAR:default}",
		},
	}}
	root := b.object(reflect.TypeFor[Pipeline]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Millrace pipeline"
	root["$defs"] = b.defs
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding JSON Schema: %w", err)
	}
	return append(out, '\n'), nil
}

// schemaBuilder collects the structs under $defs, each once, so that the schema stays small and editors
// can name what they complete.
type schemaBuilder struct{ defs object }

// object is the schema of a struct's mapping form.
func (b *schemaBuilder) object(t reflect.Type) object {
	defaults := reflect.New(t).Elem()
	setDefaults(defaults)
	properties, required := object{}, []string{}
	sh := shapeOf(t)
	for _, f := range sh.fields {
		if f.inside() {
			continue // of the form that is long
		}
		property := b.field(f)
		if long := sh.long(f.name); len(long.fields) > 0 {
			inner := object{}
			for _, l := range long.fields {
				inner[l.name] = b.field(l)
				describeField(t, l, inner[l.name].(object))
			}
			property = object{"anyOf": []any{property, object{"type": "object", "properties": inner, "additionalProperties": false}}}
		}
		describeField(t, f, property)
		if value, ok := defaultOf(defaults.Field(f.index)); ok {
			property["default"] = value
		}
		properties[f.name] = property
		if f.needed {
			required = append(required, f.name)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// describeField adds what the file's own checks know of a field.
func describeField(t reflect.Type, f field, property object) {
	if f.doc != "" {
		property["description"] = f.doc
	}
	holdsTopics := t == reflect.TypeFor[Events]() || t == reflect.TypeFor[decode.LabelSpec]()
	topic := holdsTopics && (f.name == "topic" || f.name == "dead_letters")
	switch {
	case t == reflect.TypeFor[Pipeline]() && f.name == "name":
		property["anyOf"] = []any{object{"type": "string", "pattern": namePattern}, variable()}
		delete(property, "type")
	case topic:
		property["anyOf"] = []any{object{"type": "string", "pattern": topicPattern}, variable()}
		delete(property, "type")
	case f.typ == reflect.TypeFor[features.Columns]():
		property["minProperties"] = 1
	}
}

// variable stands beside every type that is no free text, so that ${VAR} is not underlined.
func variable() object { return object{"$ref": "#/$defs/variable"} }

// field is the schema of one field's value, without its description.
func (b *schemaBuilder) field(f field) object {
	switch kindOf(f.typ) {
	case kindStruct:
		return object{"$ref": b.define(f.typ)}
	case kindKeyed:
		return object{"type": "object", "additionalProperties": object{"$ref": b.define(f.typ.Elem())}}
	case kindList:
		list := object{"type": "array", "items": b.item(f)}
		if f.one {
			return object{"anyOf": []any{b.field(field{typ: f.typ.Elem(), enum: f.enum}), list}}
		}
		return list
	}
	return scalarSchema(f)
}

// item is the schema of a list's elements. Where Parse keeps the source text of numbers, as in classes, so
// does the schema.
func (b *schemaBuilder) item(f field) object {
	elem := field{typ: f.typ.Elem(), enum: f.enum}
	if kindOf(elem.typ) == kindText && f.enum == nil {
		return classSchema()
	}
	return b.field(elem)
}

// classSchema is the schema of a text that a number or a boolean may stand for.
func classSchema() object { return object{"type": []string{"string", "number", "boolean"}} }

// define enters a struct under its type's name: the mapping, or its short form beside it.
func (b *schemaBuilder) define(t reflect.Type) string {
	name := strings.ReplaceAll(t.String(), "config.", "")
	ref := "#/$defs/" + name
	if _, ok := b.defs[name]; ok {
		return ref
	}
	full := b.object(t)
	b.defs[name] = full
	if sh := shapeOf(t); sh.short >= 0 {
		short := sh.fields[sh.short]
		scalar := scalarSchema(short)
		describeField(t, short, scalar)
		scalar["description"] = "short for {" + short.name + ": …}: " + short.doc
		forms := []any{scalar, full}
		if sh.list >= 0 {
			list := b.field(sh.fields[sh.list])
			list["description"] = "short for {" + sh.fields[sh.list].name + ": …}: " + sh.fields[sh.list].doc
			forms = append(forms, list)
		}
		b.defs[name] = object{"anyOf": forms}
	}
	return ref
}

// scalarSchema is the schema of a scalar field. All but free text also take a variable, whose value
// only Parse sees.
func scalarSchema(f field) object {
	var own object
	switch kindOf(f.typ) {
	case kindInt:
		own = object{"type": "integer"}
	case kindUint:
		own = object{"type": "integer", "minimum": 0}
	case kindFloat:
		own = object{"type": "number"}
	case kindBool:
		own = object{"type": "boolean"}
	case kindDuration:
		own = object{"type": "string", "pattern": durationPattern}
	case kindBytes:
		own = object{"type": "string", "pattern": bytesPattern}
	default:
		if f.class {
			return classSchema()
		}
		if f.number {
			return object{"type": []string{"string", "number"}}
		}
		if f.enum == nil {
			return object{"type": "string"}
		}
		own = object{"enum": f.enum}
	}
	alternatives := []any{own, variable()}
	if f.time {
		alternatives = append(alternatives, object{
			"type": "string", "format": "date-time", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]+(Z|[+-][0-9:]+)$`,
		})
	}
	return object{"anyOf": alternatives}
}

// defaultOf is v as the file writes it. Zero values are no default worth showing, and structs show
// their fields' own.
func defaultOf(v reflect.Value) (any, bool) {
	if v.IsZero() || v.Kind() == reflect.Struct {
		return nil, false
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String(), true
	case millrace.Bytes:
		return x.String(), true
	default:
		return x, true
	}
}
