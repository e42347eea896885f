package tree

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/moments"
)

const (
	// variantEvents are those of a stream that is changed up to, or from, variantAt on, of which the errors from
	// variantFrom on are counted.
	variantEvents, variantAt, variantFrom = 12_000, 5000, 7000
	variantWidth                          = 4
)

// variants are what becomes of a row: each changes the features and returns the label and its unit.
func variants() map[string]func(i int, x []float64, y float64, r *rand.Rand) (label, unit float64) {
	feature := func(change func(i int, x []float64, r *rand.Rand)) func(int, []float64, float64, *rand.Rand) (float64, float64) {
		return func(i int, x []float64, y float64, r *rand.Rand) (float64, float64) {
			change(i, x, r)
			return y, 1
		}
	}
	moved := func(change func(v float64) float64, which ...int) func(int, []float64, float64, *rand.Rand) (float64, float64) {
		return feature(func(i int, x []float64, _ *rand.Rand) {
			for _, k := range which {
				if i >= variantAt {
					x[k] = change(x[k])
				}
			}
		})
	}
	label := func(wild float64, is func(i int) bool) func(int, []float64, float64, *rand.Rand) (float64, float64) {
		return func(i int, _ []float64, y float64, _ *rand.Rand) (float64, float64) {
			if i < variantAt && is(i) {
				return wild, 1
			}
			return y, 1
		}
	}
	return map[string]func(i int, x []float64, y float64, r *rand.Rand) (float64, float64){
		"the first value": feature(func(i int, x []float64, _ *rand.Rand) {
			if i == 0 {
				x[1] = -9e5
			}
		}),
		"fifty of a thousand values": feature(func(i int, x []float64, r *rand.Rand) {
			if i < 1000 && i%20 == 7 {
				x[r.IntN(variantWidth)] = 1e15
			}
		}),
		"a hundredth": feature(func(i int, x []float64, r *rand.Rand) {
			if i < variantAt && r.IntN(100) == 0 {
				x[0] = -999_999
			}
		}),
		"two columns": feature(func(i int, x []float64, _ *rand.Rand) {
			if i < variantAt && i%97 == 0 {
				x[0], x[2] = 3e38, -3e38
			}
		}),
		"a row": func(i int, x []float64, y float64, _ *rand.Rand) (float64, float64) {
			if i == 3000 {
				x[0], x[1], x[2], x[3] = 1e30, 1e30, -1e30, 1e30
				y = 1e30
			}
			return y, 1
		},
		"times 1000":   moved(func(v float64) float64 { return 1000 * v }, 0),
		"a thousandth": moved(func(v float64) float64 { return v / 1000 }, 0),
		"minutes":      moved(func(v float64) float64 { return v / 60 }, 0),
		"kelvin":       moved(func(v float64) float64 { return v + 273.15 }, 0, 1, 2, 3),
		"four":         moved(func(v float64) float64 { return v + 4 }, 0),
		"there and back": feature(func(i int, x []float64, _ *rand.Rand) {
			if i >= variantAt && i < variantAt+500 {
				x[0] += 273
			}
		}),
		"the first label":                        label(-1e9, func(i int) bool { return i == 0 }),
		"an early label":                         label(1e3, func(i int) bool { return i == 20 }),
		"eight first labels":                     label(1e6, func(i int) bool { return i < 8 }),
		"a label now and then, from the 14th on": label(100, func(i int) bool { return i%50 == 13 }),
		"three labels":                           label(-1e9, func(i int) bool { return i == 0 || i == 100 || i == 4000 }),
		"labels in a row":                        label(math.MaxInt32, func(i int) bool { return i >= 4000 && i < 4020 }),
		"labels times 1000": func(i int, _ []float64, y float64, _ *rand.Rand) (float64, float64) {
			if i >= variantAt {
				return 1000 * y, 1000
			}
			return y, 1
		},
	}
}

// variantLoss is the mean absolute error of the last events of a stream whose rows are changed, as trees see it.
func variantLoss(t *testing.T, c Config, seed uint64, change func(int, []float64, float64, *rand.Rand) (float64, float64)) float64 {
	t.Helper()
	c.Width, c.Subspace = variantWidth, variantWidth
	m, random, other := build(t, c), rand.New(rand.NewPCG(8, seed)), rand.New(rand.NewPCG(9, seed))
	columns := moments.New(variantWidth, moments.Options{})
	w, dst, loss := m.NewWork(), make([]float32, 1), 0.0
	x, in := make([]float64, variantWidth), make([]float32, variantWidth)
	for i := range variantEvents {
		for k := range x {
			x[k] = random.NormFloat64()
		}
		y, unit := change(i, x, 10+3*x[0]-2*x[1]+x[2]+.1*random.NormFloat64(), other)
		wild := false
		for k, v := range x {
			seen, far := columns.Raw(k, v)
			in[k], wild = float32(seen), wild || far
			columns.Observe(k, v, 1)
		}
		m.Predict(dst, in, w)
		if i >= variantFrom {
			loss += math.Abs(m.Value(dst[0])-y) / unit
		}
		learn := m.Learn
		if wild {
			learn = m.LearnWild
		}
		if err := learn(in, millrace.Target{Known: true, Value: y}, 1, w); err != nil {
			t.Fatal(err)
		}
	}
	return loss / (variantEvents - variantFrom)
}

// TestVariants: wild values and labels, and units that change, leave trees within a tenth of what they are without,
// from 2,000 events after.
func TestVariants(t *testing.T) {
	const seeds = 3
	for name, c := range numberConfigs() {
		clean := [seeds]float64{}
		for seed := range uint64(seeds) {
			clean[seed] = variantLoss(t, c, seed, func(_ int, _ []float64, y float64, _ *rand.Rand) (float64, float64) { return y, 1 })
		}
		for kind, change := range variants() {
			ratio := 0.0
			for seed := range uint64(seeds) {
				ratio += variantLoss(t, c, seed, change) / clean[seed] / seeds
			}
			t.Logf("%s, %s: %.3f times the error without", name, kind, ratio)
			if ratio > 1.1 {
				t.Errorf("%s, %s: %.3f times the error without", name, kind, ratio)
			}
		}
	}
}
