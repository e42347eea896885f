package features

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

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
	if x.more.bags[0].largest[1] != math.MaxFloat32 || x.more.bags[0].largest[0] != 0 {
		t.Errorf("%v", x.more.bags[0].largest)
	}
}

// Hashed names spread over the columns and over both signs, at any width.
func TestBagHashes(t *testing.T) {
	for _, c := range []struct{ indices, bits int }{{0, 8}, {300, 18}} {
		column := DefaultColumn("x", Bag)
		column.Indices, column.Bits, column.Scale = c.indices, c.bits, "none"
		b := newExtractor(t, column).more.bags[0]
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

func textColumn(ngrams int) Column {
	c := DefaultColumn("t", Text)
	c.Ngrams = ngrams
	return c
}

func TestText(t *testing.T) {
	entries := func(ngrams int, s string) map[uint32]float32 {
		x := newExtractor(t, textColumn(ngrams))
		id, shape := compileView(t, x, millrace.ViewStandard)
		in := x.NewInput()
		if err := x.Extract(in, event(s)); err != nil {
			t.Fatal(err)
		}
		if len(in[id].Index) > shape.NonZeroMax {
			t.Fatalf("%d non-zeros, more than %d", len(in[id].Index), shape.NonZeroMax)
		}
		sum := map[uint32]float32{}
		for i, column := range in[id].Index {
			sum[column] += in[id].Value[i]
		}
		return sum
	}
	for _, equal := range [][]string{
		{"Grüße aus Zürich", "GRÜSSE... grüße, AUS -- zürich!"[10:], "\tgrüße\naus\x00zürich"},
		{"a1 b2", "A1/B2", "(a1) [b2]"}, {"", " ", "!?"}, {"日本 語", "日本、語"}, {"\xffa\xfe b", "a b"},
	} {
		for _, other := range equal[1:] {
			if a, b := entries(3, equal[0]), entries(3, other); !reflect.DeepEqual(a, b) {
				t.Errorf("%q and %q: %v and %v", equal[0], other, a, b)
			}
		}
	}
	// Words, then words and pairs: the order matters to pairs only.
	if a, b := entries(1, "one two three"), entries(1, "three one two"); !reflect.DeepEqual(a, b) || len(a) != 3 {
		t.Errorf("%v and %v", a, b)
	}
	if a, b := entries(2, "one two three"), entries(2, "three one two"); reflect.DeepEqual(a, b) || len(a) != 5 || len(b) != 5 {
		t.Errorf("%v and %v", a, b)
	}
	if a := entries(3, "a b c d"); len(a) != 4+3+2 {
		t.Errorf("%v", a)
	}
	norm := 0.0
	for _, v := range entries(2, "a vector as long as one comes out of words that differ") {
		norm += float64(v) * float64(v)
	}
	// "as" comes twice among 12 words and 11 pairs: (21 + 2²)/23.
	if math.Abs(norm-25.0/23) > 1e-6 {
		t.Errorf("the squares sum to %v", norm)
	}
	long := entries(5, strings.Repeat("word ", 5000))
	if len(long) != 5 {
		t.Errorf("%v", long)
	}
}

func TestTime(t *testing.T) {
	c := DefaultColumn("at", Time)
	c.Missing = "indicator"
	x := newExtractor(t, c)
	id, shape := compileView(t, x, millrace.ViewStandard)
	if !reflect.DeepEqual(shape, millrace.ViewShape{Width: 7, NonZeroMax: 7, NonZeroUsual: 1}) {
		t.Fatalf("%+v", shape)
	}
	angle := func(row []float32, part int, of float64) float64 {
		a := math.Atan2(float64(row[2*part]), float64(row[2*part+1])) / (2 * math.Pi) * of
		if a < -1e-3 {
			a += of
		}
		return a
	}
	random := rand.New(rand.NewPCG(13, 13))
	for range 500 {
		at := time.UnixMilli(random.Int64N(8e12) - 4e12).UTC() // from 1843 to 2096
		row := extract(t, x, millrace.ViewStandard, event(float64(at.UnixMilli())))
		midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		want := []float64{at.Sub(midnight).Hours(), float64((at.Weekday() + 6) % 7), float64(at.Month()-1) +
			float64(at.Day()-1)/31}
		for part, of := range []float64{24, 7, 12} {
			tolerance := 1e-4
			if part == 2 {
				tolerance = 0.15 // of months that are shorter, and the hours
			}
			if got := angle(row, part, of); math.Abs(math.Remainder(got-want[part], of)) > tolerance {
				t.Fatalf("%v: part %d is %v, want %v", at, part, got, want[part])
			}
		}
	}
	if got := extract(t, x, millrace.ViewStandard, event(nil)); got[6] != 1 || slices.Max(got[:6]) != 0 {
		t.Errorf("%v", got)
	}
	noon := time.Date(2024, 2, 29, 13, 30, 0, 0, time.UTC)
	if got := extract(t, x, millrace.ViewRaw, event(float64(noon.UnixMilli()))); got[0] != 13.5 {
		t.Errorf("raw: %v", got)
	}
	if got := x.FeatureName(id, 3); !slices.Equal(got, []string{"at (weekday, cosine)"}) {
		t.Errorf("%q", got)
	}
}

func crossColumn(name string, of ...string) Column {
	c := DefaultColumn(name, Cross)
	c.Of = of
	return c
}

// A cross is what its two features make of one another, wherever they stand, dense or sparse.
func TestCrosses(t *testing.T) {
	country, hashed := DefaultColumn("country", Category), DefaultColumn("h", Category)
	country.Cap = 2
	hashed.Encode, hashed.Bits = "hash", 8
	bag := DefaultColumn("x", Bag)
	bag.Indices, bag.Scale = 4, "none"
	base := Columns{crossColumn("ac", "a", "country"), DefaultColumn("a", Number), country, DefaultColumn("b", Number),
		crossColumn("ab", "b", "a"), DefaultColumn("k", Category), crossColumn("ck", "country", "k")}
	for name, columns := range map[string]Columns{
		"dense":  base,
		"sparse": append(base.clone(), hashed, crossColumn("ch", "country", "h"), bag, crossColumn("xa", "x", "a")),
	} {
		x := newExtractor(t, columns...)
		id, shape := compileView(t, x, millrace.ViewStandard)
		if shape.Sparse != (name == "sparse") {
			t.Fatalf("%s: %+v", name, shape)
		}
		for i := range 20 {
			x.Observe(fill7(columns, event(absent, i, []string{"DE", "FR"}[i%2], i*i, absent, "k1", absent)))
		}
		e := fill7(columns, event(absent, 13, "FR", 1, absent, "k1", absent))
		row := extract(t, x, millrace.ViewStandard, e)
		values := map[string]float32{}
		for i, v := range row {
			if v != 0 {
				values[x.FeatureName(id, i)[0]] += v
			}
		}
		a, b := row[x.blocks[1].first], row[x.blocks[3].first]
		for label, want := range map[string]float32{"a × country=FR": a, "b × a": a * b, "country=FR × k=k1": 1} {
			if values[label] != want || want == 0 {
				t.Errorf("%s: %s is %v, want %v of %v", name, label, values[label], want, values)
			}
		}
		if name == "sparse" && (abs(values["country=FR × h=h1"]) != 1 || values["x[2] × a"] != 3*a) {
			t.Errorf("%v", values)
		}
		// Without one there is nothing.
		e.Fields[2].Presence = millrace.Null
		row = extract(t, x, millrace.ViewStandard, e)
		for _, at := range []int{0, 6} {
			for _, v := range row[x.blocks[at].first:x.blocks[at].end] {
				if v != 0 {
					t.Errorf("%s: %v", name, row)
				}
			}
		}
	}
}

func (s Columns) clone() Columns { return append(Columns(nil), s...) }

// fill7 gives an event of the first seven columns the further ones of the sparse pipeline.
func fill7(columns Columns, e *millrace.Event) *millrace.Event {
	if len(columns) == 7 {
		return e
	}
	more := bagEvent("2", 3.0)
	e.Entries = more.Entries
	e.Fields = append(e.Fields, event("h1").Fields[0], millrace.Field{}, more.Fields[0], millrace.Field{})
	return e
}

func lagColumn(of string, steps ...int) Column {
	c := DefaultColumn("lag", Lag)
	c.Of, c.Key, c.Steps, c.Scale = []string{of}, "card", steps, "none"
	return c
}

func TestLags(t *testing.T) {
	x := newExtractor(t, DefaultColumn("amount", Number), DefaultColumn("card", Category), lagColumn("amount", 1, 3), lagColumnNamed("y", "label", 1))
	id, _ := compileView(t, x, millrace.ViewStandard)
	if got := x.FeatureName(id, x.blocks[2].first+1); !slices.Equal(got, []string{"lag (3 back)"}) {
		t.Errorf("%q", got)
	}
	random := rand.New(rand.NewPCG(14, 14))
	history := map[string][]float64{}
	labels := map[string][]float64{}
	for n := range 2000 {
		card := fmt.Sprint("card", random.IntN(50))
		v := float64(random.IntN(1000))
		e := event(v, card, absent, absent)
		if random.IntN(10) == 0 {
			e.Fields[0].Presence = millrace.Null
		}
		e.Label = millrace.Label{Known: random.IntN(5) > 0, Value: v / 2}
		row := extract(t, x, millrace.ViewStandard, e)[x.blocks[2].first:]
		back := func(values []float64, steps int) float32 {
			if len(values) < steps {
				return 0
			}
			return float32(values[len(values)-steps])
		}
		if want := []float32{back(history[card], 1), back(history[card], 3), back(labels[card], 1)}; !slices.Equal(row, want) {
			t.Fatalf("event %d: %v, want %v", n, row, want)
		}
		raw := extract(t, x, millrace.ViewRaw, e)
		if h := history[card]; len(h) > 0 && raw[2] != back(h, 1) || len(h) == 0 && raw[2] == raw[2] {
			t.Fatalf("event %d: raw %v after %v", n, raw, h)
		}
		x.Observe(e)
		if e.Fields[0].Presence == millrace.Present {
			history[card] = append(history[card], v)
		}
		if e.Label.Known {
			labels[card] = append(labels[card], v/2)
		}
	}
}

func lagColumnNamed(name, of string, steps ...int) Column {
	c := lagColumn(of, steps...)
	c.Name = name
	return c
}

// The table is bounded: the key longest without an event gives way, the others stay.
func TestLagsForget(t *testing.T) {
	c := lagColumn("amount", 1)
	c.Keys = lagWays
	x := newExtractor(t, DefaultColumn("amount", Number), DefaultColumn("card", Category), c)
	lag := func(card string) float32 {
		return extract(t, x, millrace.ViewStandard, event(0, card, absent))[x.blocks[2].first]
	}
	for i := range lagWays {
		x.Observe(event(i+1, fmt.Sprint(i), absent))
	}
	x.Observe(event(100, "0", absent))
	x.Observe(event(200, "new", absent))
	for card, want := range map[string]float32{"0": 100, "1": 0, "2": 3, "7": 8, "new": 200} {
		if got := lag(card); got != want {
			t.Errorf("%s: %v, want %v", card, got, want)
		}
	}
}

// everything is a pipeline with all types; sparse or, without what is hashed, dense.
func everything(sparse bool) Columns {
	l, standard := lagColumn("amount", 1, 5), lagColumnNamed("y", "label", 2)
	l.Keys, standard.Keys, standard.Scale = 10, 20, "standard"
	card := DefaultColumn("card", Category)
	card.Cap = 4
	columns := Columns{DefaultColumn("amount", Number), card, DefaultColumn("at", Time), l, standard, crossColumn("ac", "amount", "card")}
	if sparse {
		bag, text := DefaultColumn("x", Bag), textColumn(2)
		bag.Bits, bag.Entries, text.Bits = 6, 20, 10
		columns = append(columns, bag, text, crossColumn("xt", "x", "card"), crossColumn("tx", "t", "x"))
	}
	return columns
}

func everyEvent(random *rand.Rand, columns int) *millrace.Event {
	e := event(random.NormFloat64(), fmt.Sprint(random.IntN(12)), float64(random.Int64N(2e12)), absent, absent, absent,
		absent, strings.Repeat("some words ", random.IntN(3)), absent, absent)
	for i := range random.IntN(10) {
		e.Entries = append(e.Entries, millrace.Entry{Key: uint64(i * random.IntN(9)), Value: random.NormFloat64()})
	}
	e.Fields[6] = millrace.Field{Presence: millrace.Present, Count: uint16(len(e.Entries))}
	e.Fields[random.IntN(3)].Presence = millrace.Presence(random.IntN(3))
	e.Label = millrace.Label{Known: true, Value: random.Float64()}
	e.Fields = e.Fields[:columns]
	return e
}

// A restored extractor sees what an uninterrupted one sees, in every view, bit for bit.
func TestMoreResumes(t *testing.T) {
	kinds := []millrace.ViewKind{millrace.ViewStandard, millrace.ViewRaw, millrace.ViewLevels, millrace.ViewPairs}
	for _, sparse := range []bool{false, true} {
		build := func() (*Extractor, millrace.Input) {
			x := newExtractor(t, everything(sparse)...)
			for _, kind := range kinds {
				compileView(t, x, kind)
			}
			return x, x.NewInput()
		}
		whole, wholeInput := build()
		first, input := build()
		random := rand.New(rand.NewPCG(7, 7))
		for i := range 400 {
			if i == 20 || i == 200 {
				second, secondInput := build()
				if err := restore(second, snapshot(first)); err != nil {
					t.Fatal(err)
				}
				first, input = second, secondInput
			}
			e := everyEvent(random, len(whole.columns))
			if err := errors.Join(whole.Extract(wholeInput, e), first.Extract(input, e)); err != nil {
				t.Fatal(err)
			}
			for id, kind := range kinds {
				_, shape, _ := whole.View(kind)
				if a, b := fmt.Sprint(wholeInput[id]), fmt.Sprint(input[id]); a != b || len(input[id].Index) > shape.NonZeroMax {
					t.Fatalf("event %d, %s: %s uninterrupted, %s resumed", i, kind, a, b)
				}
				if kind == millrace.ViewRaw {
					continue
				}
				for _, v := range append(input[id].Dense, input[id].Value...) {
					if v != v || math.IsInf(float64(v), 0) {
						t.Fatalf("event %d, %s: %v", i, kind, v)
					}
				}
				for column := range min(shape.Width, 2000) {
					if i == 399 && len(first.FeatureName(millrace.ViewID(id), column)) == 0 {
						t.Fatalf("%s: column %d has no name", kind, column)
					}
				}
			}
			whole.Observe(e)
			first.Observe(e)
		}
		if a, b := snapshot(whole), snapshot(first); !reflect.DeepEqual(a, b) {
			t.Error("the states differ")
		}
	}
}

func TestMoreAllocatesNothing(t *testing.T) {
	x := newExtractor(t, everything(true)...)
	compileView(t, x, millrace.ViewStandard)
	compileView(t, x, millrace.ViewRaw)
	compileView(t, x, millrace.ViewPairs)
	in := x.NewInput()
	random := rand.New(rand.NewPCG(9, 9))
	events := make([]*millrace.Event, 100)
	for i := range events {
		events[i] = everyEvent(random, len(x.columns))
	}
	i := 0
	if n := testing.AllocsPerRun(500, func() {
		_ = x.Extract(in, events[i%100])
		x.Observe(events[i%100])
		i++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRestoredRefusesMore(t *testing.T) {
	used := func(l *lag) int { return slices.IndexFunc(l.last, func(n uint64) bool { return n > 0 }) }
	damage := map[string]func(*more){
		"magnitude":        func(m *more) { m.bags[0].largest[3] = -1 },
		"no magnitude":     func(m *more) { m.bags[0].largest[3] = float32(math.NaN()) },
		"endless":          func(m *more) { m.bags[0].largest[3] = float32(math.Inf(1)) },
		"lag's count":      func(m *more) { m.lags[0].count[0] = 0.5 },
		"lag's mean":       func(m *more) { m.lags[0].mean[1] = math.Inf(1) },
		"clock":            func(m *more) { m.lags[0].clock[0] = 1 << 63 },
		"early clock":      func(m *more) { m.lags[0].clock[0] = 1 },
		"values of nobody": func(m *more) { m.lags[0].last[used(&m.lags[0])] = 0 },
		"nobody's values":  func(m *more) { m.lags[0].seen[used(&m.lags[0])] = 0 },
		"too many values":  func(m *more) { m.lags[0].seen[used(&m.lags[0])] = 1 << 40 },
		"another's place":  func(m *more) { m.lags[0].hash[used(&m.lags[0])]++ },
		"value":            func(m *more) { m.lags[0].value[0] = math.NaN() },
		"key twice":        func(m *more) { l := &m.lags[0]; l.hash[1], l.hash[2] = l.hash[0], l.hash[0] },
		"one event, two keys": func(m *more) {
			l := &m.lags[0]
			l.last[1] = l.last[0]
		},
	}
	for name, spoil := range damage {
		x := newExtractor(t, everything(true)...)
		random := rand.New(rand.NewPCG(9, 9))
		for range 300 {
			x.Observe(everyEvent(random, len(x.columns)))
		}
		if err := x.Restored(); err != nil {
			t.Fatal(err)
		}
		spoil(&x.more)
		if err := x.Restored(); !errors.Is(err, millrace.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzMore: whatever a decoder lets through, views are finite and hold no more entries than they say, and
// the state is one that Restored takes.
func FuzzMore(f *testing.F) {
	f.Add(1.5, "card 1", int64(1_700_000_000_000), "Two words", uint64(7), 0.5, uint8(0))
	f.Add(-1e300, "", int64(-1), "\xff\xfe", uint64(1)<<63, math.MaxFloat64, uint8(1))
	f.Add(0.0, "x", int64(1e14), strings.Repeat("é ", 2000), uint64(64), 5e-324, uint8(32))
	kinds := []millrace.ViewKind{millrace.ViewStandard, millrace.ViewLevels, millrace.ViewPairs, millrace.ViewRaw}
	xs := []*Extractor{newExtractor(f, everything(false)...), newExtractor(f, everything(true)...)}
	inputs := make([]millrace.Input, len(xs))
	for i, x := range xs {
		for _, kind := range kinds {
			compileView(f, x, kind)
		}
		inputs[i] = x.NewInput()
	}
	f.Fuzz(func(t *testing.T, amount float64, card string, ms int64, words string, key uint64, value float64, presence uint8) {
		if math.IsNaN(amount) || math.IsInf(amount, 0) || math.IsNaN(value) || math.IsInf(value, 0) || ms < -1e14 || ms > 1e14 {
			return
		}
		all := event(amount, card, float64(ms), absent, absent, absent, absent, words, absent, absent)
		for i := range 20 {
			all.Entries = append(all.Entries, millrace.Entry{Key: key + uint64(i), Value: value / float64(i+1)})
		}
		all.Fields[6] = millrace.Field{Presence: millrace.Present, First: 3, Count: 17}
		all.Label = millrace.Label{Known: presence&64 != 0, Value: amount}
		all.Fields[presence%8].Presence = millrace.Presence(presence >> 3 & 1)
		for i, x := range xs {
			e := *all
			e.Fields = all.Fields[:len(x.columns)]
			in := inputs[i]
			for range 3 {
				if err := x.Extract(in, &e); err != nil {
					t.Fatal(err)
				}
				for id, kind := range kinds[:3] {
					_, shape, _ := x.View(kind)
					if len(in[id].Index) > shape.NonZeroMax || len(in[id].Index) != len(in[id].Value) {
						t.Fatalf("%s: %d entries of %+v", kind, len(in[id].Index), shape)
					}
					for _, column := range in[id].Index {
						if int(column) >= shape.Width {
							t.Fatalf("%s: column %d of %d", kind, column, shape.Width)
						}
					}
					for _, v := range append(in[id].Dense, in[id].Value...) {
						if v != v || math.IsInf(float64(v), 0) {
							t.Fatalf("%s: %v", kind, v)
						}
					}
				}
				x.Observe(&e)
			}
			if err := x.Restored(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzRestored: hostile state is refused or harmless.
func FuzzRestored(f *testing.F) {
	build := func(t testing.TB) *Extractor {
		c := everything(true)
		x := newExtractor(t, append(Columns{}, c[0], c[1], c[3], c[4], DefaultColumn("n", Number))...)
		compileView(t, x, millrace.ViewLevels)
		compileView(t, x, millrace.ViewPairs)
		return x
	}
	random := rand.New(rand.NewPCG(3, 3))
	x := build(f)
	for range 50 {
		x.Observe(event(random.IntN(5), fmt.Sprint(random.IntN(12)), absent, absent, random.IntN(3)))
	}
	state := snapshot(x)
	f.Add(uint16(0), uint16(0), uint64(0))
	f.Add(uint16(9), uint16(3), uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, tensor, at uint16, bits uint64) {
		x := build(t)
		n := uint16(0)
		x.State(func(name string, live millrace.Tensor, _ millrace.Role) {
			s := state[name]
			copy(live.F64, s.F64)
			copy(live.I32, s.I32)
			copy(live.U64, s.U64)
			copy(live.U8, s.U8)
			if n++; n-1 == tensor%20 {
				switch {
				case len(live.F64) > 0:
					live.F64[int(at)%len(live.F64)] = math.Float64frombits(bits)
				case len(live.I32) > 0:
					live.I32[int(at)%len(live.I32)] = int32(bits)
				case len(live.U64) > 0:
					live.U64[int(at)%len(live.U64)] = bits
				case len(live.U8) > 0:
					live.U8[int(at)%len(live.U8)] = uint8(bits)
				}
			}
		})
		if err := x.Restored(); err != nil {
			if !errors.Is(err, millrace.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		in := x.NewInput()
		for i := range 20 {
			e := event(float64(i), fmt.Sprint(i), absent, absent, i)
			e.Label = millrace.Label{Known: true, Value: float64(i)}
			if err := x.Extract(in, e); err != nil {
				t.Fatal(err)
			}
			x.Observe(e)
			for id := range in {
				for _, v := range append(in[id].Dense, in[id].Value...) {
					if v != v || math.IsInf(float64(v), 0) {
						t.Fatalf("view %d has %v", id, v)
					}
				}
			}
			for column := range 100 {
				x.FeatureName(0, column)
			}
		}
	})
}
