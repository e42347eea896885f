package model_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
)

var update = flag.Bool("update", false, "write the tables of docs/MODELS.md anew")

const document = "../docs/MODELS.md"

// TestModelsDocument: docs/MODELS.md says of every family which parameters it reads, what they may be, what they are by
// default and what they mean, in tables that are made from the specs. After a change, go test ./model -run
// TestModelsDocument -update writes them anew.
func TestModelsDocument(t *testing.T) {
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	text := regexp.MustCompile(`(?s)<!-- table (.+?) -->\n.*?<!-- end -->`).ReplaceAllStringFunc(string(data), func(block string) string {
		name := regexp.MustCompile(`<!-- table (.+?) -->`).FindStringSubmatch(block)[1]
		found[name] = true
		return "<!-- table " + name + " -->\n" + tableFor(t, name) + "<!-- end -->"
	})
	if *update {
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != string(data) {
		t.Errorf("%s is not in step with model.Spec: run go test ./model -run TestModelsDocument -update", document)
	}
	for _, family := range model.Families() {
		if !slices.ContainsFunc(tablesOf(found), func(words []string) bool { return slices.Contains(words, family) }) {
			t.Errorf("no table has the parameters of %s", family)
		}
		if !regexp.MustCompile("(?m)^## .*" + family).MatchString(text) {
			t.Errorf("%s has no section", family)
		}
	}
	var names func(t reflect.Type) []string
	names = func(typ reflect.Type) (all []string) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			all = append(all, yamlName(f))
			if inner := f.Type; inner.Kind() == reflect.Struct {
				all = append(all, names(inner)...)
			} else if inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
				all = append(all, names(inner.Elem())...)
			}
		}
		return all
	}
	for _, name := range names(reflect.TypeFor[model.Spec]()) {
		if name != "type" && !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("%s does not mention %s", document, name)
		}
	}
}

func tablesOf(found map[string]bool) [][]string {
	var all [][]string
	for name := range found {
		all = append(all, strings.Fields(name))
	}
	return all
}

// tableFor is a table of the fields that families read, or of those of an inner spec.
func tableFor(t *testing.T, name string) string {
	t.Helper()
	words := strings.Fields(name)
	inner := map[string]reflect.Type{
		"optimizer": reflect.TypeFor[model.OptimizerSpec](), "schedule": reflect.TypeFor[model.ScheduleSpec](),
		"kernel": reflect.TypeFor[model.KernelSpec](), "layers": reflect.TypeFor[model.LayerSpec](),
	}
	var b strings.Builder
	if typ := inner[name]; typ != nil {
		b.WriteString("| parameter | values | meaning |\n|---|---|---|\n")
		for i := range typ.NumField() {
			f := typ.Field(i)
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", yamlName(f), values(f), millrace.Documentation(f))
		}
		return b.String()
	}
	b.WriteString("| parameter | values | default | meaning |\n|---|---|---|---|\n")
	typ := reflect.TypeFor[model.Spec]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if yamlName(f) == "type" || !slices.ContainsFunc(words, func(family string) bool { return reads(family, f) }) {
			continue
		}
		doc := f.Tag.Get("doc")
		for _, r := range millrace.Readers(f.Tag.Get("of")) {
			if r.If != (millrace.Condition{}) && slices.Contains(words, r.Type) {
				doc += " (" + r.If.String() + ")"
				break
			}
		}
		kind := values(f)
		if list := taken(words, i); list != "" {
			kind = list
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", yamlName(f), kind, defaultOf(words, i), doc)
	}
	return b.String()
}

func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// reads says whether a family reads a field of its spec, as the field's tag says.
func reads(family string, f reflect.StructField) bool {
	readers := millrace.Readers(f.Tag.Get("of"))
	return len(readers) == 0 || slices.ContainsFunc(readers, func(r millrace.Reader) bool { return r.Type == family })
}

// taken are the words of the i-th field that families take for some label; empty for fields that have none.
func taken(families []string, i int) string {
	f := reflect.TypeFor[model.Spec]().Field(i)
	if f.Tag.Get("enum") == "" {
		return ""
	}
	var words []string
	for word := range strings.SplitSeq(f.Tag.Get("enum"), "|") {
		if slices.ContainsFunc(families, func(family string) bool { return takes(family, i, word) }) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

func takes(family string, i int, word string) bool {
	name := yamlName(reflect.TypeFor[model.Spec]().Field(i))
	for _, target := range []model.TargetSpec{{Classes: 2}, {Classes: 3}, {}} {
		spec := model.Spec{Type: family}
		reflect.ValueOf(&spec).Elem().Field(i).SetString(word)
		if slices.Contains(model.Suitable(target), family) &&
			!slices.ContainsFunc(spec.Validate(target), func(v millrace.Violation) bool { return v.Path == name }) {
			return true
		}
	}
	return false
}

// values are the words or the kind of value that a field takes.
func values(f reflect.StructField) string {
	if words := f.Tag.Get("enum"); words != "" {
		return strings.ReplaceAll(words, "|", ", ")
	}
	switch f.Type.Kind() {
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Uint64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list"
	}
	return "settings, see " + yamlName(f)
}

// defaultOf is what the i-th field is when a family resolves its spec, for classes and numbers where they differ.
func defaultOf(families []string, i int) string {
	kinds := []struct {
		target model.TargetSpec
		name   string
	}{{model.TargetSpec{Classes: 2}, "2 classes"}, {model.TargetSpec{Classes: 3}, "more classes"}, {model.TargetSpec{}, "numbers"}}
	var order []string
	of := map[string][]string{}
	for _, family := range families {
		for _, kind := range kinds {
			if !slices.Contains(model.Suitable(kind.target), family) {
				continue
			}
			name := kind.name
			if len(families) > 1 {
				name = family + ", " + name
			}
			value := written(reflect.ValueOf(model.Spec{Type: family}.Resolve(kind.target)).Field(i))
			if of[value] == nil {
				order = append(order, value)
			}
			of[value] = append(of[value], name)
		}
	}
	if len(order) == 1 {
		// A default that stays unwritten in resolved specs is the word for nothing special.
		first, _, _ := strings.Cut(reflect.TypeFor[model.Spec]().Field(i).Tag.Get("enum"), "|")
		if order[0] == "–" && (first == "none" || first == "standard") {
			return first
		}
		return order[0]
	}
	parts := make([]string, len(order))
	for k, value := range order {
		parts[k] = value + " (" + strings.Join(of[value], "; ") + ")"
	}
	return strings.Join(parts, ", ")
}

// written is a value as a pipeline file has it; a dash for none.
func written(v reflect.Value) string {
	if v.Kind() == reflect.Uint64 {
		return fmt.Sprint(v.Uint()) // every number is a seed
	}
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return "–"
	}
	switch v.Kind() {
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			inner, name := v.Field(i), yamlName(v.Type().Field(i))
			if schedule, ok := inner.Interface().(model.ScheduleSpec); ok && schedule.Type != "constant" && schedule.Type != "" {
				parts = append(parts, name+": "+schedule.Type)
			} else if !ok && !inner.IsZero() {
				parts = append(parts, name+": "+written(inner))
			}
		}
		if len(parts) == 0 {
			return "–"
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = written(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Float64:
		return fmt.Sprintf("%g", v.Float())
	}
	return fmt.Sprint(v.Interface())
}
