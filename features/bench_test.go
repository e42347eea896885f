package features

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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
