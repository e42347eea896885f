package features

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
)

func TestMomentsMatchTwoPasses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	sources := map[string]func() float64{
		"normal":       random.NormFloat64,
		"large offset": func() float64 { return 1e9 + random.NormFloat64() },
		"exponential":  random.ExpFloat64,
		"tiny":         func() float64 { return 1e-200 * random.Float64() },
		"huge":         func() float64 { return 1e130 * random.NormFloat64() },
		"constant":     func() float64 { return 0.1 },
	}
	for name, next := range sources {
		x := newExtractor(t, DefaultColumn("a", Number))
		values := make([]float64, 10_000)
		sum := 0.0
		for i := range values {
			values[i] = next()
			sum += values[i]
			x.Observe(event(values[i]))
		}
		mean, m2 := sum/float64(len(values)), 0.0
		for _, v := range values {
			m2 += (v - mean) * (v - mean)
		}
		deviation := math.Sqrt(m2 / float64(len(values)))
		// Values that are rarer than those before them may count for less.
		if got := x.numbers.usual.Centre(0); math.Abs(got-mean) > 1e-12*math.Abs(mean)+.01*deviation {
			t.Errorf("%s: mean %v, want %v", name, got, mean)
		}
		if got := x.numbers.usual.Deviation(0); math.Abs(got-deviation) > .01*deviation+mean*1e-12 {
			t.Errorf("%s: deviation %v, want %v", name, got, deviation)
		}
		if name == "constant" || name == "tiny" {
			continue
		}
		z := extract(t, x, millrace.ViewStandard, event(mean+math.Sqrt(m2/1e4)))
		if math.Abs(float64(z[0])-1) > .01 {
			t.Errorf("%s: one standard deviation becomes %v", name, z[0])
		}
	}
}

func TestWarmUp(t *testing.T) {
	value := func(x *Extractor, v float64) float64 {
		return float64(extract(t, x, millrace.ViewStandard, event(v))[0])
	}
	x := newExtractor(t, DefaultColumn("a", Number))
	for _, v := range []float64{0, 5, -1e300, math.MaxFloat64} {
		if z := value(x, v); z != 0 {
			t.Errorf("the first value %v becomes %v", v, z)
		}
	}
	x.Observe(event(10))
	for v, want := range map[float64]float64{10: 0, 11: 1, 1e300: 1, 9.999: -1, -math.MaxFloat64: -1} {
		if z := value(x, v); z != want {
			t.Errorf("the second value %v becomes %v, want %v", v, z, want)
		}
	}
	x.Observe(event(10))
	if z := value(x, 12); math.Abs(z-math.Sqrt2) > 1e-6 {
		t.Errorf("the first value to differ among three becomes %v", z)
	}
	x.Observe(event(12))
	// Now 10, 10, 12: mean 32/3, standard deviation √(8/9).
	if z, want := value(x, 11), (11-32.0/3)/math.Sqrt(8.0/9); math.Abs(z-want) > 1e-6 {
		t.Errorf("the fourth value becomes %v, want %v", z, want)
	}
	// A column that was constant for long gives its full clip, and not more, for the first change.
	x = newExtractor(t, DefaultColumn("a", Number))
	for range 1000 {
		x.Observe(event(0.1))
		if z := value(x, 0.1); z != 0 {
			t.Fatalf("a constant becomes %v", z)
		}
	}
	if z := value(x, 0.2); z != 8 {
		t.Errorf("a change after 1000 constants becomes %v", z)
	}
}

// However values come, warm-up and clip bound them, and the scaled values do not depend on the units.
func TestScalingIsBoundedAndFreeOfUnits(t *testing.T) {
	for _, clip := range []float64{0.5, 3, 8} {
		a, b := DefaultColumn("a", Number), DefaultColumn("b", Number)
		a.Clip, b.Clip = clip, clip
		x := newExtractor(t, a, b)
		random := rand.New(rand.NewPCG(2, 2))
		for n := range 300 {
			v := math.Exp(6 * random.NormFloat64())
			e := event(v, 1024*v)
			z := extract(t, x, millrace.ViewStandard, e)
			if bound := min(clip, math.Sqrt(float64(n))); math.Abs(float64(z[0])) > bound+1e-6 {
				t.Fatalf("value %d becomes %v, beyond %v", n, z[0], bound)
			}
			if z[0] != z[1] { // 1024 is a power of two, so nothing is rounded differently
				t.Fatalf("value %d becomes %v in one unit and %v in another", n, z[0], z[1])
			}
			x.Observe(e)
		}
	}
}

func TestOneAbsurdValueDoesNotBlindAColumn(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	x := newExtractor(t, DefaultColumn("a", Number))
	for range 10_000 {
		x.Observe(event(random.NormFloat64()))
	}
	before := extract(t, x, millrace.ViewStandard, event(1.0))[0]
	x.Observe(event(1e30))
	after := extract(t, x, millrace.ViewStandard, event(1.0))[0]
	if after < before/2 || after > before {
		t.Errorf("a value of one standard deviation was %v and is %v after an absurd one", before, after)
	}
	// When the stream really changes its scale, the column follows.
	for range 10_000 {
		x.Observe(event(1e6 * random.NormFloat64()))
	}
	if z := extract(t, x, millrace.ViewStandard, event(1e6))[0]; z < 0.7 || z > 2 {
		t.Errorf("after a change of scale, its standard deviation becomes %v", z)
	}
}

func TestExtremeNumbersLeaveStateFinite(t *testing.T) {
	extremes := []float64{math.MaxFloat64, -math.MaxFloat64, 1e308, -1e154, 5e-324, 0, math.Copysign(0, -1), 1e140, 1}
	dense := newExtractor(t, DefaultColumn("a", Number))
	hashed := DefaultColumn("c", Category)
	hashed.Encode, hashed.Bits = "hash", 4
	sparse := newExtractor(t, DefaultColumn("a", Number), hashed)
	random := rand.New(rand.NewPCG(4, 4))
	for range 5000 {
		v := extremes[random.IntN(len(extremes))]
		for _, x := range []*Extractor{dense, sparse} {
			e := event(v, absent)
			e.Fields = e.Fields[:len(x.columns)]
			for _, z := range extract(t, x, millrace.ViewStandard, e) {
				if math.Abs(float64(z)) > 8 || z != z {
					t.Fatalf("%v becomes %v", v, z)
				}
			}
			x.Observe(e)
			if err := x.Restored(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestScaleNone(t *testing.T) {
	c := DefaultColumn("a", Number)
	c.Scale = "none"
	x := newExtractor(t, c)
	x.Observe(event(1000))
	for v, want := range map[float64]float32{1.5: 1.5, -1e300: -math.MaxFloat32, 1e300: math.MaxFloat32, 0: 0} {
		if z := extract(t, x, millrace.ViewStandard, event(v)); z[0] != want {
			t.Errorf("%v becomes %v", v, z[0])
		}
	}
}

func TestSparseScalesWithoutCentring(t *testing.T) {
	hashed := DefaultColumn("c", Category)
	hashed.Encode, hashed.Bits = "hash", 10
	none := DefaultColumn("n", Number)
	none.Scale = "none"
	x := newExtractor(t, DefaultColumn("a", Number), none, DefaultColumn("b", Boolean), hashed)
	id, shape := compileView(t, x, millrace.ViewStandard)
	if !shape.Sparse || shape.Width != 3+1024 || shape.NonZeroMax != 4 {
		t.Fatalf("%+v", shape)
	}
	in := x.NewInput()
	// Before anything is known a number is worth its sign.
	if err := x.Extract(in, event(-7.0, 0.0, false, absent)); err != nil {
		t.Fatal(err)
	}
	if len(in[id].Index) != 1 || in[id].Value[0] != -1 {
		t.Errorf("%+v", in[id])
	}
	for _, v := range []float64{3, 4, 5} {
		x.Observe(event(v, v, true, "DE"))
	}
	// The root mean square of 3, 4, 5 is √(50/3).
	if err := x.Extract(in, event(4.0, 2.5, true, "DE")); err != nil {
		t.Fatal(err)
	}
	row := densify(in[id], shape)
	if want := 4 / math.Sqrt(50.0/3); math.Abs(float64(row[0])-want) > 1e-6 || row[1] != 2.5 || row[2] != 1 {
		t.Errorf("%v, want %v, 2.5, 1", row[:3], want)
	}
	if len(in[id].Index) != 4 || math.Abs(float64(in[id].Value[3])) != 1 {
		t.Errorf("%+v", in[id])
	}
	// Zeros are left out.
	if err := x.Extract(in, event(0.0, nil, false, nil)); err != nil || len(in[id].Index) != 0 {
		t.Errorf("%+v, %v", in[id], err)
	}
}

// Every policy for every type, for absent and for null values, dense and sparse.
func TestPolicies(t *testing.T) {
	type want struct {
		value, indicator float32
		indicators       int
		reject           bool
	}
	// After the values 2 and 4, or true and false and false and true.
	means := map[Type]float32{Number: 3, Boolean: 0.5}
	for _, kind := range []Type{Number, Boolean, Category} {
		for _, scale := range []string{"standard", "none"} {
			for _, policy := range []string{"zero", "mean", "indicator", "reject"} {
				for _, sparse := range []bool{false, true} {
					if kind == Category && policy == "mean" {
						continue
					}
					w := want{reject: policy == "reject"}
					if policy == "indicator" {
						w.indicators, w.indicator = 1, 1
					}
					if policy == "mean" && (kind == Boolean || scale == "none" || sparse) {
						w.value = means[kind]
						if kind == Number && scale == "standard" {
							w.value /= float32(math.Sqrt(10)) // the root mean square of 2 and 4
						}
					}
					for _, null := range []bool{false, true} {
						for _, explicit := range []bool{false, true} {
							if explicit && !null {
								continue
							}
							checkPolicy(t, kind, scale, policy, sparse, null, explicit, w.value, w.indicator, w.indicators, w.reject)
						}
					}
				}
			}
		}
	}
}

func checkPolicy(t *testing.T, kind Type, scale, policy string, sparse, null, explicit bool, value, indicator float32, indicators int, reject bool) {
	t.Helper()
	c := DefaultColumn("c", kind)
	c.Scale, c.Missing, c.Cap = scale, policy, 2
	if explicit { // absent values have another policy then, which must not matter for nulls
		c.Missing, c.Nulls = "zero", policy
	}
	columns := Columns{c, DefaultColumn("other", Number)}
	if sparse {
		hashed := DefaultColumn("hashed", Category)
		hashed.Encode, hashed.Bits = "hash", 3
		columns = append(columns, hashed)
	}
	x := newExtractor(t, columns...)
	id, shape := compileView(t, x, millrace.ViewStandard)
	in := x.NewInput()
	for _, v := range map[Type][]any{Number: {2.0, 4.0}, Boolean: {true, false, false, true}, Category: {"a", "b"}}[kind] {
		x.Observe(event(v, 0.0, absent))
	}
	v := any(absent)
	if null {
		v = nil
	}
	err := x.Extract(in, event(v, 0.0, absent))
	name := []any{kind, scale, policy, "sparse", sparse, "null", null, "explicit", explicit}
	if reject {
		var r *millrace.Rejection
		if !errors.As(err, &r) || r.Reason != millrace.ReasonMissingFeature || r.Path != "c" || r.Detail == "" {
			t.Errorf("%v: %v", name, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%v: %v", name, err)
		return
	}
	row := densify(in[id], shape)
	values := 1
	if kind == Category {
		values = 3
	}
	for _, got := range row[:values] {
		if math.Abs(float64(got-value)) > 1e-6 {
			t.Errorf("%v: %v, want %v", name, row, value)
		}
	}
	if indicators == 1 && row[values] != indicator {
		t.Errorf("%v: %v, want an indicator", name, row)
	}
	if want := values + indicators + 1; !sparse && shape.Width != want {
		t.Errorf("%v: width %d, want %d", name, shape.Width, want)
	}
	// A value that is there clears the indicator.
	present := map[Type]any{Number: 3.0, Boolean: true, Category: "a"}[kind]
	if err := x.Extract(in, event(present, 0.0, absent)); err != nil || (indicators == 1 && densify(in[id], shape)[values] != 0) {
		t.Errorf("%v: %v, %v", name, in[id], err)
	}
}

func TestAbsentAndNullMayHaveAnIndicatorEach(t *testing.T) {
	c := DefaultColumn("a", Number)
	c.Missing, c.Nulls = "indicator", "indicator"
	x := newExtractor(t, c)
	if got := extract(t, x, millrace.ViewStandard, event(absent)); !slices.Equal(got, []float32{0, 1, 0}) {
		t.Errorf("absent: %v", got)
	}
	if got := extract(t, x, millrace.ViewStandard, event(nil)); !slices.Equal(got, []float32{0, 0, 1}) {
		t.Errorf("null: %v", got)
	}
}

func TestRejectAppliesToEveryView(t *testing.T) {
	c := DefaultColumn("a", Number)
	c.Missing, c.Nulls = "reject", "zero"
	x := newExtractor(t, c)
	compileView(t, x, millrace.ViewRaw)
	in := x.NewInput()
	in[0].Dense[0] = 5
	if err := x.Extract(in, event(absent)); err == nil || in[0].Dense[0] != 5 {
		t.Errorf("%v, %v", err, in[0].Dense)
	}
	if err := x.Extract(in, event(nil)); err != nil || !math.IsNaN(float64(in[0].Dense[0])) {
		t.Errorf("%v, %v", err, in[0].Dense)
	}
}
