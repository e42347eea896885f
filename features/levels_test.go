package features

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"millrace"
)

func TestLevels(t *testing.T) {
	known := DefaultColumn("known", Boolean)
	x := newExtractor(t, DefaultColumn("hour", Number), known, DefaultColumn("temperature", Number))
	id, shape := compileView(t, x, millrace.ViewLevels)
	if want := (millrace.ViewShape{Width: 3 + 2*32, Sparse: true, NonZeroMax: 3 + 2, NonZeroUsual: 3 + 2}); !reflect.DeepEqual(shape, want) {
		t.Fatalf("%+v, want %+v", shape, want)
	}
	in := x.NewInput()
	levels := func(values ...any) (names []string) {
		t.Helper()
		if err := x.Extract(in, event(values...)); err != nil {
			t.Fatal(err)
		}
		for i, column := range in[id].Index {
			if column >= 3 {
				if in[id].Value[i] != 1 {
					t.Errorf("%v: level %d is %v", values, column, in[id].Value[i])
				}
				names = append(names, x.FeatureName(id, int(column))...)
			}
		}
		return names
	}
	check := func(want []string, values ...any) {
		t.Helper()
		if got := levels(values...); !slices.Equal(got, want) {
			t.Errorf("%v: %q, want %q", values, got, want)
		}
	}
	check(nil, 17, true, 3)
	x.Observe(event(17, true, 3))
	check([]string{"hour=17", "temperature=3"}, 17, true, 3)
	check([]string{"hour=17"}, 17, true, 4)
	check([]string{"temperature=3"}, 17.5, nil, 3)
	check(nil, absent, nil, nil)
	// Zeros have a level, and only one.
	x.Observe(event(math.Copysign(0, -1), true, absent))
	check([]string{"hour=0"}, 0, true, 4)
	check([]string{"hour=0"}, math.Copysign(0, -1), true, 4)
	if x.levels.size[0] != 2 {
		t.Errorf("%d levels", x.levels.size[0])
	}
	// A fraction puts a number out for good.
	x.Observe(event(absent, true, 3.5))
	x.Observe(event(absent, true, 3))
	check([]string{"hour=17"}, 17, true, 3)
	// So does the 33rd value, and not the 32nd.
	for v := range 32 {
		x.Observe(event(v, true, absent))
	}
	check([]string{"hour=31"}, 31, true, absent)
	x.Observe(event(32, true, absent))
	check(nil, 31, true, absent)
	if x.levels.size[0] != out || x.levels.size[1] != out || slices.ContainsFunc(x.levels.value, func(v float64) bool { return v != 0 }) {
		t.Errorf("%v, %v", x.levels.size, x.levels.value)
	}
	if got := x.FeatureName(id, 3); !slices.Equal(got, []string{"hour"}) || x.FeatureName(id, shape.Width) != nil {
		t.Errorf("%q", got)
	}
}

// The standard view's non-zeros come first, dense or sparse.
func TestLevelsHoldTheStandardView(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		x := newExtractor(t, mixed(sparse)...)
		id, shape := compileView(t, x, millrace.ViewLevels)
		standard, standardShape := compileView(t, x, millrace.ViewStandard)
		in := x.NewInput()
		random := rand.New(rand.NewPCG(12, 12))
		some := 0
		for range 300 {
			e := mixedEvent(random, len(x.columns))
			if err := x.Extract(in, e); err != nil {
				t.Fatal(err)
			}
			if len(in[id].Index) != len(in[id].Value) || len(in[id].Index) > shape.NonZeroMax || slices.Contains(in[id].Value, 0) {
				t.Fatalf("%+v", in[id])
			}
			row := densify(in[id], shape)
			if !slices.Equal(row[:standardShape.Width], densify(in[standard], standardShape)) {
				t.Fatalf("%v does not start with %v", row, in[standard])
			}
			for _, v := range row[standardShape.Width:] {
				some += int(v)
			}
			x.Observe(e)
		}
		if some < 200 { // four in five events have an hour
			t.Errorf("%d levels in 300 events", some)
		}
	}
}

func TestLevelsOfManyNumbersAreNone(t *testing.T) {
	columns := make(Columns, levelsNumbersMax+1)
	for i := range columns {
		columns[i] = DefaultColumn(string(rune('a'+i)), Number)
	}
	if _, shape := compileView(t, newExtractor(t, columns...), millrace.ViewLevels); shape.Width != len(columns) {
		t.Errorf("%+v", shape)
	}
	if _, shape := compileView(t, newExtractor(t, columns[1:]...), millrace.ViewLevels); shape.Width != 256*33 || shape.NonZeroMax != 2*256 {
		t.Errorf("%+v", shape)
	}
}

// State has levels only where a model asked for them, so that snapshots of others stay as they are.
func TestLevelsResume(t *testing.T) {
	plain := newExtractor(t, mixed(false)...)
	compileView(t, plain, millrace.ViewPairs)
	if _, ok := snapshot(plain)["levels.size"]; ok {
		t.Error("levels without the view")
	}
	build := func() *Extractor {
		x := newExtractor(t, mixed(false)...)
		compileView(t, x, millrace.ViewLevels)
		compileView(t, x, millrace.ViewPairs)
		return x
	}
	whole, first, second := build(), build(), build()
	random := rand.New(rand.NewPCG(7, 7))
	for i := range 400 {
		if i == 20 || i == 200 {
			if err := restore(second, snapshot(first)); err != nil {
				t.Fatal(err)
			}
			first, second = second, build()
		}
		e := mixedEvent(random, len(whole.columns))
		for _, kind := range []millrace.ViewKind{millrace.ViewLevels, millrace.ViewPairs} {
			if a, b := extract(t, whole, kind, e), extract(t, first, kind, e); !slices.Equal(a, b) {
				t.Fatalf("event %d, %s: %v uninterrupted, %v resumed", i, kind, a, b)
			}
		}
		whole.Observe(e)
		first.Observe(e)
	}
	if a, b := snapshot(whole), snapshot(first); !reflect.DeepEqual(a, b) {
		t.Errorf("%v uninterrupted, %v resumed", a, b)
	}
}

func TestRestoredRefusesLevels(t *testing.T) {
	damage := map[string]func(*levels){
		"too many":       func(l *levels) { l.size[0] = 33 },
		"too few":        func(l *levels) { l.size[0] = -2 },
		"beyond count":   func(l *levels) { l.size[0] = 3 },
		"beyond out":     func(l *levels) { l.size[0] = out },
		"fraction":       func(l *levels) { l.value[1] = 0.5 },
		"twice":          func(l *levels) { l.value[1] = l.value[0] },
		"not a number":   func(l *levels) { l.value[1] = math.NaN() },
		"infinite":       func(l *levels) { l.value[1] = math.Inf(1) },
		"beyond integer": func(l *levels) { l.value[1] = 1e300 },
	}
	for name, spoil := range damage {
		x := newExtractor(t, DefaultColumn("a", Number))
		compileView(t, x, millrace.ViewLevels)
		for i := range 10 {
			x.Observe(event(i + 1))
		}
		if err := x.Restored(); err != nil {
			t.Fatal(err)
		}
		spoil(x.levels)
		if err := x.Restored(); !errors.Is(err, millrace.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
