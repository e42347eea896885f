package moments

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// TestObserveFieldsIsObserve to the last bit, for what is usual and for what is not.
func TestObserveFieldsIsObserve(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 1))
	kinds := []struct {
		name  string
		kind  Column
		value func(i int) float64
	}{
		{"normal", Column{}, func(int) float64 { return random.NormFloat64() }},
		{"clipped early", Column{Clip: .5}, func(int) float64 { return 7 + random.Float64() }},
		{"wild", Column{}, func(int) float64 { return random.NormFloat64() + 1e30*float64(random.IntN(50)/49) }},
		{"heavy tails", Column{}, func(int) float64 { return 1 / random.NormFloat64() }},
		{"moves", Column{}, func(i int) float64 { return random.NormFloat64() + 300*float64(i/3000%2) }},
		{"narrows", Column{}, func(i int) float64 { return random.NormFloat64() / float64(1+999*(i/5000)) }},
		{"wanders", Column{}, wandering(random)},
		{"mode", Column{}, func(int) float64 { return random.NormFloat64() * float64(random.IntN(2)) }},
		{"mode and wild", Column{}, func(int) float64 {
			return random.NormFloat64()*float64(random.IntN(2)) + 1e6*float64(random.IntN(60)/59)
		}},
		{"mode and wanders", Column{}, besideMode(random, wandering(random))},
		{"mode for a while", Column{}, func(i int) float64 { return random.NormFloat64() * float64(i/2500%2) }},
		{"steps", Column{}, func(i int) float64 { return float64(i / 48 % 7) }},
		{"constant, then not", Column{}, func(i int) float64 { return 3 + float64(i/500)*random.Float64() }},
		{"nearly constant", Column{}, func(int) float64 { return 1e9 + float64(random.IntN(3))*0x1p-23 }},
		{"almost nothing", Column{}, func(int) float64 { return 1e-130 * random.NormFloat64() }},
		{"narrows to nothing", Column{}, func(i int) float64 { return random.NormFloat64() * math.Pow(1e-170, float64(i/3000%2)) }},
		{"too large", Column{}, func(int) float64 { return 1e140 * random.NormFloat64() }},
		{"large", Column{}, func(int) float64 { return 1e110 * random.NormFloat64() }},
		{"infinite", Column{}, func(i int) float64 { return random.NormFloat64() / float64(min(i%100, 1)) }},
		{"no number", Column{}, func(i int) float64 { return math.Sqrt(random.Float64() - float64(i/100%2)/4) }},
		{"divided", Column{Divided: true}, func(int) float64 { return random.ExpFloat64() }},
		{"as is", Column{Unscaled: true}, func(int) float64 { return random.ExpFloat64() }},
		{"plain", Column{Plain: true, Unscaled: true}, func(int) float64 { return random.Float64() }},
		{"tails", Column{Tails: true}, func(int) float64 { return math.Exp(2 * random.NormFloat64()) }},
	}
	at, one := New(0, Options{}), New(0, Options{})
	which := make([]int32, len(kinds))
	for k := range kinds {
		at.Add(kinds[k].kind)
		one.Add(kinds[k].kind)
		which[k] = int32(len(kinds) - 1 - k)
	}
	fields := make([]millrace.Field, len(kinds))
	for i := range 20_000 {
		for k := range kinds {
			f := &fields[which[k]]
			if f.Presence = millrace.Present; random.IntN(20) == 0 {
				f.Presence = millrace.Absent
				continue
			}
			f.Number = kinds[k].value(i)
			one.Observe(k, f.Number, 1)
		}
		at.ObserveFields(fields, which)
		for k := range kinds {
			if got, want := at.scales[k], one.scales[k]; !sameBits(t, got, want) {
				t.Fatalf("%s: after %d values %+v, one by one %+v", kinds[k].name, i+1, got, want)
			}
		}
	}
	if !sameBits(t, at.count, one.count) || !sameBits(t, at.mean, one.mean) || !sameBits(t, at.squares, one.squares) ||
		!sameBits(t, at.floats, one.floats) || !sameBits(t, at.words, one.words) || !sameBits(t, at.recent, one.recent) {
		t.Error("the state is another than one by one")
	}
}

// TestObserveFieldsHalvesModes as Observe does: a mode counts for so much at most.
func TestObserveFieldsHalvesModes(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 2))
	at, one := New(1, Options{}), New(1, Options{})
	fields := []millrace.Field{{Presence: millrace.Present}}
	for i := range 5 * window {
		fields[0].Number = 3 + random.NormFloat64()*float64(random.IntN(10)/9)
		one.Observe(0, fields[0].Number, 1)
		at.ObserveFields(fields, []int32{0})
		if !sameBits(t, at.scales[0], one.scales[0]) || !sameBits(t, at.floats, one.floats) {
			t.Fatalf("after %d values %+v, one by one %+v", i+1, at.scales[0], one.scales[0])
		}
	}
	if z := one.floats[modes]; !(z < 2*window) {
		t.Errorf("a mode counts for %v values", z)
	}
}

// besideMode is half of the time nothing.
func besideMode(random *rand.Rand, f func(int) float64) func(int) float64 {
	return func(i int) float64 { return f(i) * float64(random.IntN(2)) }
}

// wandering goes from place to place, now and then far out and for a while, and nearer to the usual the longer it goes.
func wandering(random *rand.Rand) func(int) float64 {
	place := 0.0
	return func(i int) float64 {
		if i%16 == 0 {
			place = random.NormFloat64()
			if random.IntN(6) == 0 {
				place = 3 + random.Float64()
			}
		}
		return place + random.NormFloat64()/(10+float64(i%3000)/10)
	}
}

// sameBits reports whether a and b are the same to the last bit.
func sameBits(t *testing.T, a, b any) bool {
	t.Helper()
	var bits [2]bytes.Buffer
	for i, v := range []any{a, b} {
		if s, ok := v.(Scale); ok {
			v = []float64{s.Origin, s.Centre, s.Factor, s.Bound, s.beyond}
		}
		if err := binary.Write(&bits[i], binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Equal(bits[0].Bytes(), bits[1].Bytes())
}
