package features

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// TestVariants: whatever happens to some values, 2,000 events later the standard view of the others is what it would
// have been.
func TestVariants(t *testing.T) {
	after := func(f func(x float64) float64) func(i int, v []float64) {
		return func(i int, v []float64) {
			if i >= 8000 {
				v[0] = f(v[0])
			}
		}
	}
	for name, change := range map[string]func(i int, v []float64){
		"first row 1e30": func(i int, v []float64) {
			if i == 0 {
				v[0], v[1], v[2], v[3] = 1e30, -1e30, 1e30, 1e30
			}
		},
		"ten of the first 32": func(i int, v []float64) {
			if i < 32 && i%3 == 0 {
				v[1] = 1e15
			}
		},
		"fifty of a thousand": func(i int, v []float64) {
			if i < 1000 && i%20 == 7 {
				v[i%4] = math.MaxFloat64
			}
		},
		"a hundredth a sentinel": func(i int, v []float64) {
			if i < 8000 && i%97 == 3 {
				v[0] = -999_999
			}
		},
		"twenty in a row": func(i int, v []float64) {
			if i >= 7980 && i < 8000 {
				v[2] = math.MaxInt32
			}
		},
		"a row": func(i int, v []float64) {
			if i == 7999 {
				clear(v[2:])
				v[0], v[1] = 1e300, -1e300
			}
		},
		"kelvin":          after(func(x float64) float64 { return x + 273.15 }),
		"four deviations": after(func(x float64) float64 { return x + 4 }),
		"thousandfold":    after(func(x float64) float64 { return x * 1000 }),
		"a thousandth":    after(func(x float64) float64 { return x / 1000 }),
		"fahrenheit": func(i int, v []float64) {
			if i >= 8000 {
				for k := range v {
					v[k] = 32 + 1.8*v[k]
				}
			}
		},
		"there and back": func(i int, v []float64) {
			if i >= 7000 && i < 8000 {
				v[3] += 273.15
			}
		},
	} {
		names := []string{"a", "b", "c", "d"}
		columns := Columns{}
		for _, n := range names {
			columns = append(columns, DefaultColumn(n, Number))
		}
		clean, changed := newExtractor(t, columns...), newExtractor(t, columns...)
		random := rand.New(rand.NewPCG(9, 1))
		worst := 0.
		for i := range 11_000 {
			v := []float64{random.NormFloat64(), random.NormFloat64(), random.NormFloat64(), random.NormFloat64()}
			e := event(v[0], v[1], v[2], v[3])
			change(i, v)
			other := event(v[0], v[1], v[2], v[3])
			if i >= 10_000 {
				a, b := extract(t, clean, millrace.ViewStandard, e), extract(t, changed, millrace.ViewStandard, other)
				for k := range a {
					worst = max(worst, math.Abs(float64(a[k]-b[k]))/(1+math.Abs(float64(a[k]))))
				}
			}
			clean.Observe(e)
			changed.Observe(other)
		}
		if worst > .15 {
			t.Errorf("%s: the view is off by %v of a deviation", name, worst)
		}
	}
}
