package tree

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// Rows that are wild, in features, labels or both, leave trees as good as they are without.
func TestWildRows(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	streams := map[string]func(i int, x []float32, y float64) float64{
		"first labels": func(i int, _ []float32, y float64) float64 {
			if i < 8 {
				return 1e6
			}
			return y
		},
		"a label now and then": func(i int, _ []float32, y float64) float64 {
			if i == 0 || i == 100 || i == 3000 {
				return -1e9
			}
			return y
		},
		"labels in a row": func(i int, _ []float32, y float64) float64 {
			if i >= 3000 && i < 3020 {
				return math.MaxInt32
			}
			return y
		},
		"a whole row": func(i int, x []float32, y float64) float64 {
			if i == 2000 {
				x[0], x[1], x[2] = 1e30, 1e30, -1e30
				return 1e30
			}
			return y
		},
		"a feature often": func(i int, x []float32, y float64) float64 {
			if i > 20 && i < 4000 && random.IntN(50) == 0 {
				x[0] = -999999
			}
			return y
		},
		"a feature for a while": func(i int, x []float32, y float64) float64 {
			if i >= 3000 && i < 3040 {
				x[0] += 1e5
			}
			return y
		},
	}
	for name, c := range numberConfigs() {
		clean := wildLoss(t, c, func(_ int, _ []float32, y float64) float64 { return y })
		for kind, stream := range streams {
			got := wildLoss(t, c, stream)
			t.Logf("%s, %s: %.3f, %.3f without", name, kind, got, clean)
			if got > 1.2*clean {
				t.Errorf("%s, %s: error %.3f, %.3f without", name, kind, got, clean)
			}
		}
	}
}

// wildLoss is the mean absolute error of events 6,000 to 9,000 of a stream that is changed before.
func wildLoss(t *testing.T, c Config, change func(i int, x []float32, y float64) float64) float64 {
	t.Helper()
	m, random := build(t, c), rand.New(rand.NewPCG(8, 8))
	w, dst, loss := m.NewWork(), make([]float32, 1), 0.0
	for i := range 9000 {
		x := []float32{float32(random.NormFloat64()), float32(random.NormFloat64()), float32(random.NormFloat64())}
		y := change(i, x, 3*float64(x[0])-2*float64(x[1])+0.1*random.NormFloat64())
		m.Predict(dst, x, w)
		if i >= 6000 {
			loss += math.Abs(m.Value(dst[0]) - y)
		}
		if err := m.Learn(x, millrace.Target{Known: true, Value: y}, 1, w); err != nil {
			t.Fatal(err)
		}
	}
	return loss / 3000
}

// A column that goes on to new places, or begins to vary, has no wild values; one that has moved for good is followed.
func TestWhatIsWild(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	count := func(v func(i int) float64) (wild int, last bool) {
		s := newScaler(1)
		s.spans = make([]float64, 2)
		for i := range 20_000 {
			_, last = s.standard(0, v(i))
			if last {
				wild++
			}
			s.observe(0, v(i))
		}
		return wild, last
	}
	for name, v := range map[string]func(i int) float64{
		"month":    func(i int) float64 { return float64(i / 700) },
		"trend":    func(i int) float64 { return float64(i) },
		"constant": func(i int) float64 { return float64(i/10_000) * random.NormFloat64() },
		"sparse":   func(int) float64 { return float64(1 - min(random.IntN(1000), 1)) },
		"heavy":    func(int) float64 { return math.Exp(2 * random.NormFloat64()) },
	} {
		if wild, _ := count(v); wild > 20 {
			t.Errorf("%s: %d values are wild", name, wild)
		}
	}
	wild, last := count(func(i int) float64 {
		if i < 5000 {
			return random.NormFloat64()
		}
		return 1e5 + random.NormFloat64()
	})
	if wild < 32 || last {
		t.Errorf("moved by 1e5 deviations: %d values are wild, the last one %v", wild, last)
	}
}

// A label of series of very different size has no wild values, neither among the first nor later.
func TestLargeSeriesAreNotWild(t *testing.T) {
	for name, c := range numberConfigs() {
		c.Width, c.Subspace, c.Levels = 2, 2, []int{16, 0}
		m, random := build(t, c), rand.New(rand.NewPCG(4, 4))
		w, dst, loss, mean := m.NewWork(), make([]float32, 1), 0.0, 0.0
		for i := range 12_000 {
			series := random.IntN(12)
			if i < 200 {
				series = min(series, 1) // the largest come when what is usual is known
			}
			x := []float32{float32(series), float32(random.NormFloat64())}
			y := math.Pow(10, float64(series)/2) * (1 + 0.2*random.Float64())
			m.Predict(dst, x, w)
			if i >= 9000 {
				loss, mean = loss+math.Abs(m.Value(dst[0])-y), mean+y
			}
			if err := m.Learn(x, millrace.Target{Known: true, Value: y}, 1, w); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: error %.3f of the mean", name, loss/mean)
		if loss > 0.15*mean {
			t.Errorf("%s: error %.3f of the mean label", name, loss/mean)
		}
	}
}

// Labels that are far off are wild while they are few: when many are, they are what labels are.
func TestManyWildLabelsAreNone(t *testing.T) {
	for one, held := range map[int]bool{100: true, 7: false} {
		s := newScaler(1)
		l := newLevel(&s)
		random := rand.New(rand.NewPCG(6, 6))
		for range 100 {
			s.observe(0, random.NormFloat64())
		}
		for i := range 3000 {
			y := random.NormFloat64()
			if i%one == 3 {
				y += 50
			}
			l.observe(0, y)
		}
		l.history[0] = 0
		if counted, _, _ := l.reach(50); math.IsInf(counted, 1) == held {
			t.Errorf("one in %d: counts up to %g", one, counted)
		}
	}
}
