package features

import (
	"math/rand/v2"
	"testing"

	"millrace"
)

// twoNumbers are two numbers in a dense view, and in a sparse one.
func twoNumbers() map[string]Columns {
	hashed := DefaultColumn("h", Category)
	hashed.Encode = "hash"
	return map[string]Columns{
		"dense":  {DefaultColumn("a", Number), DefaultColumn("b", Number)},
		"sparse": {DefaultColumn("a", Number), DefaultColumn("b", Number), hashed},
	}
}

// TestWild: views say that a number is wild, those that are made from the standard one, too, and only of its event.
func TestWild(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 3))
	for name, columns := range twoNumbers() {
		x := newExtractor(t, columns...)
		kinds := []millrace.ViewKind{millrace.ViewStandard, millrace.ViewLevels, millrace.ViewPairs, millrace.ViewRaw}
		ids := make([]millrace.ViewID, len(kinds))
		for i, kind := range kinds {
			var err error
			if ids[i], _, err = x.View(kind); err != nil {
				t.Fatal(err)
			}
		}
		in := x.NewInput()
		for i := range 3000 {
			v := random.NormFloat64()
			wild := i > 1100 && i%300 == 7
			if wild {
				v = -999_999
			}
			e := event(v, random.NormFloat64(), "x")
			e.Fields = e.Fields[:len(columns)]
			if err := x.Extract(in, e); err != nil {
				t.Fatal(err)
			}
			for k, id := range ids {
				if in[id].Wild != wild {
					t.Fatalf("%s: the %s view of event %d, of %v, says wild: %v", name, kinds[k], i, v, in[id].Wild)
				}
			}
			x.Observe(e)
		}
	}
}

// TestWildWhileInDoubt: until it is known whether a number has moved, its views but the raw one are as beside a wild
// one.
func TestWildWhileInDoubt(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 4))
	for name, columns := range twoNumbers() {
		x := newExtractor(t, columns...)
		standard, _, err := x.View(millrace.ViewStandard)
		if err != nil {
			t.Fatal(err)
		}
		in := x.NewInput()
		left := 0
		for i := range 3100 {
			a := random.NormFloat64()
			if i >= 3000 {
				a += 4
			}
			e := event(a, random.NormFloat64(), "x")
			e.Fields = e.Fields[:len(columns)]
			if err := x.Extract(in, e); err != nil {
				t.Fatal(err)
			}
			if wild := in[standard].Wild; wild {
				left++
				if i < 3000 || i > 3060 {
					t.Fatalf("%s: event %d is in doubt", name, i)
				}
			}
			x.Observe(e)
		}
		if left < 20 {
			t.Errorf("%s: %d events in doubt", name, left)
		}
	}
}
