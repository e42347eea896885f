package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const (
	// tiny and outputMax are of the size that models use.
	tiny      = 1e-30
	outputMax = 1e15
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

func testCoefficients() *Coefficients {
	return &Coefficients{
		Rate: 0.1, Decay: 0.01, Mix1: 0.3, Keep2: 0.9, Mix2: 0.1, Root: 1.7, Eps: 1e-8,
		Direct: 1, Buffer: 0.3, Tiny: tiny, Most: 0.7,
		Inverse: 10, Beta: 1, L1: 0.5, L2: 0.2, Alpha: 100, Wealth: 1.5,
	}
}

// steps are the kernels by name, each as a function of a case.
func steps(k *Set) map[string]func(c kernelCase) {
	co := testCoefficients()
	return map[string]func(c kernelCase){
		"gemv":     func(c kernelCase) { k.gemv(c.dx, c.w, c.d) },
		"gemvT":    func(c kernelCase) { k.gemvT(c.z, c.w, c.x) },
		"dot":      func(c kernelCase) { c.dx[0] = k.dot(c.w, c.first) },
		"dots":     func(c kernelCase) { k.dots(c.dx, c.w, c.d) },
		"axpy":     func(c kernelCase) { k.axpy(-0.3, c.first, c.w) },
		"active":   func(c kernelCase) { k.active(c.z, c.w, halfZero(c.x)) },
		"gated":    func(c kernelCase) { k.gated(c.dx, c.w, c.d, halfZero(c.x)) },
		"ger":      func(c kernelCase) { k.ger(c.w, halfZero(c.x), c.d, -0.1) },
		"squares":  func(c kernelCase) { c.square[0] = k.Squares(c.w) },
		"sgd":      func(c kernelCase) { k.SGD(c.w, c.x, c.d, co) },
		"momentum": func(c kernelCase) { k.Momentum(c.w, c.first, c.x, c.d, co) },
		"adagrad":  func(c kernelCase) { k.AdaGrad(c.w, c.square, c.x, c.d, co) },
		"rmsprop":  func(c kernelCase) { k.RMSprop(c.w, c.second, c.x, c.d, co) },
		"adam":     func(c kernelCase) { k.Adam(c.w, c.first, c.second, c.x, c.d, co) },
		"amsgrad":  func(c kernelCase) { k.AMSGrad(c.w, c.first, c.second, c.third, c.x, c.d, co) },
		"adadelta": func(c kernelCase) { k.Adadelta(c.w, c.second, c.third, c.x, c.d, co) },
		"ftrl":     func(c kernelCase) { k.FTRL(c.w, c.sum, c.square, c.x, c.d, co) },
		"cocob":    func(c kernelCase) { k.COCOB(c.w, c.third, c.square, c.sum, c.reward, nil, c.x, c.d, co) },
		"cocob from weights": func(c kernelCase) {
			k.COCOB(c.w, c.third, c.square, c.sum, c.reward, c.first, c.x, c.d, co)
		},

		"relu":  func(c kernelCase) { k.ReLU(c.w, 1) },
		"gate":  func(c kernelCase) { k.Gate(c.first, c.w) },
		"tanh":  func(c kernelCase) { k.Tanh(c.w) },
		"slope": func(c kernelCase) { k.Slope(c.first, c.w) },
	}
}

// halfZero is x as a relu leaves it.
func halfZero(x []float32) []float32 {
	reluGeneric(x, outputMax)
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
	best, generic := steps(Best()), steps(Generic())
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
	for _, k := range []*Set{Best(), Generic()} {
		for name, step := range steps(k) {
			for _, shape := range kernelShapes() {
				want := newKernelCase(shape[0], shape[1], 0)
				step(want)
				for offset := 1; offset < 8; offset++ {
					got := newKernelCase(shape[0], shape[1], offset)
					step(got)
					if !slices.Equal(got.floats(), want.floats()) {
						t.Fatalf("%s %s of %v depends on an offset of %d", k.Name, name, shape, offset)
					}
				}
			}
		}
	}
}

// TestMomentsBecomeZero: moments of units that no longer learn end at exactly zero, not in denormals.
func TestMomentsBecomeZero(t *testing.T) {
	for _, k := range []*Set{Best(), Generic()} {
		c := newKernelCase(1, 9, 0)
		clear(c.x) // no gradient
		co := testCoefficients()
		co.Decay = 0
		for range 2000 {
			k.Adam(c.w, c.first, c.second, c.x, c.d, co)
		}
		for i := range c.first {
			if c.first[i] != 0 || c.second[i] != 0 {
				t.Errorf("%s: moments %g and %g after 2000 steps without gradient", k.Name, c.first[i], c.second[i])
			}
		}
	}
}

func TestReluOfExtremes(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, k := range []*Set{Best(), Generic()} {
		for n := 6; n < 20; n++ { // in vectors and in what is left of them
			z := make([]float32, n)
			copy(z[n-6:], []float32{inf, -inf, nan, 1e30, -1e-45, 2})
			k.ReLU(z, outputMax)
			if want := []float32{outputMax, 0, 0, outputMax, 0, 2}; !slices.Equal(z[n-6:], want) {
				t.Errorf("%s: %v, want %v", k.Name, z[n-6:], want)
			}
		}
	}
}

// TestTanh against the float64 function: relative precision near zero, 1 far from it.
func TestTanh(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, k := range []*Set{Best(), Generic()} {
		for x := float32(1e-30); x < 1e30; x *= 1.01 {
			z := []float32{x, -x, 0, 1, 2, 3, 4, 5, -x, x}
			k.Tanh(z)
			want := math.Tanh(float64(x))
			for i, sign := range map[int]float64{0: 1, 1: -1, 8: -1, 9: 1} {
				if got := float64(z[i]); math.Abs(got-sign*want) > 4e-7*want || math.Abs(got) > 1 {
					t.Fatalf("%s: tanh(%g) is %.9g, want %.9g", k.Name, sign*float64(x), got, sign*want)
				}
			}
		}
		z := []float32{inf, -inf, nan, 0, 1e15, -1e15, nan, 1, inf, nan, -inf}
		k.Tanh(z)
		if want := []float32{1, -1, 0, 0, 1, -1, 0, z[7], 1, 0, -1}; !slices.Equal(z, want) {
			t.Errorf("%s: %v, want %v", k.Name, z, want)
		}
	}
}

func TestSquaresOfExtremes(t *testing.T) {
	x := make([]float32, 11)
	for i := range x {
		x[i] = math.MaxFloat32
	}
	want := 11 * float64(math.MaxFloat32) * math.MaxFloat32
	for _, k := range []*Set{Best(), Generic()} {
		if got := k.Squares(x); math.Abs(got-want) > 1e-12*want {
			t.Errorf("%s: %g, want %g", k.Name, got, want)
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	for _, k := range []*Set{Best(), Generic()} {
		for _, name := range []string{"gemv", "gemvT", "dot", "axpy", "active", "gated", "ger", "sgd", "adagrad", "rmsprop", "adam", "tanh"} {
			c, step := newKernelCase(64, 64, 0), steps(k)[name]
			b.Run(fmt.Sprintf("%s/%s", name, k.Name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					step(c)
				}
			})
		}
	}
}
