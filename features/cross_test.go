package features

import (
	"testing"

	"millrace"
)

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
