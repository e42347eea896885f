package decode

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/go-faster/jx"

	"millrace"
	"millrace/features"
)

const elecEvent = `{"date":0.023,"day":2,"period":0.468085,"nswprice":0.056443,"nswdemand":0.439155,` +
	`"vicprice":0.003467,"vicdemand":0.422915,"transfer":0.414912,"y":1}`

func elecSpec() Spec {
	var s Spec
	s.Limits.SetDefaults()
	for _, name := range []string{"date", "day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"} {
		s.Columns = append(s.Columns, features.DefaultColumn(name, features.Number))
	}
	s.Label = LabelSpec{Path: "y", Classes: []string{"0", "1"}}
	return s
}

// variedEvents keep the processor from learning one event's digits by heart.
func variedEvents() []string {
	random := rand.New(rand.NewPCG(1, 2))
	events := make([]string, 1024)
	for i := range events {
		number := func() string { return strconv.FormatFloat(random.Float64(), 'g', 1+random.IntN(7), 64) }
		events[i] = fmt.Sprintf(`{"date":%s,"day":%d,"period":%s,"nswprice":%s,"nswdemand":%s,"vicprice":%s,"vicdemand":%s,"transfer":%s,"y":%d}`,
			number(), random.IntN(7), number(), number(), number(), number(), number(), number(), random.IntN(2))
	}
	return events
}

func benchmark(b *testing.B, spec Spec, good bool, events ...string) {
	d, err := New(spec)
	if err != nil {
		b.Fatal(err)
	}
	e := d.NewEvent()
	records := make([]millrace.Record, len(events))
	for i, event := range events {
		records[i].Value = []byte(event)
	}
	b.SetBytes(int64(len(events[0])))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i++ {
		if err := d.Decode(&records[i%len(records)], e); (err == nil) != good {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	wide := elecSpec()
	wide.Columns = nil
	var event strings.Builder
	event.WriteString(`{"id":"a1b2","y":1`)
	for i := range 100 {
		name := fmt.Sprintf("feature_%d", i)
		wide.Columns = append(wide.Columns, features.DefaultColumn(name, features.Number))
		fmt.Fprintf(&event, `,"%s":%d.%d`, name, i, i*i*i)
	}
	event.WriteByte('}')
	spaced := strings.ReplaceAll(strings.ReplaceAll(elecEvent, ":", ": "), ",", ", ")
	b.Run("elec", func(b *testing.B) { benchmark(b, elecSpec(), true, elecEvent) })
	b.Run("elec varied", func(b *testing.B) { benchmark(b, elecSpec(), true, variedEvents()...) })
	b.Run("spaced", func(b *testing.B) { benchmark(b, elecSpec(), true, spaced) })
	b.Run("unknown keys", func(b *testing.B) {
		benchmark(b, elecSpec(), true, `{"id":"8f7a","region":{"code":"nsw","zone":3},`+elecEvent[1:])
	})
	b.Run("17 digits", func(b *testing.B) {
		benchmark(b, elecSpec(), true, strings.ReplaceAll(elecEvent, "0.0", "0.08446744073709551"))
	})
	b.Run("100 features", func(b *testing.B) { benchmark(b, wide, true, event.String()) })
	b.Run("in quotes", func(b *testing.B) { benchmark(b, elecSpec(), true, strings.Replace(elecEvent, ":2,", `:"2",`, 1)) })
	b.Run("wrong type", func(b *testing.B) { benchmark(b, elecSpec(), false, strings.Replace(elecEvent, ":2,", `:"2x",`, 1)) })
	b.Run("malformed", func(b *testing.B) { benchmark(b, elecSpec(), false, elecEvent[:100]) })
}

// BenchmarkJX is the same work on go-faster/jx, as far as it goes: it checks neither UTF-8 nor unknown
// duplicate keys nor depth, and rounds long numbers wrongly.
func BenchmarkJX(b *testing.B) {
	events := variedEvents()
	data := []byte(events[0])
	names := map[string]int{"date": 0, "day": 1, "period": 2, "nswprice": 3, "nswdemand": 4, "vicprice": 5,
		"vicdemand": 6, "transfer": 7, "y": 8}
	var values [9]float64
	d := jx.DecodeBytes(nil)
	read := func(d *jx.Decoder, key []byte) error {
		i, ok := names[string(key)]
		if !ok {
			return d.Skip()
		}
		v, err := d.Float64()
		values[i] = v
		return err
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for i := range b.N {
		data = append(data[:0], events[i%len(events)]...)
		d.ResetBytes(data)
		if err := d.ObjBytes(read); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPath is an event's whole way into a vector: decode, extract, observe.
func BenchmarkPath(b *testing.B) {
	spec := elecSpec()
	d, err := New(spec)
	if err != nil {
		b.Fatal(err)
	}
	x, err := features.New(features.Spec{Columns: spec.Columns})
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := x.View(millrace.ViewStandard); err != nil {
		b.Fatal(err)
	}
	in, e := x.NewInput(), d.NewEvent()
	events := variedEvents()
	records := make([]millrace.Record, len(events))
	for i, event := range events {
		records[i].Value = []byte(event)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := d.Decode(&records[i%len(records)], e); err != nil {
			b.Fatal(err)
		}
		if err := x.Extract(in, e); err != nil {
			b.Fatal(err)
		}
		x.Observe(e)
	}
}
