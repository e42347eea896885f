package conformal

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// run is how many events coverage is taken over.
const run = 5000

// coverage returns the least and the most share that is held over any run of events.
func coverage(held []bool) (least, most float64) {
	least, n := 1, 0
	for i, h := range held {
		if h {
			n++
		}
		if i >= run && held[i-run] {
			n--
		}
		if share := float64(n) / run; i >= run-1 {
			least, most = math.Min(least, share), math.Max(most, share)
		}
	}
	return least, most
}

// stream says what is predicted of an event and what its label is; wide is half the interval, infinite without a bound.
type stream func(i int, wide float64, r *rand.Rand) (value, label float64)

// streams drift, or are made by whoever knows the interval.
func streams() map[string]stream {
	return map[string]stream{
		"steady": func(_ int, _ float64, r *rand.Rand) (float64, float64) { return 0, r.NormFloat64() },
		"abrupt": func(i int, _ float64, r *rand.Rand) (float64, float64) {
			return 0, r.NormFloat64() * [3]float64{1, 1000, .01}[i/4000%3]
		},
		"gradual": func(i int, _ float64, r *rand.Rand) (float64, float64) {
			return 5, r.NormFloat64() * math.Exp(float64(i)/800)
		},
		"seasons": func(i int, _ float64, r *rand.Rand) (float64, float64) {
			return 0, r.NormFloat64() * math.Exp(4*math.Sin(float64(i)/300))
		},
		"heavy tails": func(_ int, _ float64, r *rand.Rand) (float64, float64) {
			return 1, math.Pow(r.Float64(), -3) * r.NormFloat64()
		},
		"sizes": func(_ int, _ float64, r *rand.Rand) (float64, float64) {
			v := math.Exp2(20 * r.Float64())
			return v, v * (1 + r.NormFloat64()/4)
		},
		"just outside": func(_ int, wide float64, _ *rand.Rand) (float64, float64) {
			if math.IsInf(wide, 1) {
				return 0, 1
			}
			return 0, wide*1.001 + 1e-300
		},
		"just inside": func(_ int, wide float64, _ *rand.Rand) (float64, float64) { return 7, 7 + math.Min(wide*.99, 1) + 1e-6 },
		"far away":    func(i int, _ float64, _ *rand.Rand) (float64, float64) { return 0, math.Exp2(float64(i % 1000)) },
		"in turns": func(i int, wide float64, r *rand.Rand) (float64, float64) {
			if i/300%2 == 0 || math.IsInf(wide, 1) {
				return 0, 1e-3 * r.Float64()
			}
			return 0, 2*wide + 1
		},
		"exact, then not": func(i int, _ float64, r *rand.Rand) (float64, float64) {
			return 3, 3 + float64(min(1, i%6000/300))*r.NormFloat64()
		},
	}
}

// follow returns which labels of a stream were held.
func follow(level float64, n int, next stream, learn func(p *Predictor, value, label float64) (bool, float64)) (held []bool) {
	p, r := New(level, 0), rand.New(rand.NewPCG(1, 2))
	for i := range n {
		_, high := p.Interval(0)
		value, label := next(i, high, r)
		in, _ := learn(p, value, label)
		held = append(held, in)
	}
	return held
}

// TestCoverageOfNumbers: over any run of events coverage is within 1 % of the level, whatever comes.
func TestCoverageOfNumbers(t *testing.T) {
	for name, next := range streams() {
		for _, level := range []float64{.5, .8, .9, .99} {
			least, most := coverage(follow(level, 30000, next, (*Predictor).LearnNumber))
			if name == "exact, then not" { // whatever holds an exact prediction is right
				most = level
			}
			if !(least >= level-.01 && most <= level+.01) {
				t.Errorf("%s: a level of %g holds %.4f to %.4f", name, level, least, most)
			}
		}
	}
}

// TestTheStepIsWhatBoundsCoverage: with the excess held at nothing, intervals go by past errors alone, and drift takes
// coverage away from the level.
func TestTheStepIsWhatBoundsCoverage(t *testing.T) {
	still := func(p *Predictor, value, label float64) (held bool, width float64) {
		held, width = p.LearnNumber(value, label)
		p.tracker[atExcess] = 0
		return held, width
	}
	for _, name := range []string{"abrupt", "gradual", "just outside"} {
		least, most := coverage(follow(.9, 30000, streams()[name], still))
		if least >= .89 && most <= .91 {
			t.Errorf("%s: without the adaptive step coverage is %.4f to %.4f all the same", name, least, most)
		}
	}
}

// TestCoverageOfClasses: sets hold at least the level less 1 % over any run of events, whatever the model says, and
// they are not simply all classes.
func TestCoverageOfClasses(t *testing.T) {
	for name, wrong := range map[string]func(i int, p *Predictor) float64{
		"as it says": func(int, *Predictor) float64 { return 0 },
		"turns":      func(i int, _ *Predictor) float64 { return float64(i / 3000 % 2) },
		"never right": func(int, *Predictor) float64 {
			return 1
		},
		"wakes up": func(i int, _ *Predictor) float64 { return float64(i / 10000 % 2) },
	} {
		for _, level := range []float64{.8, .9, .99} {
			p, r := New(level, 5), rand.New(rand.NewPCG(3, 4))
			var held []bool
			var size int
			for i := range 30000 {
				q := make([]float64, 5)
				var sum float64
				for c := range q {
					q[c] = math.Exp(2 * r.NormFloat64())
					sum += q[c]
				}
				u, class := r.Float64(), 0
				for c := range q {
					q[c] /= sum
				}
				for ; class < 4 && u > q[class]; class++ {
					u -= q[class]
				}
				if r.Float64() < wrong(i, p) {
					class = 0
					for c := range q { // the least likely
						if q[c] < q[class] {
							class = c
						}
					}
				}
				in, n := p.LearnClass(q, class)
				held = append(held, in)
				size += n
			}
			if least, _ := coverage(held); least < level-.01 {
				t.Errorf("%s: a level of %g holds %.4f", name, level, least)
			}
			if name == "as it says" && size > 30000*4 {
				t.Errorf("%s: a level of %g takes sets of %.2f", name, level, float64(size)/30000)
			}
		}
	}
}

// TestScales: intervals follow the size of predictions that errors follow.
func TestScales(t *testing.T) {
	p, r := New(.9, 0), rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		v := math.Exp2(20 * r.Float64())
		p.LearnNumber(v, v*(1+r.NormFloat64()/10))
	}
	width := func(v float64) float64 {
		low, high := p.Interval(v)
		return high - low
	}
	if times := width(500000) / width(20); !(times > 500 && times < 25000) {
		t.Errorf("where errors are 25,000 times as large, intervals are %.0f times as wide", times)
	}
}

// TestRestored: state goes on where it was, to the bit, another level's is forgotten, and what no run could leave is
// refused.
func TestRestored(t *testing.T) {
	for _, classes := range []int{0, 2} {
		learn := func(p *Predictor, from, n int) {
			r := rand.New(rand.NewPCG(uint64(from), 6))
			for range n {
				if classes == 0 {
					p.LearnNumber(r.ExpFloat64(), r.ExpFloat64())
				} else {
					v := r.Float64()
					p.LearnClass([]float64{1 - v, v}, r.IntN(2))
				}
			}
		}
		old := New(.9, classes)
		learn(old, 1, 1000)
		same, other := New(.9, classes), New(.95, classes)
		for _, p := range []*Predictor{same, other} {
			copyState(p, old)
			if err := p.Restored(); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(stateOf(other), stateOf(New(.95, classes))) || other.Seen() != 0 {
			t.Errorf("%d classes: what was learned for another level is gone on with", classes)
		}
		if same.Least() != old.Least() {
			t.Errorf("%d classes: a set takes probabilities of %g, not %g", classes, same.Least(), old.Least())
		}
		learn(old, 2, 1000)
		learn(same, 2, 1000)
		if !bytes.Equal(stateOf(same), stateOf(old)) {
			t.Errorf("%d classes: what goes on from a state differs", classes)
		}
		for name, spoil := range map[string]func(p *Predictor){
			"not finite": func(p *Predictor) { p.tracker[atQuantile] = math.NaN() },
			"excess":     func(p *Predictor) { p.tracker[atExcess] = 26 },
			"scale":      func(p *Predictor) { p.scales.bins[binsLen] = math.Inf(1) },
			"weight":     func(p *Predictor) { p.scales.bins[0] = -1 },
		} {
			p := New(.9, classes)
			if p.scales == nil && (name == "scale" || name == "weight") {
				continue
			}
			if spoil(p); p.Restored() == nil {
				t.Errorf("%s: a state is taken that no run leaves", name)
			}
		}
	}
}

func copyState(to, from *Predictor) {
	tensors := map[string]millrace.Tensor{}
	from.State(func(name string, t millrace.Tensor, _ millrace.Role) { tensors[name] = t })
	to.State(func(name string, t millrace.Tensor, _ millrace.Role) { t.Set(tensors[name]) })
}

func stateOf(p *Predictor) []byte {
	var b bytes.Buffer
	p.State(func(_ string, t millrace.Tensor, _ millrace.Role) {
		_ = binary.Write(&b, binary.LittleEndian, t.F64) // into memory
		_ = binary.Write(&b, binary.LittleEndian, t.U64)
	})
	return b.Bytes()
}

func BenchmarkLearnNumber(b *testing.B) {
	p, r := New(.9, 0), rand.New(rand.NewPCG(1, 2))
	var values [1024][2]float64
	for i := range values {
		values[i] = [2]float64{r.ExpFloat64(), r.ExpFloat64()}
	}
	for i := range b.N {
		v := values[i%len(values)]
		p.LearnNumber(v[0], v[1])
	}
}
