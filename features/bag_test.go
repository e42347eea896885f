package features

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"millrace"
)

// bagEvent makes an event of one bag from names and values in turn.
func bagEvent(values ...any) *millrace.Event {
	e := &millrace.Event{Fields: make([]millrace.Field, 1)}
	for i := 0; i < len(values); i += 2 {
		e.Entries = append(e.Entries, millrace.Entry{Key: EntryKey([]byte(values[i].(string))), Value: values[i+1].(float64)})
	}
	e.Fields[0] = millrace.Field{Presence: millrace.Present, Count: uint16(len(e.Entries))}
	return e
}

func TestEntryKey(t *testing.T) {
	for name, want := range map[string]uint64{"0": 0, "7": 7, "40000": 40000, "4294967295": 1<<32 - 1} {
		if got := EntryKey([]byte(name)); got != want {
			t.Errorf("%q: %d", name, got)
		}
	}
	seen := map[uint64]string{}
	for _, name := range []string{"", "00", "01", "-1", "+1", "1.0", "4294967296", "10000000000", "18446744073709551616", "a", "1a", " 1"} {
		got := EntryKey([]byte(name))
		if got < keyHashed || seen[got] != "" {
			t.Errorf("%q: %d, as %q", name, got, seen[got])
		}
		seen[got] = name
	}
}

func TestBagWithIndices(t *testing.T) {
	c := DefaultColumn("x", Bag)
	c.Indices, c.Scale, c.Entries, c.Missing = 10, "none", 5, "indicator"
	x := newExtractor(t, c, DefaultColumn("a", Number))
	id, shape := compileView(t, x, millrace.ViewStandard)
	if want := (millrace.ViewShape{Width: 12, Sparse: true, NonZeroMax: 6, NonZeroUsual: 5}); !reflect.DeepEqual(shape, want) {
		t.Fatalf("%+v, want %+v", shape, want)
	}
	in := x.NewInput()
	row := func(e *millrace.Event) []float32 {
		t.Helper()
		e.Fields = append(e.Fields[:1:1], millrace.Field{})
		if err := x.Extract(in, e); err != nil {
			t.Fatal(err)
		}
		return densify(in[id], shape)
	}
	if got := row(bagEvent("0", 2.0, "9", -3.0)); !slices.Equal(got, []float32{2, 0, 0, 0, 0, 0, 0, 0, 0, -3, 0, 0}) {
		t.Errorf("%v", got)
	}
	if got := row(&millrace.Event{Fields: make([]millrace.Field, 1)}); got[10] != 1 {
		t.Errorf("%v", got)
	}
	// What has no column of its own shares one, finite however large.
	if got := row(bagEvent("11", 1e300, "word", -1e300)); slices.Max(got) > math.MaxFloat32 || slices.Equal(got, make([]float32, 12)) || got[10] != 0 {
		t.Errorf("%v", got)
	}
	if got := x.FeatureName(id, 9); !slices.Equal(got, []string{"x[9]"}) {
		t.Errorf("%q", got)
	}
}

func TestBagScales(t *testing.T) {
	c := DefaultColumn("x", Bag)
	c.Indices = 3
	x := newExtractor(t, c)
	check := func(v float64, want float32) {
		t.Helper()
		if got := extract(t, x, millrace.ViewStandard, bagEvent("1", v)); got[1] != want || got[0] != 0 || got[2] != 0 {
			t.Errorf("%v becomes %v, want %v", v, got, want)
		}
	}
	check(0.001, 1)
	check(-0.001, -1)
	x.Observe(bagEvent("1", -4.0))
	check(2, 0.5)
	check(-4, -1)
	check(100, 1)
	// One absurd value costs a factor of ten, and a new scale is reached all the same.
	x.Observe(bagEvent("1", 1e30))
	check(4, 0.1)
	for range 40 {
		x.Observe(bagEvent("1", math.MaxFloat64))
	}
	check(math.MaxFloat64, 1)
	if bagsOf(x)[0].largest[1] != math.MaxFloat32 || bagsOf(x)[0].largest[0] != 0 {
		t.Errorf("%v", bagsOf(x)[0].largest)
	}
}

// Hashed names spread over the columns and over both signs, at any width.
func TestBagHashes(t *testing.T) {
	for _, c := range []struct{ indices, bits int }{{0, 8}, {300, 18}} {
		column := DefaultColumn("x", Bag)
		column.Indices, column.Bits, column.Scale = c.indices, c.bits, "none"
		b := bagsOf(newExtractor(t, column))[0]
		counts, signs := make([]float64, b.width), 0
		const names = 60_000
		for i := range names {
			at, sign := b.at(EntryKey(fmt.Appendf(nil, "name %d", i)))
			counts[at]++
			if sign > 0 {
				signs++
			}
		}
		chi, want := 0.0, names/float64(len(counts))
		for _, n := range counts {
			chi += (n - want) * (n - want) / want
		}
		if limit := float64(len(counts)) + 6*math.Sqrt(2*float64(len(counts))); chi > limit || math.Abs(float64(signs)-names/2) > 3*math.Sqrt(names) {
			t.Errorf("%+v: chi-squared %v beyond %v, %d positive", c, chi, limit, signs)
		}
	}
}
