package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// schema is a JSON Schema, or a part of one.
type schema = map[string]any

// forms makes schemas from Go types, with the words of their comments.
type forms struct {
	t        *testing.T
	defs     schema
	comments map[string]map[string]string // by package and type, by field
	read     map[string]bool              // packages
}

// formOf is the schema of a verb's result.
func formOf(t *testing.T, of reflect.Type, title string) schema {
	t.Helper()
	f := &forms{t: t, defs: schema{}, comments: map[string]map[string]string{}, read: map[string]bool{}}
	form := f.of(of)
	form["$schema"], form["title"], form["$defs"] = "https://json-schema.org/draft/2020-12/schema", title, f.defs
	return form
}

// of is the schema of a type. Types that are structs become definitions.
func (f *forms) of(of reflect.Type) schema {
	switch of {
	case reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return schema{} // anything: a canonical spec
	case reflect.TypeFor[[]byte]():
		return schema{"type": "string", "contentEncoding": "base64"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return f.of(of.Elem())
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return schema{"type": "integer", "minimum": 0}
	case reflect.Slice, reflect.Array:
		return schema{"type": "array", "items": f.of(of.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": f.of(of.Elem())}
	case reflect.Struct:
		name := path.Base(of.PkgPath()) + "." + of.Name()
		if f.defs[name] == nil {
			form := schema{"type": "object", "additionalProperties": false}
			f.defs[name] = form
			properties, required := schema{}, []string{}
			f.fields(of, properties, &required)
			form["properties"], form["required"] = properties, required
		}
		return schema{"$ref": "#/$defs/" + name}
	}
	f.t.Fatalf("%v has no form in JSON", of)
	return nil
}

// fields adds a struct's fields, and those of structs that are embedded in it.
func (f *forms) fields(of reflect.Type, properties schema, required *[]string) {
	for i := range of.NumField() {
		field := of.Field(i)
		tag, tagged := field.Tag.Lookup("json")
		if field.Anonymous && !tagged {
			f.fields(field.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			f.t.Fatalf("%v.%s has no name in JSON", of, field.Name)
		}
		form := f.of(field.Type)
		optional := strings.Contains(options, "omit")
		if kind := field.Type.Kind(); !optional {
			*required = append(*required, name)
			if kind == reflect.Pointer || kind == reflect.Slice || kind == reflect.Map {
				form = nullable(form)
			}
		}
		if text := f.comment(of, field.Name); text != "" {
			form["description"] = text
		}
		properties[name] = form
	}
}

// nullable is what a form describes, or null.
func nullable(form schema) schema {
	if kind, ok := form["type"].(string); ok {
		form["type"] = []string{kind, "null"}
		return form
	}
	if form["$ref"] != nil {
		return schema{"anyOf": []schema{form, {"type": "null"}}}
	}
	return form
}

// comment is what stands above a field, or behind it.
func (f *forms) comment(of reflect.Type, field string) string {
	folder := "../../" + strings.TrimPrefix(strings.TrimPrefix(of.PkgPath(), "millrace"), "/")
	if of.PkgPath() == "main" || strings.HasSuffix(of.PkgPath(), "cmd/millrace") {
		folder = "."
	}
	if !f.read[folder] {
		f.read[folder] = true
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			f.t.Fatalf("%v: no source in %s (%v)", of, folder, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				f.readComments(folder, file)
			}
		}
	}
	text := f.comments[folder+"."+of.Name()][field]
	return regexp.MustCompile(`\s+`).ReplaceAllString(strings.TrimSpace(text), " ")
}

func (f *forms) readComments(folder, file string) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		f.t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		body, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		of := map[string]string{}
		for _, field := range body.Fields.List {
			for _, name := range field.Names {
				of[name.Name] = strings.TrimSpace(field.Doc.Text() + " " + field.Comment.Text())
			}
		}
		f.comments[fmt.Sprintf("%s.%s", folder, spec.Name.Name)] = of
		return true
	})
}
