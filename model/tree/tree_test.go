package tree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// stream makes examples whose class, or number, depends on two features; after the middle it is turned
// around when it drifts.
type stream struct {
	random  *rand.Rand
	config  Config
	turned  bool
	missing float64 // share of values that are
}

func newStream(c Config, seed uint64) *stream {
	return &stream{random: rand.New(rand.NewPCG(seed, 9)), config: c}
}

func (s *stream) next() ([]float32, millrace.Target) {
	x := make([]float32, s.config.Width)
	for i := range x {
		x[i] = float32(s.random.NormFloat64())
		if s.config.Levels != nil && s.config.Levels[i] > 0 {
			x[i] = float32(s.random.IntN(s.config.Levels[i]))
		}
	}
	// A checkerboard of four fields, which no linear model tells apart.
	k := 0
	if (x[0] > 0.3) != (x[1] > -0.2) {
		k = 1
	}
	if s.turned {
		k = 1 - k
	}
	y := millrace.Target{Known: true, Class: int32(k), Value: 100 + 50*float64(k) + s.random.NormFloat64()}
	for i := range x {
		if s.random.Float64() < s.missing {
			x[i] = float32(math.NaN())
		}
	}
	return x, y
}

// run predicts and learns n examples, and returns the mean loss: errors, or absolute errors.
func run(t testing.TB, m *Trees, s *stream, n int) float64 {
	t.Helper()
	w, dst := m.NewWork(), make([]float32, m.Outputs())
	loss := 0.0
	for range n {
		x, y := s.next()
		m.Predict(dst, x, w)
		if s.config.Classes == 0 {
			loss += math.Abs(m.Value(dst[0]) - y.Value)
		} else if dst[y.Class] < 0.5 {
			loss++
		}
		if err := m.Learn(x, y, 1, w); err != nil {
			t.Fatal(err)
		}
	}
	return loss / float64(n)
}

func build(t testing.TB, c Config) *Trees {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// configs are a tree and a forest of each kind.
func configs() map[string]Config {
	all := map[string]Config{}
	for name, classes := range map[string]int{"classes": 2, "numbers": 0} {
		c := small(classes, 4)
		c.Leaves, c.Drift = 32, true
		all["tree of "+name] = c
		c.Trees, c.Lambda, c.Subspace = 5, 6, 3
		all["forest of "+name] = c
	}
	return all
}

// A checkerboard is learned, and learned anew after it is turned around.
func TestDrift(t *testing.T) {
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			m, s := build(t, c), newStream(c, 3)
			limit := 0.1
			if c.Classes == 0 {
				limit = 6 // of a distance of 50
			}
			run(t, m, s, 6000)
			before := run(t, m, s, 2000)
			s.turned = true
			at := run(t, m, s, 200)
			run(t, m, s, 8000)
			after := run(t, m, s, 2000)
			t.Logf("loss %.3f, %.3f when it turns, then %.3f", before, at, after)
			if before > limit || after > limit || at < 3*before {
				t.Errorf("loss %.3f, %.3f when it turns, then %.3f, want at most %.3f before and after", before, at, after, limit)
			}
		})
	}
}

// Replacing branches is what makes the difference: without it, the same tree takes longer.
func TestDriftIsFollowedByReplacingBranches(t *testing.T) {
	c := small(2, 4)
	c.Leaves, c.Leaf = 32, Constant
	losses := map[bool]float64{}
	for _, drift := range []bool{false, true} {
		c.Drift = drift
		m, s := build(t, c), newStream(c, 5)
		run(t, m, s, 10000)
		s.turned = true
		losses[drift] = run(t, m, s, 10000)
	}
	t.Logf("errors after the turn: %.3f with, %.3f without", losses[true], losses[false])
	if losses[true] > 0.6*losses[false] {
		t.Errorf("errors after the turn: %.3f with branches replaced, %.3f without", losses[true], losses[false])
	}
}

// With few leaves that observe, the tree keeps within its memory, goes on learning, and every leaf that
// has observers is one that lost more than those without.
func TestMemoryLimit(t *testing.T) {
	c := small(2, 4)
	c.Leaves, c.Grace, c.Delta, c.Tau = 4, 10, 0.5, 1
	m, s := build(t, c), newStream(c, 1)
	for range 50 {
		run(t, m, s, 200)
		a := m.members[0].tree
		leaves, observing := 0, 0
		for n := range a.nodes {
			reachable := n == 0 || a.taken[(n-1)/2]
			if !reachable || a.first[n] != 0 {
				if a.slot[n] != 0 {
					t.Fatalf("node %d is no leaf and has observers", n)
				}
				continue
			}
			leaves++
			if a.slot[n] != 0 {
				observing++
				if owner := a.owner[a.slot[n]-1]; owner != int32(n)+1 {
					t.Fatalf("node %d has observers that belong to %d", n, owner-1)
				}
			}
		}
		if leaves > 2*c.Leaves || observing > c.Leaves {
			t.Fatalf("%d leaves, %d of them observing, of %d and %d", leaves, observing, 2*c.Leaves, c.Leaves)
		}
	}
	if n := m.Leaves(); n != 2*c.Leaves {
		t.Errorf("%d leaves, want as many as there is room for: %d", n, 2*c.Leaves)
	}
	if loss := run(t, m, s, 1000); loss > 0.2 {
		t.Errorf("%.3f of the predictions are wrong", loss)
	}
}

// A category's values are divided as a set, whatever their indices; so few
// splits tell them apart.
func TestCategoryIsSplitAsASet(t *testing.T) {
	for _, classes := range []int{2, 3, 0} {
		c := small(classes, 2)
		c.Levels, c.Leaf = []int{12, 0}, Constant
		m := build(t, c)
		w, dst := m.NewWork(), make([]float32, m.Outputs())
		random := rand.New(rand.NewPCG(1, 1))
		wrong := 0.0
		for i := range 4000 {
			v := random.IntN(12)
			odd := v % 2
			y := millrace.Target{Known: true, Class: int32(odd), Value: float64(10 * odd)}
			x := []float32{float32(v), float32(random.NormFloat64())}
			m.Predict(dst, x, w)
			if i > 1000 {
				if classes > 0 {
					wrong += 1 - float64(dst[odd])
				} else {
					wrong += math.Abs(m.Value(dst[0]) - y.Value)
				}
			}
			if err := m.Learn(x, y, 1, w); err != nil {
				t.Fatal(err)
			}
		}
		if wrong/3000 > 0.05 {
			t.Errorf("%d classes: %.3f wrong", classes, wrong/3000)
		}
		a := m.members[0].tree
		if a.first[0] == 0 || a.feature[0] != 0 || classes > 0 && m.Leaves() > 6 {
			t.Errorf("%d classes: the root splits feature %d by %b, %d leaves", classes, a.feature[0], a.subset[0], m.Leaves())
		}
		// Values beyond the vocabulary, unknown ones and missing ones are predicted too.
		for _, v := range []float32{-1, 12, 1e9, float32(math.NaN()), float32(math.Inf(1))} {
			m.Predict(dst, []float32{v, 0}, w)
			if d := float64(dst[0]); math.IsNaN(d) {
				t.Errorf("%d classes: %g predicts %v", classes, v, dst)
			}
		}
	}
}

// Missing values cost something, not everything: they go where most others went, and are not counted.
func TestMissingValues(t *testing.T) {
	for name, c := range configs() {
		whole, holes := newStream(c, 8), newStream(c, 8)
		holes.missing = 0.1
		a, b := build(t, c), build(t, c)
		run(t, a, whole, 6000)
		run(t, b, holes, 6000)
		without, with := run(t, a, whole, 2000), run(t, b, holes, 2000)
		t.Logf("%s: loss %.3f, with a tenth missing %.3f", name, without, with)
		limit := 0.25
		if c.Classes == 0 {
			limit = 20
		}
		if with > limit {
			t.Errorf("%s: loss %.3f with a tenth of the values missing", name, with)
		}
	}
	c := small(2, 2)
	m := build(t, c)
	w := m.NewWork()
	nan := float32(math.NaN())
	for i := range 10 {
		if err := m.Learn([]float32{nan, 1}, millrace.Target{Class: int32(i % 2)}, 1, w); err != nil {
			t.Fatal(err)
		}
	}
	_, blocks := m.members[0].tree.observed(0)
	for _, v := range blocks[:m.plan.block] {
		if v != 0 {
			t.Fatal("a missing value was counted")
		}
	}
	if blocks[m.plan.block+histogramHead] != 5 {
		t.Error("the value beside it was not")
	}
}

// A histogram that doubles its range has the same counts as one whose range was wide from the start.
func TestHistogramDoubles(t *testing.T) {
	p := testPlan(t, small(2, 1))
	random := rand.New(rand.NewPCG(4, 4))
	block := make([]float64, p.block)
	var values []float64
	for range 500 {
		v := math.Ldexp(random.NormFloat64(), random.IntN(12))
		values = append(values, v)
		p.observeClass(block, 0, v, len(values)%2, 1)
	}
	start, step := block[0], block[1]
	want := make([]float64, p.bins*2)
	for i, v := range values {
		b := int((v - start) / step)
		want[2*b+(i+1)%2]++
	}
	for i, n := range block[histogramHead+2:] {
		// A value at the edge of two bins may be in either, by rounding.
		if math.Abs(n-want[i]) > 1 {
			t.Errorf("bin %d has %g, want %g", i/2, n, want[i])
		}
	}
	if block[histogramHead] != 250 || block[histogramHead+1] != 250 {
		t.Errorf("classes weigh %g and %g", block[histogramHead], block[histogramHead+1])
	}
}

func TestConfigsRefused(t *testing.T) {
	nan := math.NaN()
	for name, change := range map[string]func(*Config){
		"one class": func(c *Config) { c.Classes = 1 }, "no feature": func(c *Config) { c.Width = 0 },
		"levels": func(c *Config) { c.Levels = []int{1} }, "depth": func(c *Config) { c.Depth = 0 },
		"leaves": func(c *Config) { c.Leaves = LeavesMax + 1 }, "subspace": func(c *Config) { c.Subspace = 9 },
		"delta": func(c *Config) { c.Delta = 1 }, "grace": func(c *Config) { c.Grace = nan },
		"lambda": func(c *Config) { c.Trees, c.Lambda = 2, 0 },
	} {
		c := small(2, 4)
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, _, err := c.Bytes(); err == nil {
			t.Errorf("%s: has a size", name)
		}
	}
}

// Bytes is what the tensors take.
func TestBytes(t *testing.T) {
	for name, c := range configs() {
		serving, training, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		var got [2]int64
		build(t, c).State(func(_ string, x millrace.Tensor, role millrace.Role) {
			got[role] += int64(4*(len(x.F32)+len(x.I32)+len(x.U32)) + 8*(len(x.F64)+len(x.I64)+len(x.U64)) + len(x.U8))
		})
		const slack = 100
		if serving < got[0] || serving > got[0]+slack || training < got[1] || training > got[1]+slack {
			t.Errorf("%s: serving %d, training %d; tensors take %v", name, serving, training, got)
		}
	}
}

// bytesOf is the whole state.
func bytesOf(m *Trees) []byte {
	var b bytes.Buffer
	m.State(func(_ string, x millrace.Tensor, _ millrace.Role) {
		for _, v := range []any{x.F32, x.F64, x.I32, x.U32, x.U64, x.U8} {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				panic(err) // fixed-size values can always be written
			}
		}
	})
	return b.Bytes()
}

// load reads what bytesOf wrote.
func load(m *Trees, state []byte) error {
	r := bytes.NewReader(state)
	var failed error
	m.State(func(_ string, x millrace.Tensor, _ millrace.Role) {
		for _, v := range []any{x.F32, x.F64, x.I32, x.U32, x.U64, x.U8} {
			failed = errors.Join(failed, binary.Read(r, binary.LittleEndian, v))
		}
	})
	return failed
}

// Whatever bytes a snapshot holds, Restored either refuses them, or what it accepts predicts finite
// numbers and goes on learning without a panic or an endless walk.
func FuzzRestored(f *testing.F) {
	kinds := []Config{small(2, 3), small(3, 3), small(0, 3)}
	kinds[0].Drift = true
	kinds[1].Observer = Gaussian
	kinds[2].Trees, kinds[2].Lambda, kinds[2].Drift, kinds[2].Subspace = 2, 6, true, 2
	var states [][]byte
	for i, c := range kinds {
		c.Grace, c.Delta, c.Tau = 10, 0.5, 1
		kinds[i] = c
		m := build(f, c)
		run(f, m, newStream(c, 2), 600)
		states = append(states, bytesOf(m))
		f.Add(uint8(i), uint32(0), []byte{})
		f.Add(uint8(i), uint32(40), []byte{0xff, 0xff, 0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, kind uint8, at uint32, patch []byte) {
		i := int(kind) % len(kinds)
		state := bytes.Clone(states[i])
		copy(state[int(at)%len(state):], patch)
		m := build(t, kinds[i])
		if err := load(m, state); err != nil {
			t.Fatal(err)
		}
		if err := m.Restored(); err != nil {
			return
		}
		exercise(t, m, kinds[i])
	})
}

func exercise(t *testing.T, m *Trees, c Config) {
	t.Helper()
	w, dst, s := m.NewWork(), make([]float32, m.Outputs()), newStream(c, 6)
	for range 60 {
		x, y := s.next()
		m.Predict(dst, x, w)
		for _, p := range dst {
			if v := float64(p); math.IsNaN(v) || math.IsInf(v, 0) || c.Classes > 0 && (v < 0 || v > 1.001) {
				t.Fatalf("predicts %v", dst)
			}
		}
		if err := m.Learn(x, y, 1, w); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Restored(); err != nil {
		t.Fatalf("what an accepted state became is refused: %v", err)
	}
}

// TestRestoredRefuses flips words all over a state: what is accepted must work.
func TestRestoredRefuses(t *testing.T) {
	c := small(2, 3)
	c.Drift, c.Grace, c.Delta, c.Tau = true, 10, 0.5, 1
	m := build(t, c)
	run(t, m, newStream(c, 2), 800)
	state := bytesOf(m)
	random := rand.New(rand.NewPCG(3, 3))
	refused := 0
	const tries = 3000
	for range tries {
		other := bytes.Clone(state)
		at := random.IntN(len(other) - 8)
		binary.LittleEndian.PutUint64(other[at&^3:], random.Uint64())
		r := build(t, c)
		if err := load(r, other); err != nil {
			t.Fatal(err)
		}
		if err := r.Restored(); err != nil {
			refused++
			continue
		}
		exercise(t, r, c)
	}
	t.Logf("%d of %d refused", refused, tries)
	if refused < tries/4 {
		t.Errorf("only %d of %d random changes were refused", refused, tries)
	}
}
