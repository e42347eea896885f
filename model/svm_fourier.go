package model

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// fourier are random Fourier features √(2/D)·cos(ωᵀx + b) (Rahimi and Recht 2007, algorithm 1): the dot
// product of two events' features is in the mean the kernel of the events. With b uniform and the ω of
// N(0, 2γ) that is exp(−γ‖x − y‖²), the rbf kernel; with those of a Cauchy distribution of scale γ it is
// exp(−γ‖x − y‖₁), the Laplace kernel. ω and b are float32 and are drawn from a seed when the model is made or
// restored: the seed is part of its state, they are not. They are kept in turns, of 2π.
type fourier struct {
	seed   []uint64 // [1], state
	drawn  uint64   // the seed that ω and b have, seed as it was before a restore
	kernel string
	gamma  float64

	frequencies blas32.General // [width, D]
	phases      []float32      // [D]
	sparse      bool
	amplitude   float32
}

const (
	// fourierBytesMax bounds the frequencies, which no snapshot holds: more than this no event wants
	// to be multiplied by.
	fourierBytesMax = 256 << 20
	// fourierMax bounds a frequency: the tails of a Cauchy distribution reach beyond float32.
	fourierMax = 1e6

	streamFourier = 0x666f7572
)

func newFourier(s Spec, shape millrace.ViewShape) (*fourier, error) {
	d := s.Kernel.Features
	if bytes := 4 * float64(d) * float64(shape.Width); bytes > fourierBytesMax {
		return nil, fmt.Errorf("%d random features of %d columns need %d MiB, more than %d MiB: use fewer features or hash bits",
			d, shape.Width, int64(bytes)>>20, fourierBytesMax>>20)
	}
	f := &fourier{
		frequencies: kernel.Matrix(shape.Width, d, nil), phases: make([]float32, d), sparse: shape.Sparse,
		amplitude: float32(math.Sqrt(2 / float64(d))),
		seed:      []uint64{s.Seed}, kernel: s.Kernel.Type, gamma: s.Kernel.kernelGamma(shape),
	}
	f.draw()
	return f, nil
}

// draw draws ω and b from the seed.
func (f *fourier) draw() {
	f.drawn = f.seed[0]
	random := rand.New(rand.NewPCG(f.drawn, streamFourier))
	for i := range f.frequencies.Data {
		var w float64
		if f.kernel == kernelLaplace {
			w = f.gamma * math.Tan(math.Pi*(random.Float64()-0.5))
		} else {
			w = math.Sqrt(2*f.gamma) * random.NormFloat64()
		}
		f.frequencies.Data[i] = float32(min(max(w/(2*math.Pi), -fourierMax), fourierMax))
	}
	for i := range f.phases {
		f.phases[i] = random.Float32()
	}
}

func (f *fourier) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("kernel.seed", millrace.Tensor{Shape: scalarShape, U64: f.seed, Added: true}, millrace.Serving)
}

// restored draws anew when the state that was copied in has another seed than the spec.
func (f *fourier) restored() {
	if f.seed[0] != f.drawn {
		f.draw()
	}
}

// features writes an input's features into dst.
func (f *fourier) features(k *kernel.Set, dst []float32, x *millrace.Vector) {
	copy(dst, f.phases)
	to := kernel.Vector(dst)
	if f.sparse {
		of := blas32.Vector{N: len(dst), Inc: 1}
		for i, row := range x.Index {
			from := int(row) * len(dst)
			of.Data = f.frequencies.Data[from : from+len(dst)]
			k.Axpy(x.Value[i], &of, &to)
		}
	} else {
		input := kernel.Vector(x.Dense)
		k.GemvT(&f.frequencies, &input, &to)
	}
	for i, turns := range dst {
		dst[i] = f.amplitude * cosine(turns)
	}
}

// turnsMax is where turns have no fraction left that is worth a cosine: half of 2²².
const turnsMax = 1 << 21

// cosine is cos(2πt) to six digits: −sin(2πg) with g = |t − round(t)| − ¼, by the sine's series. NaN,
// which only inputs near the end of float32 can cause, counts as 0.
func cosine(t float32) float32 {
	if !(t >= -turnsMax && t <= turnsMax) {
		t = 0
	}
	const shift = 3 << 22 // from here on float32 has no fractions: adding it rounds
	whole := (t + shift) - shift
	g := t - whole
	if g < 0 {
		g = -g
	}
	u := (g - 0.25) * (2 * math.Pi)
	q := u * u
	return -u * (1 + q*(-1.0/6+q*(1.0/120+q*(-1.0/5040+q*(1.0/362880-q*(1.0/39916800))))))
}
