package features

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"millrace"
)

func BenchmarkStandard8(b *testing.B) {
	var spec Spec
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		spec.Columns = append(spec.Columns, DefaultColumn(name, Number))
	}
	x, err := New(spec)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := x.View(millrace.ViewStandard); err != nil {
		b.Fatal(err)
	}
	in := x.NewInput()
	events := make([]millrace.Event, 64)
	for i := range events {
		events[i].Fields = make([]millrace.Field, 8)
		for k := range events[i].Fields {
			events[i].Fields[k] = millrace.Field{Presence: millrace.Present, Number: float64((i*7+k*13)%17) / 3}
		}
		x.Observe(&events[i]) // so that values are within the bound from the first on
	}
	b.Run("extract", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			_ = x.Extract(in, &events[i%64])
		}
	})
	b.Run("observe", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			x.Observe(&events[i%64])
		}
	})
	b.Run("both", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			_ = x.Extract(in, &events[i%64])
			x.Observe(&events[i%64])
		}
	})
}

// BenchmarkDerived measures the standard view and what is made from it, a wide view's products hashed.
func BenchmarkDerived(b *testing.B) {
	hashed := DefaultColumn("h", Category)
	hashed.Encode = "hash"
	for _, c := range []struct {
		name    string
		numbers int
		more    Columns
		kind    millrace.ViewKind
	}{
		{"standard-8", 8, nil, millrace.ViewStandard}, {"pairs-8", 8, nil, millrace.ViewPairs}, {"levels-8", 8, nil, millrace.ViewLevels},
		{"standard-64", 64, nil, millrace.ViewStandard}, {"pairs-64", 64, nil, millrace.ViewPairs}, {"levels-64", 64, nil, millrace.ViewLevels},
		{"pairs-100", 100, nil, millrace.ViewPairs}, {"pairs-8-hashed", 8, Columns{hashed}, millrace.ViewPairs},
	} {
		columns := slices.Clone(c.more)
		for i := range c.numbers {
			columns = append(columns, DefaultColumn(fmt.Sprint("n", i), Number))
		}
		x := newExtractor(b, columns...)
		compileView(b, x, c.kind)
		in := x.NewInput()
		random := rand.New(rand.NewPCG(1, 1))
		events := make([]millrace.Event, 256)
		for i := range events {
			events[i].Fields = make([]millrace.Field, len(columns))
			for k := range events[i].Fields {
				events[i].Fields[k] = millrace.Field{Presence: millrace.Present, Number: math.Round(8 * random.NormFloat64()), Text: []byte{byte(i)}}
			}
			x.Observe(&events[i])
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				_ = x.Extract(in, &events[i%256])
			}
		})
	}
}

// BenchmarkMore measures features beyond numbers and categories, one at a time: a bag of 150 entries, a text
// of 20 words with pairs, a cross of two categories, a time and two lags.
func BenchmarkMore(b *testing.B) {
	bag, words, plain := DefaultColumn("x", Bag), textColumn(2), DefaultColumn("x", Bag)
	bag.Indices, plain.Indices, plain.Scale = 40_001, 40_001, "none"
	random := rand.New(rand.NewPCG(1, 1))
	events := make([]*millrace.Event, 256)
	for _, c := range []struct {
		name    string
		columns Columns
		event   func(i int) *millrace.Event
	}{
		{"bag-150", Columns{bag}, nil}, {"bag-150-unscaled", Columns{plain}, nil},
		{"text-20-words", Columns{words}, func(i int) *millrace.Event {
			return event(strings.Repeat(fmt.Sprint("word", i, " and other "), 7))
		}},
		{"two-categories", Columns{DefaultColumn("a", Category), DefaultColumn("b", Category)}, func(i int) *millrace.Event {
			return event(fmt.Sprint(i%7), fmt.Sprint(i%5))
		}},
		{"and-their-cross", Columns{DefaultColumn("a", Category), DefaultColumn("b", Category), crossColumn("c", "a", "b")}, func(i int) *millrace.Event {
			return event(fmt.Sprint(i%7), fmt.Sprint(i%5), absent)
		}},
		{"time", Columns{DefaultColumn("at", Time)}, func(i int) *millrace.Event { return event(1.7e12 + 1e7*float64(i)) }},
		{"lags", Columns{DefaultColumn("amount", Number), DefaultColumn("card", Category), lagColumn("amount", 1, 24)}, func(i int) *millrace.Event {
			return event(i, fmt.Sprint(i%50), absent)
		}},
	} {
		for i := range events {
			if c.event != nil {
				events[i] = c.event(i)
				continue
			}
			e := &millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Count: 150}}}
			for k := range 150 {
				e.Entries = append(e.Entries, millrace.Entry{Key: uint64(k*266 + random.IntN(266)), Value: random.Float64()})
			}
			events[i] = e
		}
		x := newExtractor(b, c.columns...)
		compileView(b, x, millrace.ViewStandard)
		in := x.NewInput()
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				_ = x.Extract(in, events[i%256])
				x.Observe(events[i%256])
			}
		})
	}
}
