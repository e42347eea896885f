package tree

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"millrace"
)

// levels are what becomes of a label y, event after event: each returns it with its unit, by which errors are
// divided.
func levels() map[string]func(i int, y float64) (value, unit float64) {
	const at, back = 8000, 14000
	shift := func(by float64) func(int, float64) (float64, float64) {
		return func(i int, y float64) (float64, float64) {
			if i >= at {
				y += by
			}
			return y, 1
		}
	}
	scale := func(by float64) func(int, float64) (float64, float64) {
		return func(i int, y float64) (float64, float64) {
			if i >= at {
				return y * by, by
			}
			return y, 1
		}
	}
	return map[string]func(i int, y float64) (value, unit float64){
		"plus 10": shift(10), "plus 100": shift(100), "minus 1e6": shift(-1e6), "times 1000": scale(1000), "divided by 1000": scale(1e-3),
		"there and back": func(i int, y float64) (float64, float64) {
			if i >= at && i < back {
				y += 100
			}
			return y, 1
		},
		"early": func(i int, y float64) (float64, float64) {
			if i >= 1000 {
				y += 100
			}
			return y, 1
		},
	}
}

// following is the mean absolute error of the last of 20,000 events, 5,000 and more after the level moved, in units
// of the label there. The label is linear or a checkerboard, with noise.
func following(t *testing.T, c Config, checkered bool, level func(int, float64) (float64, float64)) float64 {
	t.Helper()
	m, random := build(t, c), rand.New(rand.NewPCG(7, 7))
	w, dst, loss := m.NewWork(), make([]float32, 1), 0.0
	const events, from = 20000, 19000
	for i := range events {
		x := []float32{float32(random.NormFloat64()), float32(random.NormFloat64()), float32(random.NormFloat64())}
		y := 3*float64(x[0]) - 2*float64(x[1])
		if checkered {
			y = 0
			if (x[0] > 0.3) != (x[1] > -0.2) {
				y = 5
			}
		}
		value, unit := level(i, y+0.1*random.NormFloat64())
		m.Predict(dst, x, w)
		if i >= from {
			loss += math.Abs(m.Value(dst[0])-value) / unit
		}
		if err := m.Learn(x, millrace.Target{Known: true, Value: value}, 1, w); err != nil {
			t.Fatal(err)
		}
	}
	return loss / (events - from)
}

// numberConfigs are a tree and a forest as they are by default.
func numberConfigs() map[string]Config {
	c := Config{Width: 3, Grace: 50, Delta: 0.01, Tau: 0.2, Depth: 20, Leaves: 128, Subspace: 3, Drift: true}
	forest := c
	forest.Delta, forest.Tau, forest.Trees, forest.Lambda = 1e-3, 0.05, 5, 6
	return map[string]Config{"tree": c, "forest": forest}
}

// A label whose level moves is predicted as well as before within some thousands of events: what trees know of it
// is not learned anew.
func TestLevelIsFollowed(t *testing.T) {
	still := func(_ int, y float64) (float64, float64) { return y, 1 }
	for name, c := range numberConfigs() {
		for kind, checkered := range map[string]bool{"linear": false, "checkered": true} {
			clean := following(t, c, checkered, still)
			for moved, level := range levels() {
				got := following(t, c, checkered, level)
				t.Logf("%s, %s, %s: %.3f, %.3f without", name, kind, moved, got, clean)
				if got > 1.5*clean {
					t.Errorf("%s, %s, %s: error %.3f, %.3f without", name, kind, moved, got, clean)
				}
			}
		}
	}
}

// A label that rises for long, by much more than it varies, is followed while it does and after it came to rest.
func TestRampIsFollowed(t *testing.T) {
	for name, c := range numberConfigs() {
		for rest, until := range map[string]int{"while it rises": 20000, "at rest": 15000} {
			ramp := func(i int, y float64) (float64, float64) {
				return y + 0.005*float64(max(min(i, until)-5000, 0)), 1 // 25 to 75 noises an event over 5,000
			}
			got := following(t, c, false, ramp)
			t.Logf("%s, %s: %.3f", name, rest, got)
			if got > 0.6 { // of a deviation of 3.6
				t.Errorf("%s, %s: error %.3f", name, rest, got)
			}
		}
	}
}

// A steady stream does not move the level, however wild its noise is: seldom, where three of a few errors that are
// large come in a row and alike, and then it is back three of such labels later.
func TestLevelStands(t *testing.T) {
	for name, noise := range map[string]func(r *rand.Rand) float64{
		"normal": (*rand.Rand).NormFloat64,
		"cubed":  func(r *rand.Rand) float64 { return math.Pow(r.NormFloat64(), 3) },
		"sparse": func(r *rand.Rand) float64 {
			if r.IntN(20) > 0 {
				return 0
			}
			return 10 * r.Float64()
		},
		"exponential": (*rand.Rand).ExpFloat64,
	} {
		random := rand.New(rand.NewPCG(5, 5))
		s := newScaler(1)
		l := newLevel(&s)
		centre, deviation, away := 0.0, 0.0, 0
		for i := range 200_000 {
			p := random.NormFloat64()
			y, z := p+noise(random), s.deviations(p)
			if i == 1000 {
				centre, deviation = s.centre[0], s.deviation()
			}
			if i >= 1000 { // as leaves hold it, whatever becomes of the level
				z = (p - centre) / deviation
			}
			if l.observe(z, y); i < 1000 {
				s.observe(0, y)
			} else if math.Abs(s.centre[0]-centre) > deviation {
				away++
			}
		}
		t.Logf("%s: away for %d events; at the end %.3g ± %.3g, and %.3g ± %.3g before", name, away, s.centre[0], s.deviation(), centre, deviation)
		if away > 400 || math.Abs(s.centre[0]-centre) > deviation {
			t.Errorf("%s: away for %d events, at the end %.3g ± %.3g from %.3g", name, away, s.centre[0], s.deviation(), centre)
		}
	}
}

// Trees of snapshots that knew nothing of levels predict as they did, and follow from then on.
func TestLevelIsAdded(t *testing.T) {
	for name, c := range configs() {
		if c.Classes > 0 {
			continue
		}
		m, s := build(t, c), newStream(c, 4)
		run(t, m, s, 3000)
		old := build(t, c)
		added := 0
		from := map[string]millrace.Tensor{}
		m.State(func(name string, x millrace.Tensor, _ millrace.Role) { from[name] = x })
		old.State(func(name string, x millrace.Tensor, _ millrace.Role) {
			if x.Added {
				added++
				if name != "spans" && name != "wild" && name != "form" && !strings.HasSuffix(name, ".rival") && !strings.HasPrefix(name, "level.") && !strings.Contains(name, ".first.") {
					t.Errorf("%s was added", name)
				}
				return
			}
			x.Set(from[name])
		})
		if err := old.Restored(); err != nil || added == 0 {
			t.Fatalf("%s: %d tensors added: %v", name, added, err)
		}
		a, b := make([]float32, 1), make([]float32, 1)
		for range 100 {
			x, _ := s.next()
			m.Predict(a, x, m.NewWork())
			old.Predict(b, x, old.NewWork())
			if m.Value(a[0]) != old.Value(b[0]) {
				t.Fatalf("%s: predicts %v, %v before", name, old.Value(b[0]), m.Value(a[0]))
			}
		}
		if loss := run(t, old, s, 2000); loss > 6 {
			t.Errorf("%s: a loss of %.3g afterwards", name, loss)
		}
	}
}

// A feature whose unit changes makes predictions of another size for a while, and leaves the level of the label alone.
func TestLevelStandsWhereFeaturesMove(t *testing.T) {
	for name, c := range numberConfigs() {
		m, random := build(t, c), rand.New(rand.NewPCG(7, 8))
		w := m.NewWork()
		for i := range 8000 {
			x := []float32{float32(random.NormFloat64()), float32(random.NormFloat64()), float32(random.NormFloat64())}
			y := 3*float64(x[0]) - 2*float64(x[1]) + 0.1*random.NormFloat64()
			if i >= 6000 {
				x[0] *= 10
			}
			if err := m.Learn(x, millrace.Target{Known: true, Value: y}, 1, w); err != nil {
				t.Fatal(err)
			}
		}
		if d := m.target.deviation(); math.Abs(m.target.centre[0]) > 0.5 || math.Abs(d-3.6) > 0.4 {
			t.Errorf("%s: the label is at %.2f ± %.2f, which is at 0 ± 3.6", name, m.target.centre[0], d)
		}
	}
}
