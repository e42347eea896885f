package features

import (
	"math/rand/v2"
	"testing"

	"millrace"
)

func newExtractor(t testing.TB, columns ...Column) *Extractor {
	t.Helper()
	x, err := New(Spec{Columns: columns, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func compileView(t testing.TB, x *Extractor, kind millrace.ViewKind) (millrace.ViewID, millrace.ViewShape) {
	t.Helper()
	id, shape, err := x.View(kind)
	if err != nil {
		t.Fatal(err)
	}
	return id, shape
}

// event makes an event from values: nil for null, absent for absent, float64, bool or string.
func event(values ...any) *millrace.Event {
	e := &millrace.Event{Fields: make([]millrace.Field, len(values))}
	for i, v := range values {
		f := &e.Fields[i]
		f.Presence = millrace.Present
		switch v := v.(type) {
		case nil:
			f.Presence = millrace.Null
		case millrace.Presence:
			f.Presence = v
		case float64:
			f.Number = v
		case int:
			f.Number = float64(v)
		case bool:
			if v {
				f.Number = 1
			}
		case string:
			f.Text = []byte(v)
		}
	}
	return e
}

const absent = millrace.Absent

// extract returns the dense or densified standard or raw view.
func extract(t testing.TB, x *Extractor, kind millrace.ViewKind, e *millrace.Event) []float32 {
	t.Helper()
	id, shape := compileView(t, x, kind)
	in := x.NewInput()
	if err := x.Extract(in, e); err != nil {
		t.Fatal(err)
	}
	return densify(in[id], shape)
}

func densify(v millrace.Vector, shape millrace.ViewShape) []float32 {
	if !shape.Sparse {
		return append([]float32(nil), v.Dense...)
	}
	row := make([]float32, shape.Width)
	for i, k := range v.Index {
		row[k] += v.Value[i]
	}
	return row
}

// snapshot copies all state, keyed by name; restore copies it back.
func snapshot(x *Extractor) map[string]millrace.Tensor {
	state := map[string]millrace.Tensor{}
	x.State(func(name string, t millrace.Tensor, _ millrace.Role) {
		t.F32 = append([]float32(nil), t.F32...)
		t.F64 = append([]float64(nil), t.F64...)
		t.I32 = append([]int32(nil), t.I32...)
		t.U32 = append([]uint32(nil), t.U32...)
		t.U64 = append([]uint64(nil), t.U64...)
		t.U8 = append([]uint8(nil), t.U8...)
		state[name] = t
	})
	return state
}

func restore(x *Extractor, state map[string]millrace.Tensor) error {
	x.State(func(name string, t millrace.Tensor, _ millrace.Role) {
		t.Set(state[name])
	})
	return x.Restored()
}

// allocations is how many times an event allocates that draw makes for a number of columns.
func allocations(x *Extractor, draw func(random *rand.Rand, columns int) *millrace.Event) float64 {
	in := x.NewInput()
	random := rand.New(rand.NewPCG(9, 9))
	events := make([]*millrace.Event, 100)
	for i := range events {
		events[i] = draw(random, len(x.columns))
	}
	i := 0
	return testing.AllocsPerRun(500, func() {
		_ = x.Extract(in, events[i%100])
		x.Observe(events[i%100])
		i++
	})
}

// state is a tensor of numbers, by name.
func state(x *Extractor, name string) (found []float64) {
	x.State(func(n string, t millrace.Tensor, _ millrace.Role) {
		if n == name {
			found = t.F64
		}
	})
	return found
}
