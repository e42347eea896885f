package features

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"millrace"
)

// mixed has a feature of every type and encoding; sparse adds a hashed one.
func mixed(sparse bool) Columns {
	amount, country := DefaultColumn("amount", Number), DefaultColumn("country", Category)
	amount.Missing = "mean"
	country.Cap, country.Missing = 3, "indicator"
	columns := Columns{amount, DefaultColumn("known", Boolean), country, DefaultColumn("hour", Number)}
	if sparse {
		merchant := DefaultColumn("merchant", Category)
		merchant.Encode, merchant.Bits, merchant.Cap = "hash", 6, 40
		columns = append(columns, merchant)
	}
	return columns
}

func mixedEvent(random *rand.Rand, columns int) *millrace.Event {
	maybe := func(v any) any {
		switch random.IntN(10) {
		case 0:
			return nil
		case 1:
			return absent
		}
		return v
	}
	e := event(maybe(random.ExpFloat64()), maybe(random.IntN(2) == 0), maybe(fmt.Sprintf("c%d", random.IntN(6))),
		maybe(random.IntN(24)), maybe(fmt.Sprintf("merchant %d", random.IntN(60))))
	e.Fields = e.Fields[:columns]
	return e
}

func TestViews(t *testing.T) {
	x := newExtractor(t, mixed(false)...)
	raw, rawShape := compileView(t, x, millrace.ViewRaw)
	standard, shape := compileView(t, x, millrace.ViewStandard)
	again, _ := compileView(t, x, millrace.ViewRaw)
	if raw != again || raw == standard || rawShape.Width != 4 || rawShape.Sparse || shape.Width != 1+1+5+1 || shape.Sparse {
		t.Errorf("%v %v %v %+v %+v", raw, again, standard, rawShape, shape)
	}
	if _, _, err := x.View("crossed"); err == nil {
		t.Error("an unknown view was compiled")
	}
	in := x.NewInput()
	if len(in) != 2 || len(in[raw].Dense) != 4 || len(in[standard].Dense) != 8 {
		t.Errorf("%+v", in)
	}
	// Too many one-hot columns make the view sparse.
	wide := DefaultColumn("c", Category)
	wide.Cap = DenseMax
	if _, shape := compileView(t, newExtractor(t, wide), millrace.ViewStandard); !shape.Sparse || shape.Width != DenseMax+1 || shape.NonZeroMax != 1 {
		t.Errorf("%+v", shape)
	}
}

func TestVocabulary(t *testing.T) {
	c := DefaultColumn("c", Category)
	c.Cap = 2
	x := newExtractor(t, c)
	standard, _ := compileView(t, x, millrace.ViewStandard)
	raw, _ := compileView(t, x, millrace.ViewRaw)
	in := x.NewInput()
	check := func(value any, index float32, row ...float32) {
		t.Helper()
		if err := x.Extract(in, event(value)); err != nil {
			t.Fatal(err)
		}
		got := in[raw].Dense[0]
		if got != index && !(index != index && got != got) || !slices.Equal(in[standard].Dense, row) {
			t.Errorf("%v: raw %v, standard %v; want %v, %v", value, got, in[standard].Dense, index, row)
		}
	}
	nan := float32(math.NaN())
	check("a", -1, 0, 0, 1)
	x.Observe(event("a"))
	check("a", 0, 1, 0, 0)
	check("b", -1, 0, 0, 1)
	x.Observe(event(nil))
	x.Observe(event("a"))
	x.Observe(event("b"))
	x.Observe(event("c")) // beyond the cap
	check("a", 0, 1, 0, 0)
	check("b", 1, 0, 1, 0)
	check("c", -1, 0, 0, 1)
	check("", -1, 0, 0, 1)
	check(absent, nan, 0, 0, 0)
	check(nil, nan, 0, 0, 0)
}

func TestVocabularyHoldsItsCap(t *testing.T) {
	const values = 5000
	c := DefaultColumn("c", Category)
	c.Cap = values
	x := newExtractor(t, c, DefaultColumn("d", Category))
	for round := range 2 {
		for i := range values + 100 {
			x.Observe(event(fmt.Sprintf("value-%d", i), "same"))
		}
		if x.categories.words.size[0] != values || x.categories.words.size[1] != 1 {
			t.Fatalf("round %d: %v values", round, x.categories.words.size)
		}
	}
	for i := range values + 100 {
		want := i
		if i >= values {
			want = -1
		}
		if got := extract(t, x, millrace.ViewRaw, event(fmt.Sprintf("value-%d", i), "same"))[0]; got != float32(want) {
			t.Fatalf("value %d has index %v", i, got)
		}
	}
}

func TestSeedAndNameDecideHashedColumns(t *testing.T) {
	columns := func(seed uint64, names ...string) []uint32 {
		var spec Spec
		spec.Seed = seed
		values := []any{}
		for _, name := range names {
			c := DefaultColumn(name, Category)
			c.Encode = "hash"
			spec.Columns = append(spec.Columns, c)
			values = append(values, "value")
		}
		x, err := New(spec)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := compileView(t, x, millrace.ViewStandard)
		in := x.NewInput()
		if err := x.Extract(in, event(values...)); err != nil {
			t.Fatal(err)
		}
		return in[id].Index
	}
	a := columns(1, "a", "b")
	if a[1] < 1<<18 || a[1]-1<<18 == a[0] {
		t.Errorf("two features with one value share columns: %v", a)
	}
	if b := columns(1, "a", "b"); !slices.Equal(a, b) {
		t.Errorf("%v, then %v", a, b)
	}
	if b := columns(2, "a", "b"); slices.Equal(a, b) {
		t.Errorf("two seeds give the same columns %v", a)
	}
}

func TestFeatureName(t *testing.T) {
	columns := mixed(true)
	columns[3].Missing, columns[3].Nulls = "indicator", "indicator"
	columns[4].Nulls = "indicator"
	x := newExtractor(t, columns...)
	raw, _ := compileView(t, x, millrace.ViewRaw)
	v, shape := compileView(t, x, millrace.ViewStandard)
	long := strings.Repeat("ä", 40)
	x.Observe(event(1.0, true, "DE", 2, "shop"))
	x.Observe(event(1.0, true, long, 2, "shop"))
	names := map[int]string{0: "amount", 1: "known", 2: "country=DE", 3: "country=" + strings.Repeat("ä", 16) + "…", 4: "country",
		5: "country (other)", 6: "country (missing)", 7: "hour", 8: "hour (missing)", 9: "hour (null)", shape.Width - 1: "merchant (null)"}
	for column, want := range names {
		if got := x.FeatureName(v, column); len(got) != 1 || got[0] != want {
			t.Errorf("column %d: %q, want %q", column, got, want)
		}
	}
	// 60 merchants in 64 columns: each known one is listed under the column it sets.
	random := rand.New(rand.NewPCG(5, 5))
	for range 1000 {
		x.Observe(mixedEvent(random, 5))
	}
	in := x.NewInput()
	for k := range x.categories.words.size[1] {
		value := x.categories.words.value(1, int(k))
		if err := x.Extract(in, event(absent, absent, absent, absent, value)); err != nil {
			t.Fatal(err)
		}
		index := in[v].Index
		if got := x.FeatureName(v, int(index[len(index)-1])); !slices.Contains(got, "merchant="+value) || len(got) > namesMax {
			t.Errorf("%s is not among %q", value, got)
		}
	}
	if got := x.FeatureName(raw, 2); len(got) != 1 || got[0] != "country" {
		t.Errorf("raw column 2: %q", got)
	}
	for _, out := range []int{-1, shape.Width} {
		if x.FeatureName(v, out) != nil || x.FeatureName(raw, 5) != nil || x.FeatureName(9, 0) != nil {
			t.Errorf("column %d has a name", out)
		}
	}
}

// Extract changes nothing, whatever it is given, and may run concurrently with itself.
func TestExtractIsPure(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		x := newExtractor(t, mixed(sparse)...)
		id, shape := compileView(t, x, millrace.ViewStandard)
		compileView(t, x, millrace.ViewRaw)
		random := rand.New(rand.NewPCG(6, 6))
		events := make([]*millrace.Event, 200)
		for i := range events {
			events[i] = mixedEvent(random, len(x.columns))
			x.Observe(events[i])
		}
		before := snapshot(x)
		want := make([][]float32, len(events))
		in := x.NewInput()
		for i, e := range events {
			_ = x.Extract(in, e)
			want[i] = densify(in[id], shape)
		}
		var wait sync.WaitGroup
		for range 4 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				in := x.NewInput()
				for i, e := range events {
					if err := x.Extract(in, e); err != nil || !slices.Equal(densify(in[id], shape), want[i]) {
						t.Errorf("event %d: %v, %v", i, in[id], err)
						return
					}
				}
			}()
		}
		wait.Wait()
		if !reflect.DeepEqual(before, snapshot(x)) {
			t.Error("Extract changed the state")
		}
	}
}

// A restored extractor goes on exactly as an uninterrupted one, bit for bit.
func TestResumeEqualsUninterrupted(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		whole, first, second := newExtractor(t, mixed(sparse)...), newExtractor(t, mixed(sparse)...), newExtractor(t, mixed(sparse)...)
		random := rand.New(rand.NewPCG(7, 7))
		for i := range 400 {
			if i == 20 || i == 200 { // once within the warm-up, once after it
				if err := restore(second, snapshot(first)); err != nil {
					t.Fatal(err)
				}
				first, second = second, newExtractor(t, mixed(sparse)...)
			}
			e := mixedEvent(random, len(whole.columns))
			if a, b := extract(t, whole, millrace.ViewStandard, e), extract(t, first, millrace.ViewStandard, e); !slices.Equal(a, b) {
				t.Fatalf("event %d: %v uninterrupted, %v resumed", i, a, b)
			}
			whole.Observe(e)
			first.Observe(e)
		}
		if a, b := snapshot(whole), snapshot(first); !reflect.DeepEqual(a, b) {
			t.Errorf("%v uninterrupted, %v resumed", a, b)
		}
	}
}

func TestStateIsFixed(t *testing.T) {
	x := newExtractor(t, mixed(true)...)
	list := func() (names []string) {
		x.State(func(name string, tensor millrace.Tensor, role millrace.Role) {
			size := 1
			for _, n := range tensor.Shape {
				size *= n
			}
			if size != len(tensor.F32)+len(tensor.F64)+len(tensor.I32)+len(tensor.U32)+len(tensor.U64)+len(tensor.U8) || (role != millrace.Serving) != strings.HasSuffix(name, ".recent") {
				t.Errorf("%s: shape %v, role %v", name, tensor.Shape, role)
			}
			names = append(names, fmt.Sprint(name, tensor.Shape))
		})
		return names
	}
	before := list()
	random := rand.New(rand.NewPCG(8, 8))
	compileView(t, x, millrace.ViewRaw)
	for range 500 {
		x.Observe(mixedEvent(random, 5))
	}
	if after := list(); !slices.Equal(before, after) || len(before) != 13 {
		t.Errorf("%v, then %v", before, after)
	}
}

func TestRestoredRefuses(t *testing.T) {
	damage := map[string]func(*Extractor){
		"negative count":     func(x *Extractor) { state(x, "numbers.count")[0] = -1 },
		"infinite count":     func(x *Extractor) { state(x, "numbers.count")[0] = math.Inf(1) },
		"no mean":            func(x *Extractor) { state(x, "numbers.mean")[0] = math.NaN() },
		"huge mean":          func(x *Extractor) { state(x, "numbers.mean")[0] = 1e200 },
		"negative spread":    func(x *Extractor) { state(x, "numbers.m2")[0] = -1 },
		"infinite spread":    func(x *Extractor) { state(x, "numbers.m2")[0] = math.Inf(1) },
		"spread of nothing":  func(x *Extractor) { state(x, "numbers.count")[0] = 0 },
		"too many values":    func(x *Extractor) { x.categories.words.size[0] = 4 },
		"negative values":    func(x *Extractor) { x.categories.words.size[0] = -1 },
		"value twice":        func(x *Extractor) { x.categories.words.hashes[1] = x.categories.words.hashes[0] },
		"value beyond count": func(x *Extractor) { x.categories.words.size[0] = 1 },
	}
	for name, spoil := range damage {
		x := newExtractor(t, mixed(false)...)
		for i := range 10 {
			x.Observe(event(float64(i), true, fmt.Sprint(i), 1))
		}
		if err := x.Restored(); err != nil {
			t.Fatal(err)
		}
		spoil(x)
		if err := x.Restored(); !errors.Is(err, millrace.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, sparse := range []bool{false, true} {
		x := newExtractor(t, mixed(sparse)...)
		compileView(t, x, millrace.ViewStandard)
		compileView(t, x, millrace.ViewRaw)
		if n := allocations(x, mixedEvent); n != 0 {
			t.Errorf("sparse %v: %v allocations", sparse, n)
		}
	}
	c := DefaultColumn("a", Number)
	c.Missing = "reject"
	x := newExtractor(t, c)
	e := event(absent)
	if n := testing.AllocsPerRun(100, func() { _ = x.Extract(nil, e) }); n != 0 {
		t.Errorf("rejecting: %v allocations", n)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(1.5, -1e308, "DE", "shop", uint8(0))
	f.Add(math.MaxFloat64, 5e-324, "", "\xff", uint8(7))
	f.Add(0.0, 1e140, strings.Repeat("x", 100), "a", uint8(255))
	xs := []*Extractor{newExtractor(f, mixed(false)...), newExtractor(f, mixed(true)...)}
	f.Fuzz(func(t *testing.T, a, b float64, c, d string, presence uint8) {
		if math.IsNaN(a) || math.IsInf(a, 0) || math.IsNaN(b) || math.IsInf(b, 0) {
			return // the decoder lets only finite numbers through
		}
		values := event(a, b > 0, c, b, d)
		for i := range values.Fields {
			if presence>>i&1 != 0 {
				values.Fields[i].Presence = millrace.Presence(presence >> 5 & 1)
			}
		}
		for _, x := range xs {
			e := &millrace.Event{Fields: values.Fields[:len(x.columns)]}
			for range 3 {
				for i, z := range extract(t, x, millrace.ViewStandard, e) {
					if z != z || math.IsInf(float64(z), 0) {
						t.Fatalf("column %d is %v", i, z)
					}
				}
				extract(t, x, millrace.ViewRaw, e)
				x.Observe(e)
			}
			if err := x.Restored(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestRawZeros: a number that is left out is missing, but where numbers come as they are and zero is the policy it is
// a zero, as in LIBSVM's format.
func TestRawZeros(t *testing.T) {
	scaled, plain, meant := DefaultColumn("scaled", Number), DefaultColumn("plain", Number), DefaultColumn("meant", Number)
	plain.Scale, meant.Scale, meant.Missing = scaleNone, scaleNone, policyMean
	x := newExtractor(t, scaled, plain, meant)
	for _, presence := range []millrace.Presence{millrace.Absent, millrace.Null} {
		got := extract(t, x, millrace.ViewRaw, event(presence, presence, presence))
		if !math.IsNaN(float64(got[0])) || got[1] != 0 || !math.IsNaN(float64(got[2])) {
			t.Errorf("presence %d: %v", presence, got)
		}
	}
}
