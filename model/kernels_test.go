package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// kernelCase is one set of arguments, at an offset into a larger slice so that alignment varies.
type kernelCase struct {
	x, d, z, dx, w, first, second []float32
	third                         []float32
	square, sum, reward           []float64
}

func newKernelCase(rows, cols, offset int) kernelCase {
	random := rand.New(rand.NewPCG(uint64(rows), uint64(cols)))
	draw := func(n int, positive bool) []float32 {
		s := make([]float32, offset+n)[offset:]
		for i := range s {
			s[i] = float32(random.NormFloat64())
			if positive {
				s[i] *= s[i]
			}
		}
		return s
	}
	c := kernelCase{
		x: draw(rows, false), d: draw(cols, false), z: draw(cols, false), dx: draw(rows, false),
		w: draw(rows*cols, false), first: draw(rows*cols, false), second: draw(rows*cols, true),
		third: draw(rows*cols, true), square: make([]float64, offset+rows*cols)[offset:],
		sum: make([]float64, offset+rows*cols)[offset:], reward: make([]float64, offset+rows*cols)[offset:],
	}
	for i := range c.square {
		c.square[i], c.sum[i], c.reward[i] = float64(c.second[i]), float64(c.first[i]), float64(c.third[i])
	}
	// Entries that a flush must clear, and entries that have no gradient, or never had one.
	c.first[0], c.second[0], c.third[0], c.x[0] = 1e-31, 1e-31, 0, 0
	return c
}

func kernelShapes() [][2]int {
	var shapes [][2]int
	for _, cols := range []int{1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 31, 32, 33, 40, 63, 64, 65, 100, 129} {
		for _, rows := range []int{1, 2, 5, 8, 13} {
			shapes = append(shapes, [2]int{rows, cols})
		}
	}
	// Kernels that pass over zeros take rows 64 at a time.
	for _, cols := range []int{1, 2, 7, 10, 64, 67} {
		shapes = append(shapes, [2]int{64, cols}, [2]int{139, cols})
	}
	return shapes
}

func testCoefficients() *coefficients {
	return &coefficients{
		rate: 0.1, decay: 0.01, mix1: 0.3, keep2: 0.9, mix2: 0.1, root: 1.7, eps: 1e-8,
		direct: 1, buffer: 0.3, tiny: momentTiny, most: 0.7,
		inverse: 10, beta: 1, l1: 0.5, l2: 0.2, alpha: cocobAlpha, wealth: 1.5,
	}
}

// steps are the kernels by name, each as a function of a case.
func steps(k *kernels) map[string]func(c kernelCase) {
	co := testCoefficients()
	return map[string]func(c kernelCase){
		"forward":  func(c kernelCase) { k.forward(c.z, c.w, c.x) },
		"backward": func(c kernelCase) { k.backward(c.dx, c.w, c.d) },
		"squares":  func(c kernelCase) { c.square[0] = k.squares(c.w) },
		"sgd":      func(c kernelCase) { k.sgd(c.w, c.x, c.d, co) },
		"momentum": func(c kernelCase) { k.momentum(c.w, c.first, c.x, c.d, co) },
		"adagrad":  func(c kernelCase) { k.adagrad(c.w, c.square, c.x, c.d, co) },
		"rmsprop":  func(c kernelCase) { k.rmsprop(c.w, c.second, c.x, c.d, co) },
		"adam":     func(c kernelCase) { k.adam(c.w, c.first, c.second, c.x, c.d, co) },
		"amsgrad":  func(c kernelCase) { k.amsgrad(c.w, c.first, c.second, c.third, c.x, c.d, co) },
		"adadelta": func(c kernelCase) { k.adadelta(c.w, c.second, c.third, c.x, c.d, co) },
		"ftrl":     func(c kernelCase) { k.ftrl(c.w, c.sum, c.square, c.x, c.d, co) },
		"cocob":    func(c kernelCase) { k.cocob(c.w, c.third, c.square, c.sum, c.reward, nil, c.x, c.d, co) },
		"cocob from weights": func(c kernelCase) {
			k.cocob(c.w, c.third, c.square, c.sum, c.reward, c.first, c.x, c.d, co)
		},

		"relu":             func(c kernelCase) { k.network.relu(c.w, 1) },
		"gate":             func(c kernelCase) { k.network.gate(c.first, c.w) },
		"tanh":             func(c kernelCase) { k.network.tanh(c.w) },
		"slope":            func(c kernelCase) { k.network.slope(c.first, c.w) },
		"ungated backward": func(c kernelCase) { k.network.backward(c.dx, c.w, c.d, nil) },
		"network forward":  func(c kernelCase) { k.network.forward(c.z, c.w, halfZero(c.x)) },
		"network backward": func(c kernelCase) { k.network.backward(c.dx, c.w, c.d, halfZero(c.x)) },
		"outer":            func(c kernelCase) { k.network.outer(c.w, halfZero(c.x), c.d, -0.1) },
	}
}

// halfZero is x as a relu leaves it.
func halfZero(x []float32) []float32 {
	reluGeneric(x, activationMax)
	return x
}

func (c kernelCase) floats() []float64 {
	var all []float64
	for _, s := range [][]float32{c.x, c.d, c.z, c.dx, c.w, c.first, c.second, c.third} {
		for _, v := range s {
			all = append(all, float64(v))
		}
	}
	return slices.Concat(all, c.square, c.sum, c.reward)
}

// TestKernelsAgree: the kernels of this processor and the fallback differ by rounding only, at every
// combination of tails, and write nothing that they should not.
func TestKernelsAgree(t *testing.T) {
	best, generic := steps(bestKernels()), steps(genericKernels())
	for _, shape := range kernelShapes() {
		for name := range best {
			a, b := newKernelCase(shape[0], shape[1], 0), newKernelCase(shape[0], shape[1], 0)
			best[name](a)
			generic[name](b)
			got, want := a.floats(), b.floats()
			for i := range got {
				if !(math.Abs(got[i]-want[i]) <= 1e-5+1e-5*math.Abs(want[i])) {
					t.Fatalf("%s of %v: value %d is %g, the fallback's %g", name, shape, i, got[i], want[i])
				}
			}
		}
	}
}

// TestKernelsIgnoreAlignment: a result depends on values alone, bit for bit, not on where the
// allocator put them; otherwise no restored model could equal the one it was copied from.
func TestKernelsIgnoreAlignment(t *testing.T) {
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		for name, step := range steps(k) {
			for _, shape := range kernelShapes() {
				want := newKernelCase(shape[0], shape[1], 0)
				step(want)
				for offset := 1; offset < 8; offset++ {
					got := newKernelCase(shape[0], shape[1], offset)
					step(got)
					if !slices.Equal(got.floats(), want.floats()) {
						t.Fatalf("%s %s of %v depends on an offset of %d", k.name, name, shape, offset)
					}
				}
			}
		}
	}
}

// TestMomentsBecomeZero: moments of units that no longer learn end at exactly zero, not in denormals.
func TestMomentsBecomeZero(t *testing.T) {
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		c := newKernelCase(1, 9, 0)
		clear(c.x) // no gradient
		co := testCoefficients()
		co.decay = 0
		for range 2000 {
			k.adam(c.w, c.first, c.second, c.x, c.d, co)
		}
		for i := range c.first {
			if c.first[i] != 0 || c.second[i] != 0 {
				t.Errorf("%s: moments %g and %g after 2000 steps without gradient", k.name, c.first[i], c.second[i])
			}
		}
	}
}

func TestReluOfExtremes(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		for n := 6; n < 20; n++ { // in vectors and in what is left of them
			z := make([]float32, n)
			copy(z[n-6:], []float32{inf, -inf, nan, 1e30, -1e-45, 2})
			k.network.relu(z, activationMax)
			if want := []float32{activationMax, 0, 0, activationMax, 0, 2}; !slices.Equal(z[n-6:], want) {
				t.Errorf("%s: %v, want %v", k.name, z[n-6:], want)
			}
		}
	}
}

// TestTanh against the float64 function: relative precision near zero, 1 far from it.
func TestTanh(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		for x := float32(1e-30); x < 1e30; x *= 1.01 {
			z := []float32{x, -x, 0, 1, 2, 3, 4, 5, -x, x}
			k.network.tanh(z)
			want := math.Tanh(float64(x))
			for i, sign := range map[int]float64{0: 1, 1: -1, 8: -1, 9: 1} {
				if got := float64(z[i]); math.Abs(got-sign*want) > 4e-7*want || math.Abs(got) > 1 {
					t.Fatalf("%s: tanh(%g) is %.9g, want %.9g", k.name, sign*float64(x), got, sign*want)
				}
			}
		}
		z := []float32{inf, -inf, nan, 0, 1e15, -1e15, nan, 1, inf, nan, -inf}
		k.network.tanh(z)
		if want := []float32{1, -1, 0, 0, 1, -1, 0, z[7], 1, 0, -1}; !slices.Equal(z, want) {
			t.Errorf("%s: %v, want %v", k.name, z, want)
		}
	}
}

func TestSquaresOfExtremes(t *testing.T) {
	x := make([]float32, 11)
	for i := range x {
		x[i] = math.MaxFloat32
	}
	want := 11 * float64(math.MaxFloat32) * math.MaxFloat32
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		if got := k.squares(x); math.Abs(got-want) > 1e-12*want {
			t.Errorf("%s: %g, want %g", k.name, got, want)
		}
	}
}

func TestBiasCorrection(t *testing.T) {
	for _, beta := range []float64{0.9, 0.99, 0.999, 0.999999} {
		ln := math.Log(beta)
		for _, at := range []float64{1, 2, 10, 1000, 36_000} {
			want := 1 - math.Pow(beta, at)
			if got := biasCorrection(ln, at); math.Abs(got-want) > 1e-9*want {
				t.Errorf("β %g, t %g: %g, want %g", beta, at, got, want)
			}
		}
		for _, at := range []float64{1e8, 1e15} {
			if got := biasCorrection(ln, at); got != 1 {
				t.Errorf("β %g, t %g: %v, want exactly 1", beta, at, got)
			}
		}
	}
}

func TestSchedule(t *testing.T) {
	for _, c := range []struct {
		schedule ScheduleSpec
		steps    uint64
		want     float64
	}{
		{ScheduleSpec{}, 1000, 0.5},
		{ScheduleSpec{Type: "inverse_time", Decay: 0.1}, 0, 0.5},
		{ScheduleSpec{Type: "inverse_time", Decay: 0.1}, 10, 0.25},
		{ScheduleSpec{Decay: 0.3, Power: 0.5}, 10, 0.25},
		{ScheduleSpec{Decay: 1, Power: 1}, 1e8, 0.5 / (1 + 1e8)},
	} {
		s := Spec{Type: familyLogistic, Optimizer: OptimizerSpec{Type: "sgd", Rate: 0.5, Schedule: c.schedule}}
		o := newOptimizer(s.Resolve(TargetSpec{Classes: 2}), genericKernels())
		o.steps[0] = c.steps
		o.begin()
		if math.Abs(o.rate-c.want) > 1e-12 {
			t.Errorf("%+v at step %d: rate %g, want %g", c.schedule, c.steps, o.rate, c.want)
		}
	}
}

// TestSetRate: changing the rate equals having been made with it, at any step, and allocates nothing.
func TestSetRate(t *testing.T) {
	schedule := ScheduleSpec{Type: "inverse_time", Decay: 0.1}
	for _, rule := range []string{ruleSGD, ruleNormalized, ruleAdaGrad, ruleAdam} {
		made := func(rate float64) *optimizer {
			s := Spec{Type: familyLogistic, L2: 0.01, Optimizer: OptimizerSpec{Type: rule, Rate: rate, Schedule: schedule}}
			o := newOptimizer(s.Resolve(TargetSpec{Classes: 2}), genericKernels())
			o.steps[0] = 7
			o.begin()
			return o
		}
		o, want := made(0.5), made(0.25)
		o.setRate(0.25)
		if o.rate != want.rate || o.weights != want.weights || o.biases != want.biases {
			t.Errorf("%s: %+v, want %+v", rule, o.weights, want.weights)
		}
		if n := testing.AllocsPerRun(10, func() { o.setRate(0.3) }); n != 0 {
			t.Errorf("%s: %g allocations", rule, n)
		}
	}
}

func TestShrinkStopsAtZero(t *testing.T) {
	w := []float32{1, -1, 0.05, -0.05, 0}
	shrink(w, 0.1)
	if want := []float32{0.9, -0.9, 0, 0, 0}; !slices.Equal(w, want) {
		t.Errorf("%v, want %v", w, want)
	}
}

func BenchmarkKernels(b *testing.B) {
	for _, k := range []*kernels{bestKernels(), genericKernels()} {
		for _, name := range []string{"forward", "backward", "sgd", "adagrad", "rmsprop", "adam", "network forward", "network backward", "ungated backward", "outer", "tanh"} {
			c, step := newKernelCase(64, 64, 0), steps(k)[name]
			b.Run(fmt.Sprintf("%s/%s", name, k.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					step(c)
				}
			})
		}
	}
}

// TestAdvance holds the closed form of the importance-aware logistic step to bisection, from margins
// where its Lambert form overflows to those where it loses all digits.
func TestAdvance(t *testing.T) {
	for _, m := range []float64{-1e15, -1000, -40, -36, -30, -3, -0.1, 0, 0.1, 3, 30, 36, 37, 100, 800, 1e15} {
		for _, a := range []float64{1e-30, 1e-9, 1e-3, 0.1, 1, 10, 1e3, 1e9, 1e30, 1e120} {
			got := advance(m, a)
			left := func(d float64) float64 { return d + math.Exp(m)*math.Expm1(d) }
			switch {
			case m < -30:
				left = func(d float64) float64 { return d + math.Exp(m+d) - math.Exp(m) }
			case m > 0:
				left = func(d float64) float64 { return d*math.Exp(-m) + math.Expm1(d) } // the same times e⁻ᵐ
			}
			target := a
			if m > 0 {
				target = a * math.Exp(-m)
			}
			low, high := 0.0, min(a, 1e16)
			for range 400 {
				if middle := (low + high) / 2; left(middle) > target {
					high = middle
				} else {
					low = middle
				}
			}
			if !(got >= 0 && got <= a) || math.Abs(got-low) > 1e-9*low+1e-300 {
				t.Errorf("margin %g, time %g: %g, want %g", m, a, got, low)
			}
		}
	}
}
