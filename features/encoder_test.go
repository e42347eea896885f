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

	"millrace"
)

func encoderOf[T encoder](x *Extractor) (found T) {
	for _, enc := range x.others {
		if enc, ok := enc.(T); ok {
			return enc
		}
	}
	return found
}

// The words that a pipeline file may use are the types that there are encoders for.
func TestTypesAreThoseOfTheFile(t *testing.T) {
	field, _ := reflect.TypeFor[Column]().FieldByName("Type")
	words := strings.Split(field.Tag.Get("enum"), "|")
	for _, known := range types() {
		if !slices.Contains(words, string(known.name)) {
			t.Errorf("%s is no word of a pipeline file", known.name)
		}
	}
	for _, word := range words {
		if Type(word).encoder() == nil {
			t.Errorf("%s has no encoder", word)
		}
	}
}

func bagsOf(x *Extractor) []bag { return encoderOf[*bags](x).all }

func lagsOf(x *Extractor) []lag { return encoderOf[*lags](x).all }

// learned is what a test may damage.
type learned struct {
	bags []bag
	lags []lag
	x    *Extractor
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
func TestEncodersResumes(t *testing.T) {
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

func TestEncodersAllocatesNothing(t *testing.T) {
	x := newExtractor(t, everything(true)...)
	compileView(t, x, millrace.ViewStandard)
	compileView(t, x, millrace.ViewRaw)
	compileView(t, x, millrace.ViewPairs)
	if n := allocations(x, everyEvent); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRestoredRefusesEncoders(t *testing.T) {
	used := func(l *lag) int { return slices.IndexFunc(l.last, func(n uint64) bool { return n > 0 }) }
	damage := map[string]func(*learned){
		"magnitude":        func(m *learned) { m.bags[0].largest[3] = -1 },
		"no magnitude":     func(m *learned) { m.bags[0].largest[3] = float32(math.NaN()) },
		"endless":          func(m *learned) { m.bags[0].largest[3] = float32(math.Inf(1)) },
		"lag's count":      func(m *learned) { state(m.x, "lags.0.count")[0] = -1 },
		"lag's mean":       func(m *learned) { state(m.x, "lags.0.mean")[1] = math.Inf(1) },
		"clock":            func(m *learned) { m.lags[0].clock[0] = 1 << 63 },
		"early clock":      func(m *learned) { m.lags[0].clock[0] = 1 },
		"values of nobody": func(m *learned) { m.lags[0].last[used(&m.lags[0])] = 0 },
		"nobody's values":  func(m *learned) { m.lags[0].seen[used(&m.lags[0])] = 0 },
		"too many values":  func(m *learned) { m.lags[0].seen[used(&m.lags[0])] = 1 << 40 },
		"another's place":  func(m *learned) { m.lags[0].hash[used(&m.lags[0])]++ },
		"value":            func(m *learned) { m.lags[0].value[0] = math.NaN() },
		"key twice":        func(m *learned) { l := &m.lags[0]; l.hash[1], l.hash[2] = l.hash[0], l.hash[0] },
		"one event, two keys": func(m *learned) {
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
		spoil(&learned{bagsOf(x), lagsOf(x), x})
		if err := x.Restored(); !errors.Is(err, millrace.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzEncoders: whatever a decoder lets through, views are finite and hold no more entries than they say, and
// the state is one that Restored takes.
func FuzzEncoders(f *testing.F) {
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
