package features

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace"
)

// window is a column of a window; key and of may be empty.
func window(key, of string, over time.Duration, stat ...string) Column {
	c := DefaultColumn("w", Window)
	c.Key, c.Over, c.Stat = key, over, stat
	if of != "" {
		c.Of = []string{of}
	}
	return c
}

func ratioOf(name, above, below string) Column {
	c := DefaultColumn(name, Ratio)
	c.Of = []string{above, below}
	return c
}

func TestExpand(t *testing.T) {
	columns := Columns{DefaultColumn("amount", Number), window("", "amount", time.Hour, "sum", "max"), window("", "", time.Hour, "count")}
	columns[2].Name = "n"
	out := columns.Expand()
	var names []string
	for _, c := range out {
		names = append(names, c.Name+" "+strings.Join(c.Stat, ","))
	}
	if want := []string{"amount ", "w.sum sum", "w.max max", "n count"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if !reflect.DeepEqual(out.Expand(), out) {
		t.Error("columns that are expanded change once more")
	}
	if columns[1].Name != "w" || len(columns[1].Stat) != 2 {
		t.Error("the columns themselves were changed")
	}
}

// What a window or a ratio is made of must be there and be of its kind; each mistake is told once, under the column.
func TestSourcesOfWindowsAndRatios(t *testing.T) {
	number, category, text := DefaultColumn("a", Number), DefaultColumn("c", Category), DefaultColumn("t", Text)
	flag := DefaultColumn("b", Boolean)
	for _, c := range []struct {
		columns Columns
		want    string
	}{
		{Columns{window("c", "a", time.Hour, "sum", "mean", "std")}, ""},
		{Columns{window("c", "b", time.Hour, "count", "mean")}, ""},
		{Columns{window("c", "c", time.Hour, "distinct", "count", "since")}, ""},
		{Columns{window("", "", time.Hour, "count", "since")}, ""},
		{Columns{window("a", "", time.Hour, "count", "since")}, `columns[4].key: "a" is a number; a key is a category`},
		{Columns{window("x", "", time.Hour, "count")}, `columns[4].key: there is no feature "x"`},
		{Columns{window("c", "x", time.Hour, "sum")}, `columns[4].of[0]: there is no feature "x"`},
		{Columns{window("c", "c", time.Hour, "sum")}, `columns[4].of[0]: "c" is a category; sum is of a number or boolean`},
		{Columns{window("c", "a", time.Hour, "distinct")}, `columns[4].of[0]: "a" is a number; distinct is of a category`},
		{Columns{window("c", "t", time.Hour, "count")}, `columns[4].of[0]: "t" is a text; count is of a number, boolean or category`},
		{Columns{window("c", "a", time.Hour, "sum", "sum")}, `columns[4].stat[1]: "sum" is listed twice`},
		{Columns{window("c", "a", time.Hour, "sum"), ratioOf("r", "a", "w")}, ""},
		{Columns{window("c", "a", time.Hour, "sum", "max"), ratioOf("r", "a", "w.max")}, ""},
		{Columns{window("c", "a", time.Hour, "sum", "max"), ratioOf("r", "a", "w")},
			`columns[5].of[1]: "w" has several statistics; write one of them, as w.sum or w.max`},
		{Columns{ratioOf("r", "c", "b")}, `columns[4].of[0]: "c" is a category; a ratio is of numbers and windows|` +
			`columns[4].of[1]: "b" is a boolean; a ratio is of numbers and windows`},
		{Columns{ratioOf("r", "a", "a"), ratioOf("s", "r", "z")}, `columns[4].of[1]: "a" is listed twice|` +
			`columns[5].of[0]: "r" is a ratio; a ratio is of numbers and windows|columns[5].of[1]: there is no feature "z"`},
		{Columns{window("c", "a", time.Hour, "sum", "max"), DefaultColumn("w.max", Number)}, `columns[5].name: "w.max" is the name of columns[4] already`},
	} {
		var got []string
		for _, v := range (Spec{Columns: append(Columns{number, category, text, flag}, c.columns...)}).Validate() {
			got = append(got, v.Path+": "+v.Message)
		}
		if text := strings.Join(got, "|"); text != c.want {
			t.Errorf("%s\nwant %s", text, c.want)
		}
	}
}

// Windows and ratios are numbers to all views: the same extractor with plain numbers in their place sees the same.
func TestWindowsAndRatiosAreNumbers(t *testing.T) {
	made := Columns{DefaultColumn("a", Number), DefaultColumn("c", Category), window("c", "a", time.Hour, "count", "mean"), ratioOf("r", "a", "w.mean")}
	made[2].Missing, made[3].Missing, made[3].Clip = "indicator", "mean", 3
	plain := made.Expand()
	for i := range plain {
		if plain[i].Derived() {
			plain[i].Type = Number
		}
	}
	x, y := extractor(t, made), extractor(t, plain)
	in, same := x.NewInput(), y.NewInput()
	a, b := &millrace.Event{Fields: make([]millrace.Field, 5)}, &millrace.Event{Fields: make([]millrace.Field, 5)}
	for i := range 500 {
		value := float64(i*i%37) - 3
		for _, e := range []*millrace.Event{a, b} {
			clear(e.Fields)
			e.Fields[0] = millrace.Field{Presence: millrace.Present, Number: value}
			e.Fields[1] = millrace.Field{Presence: millrace.Present, Text: []byte{byte('a' + i%5)}}
			e.Fields[2] = millrace.Field{Presence: millrace.Present, Number: float64(i % 7)}
			if i%7 > 0 {
				e.Fields[3] = millrace.Field{Presence: millrace.Present, Number: float64(i % 3)}
			}
		}
		if i%7 > 0 && i%3 > 0 {
			b.Fields[4] = millrace.Field{Presence: millrace.Present, Number: value / float64(i%3)}
		}
		if err := x.Extract(in, a); err != nil {
			t.Fatal(err)
		}
		if err := y.Extract(same, b); err != nil {
			t.Fatal(err)
		}
		if a.Fields[4].Presence != b.Fields[4].Presence || a.Fields[4].Number != b.Fields[4].Number {
			t.Fatalf("event %d: the ratio is %+v, want %+v", i, a.Fields[4], b.Fields[4])
		}
		for v := range in {
			if !equalBits(in[v].Dense, same[v].Dense) || !slices.Equal(in[v].Index, same[v].Index) || !equalBits(in[v].Value, same[v].Value) {
				t.Fatalf("event %d, view %d: %v, want %v", i, v, in[v], same[v])
			}
		}
		x.Observe(a)
		y.Observe(b)
	}
	standard := x.FeatureName(0, 0)
	if names := x.FeatureName(0, 1); !slices.Equal(standard, []string{"a"}) || len(names) != 1 {
		t.Errorf("columns are named %q and %q", standard, names)
	}
}

// extractor compiles all views.
func extractor(t *testing.T, columns Columns) *Extractor {
	t.Helper()
	x, err := New(Spec{Columns: columns, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []millrace.ViewKind{millrace.ViewStandard, millrace.ViewRaw, millrace.ViewLevels, millrace.ViewPairs} {
		if _, _, err := x.View(kind); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
}

func TestRatiosAreFinite(t *testing.T) {
	r := ratio{own: 2, above: 0, below: 1}
	present := func(v float64) millrace.Field { return millrace.Field{Presence: millrace.Present, Number: v} }
	for _, c := range []struct{ above, below, want millrace.Field }{
		{present(6), present(-4), present(-1.5)},
		{present(0), present(4), present(0)},
		{present(6), present(0), millrace.Field{}},
		{present(0), present(math.Copysign(0, -1)), millrace.Field{}},
		{present(6), millrace.Field{}, millrace.Field{}},
		{millrace.Field{Presence: millrace.Null}, present(6), millrace.Field{}},
		{present(1e300), present(1e-300), present(math.MaxFloat64)},
		{present(-1e300), present(math.SmallestNonzeroFloat64), present(-math.MaxFloat64)},
	} {
		e := &millrace.Event{Fields: []millrace.Field{c.above, c.below, present(99)}}
		r.fill(e)
		if !reflect.DeepEqual(e.Fields[2], c.want) {
			t.Errorf("%v over %v is %+v, want %+v", c.above, c.below, e.Fields[2], c.want)
		}
	}
}
