package calibration_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/calibration"
	"millrace/model/family"
	"millrace/model/modeltest"
)

func methods() []string {
	return []string{calibration.Platt, calibration.Beta, calibration.Isotonic, calibration.Auto}
}

// TestConformance: models that are calibrated are models like any other.
func TestConformance(t *testing.T) {
	shape := millrace.ViewShape{Width: 12}
	for _, by := range methods() {
		for _, spec := range []model.Spec{{Type: "logistic"}, {Type: "mlp", Hidden: []int{8}}, {Type: "svm"}} {
			for _, classes := range []int{2, 3} {
				target := model.TargetSpec{Classes: classes}
				modeltest.Run(t, fmt.Sprintf("%s/%s/%d", by, spec.Type, classes), func() modeltest.Case {
					m, err := family.New(spec, target, modeltest.View(shape))
					if err != nil {
						t.Fatal(err)
					}
					return modeltest.Case{Model: calibration.New(m, by), Examples: modeltest.Examples(target, shape)}
				})
			}
		}
	}
}

// TestNone: without a method there is nothing around a model.
func TestNone(t *testing.T) {
	m := &told{p: []float32{.5, .5}}
	if calibration.New(m, calibration.None) != model.Model(m) || calibration.New(m, "") != model.Model(m) {
		t.Error("the model is wrapped")
	}
}

// told is a model that predicts what it is told and learns nothing.
type told struct {
	model.Model
	p []float32
}

func (m *told) State(func(string, millrace.Tensor, millrace.Role)) {}
func (m *told) Restored() error                                    { return nil }
func (m *told) Outputs() int                                       { return len(m.p) }
func (m *told) NewScratch() model.Scratch                          { return nil }
func (m *told) Predict(dst []float32, _ millrace.Input, _ model.Scratch) {
	copy(dst, m.p)
}
func (m *told) Learn(millrace.Input, millrace.Target, float32, model.Scratch) error { return nil }

// stream says what the model predicts of an event, and what it was.
type stream func(i int, r *rand.Rand) (p []float32, class int32)

// softened draws an event of k classes and predicts it with its log-odds multiplied by slope and moved by offset.
func softened(k int, slope, offset float64) stream {
	return func(_ int, r *rand.Rand) ([]float32, int32) {
		z, p, q := make([]float64, k), make([]float64, k), make([]float32, k)
		var sum, told float64
		for c := range z {
			z[c] = 1.5 * r.NormFloat64()
			p[c] = math.Exp(z[c])
			sum += p[c]
			z[c] = math.Exp(slope*z[c] + offset*float64(c))
			told += z[c]
		}
		u, class := r.Float64()*sum, 0
		for ; class < k-1 && u > p[class]; class++ {
			u -= p[class]
		}
		for c := range q {
			q[c] = float32(z[c] / told)
		}
		return q, int32(class)
	}
}

// run returns the log-losses of what the model says and of what is made of it, over the last part of a stream.
func run(t *testing.T, by string, k, n, from int, next stream) (before, after float64) {
	t.Helper()
	m := &told{p: make([]float32, k)}
	c := calibration.New(m, by)
	s, dst := c.NewScratch(), make([]float32, k)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		p, class := next(i, r)
		copy(m.p, p)
		c.Predict(dst, nil, s)
		if i >= from {
			before -= math.Log(math.Max(float64(p[class]), 1e-7))
			after -= math.Log(math.Max(float64(dst[class]), 1e-7))
		}
		if err := c.Learn(nil, millrace.Target{Class: class, Known: true}, 1, s); err != nil {
			t.Fatal(err)
		}
	}
	return before, after
}

// TestMends: every method takes back nearly all that too sure, too unsure and shifted probabilities cost.
func TestMends(t *testing.T) {
	const n, from = 20000, 5000
	for _, by := range methods() {
		for _, k := range []int{2, 4} {
			_, best := run(t, calibration.Platt, k, n, from, softened(k, 1, 0))
			for _, c := range [][2]float64{{2.5, 0}, {0.3, 0}, {1, 1}} {
				before, after := run(t, by, k, n, from, softened(k, c[0], c[1]))
				if !(after-best < 0.1*(before-best)) {
					t.Errorf("%s, %d classes, slope %g, offset %g: log-loss %.0f of %.0f, possible is %.0f", by, k, c[0], c[1], after, before, best)
				}
			}
		}
	}
}

// TestNeverCostsMore: whatever comes, auto is at most 3 nats worse than no calibration, at any moment of a stream.
func TestNeverCostsMore(t *testing.T) {
	sure := func(p float64) []float32 { return []float32{float32(1 - p), float32(p)} }
	for name, next := range map[string]stream{
		"calibrated": softened(2, 1, 0),
		"changes": func(i int, r *rand.Rand) ([]float32, int32) {
			return softened(2, [3]float64{2, 1, .4}[i/3000%3], 0)(i, r)
		},
		"the opposite of the past": func(i int, r *rand.Rand) ([]float32, int32) {
			p := []float64{.2, .8}[i%2]
			if i/500%2 == 0 {
				return sure(p), int32(i % 2)
			}
			return sure(p), int32(1 - i%2)
		},
		"noise": func(_ int, r *rand.Rand) ([]float32, int32) { return sure(r.Float64()), r.Int32N(2) },
		"rare": func(_ int, r *rand.Rand) ([]float32, int32) {
			is := int32(0)
			if r.Float64() < .001 {
				is = 1
			}
			return sure(.001), is
		},
		"certain": func(_ int, r *rand.Rand) ([]float32, int32) { return sure(float64(r.Int32N(2))), r.Int32N(2) },
	} {
		for n := 100; n <= 30000; n *= 17 {
			if before, after := run(t, calibration.Auto, 2, n, 0, next); !(after <= before+3) {
				t.Errorf("%s: %d events cost %.2f nats more than without", name, n, after-before)
			}
		}
	}
}

// TestRises: no method puts an event behind another that the model held for less likely.
func TestRises(t *testing.T) {
	for _, by := range methods() {
		m := &told{p: make([]float32, 2)}
		c := calibration.New(m, by)
		s, dst, next := c.NewScratch(), make([]float32, 2), softened(2, .3, 2)
		r := rand.New(rand.NewPCG(3, 4))
		for i := range 5000 {
			p, class := next(i, r)
			if r.IntN(3) == 0 {
				class = r.Int32N(2)
			}
			copy(m.p, p)
			c.Predict(dst, nil, s)
			if err := c.Learn(nil, millrace.Target{Class: class, Known: true}, 1, s); err != nil {
				t.Fatal(err)
			}
		}
		last := float32(0)
		for i := range 10001 {
			p := float32(i) / 10000
			copy(m.p, []float32{1 - p, p})
			if c.Predict(dst, nil, s); dst[1] < last {
				t.Fatalf("%s: %g becomes %g, and less of it more", by, p, dst[1])
			}
			last = dst[1]
		}
	}
}

// TestChunks: what a mixture predicts in chunks is calibrated to the last bit as one by one.
func TestChunks(t *testing.T) {
	shape, target := millrace.ViewShape{Width: 6}, model.TargetSpec{Classes: 3}
	build := func() model.Model {
		m, err := family.New(model.Spec{Type: "auto"}, target, modeltest.View(shape))
		if err != nil {
			t.Fatal(err)
		}
		return calibration.New(m, calibration.Auto)
	}
	examples := modeltest.Examples(target, shape)
	one, many := build(), build()
	chunk, s, dst := model.NewChunk(many), one.NewScratch(), make([]float32, 3)
	for from := 0; from < len(examples); {
		n := 0
		for ; from+n < len(examples) && n < 37 && chunk.Room() > 0; n++ {
			e := examples[from+n]
			if n%5 == 0 {
				chunk.Predict(e.Input)
				continue
			}
			if err := chunk.Learn(e.Input, e.Target, 1, 1); err != nil {
				t.Fatal(err)
			}
		}
		chunk.Run(model.OneByOne{})
		for i := range n {
			e := examples[from+i]
			one.Predict(dst, e.Input, s)
			for k, p := range chunk.Prediction(i) {
				if float64(dst[k]) != p {
					t.Fatalf("event %d: %v one by one, %v in a chunk", from+i, dst, chunk.Prediction(i))
				}
			}
			if i%5 == 0 {
				continue
			}
			if err := one.Learn(e.Input, e.Target, 1, s); err != nil {
				t.Fatal(err)
			}
		}
		chunk.Reset()
		from += n
	}
	if !bytes.Equal(modeltest.Bytes(one), modeltest.Bytes(many)) {
		t.Error("the states differ")
	}
}

func BenchmarkPredictLearn(b *testing.B) {
	for _, by := range methods() {
		for _, k := range []int{2, 10} {
			b.Run(fmt.Sprintf("%s/%d", by, k), func(b *testing.B) {
				m := &told{p: make([]float32, k)}
				c := calibration.New(m, by)
				s, dst, r := c.NewScratch(), make([]float32, k), rand.New(rand.NewPCG(1, 2))
				next := softened(k, 1, 0)
				var events [256]struct {
					p     []float32
					class int32
				}
				for i := range events {
					events[i].p, events[i].class = next(i, r)
				}
				b.ReportAllocs()
				for i := range b.N {
					e := &events[i%len(events)]
					copy(m.p, e.p)
					c.Predict(dst, nil, s)
					_ = c.Learn(nil, millrace.Target{Class: e.class, Known: true}, 1, s)
				}
			})
		}
	}
}
