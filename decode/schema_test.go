package decode

import (
	"strings"
	"testing"

	"millrace"
	"millrace/features"
)

func TestNewRefuses(t *testing.T) {
	column := func(name, path string) features.Column {
		c := features.DefaultColumn(name, features.Number)
		c.Path = path
		return c
	}
	cases := []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Columns[0].Path = "a..b" }, `"a..b" is no path`},
		{func(s *Spec) { s.Columns[0].Type = "varchar" }, `"varchar" is no type`},
		{func(s *Spec) { s.ID = "id." }, `"id." is no path`},
		{func(s *Spec) { s.Time = TimeSpec{Path: ".t"} }, `".t" is no path`},
		{func(s *Spec) { s.Columns[0].Path = "y" }, "a model would learn to read the answer"},
		{func(s *Spec) { s.Columns[0].Path = "y.z" }, "which is a value itself"},
		{func(s *Spec) { s.Columns = append(s.Columns, column("u", "user.address")) }, "other paths go through"},
		{func(s *Spec) { s.Columns = append(s.Columns, column("u", "amount.x")) }, "which is a value itself"},
		{func(s *Spec) { s.Columns = append(s.Columns, column("u", "a.b.c.d.e")) }, "deeper than limits.depth"},
		{func(s *Spec) { s.Limits = Limits{} }, "limits.event"},
		{func(s *Spec) { s.Label.Classes = nil }, "label.type: give the classes"},
		{func(s *Spec) { s.Label.Path = `a\b` }, "label.path"},
		{func(s *Spec) { *s = Spec{Limits: s.Limits} }, "names no path"},
	}
	for _, c := range cases {
		spec := testSpec()
		c.change(&spec)
		if _, err := New(spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if _, err := New(testSpec()); err != nil {
		t.Error(err)
	}
}

func paths(found []millrace.Violation) string {
	var p []string
	for _, v := range found {
		if v.Message == "" {
			p = append(p, "no message at")
		}
		p = append(p, v.Path)
	}
	return strings.Join(p, " ")
}

func TestLabelSpecValidate(t *testing.T) {
	cases := []struct {
		label LabelSpec
		want  string
	}{
		{LabelSpec{Path: "y", Classes: []string{"a", "b"}}, ""},
		{LabelSpec{Path: "y", Type: "class", Classes: []string{"a", "b"}}, ""},
		{LabelSpec{Path: "y", Type: "number"}, ""},
		{LabelSpec{}, "path type"},
		{LabelSpec{Path: "y."}, "path type"},
		{LabelSpec{Path: "y", Type: "text", Classes: []string{"a", "b"}}, "type"},
		{LabelSpec{Path: "y", Type: "class"}, "classes"},
		{LabelSpec{Path: "y", Type: "number", Classes: []string{"a", "b"}}, "classes"},
		{LabelSpec{Path: "y", Classes: []string{"a"}}, "classes"},
		{LabelSpec{Path: "y", Classes: []string{"a", "", "a"}}, "classes[1] classes[2]"},
		{LabelSpec{Path: "y", Classes: []string{"a", "b"}, Positive: "a"}, ""},
		{LabelSpec{Path: "y", Classes: []string{"a", "b"}, Positive: "c"}, "positive"},
		{LabelSpec{Path: "y", Classes: []string{"a", "b", "c"}, Positive: "c"}, "positive"},
		{LabelSpec{Path: "y", Type: "number", Positive: "c"}, "positive"},
		{LabelSpec{Path: "y", Classes: []string{"a"}, Positive: "c"}, "classes"},
	}
	for _, c := range cases {
		if got := paths(c.label.Validate()); got != c.want {
			t.Errorf("%+v: %q, want %q", c.label, got, c.want)
		}
	}
}

func TestLimitsValidate(t *testing.T) {
	var l Limits
	if got := paths(l.Validate()); got != "event depth text" {
		t.Error(got)
	}
	l.SetDefaults()
	if got := paths(l.Validate()); got != "" {
		t.Error(got)
	}
}
