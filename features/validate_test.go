package features

import (
	"slices"
	"strings"
	"testing"
)

func TestColumnValidate(t *testing.T) {
	cases := []struct {
		change func(*Column)
		want   string
	}{
		{func(*Column) {}, ""},
		{func(c *Column) { c.Name = "" }, "name"},
		{func(c *Column) { c.Path = "a..b" }, "path"},
		{func(c *Column) { c.Type = "text" }, "type"},
		{func(c *Column) { c.Scale = "minmax" }, "scale"},
		{func(c *Column) { c.Missing = "drop" }, "missing"},
		{func(c *Column) { c.Nulls = "drop" }, "nulls"},
		{func(c *Column) { c.Encode = "binary" }, "encode"},
		{func(c *Column) { c.Cap = 0 }, "cap"},
		{func(c *Column) { c.Cap = CapMax + 1 }, "cap"},
		{func(c *Column) { c.Bits = BitsMax + 1 }, "bits"},
		{func(c *Column) { c.Clip = 0 }, "clip"},
		{func(c *Column) { c.Missing = "mean" }, ""},
		{func(c *Column) { c.Type, c.Missing = Category, "mean" }, "missing"},
		{func(c *Column) { c.Type, c.Nulls = Category, "mean" }, "nulls"},
		{func(c *Column) { *c = Column{} }, "name type scale missing encode cap bits clip"},
	}
	for _, c := range cases {
		column := DefaultColumn("a", Number)
		c.change(&column)
		var got []string
		for _, v := range column.Validate() {
			got = append(got, v.Path)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %q, want %q", column, got, c.want)
		}
	}
}

func TestSpecValidate(t *testing.T) {
	a, b := DefaultColumn("a", Number), DefaultColumn("a", Number)
	b.Scale = "minmax"
	wide := DefaultColumn("w", Category)
	wide.Encode, wide.Bits = "hash", 24
	cases := []struct {
		spec Spec
		want []string
	}{
		{Spec{}, []string{"columns"}},
		{Spec{Columns: Columns{a}}, nil},
		{Spec{Columns: Columns{a, b}}, []string{"columns[1].scale", "columns[1].name"}},
		{Spec{Columns: Columns{a, wide}}, []string{"columns"}},
		{Spec{Columns: make(Columns, ColumnsMax+1)}, []string{"columns"}},
	}
	for _, c := range cases {
		var got []string
		for _, v := range c.spec.Validate() {
			got = append(got, v.Path)
		}
		if len(c.spec.Columns) > ColumnsMax {
			got = got[:1]
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
		if _, err := New(c.spec); (err == nil) != (c.want == nil) {
			t.Errorf("New: %v", err)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string][]string{
		"a": {"a"}, "a.b.c": {"a", "b", "c"}, `sepal\.length`: {"sepal.length"}, `a\\.b`: {`a\`, "b"}, "ключ 1": {"ключ 1"},
		"": nil, ".": nil, "a.": nil, ".a": nil, "a..b": nil, `a\`: nil, `a\b`: nil, "\xff": nil,
		strings.Repeat("a.", 15) + "a": strings.Split(strings.Repeat("a.", 15)+"a", "."), strings.Repeat("a.", 16) + "a": nil,
	} {
		got, err := SplitPath(path)
		if (err == nil) != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", path, got, err)
		}
		if err == nil && JoinPath(got...) != path {
			t.Errorf("%q comes back as %q", path, JoinPath(got...))
		}
	}
}
