package features

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestColumnValidate(t *testing.T) {
	cases := []struct {
		change func(*Column)
		want   string
	}{
		{func(*Column) {}, ""},
		{func(c *Column) { c.Name = "" }, "name"},
		{func(c *Column) { c.Path = "a..b" }, "path"},
		{func(c *Column) { c.Type = "varchar" }, "type"},
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
		{func(c *Column) { c.Type, c.Missing = Text, "mean" }, "missing"},
		{func(c *Column) { c.Type, c.Ngrams = Text, 6 }, "ngrams"},
		{func(c *Column) { c.Type, c.Indices, c.Entries = Bag, -1, 1<<16 }, "indices entries"},
		{func(c *Column) { c.Type, c.Parts = Time, []string{"hour", "second", "hour"} }, "parts[1] parts[2]"},
		{func(c *Column) { c.Type, c.Of = Cross, []string{"b"} }, "of"},
		{func(c *Column) { *c = DefaultColumn("a", Lag) }, "of key steps"},
		{func(c *Column) { c.Type, c.Of, c.Key, c.Steps = Lag, []string{"b"}, "c", []int{0, 5, 5, 1001} }, "steps[0] steps[2] steps[3] keys"},
		{func(c *Column) { *c = DefaultColumn("a", Window) }, "over stat"},
		{func(c *Column) { *c = window("", "", time.Hour, "count"); c.Over = time.Second - 1 }, "over"},
		{func(c *Column) { *c = window("", "", time.Second+1, "count") }, "over"},
		{func(c *Column) { *c = window("", "", OverLongest+time.Second, "count") }, "over"},
		{func(c *Column) { *c = window("", "", time.Hour, "count", "sum") }, "of"},
		{func(c *Column) { *c = window("", "b", time.Hour, "sum", "median", "sum") }, "stat[1] stat[2]"},
		{func(c *Column) { *c = window("", "b", time.Hour, "sum"); c.Of = []string{"b", "c"} }, "of"},
		{func(c *Column) { *c = window("", "b", time.Hour, "sum"); c.Panes, c.Missing = 1001, "reject" }, "panes missing"},
		{func(c *Column) { *c = window("k", "b", time.Hour, "sum"); c.Panes, c.Keys = -1, WindowKeysMax+1 }, "panes keys"},
		{func(c *Column) { *c = DefaultColumn("a", Ratio) }, "of"},
		{func(c *Column) { c.Type, c.Of, c.Missing = Ratio, []string{"a", "b"}, "reject" }, "missing"},
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
	country, remark := DefaultColumn("country", Category), DefaultColumn("remark", Text)
	made := func(t Type, of ...string) Column {
		c := DefaultColumn("made", t)
		c.Of, c.Key, c.Steps = of, "country", []int{1}
		return c
	}
	keyed := made(Lag, "a")
	keyed.Key = "a"
	cases := []struct {
		spec Spec
		want []string
	}{
		{Spec{Columns: Columns{made(Cross, "a", "country"), a, country}}, nil},
		{Spec{Columns: Columns{made(Cross, "a", "made"), a, country}}, []string{"columns[0].of[1]"}},
		{Spec{Columns: Columns{made(Cross, "a", "a"), a}}, []string{"columns[0].of[1]"}},
		{Spec{Columns: Columns{made(Cross, "b", "a"), a}}, []string{"columns[0].of[0]"}},
		{Spec{Columns: Columns{made(Lag, "a"), a, country}}, nil},
		{Spec{Columns: Columns{made(Lag, "label"), country}}, nil},
		{Spec{Columns: Columns{made(Lag, "remark"), remark, country}}, []string{"columns[0].of[0]"}},
		{Spec{Columns: Columns{made(Lag, "b"), a}}, []string{"columns[0].of[0]", "columns[0].key"}},
		{Spec{Columns: Columns{keyed, a}}, []string{"columns[0].key"}},
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
