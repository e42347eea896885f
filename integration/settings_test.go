package integration

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/features"
)

// settingsOf calls f with the address and the tags of every setting in a spec, those of inner specs and lists too.
func settingsOf(v reflect.Value, path string, f func(v reflect.Value, field reflect.StructField, path string)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		at := path + "." + name
		switch inner := v.Field(i); {
		case name == "":
		case inner.Kind() == reflect.Struct:
			settingsOf(inner, at, f)
		case inner.Kind() == reflect.Slice && inner.Type().Elem().Kind() == reflect.Struct:
			for k := range inner.Len() {
				settingsOf(inner.Index(k), fmt.Sprintf("%s[%d]", at, k), f)
			}
		default:
			f(inner, field, at)
		}
	}
}

// otherValues are values that a setting may have instead of its own.
func otherValues(v reflect.Value, field reflect.StructField) []any {
	var out []any
	switch v.Kind() {
	case reflect.String:
		for word := range strings.SplitSeq(field.Tag.Get("enum"), "|") {
			out = append(out, word)
		}
		if field.Tag.Get("enum") == "" {
			out = []any{"a", "b", "1", "0.2"}
		}
	case reflect.Int:
		out = []any{0, 2, 100}
	case reflect.Uint64:
		out = []any{uint64(0), uint64(1<<64 - 2)}
	case reflect.Float64:
		out = []any{0.0, 0.01, 2.0}
	case reflect.Bool:
		out = []any{true, false}
	case reflect.Slice:
		switch v.Interface().(type) {
		case []float64:
			out = []any{[]float64(nil), []float64{1, 2}, []float64{3, 1}}
		case []int:
			out = []any{[]int(nil), []int{1}, []int{2, 3}}
		case []string:
			out = []any{[]string(nil), []string{"p", "n"}, []string{"a", "b"}, []string{"b"}, []string{"hour"}}
		}
	}
	return out
}

// clone copies what settingsOf changes.
func clone(p *config.Pipeline) *config.Pipeline {
	q := *p
	q.Features = slices.Clone(p.Features)
	q.Model.Layers = slices.Clone(p.Model.Layers)
	return &q
}

// valid reports whether a pipeline file can say what p is.
func valid(p *config.Pipeline) bool {
	for _, c := range p.Features {
		usual := reflect.ValueOf(features.DefaultColumn(c.Name, c.Type))
		for _, unread := range millrace.UnreadSettings(c) {
			for i := range usual.NumField() {
				name, _, _ := strings.Cut(usual.Type().Field(i).Tag.Get("yaml"), ",")
				if name == unread.Name && !reflect.DeepEqual(usual.Field(i).Interface(), reflect.ValueOf(c).Field(i).Interface()) {
					return false
				}
			}
		}
	}
	spec := features.Spec{Columns: p.Features}
	return len(spec.Validate())+len(p.Label.Validate())+len(p.Model.Validate(p.Target())) == 0
}

// TestOneSettingApart: a scorer whose file differs from the learner's in any one setting of features, label or model
// refuses the learner's versions, or predicts what the learner predicts. Nothing in between is ever served.
func TestOneSettingApart(t *testing.T) {
	events := goldenEvents(t)
	files, err := filepath.Glob(goldenFolder + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"", "{type: svm}", "{type: svm, c: 0.5, update: pa1}", "{type: svm, update: pegasos, average: true}",
		"{type: svm, update: gradient, l2: 0.01}", "{type: logistic, l2: 0.01, optimizer: {type: normalized, rate: 0.1}}", "tree"} {
		for _, file := range files {
			p := goldenPipeline(t, file)
			if model != "" {
				if filepath.Base(file) != "hashed.yaml" {
					continue
				}
				p = withModel(t, file, model)
			}
			t.Run(p.Name+model, func(t *testing.T) { oneSettingApart(t, p, events) })
		}
	}
}

// withModel is a golden pipeline with another model.
func withModel(t *testing.T, file, model string) *config.Pipeline {
	t.Helper()
	p, other := goldenPipeline(t, file), "name: p\nevents: e\nfeatures: {a: number}\nlabel: {path: y, classes: [n, p]}\nmodel: "+model
	q, err := config.Parse("other", []byte(other), nil)
	if err != nil {
		t.Fatal(err)
	}
	seed := p.Model.Seed
	p.Model = q.Model
	p.Model.Seed = seed
	return p
}

func oneSettingApart(t *testing.T, p *config.Pipeline, events [][]byte) {
	t.Helper()
	learned, rest := newPieces(t, p), events[100:110]
	learned.learn(t, events[:100])
	want, s := learned.predict(t, rest), learned.snapshot(p)
	refused, served := 0, 0
	apart := func(q *config.Pipeline, what string) {
		if !valid(q) {
			return
		}
		with, err := q.ServedBy(&s.Manifest)
		if err != nil {
			if !errors.Is(err, millrace.ErrIncompatible) {
				t.Errorf("%s: %v", what, err)
			}
			refused++
			return
		}
		replica := newPieces(t, with)
		if err := replica.scorer.Restore(s.Serving, nil); err != nil {
			t.Errorf("%s: the settings fit, and the tensors do not: %v", what, err)
			return
		}
		served++
		if got := replica.predict(t, rest); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: another prediction than the learner's", what)
		}
	}
	for _, section := range []string{"features", "label", "model"} {
		count := func(q *config.Pipeline) []reflect.Value {
			var all []reflect.Value
			walkSection(q, section, func(v reflect.Value, _ reflect.StructField, _ string) { all = append(all, v) })
			return all
		}
		k := -1
		walkSection(clone(p), section, func(v reflect.Value, field reflect.StructField, path string) {
			k++
			if path == ".pin" {
				return // a scorer's own, see its documentation
			}
			for _, value := range otherValues(v, field) {
				q := clone(p)
				at := count(q)[k]
				if to := reflect.ValueOf(value).Convert(at.Type()); !reflect.DeepEqual(at.Interface(), to.Interface()) {
					at.Set(to)
					apart(q, fmt.Sprintf("%s%s: %v", section, path, value))
				}
			}
		})
	}
	if refused < 5 || served < 5 {
		t.Errorf("%d changed settings were refused and %d served: too few to say anything", refused, served)
	}
}

func walkSection(p *config.Pipeline, section string, f func(v reflect.Value, field reflect.StructField, path string)) {
	switch section {
	case "features":
		for i := range p.Features {
			settingsOf(reflect.ValueOf(&p.Features[i]).Elem(), "."+p.Features[i].Name, f)
		}
	case "label":
		settingsOf(reflect.ValueOf(&p.Label).Elem(), "", f)
	default:
		settingsOf(reflect.ValueOf(&p.Model).Elem(), "", f)
	}
}
