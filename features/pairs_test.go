package features

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"millrace"
)

// products multiplies a standard row with itself as the sketch of the view does, in float64 and one by
// one: the names of two columns to their product.
func products(t *testing.T, x *Extractor, row []float32) map[string]float64 {
	t.Helper()
	id, _ := compileView(t, x, millrace.ViewStandard)
	want := map[string]float64{}
	for i, v := range row {
		for j := i; j < len(row); j++ {
			name := fmt.Sprintf("%s × %s", x.FeatureName(id, i)[0], x.FeatureName(id, j)[0])
			if i == j {
				name = x.FeatureName(id, i)[0] + "²"
			}
			if z := min(max(float64(v)*float64(row[j]), -10), 10); z != 0 {
				want[name] = z
			}
		}
	}
	return want
}

// wide is a pipeline whose standard view is too wide for dense products, but not for exact ones.
func wide() Columns {
	country := DefaultColumn("country", Category)
	country.Cap = 80
	return append(Columns{country}, mixed(false)[0], mixed(false)[1], mixed(false)[3])
}

func TestPairsAreTheProductsOfTheStandardView(t *testing.T) {
	for name, columns := range map[string]Columns{"dense": mixed(false), "sparse": wide()} {
		x := newExtractor(t, columns...)
		id, shape := compileView(t, x, millrace.ViewPairs)
		if shape.Sparse != (name == "sparse") {
			t.Fatalf("%s: %+v", name, shape)
		}
		standard, _ := compileView(t, x, millrace.ViewStandard)
		in := x.NewInput()
		random := rand.New(rand.NewPCG(11, 11))
		for n := range 300 {
			e := mixedEvent(random, 4)
			if name == "sparse" {
				e.Fields[0], e.Fields[1], e.Fields[2] = e.Fields[2], e.Fields[0], e.Fields[1]
			}
			if err := x.Extract(in, e); err != nil {
				t.Fatal(err)
			}
			row := densify(in[id], shape)
			if !slices.Equal(row[:len(in[standard].Dense)], in[standard].Dense) {
				t.Fatalf("%s, event %d: %v does not start with %v", name, n, row, in[standard].Dense)
			}
			want := products(t, x, in[standard].Dense)
			for c := len(in[standard].Dense); c < shape.Width; c++ {
				if row[c] == 0 {
					continue
				}
				label := x.FeatureName(id, c)[0]
				if math.Abs(want[label]-float64(row[c])) > 1e-6*math.Abs(want[label]) {
					t.Fatalf("%s, event %d: %s is %v, want %v", name, n, label, row[c], want[label])
				}
				delete(want, label)
			}
			for label, v := range want { // only squares of zeros and ones are left out
				if label == "amount²" || label == "hour²" || label[len(label)-2:] != "²" {
					t.Fatalf("%s, event %d: %s lacks, %v", name, n, label, v)
				}
			}
			x.Observe(e)
		}
		if x.FeatureName(id, shape.Width) != nil {
			t.Errorf("%s: a column outside has a name", name)
		}
	}
}

func TestPairsShapes(t *testing.T) {
	numbers := func(n int) (columns Columns) {
		for i := range n {
			columns = append(columns, DefaultColumn(fmt.Sprint("n", i), Number))
		}
		return columns
	}
	for columns, want := range map[int]millrace.ViewShape{
		1:   {Width: 2, NonZeroMax: 2, NonZeroUsual: 2},
		8:   {Width: 44, NonZeroMax: 44, NonZeroUsual: 44},
		64:  {Width: 2144, NonZeroMax: 2144, NonZeroUsual: 2144},
		65:  {Width: 65 + 65*66/2, Sparse: true, NonZeroMax: 65 + 2080, NonZeroUsual: 65 + 2080},
		800: {Width: 800 + 1<<18, Sparse: true, NonZeroMax: 800 + 2080, NonZeroUsual: 800 + 2080},
	} {
		x := newExtractor(t, numbers(columns)...)
		id, got := compileView(t, x, millrace.ViewPairs)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d columns: %+v, want %+v", columns, got, want)
		}
		// Every value there, and huge: the bound on non-zeros holds, and all is finite.
		in := x.NewInput()
		e := event()
		e.Fields = make([]millrace.Field, columns)
		for n := range 3 {
			for i := range e.Fields {
				e.Fields[i] = millrace.Field{Presence: millrace.Present, Number: math.Pow(-1e100, float64((i+n)%3))}
			}
			x.Observe(e)
		}
		if err := x.Extract(in, e); err != nil {
			t.Fatal(err)
		}
		if got.Sparse && len(in[id].Index) != want.NonZeroMax {
			t.Errorf("%d columns: %d non-zeros", columns, len(in[id].Index))
		}
		for c, v := range densify(in[id], got) {
			if c >= columns && !(abs(v) <= productMax*pairsCrossed) { // collisions add up
				t.Fatalf("%d columns: column %d is %v", columns, c, v)
			}
		}
	}
}

// Parts of a time, steps of a lag and what crosses make of them meet in one event, and are multiplied.
func TestPairsWithinAFeature(t *testing.T) {
	country := DefaultColumn("country", Category)
	country.Cap = 1
	x := newExtractor(t, DefaultColumn("at", Time), country, crossColumn("c", "at", "country"), DefaultColumn("b", Boolean),
		crossColumn("bc", "b", "country"))
	id, shape := compileView(t, x, millrace.ViewPairs)
	standard, _ := compileView(t, x, millrace.ViewStandard)
	if shape.Sparse {
		t.Fatalf("%+v", shape)
	}
	in := x.NewInput()
	if err := x.Extract(in, event(1.7e12, "DE", absent, true, absent)); err != nil {
		t.Fatal(err)
	}
	want := products(t, x, in[standard].Dense)
	for c := x.standard.Width; c < shape.Width; c++ {
		label := x.FeatureName(id, c)[0]
		if v := float64(in[id].Dense[c]); math.Abs(v-want[label]) > 1e-6 {
			t.Errorf("%s is %v, want %v", label, v, want[label])
		}
		delete(want, label)
	}
	for label, v := range want {
		if !strings.HasSuffix(label, "²") {
			t.Errorf("%s lacks, %v", label, v)
		}
	}
}

// Hashed products go to one place whatever their order, spread over all columns, and say what they are.
func TestHashedPairs(t *testing.T) {
	x := newExtractor(t, mixed(true)...)
	p := x.newPairs()
	p.hashed = true
	seen := map[uint32]bool{}
	signs := 0
	for i := range uint32(300) {
		for j := i; j < 300; j++ {
			column, sign := p.column(i, j)
			if other, s := p.column(j, i); other != column || s != sign {
				t.Fatalf("%d × %d: %d and %d", i, j, column, other)
			}
			if column < p.width || column >= p.width+1<<pairsBits {
				t.Fatalf("%d × %d is in column %d", i, j, column)
			}
			seen[column] = true
			if sign < 0 {
				signs++
			}
		}
	}
	// 45,150 balls in 2^18 urns leave 41,460 urns taken, give or take 60 (one standard deviation).
	if math.Abs(float64(len(seen))-41460) > 400 || math.Abs(float64(signs)-45150/2) > 640 {
		t.Errorf("%d columns, %d negative signs", len(seen), signs)
	}

	merchant := mixed(true)[4]
	merchant.Bits = 10
	x = newExtractor(t, append(mixed(false), merchant)...)
	id, shape := compileView(t, x, millrace.ViewPairs)
	if !shape.Sparse || shape.Width != x.standard.Width+1<<pairsBits {
		t.Fatalf("%+v", shape)
	}
	in := x.NewInput()
	for range 100 {
		x.Observe(event(3.0, true, "c1", 4, "shop"))
		x.Observe(event(1.0, false, "c2", 5, "shop"))
	}
	if err := x.Extract(in, event(3.0, true, "c1", 4, "shop")); err != nil {
		t.Fatal(err)
	}
	// Five non-zeros; the squares of two of them.
	if n := len(in[id].Index); n != 5+10+2 {
		t.Errorf("%d non-zeros", n)
	}
	found := 0
	for _, c := range in[id].Index[5:] {
		for _, name := range x.FeatureName(id, int(c)) {
			if slices.Contains([]string{"amount²", "hour²", "amount × hour", "amount × known", "known × hour"}, name) {
				found++
			}
		}
	}
	if found != 5 {
		t.Errorf("%d of the products of numbers are named", found)
	}
}

func TestDerivedViewsAllocateNothing(t *testing.T) {
	for name, columns := range map[string]Columns{"dense": mixed(false), "sparse": wide(), "hashed": mixed(true)} {
		x := newExtractor(t, columns...)
		compileView(t, x, millrace.ViewPairs)
		compileView(t, x, millrace.ViewLevels)
		if n := allocations(x, mixedEvent); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
