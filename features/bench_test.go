package features

import (
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
