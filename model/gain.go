package model

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// gain adapts the rate of SGD, or of AdaGrad that forgets, for a linear model by following the loss's gradient by
// the rate itself (stochastic meta-descent: Schraudolph 1999, "Local gain adaptation in stochastic gradient
// descent", equations 3 and 7, with one gain for all weights). The trace h is how the weights would differ had the
// rate always been larger, in proportion; h ← h − a·(g + Hh), where H is the loss's Hessian at the event. The rate
// grows while the gradient g points along the steps that made h, as under drift, and falls when steps undo each
// other, as under noise: a ← a·(1 + κ·c), where c is −g·h in units of its own size.
type gain struct {
	// The rate, and the mean of (g·h)².
	v []float64 // [2]
	// Of the update begun: both after it, and the gradient of h.
	rate, square float64
	slope        []float32
	// dot is x·h for each output.
	dot    blas32.Vector
	unit   kernel.Coefficients // for the kernel that moves h: a rate of 1, no penalty
	fading *fading             // AdaGrad's steps at the rate, nil for SGD's
}

const (
	// gainRate is κ. Between 0.003 and 0.01 results differ little on any stream; the rate doubles within some
	// 140 events when all of them say so.
	gainRate = 0.005
	// gainMost bounds c, so that one event in the tail changes the rate by 1.5 % at most.
	gainMost = 3
	// gainMemory is how many events the size of g·h is averaged over.
	gainMemory = 1000
	// gainOutlier is how far one (g·h)² counts, in units of their mean.
	gainOutlier = 100
	gainMin     = 1e-4
	gainMax     = 16
	// adaptiveMax is the largest rate that an update is made with: the bias alone has ‖x‖ = 1, and no curvature
	// is bounded lower than that of the logistic loss.
	adaptiveMax = 4
)

func newGain(rate float64, outputs int, k *optimizer) *gain {
	g := &gain{v: []float64{rate, 0}, slope: make([]float32, outputs), dot: kernel.Vector(make([]float32, outputs))}
	g.unit = k.biases
	g.unit.Rate, g.unit.Decay = 1, 0
	return g
}

// adaptive reports a rate that follows from the stream.
func (s OptimizerSpec) adaptive() bool { return s.Schedule.Type == ScheduleAdaptive }

// curvature is the second derivative of the loss by output i, and most what it can be, or is taken to be.
func (n *network) curvature(sc *scratch, i int) (curvature, most float64) {
	switch n.head {
	case headLogistic, headSoftmax:
		p := float64(sc.prediction[i])
		if n.head == headLogistic {
			p = float64(sc.prediction[1])
		}
		return p * (1 - p), 0.25
	case headPoisson:
		// It has no bound, but with the larger of the count and what was expected no step moves the log by more
		// than 1.
		expected := count(sc.outputs[0].Data[i])
		return expected, max(expected, sc.example.t)
	case headHuber:
		if math.Abs(float64(sc.outputs[0].Data[i])-sc.example.t) > n.spec.HuberDelta {
			return 0, 1
		}
	}
	return 1, 1
}

// prepare finds the rate of the update to come, which is at most what would make one step undo the whole
// loss of its own example: beyond 1 / (most curvature · ‖x‖²) steps overshoot, and h would not stay bounded.
// It changes nothing that lasts.
func (g *gain) prepare(n *network, v *millrace.Vector, sc *scratch) {
	l, o, d := &n.layers[0], n.optimizer, sc.deltas[0].Data
	g.project(n, l, v, sc)
	var along float64
	for i, x := range g.dot.Data {
		g.dot.Data[i] = bounded(x)
		along -= float64(d[i]) * float64(g.dot.Data[i])
	}
	if !(math.Abs(along) < activationMax) {
		along = 0 // an input near the end of float32 says nothing about the rate
	}
	part := 1.0 / gainMemory // of a new square in their mean
	if o.steps[0] < gainMemory {
		part = 1 / float64(o.steps[0]+1)
	}
	size := along * along
	if g.v[1] > 0 {
		size = atMost(size, gainOutlier*g.v[1]) // one wild event must not silence the ones after it
	}
	g.square = g.v[1] + (size-g.v[1])*part
	c := 0.0
	if g.square > 0 {
		c = atMost(atLeast(along/math.Sqrt(g.square), -gainMost), gainMost)
	}
	least := gainMin
	if g.fading != nil {
		least = max(least, fadeRateLeast*o.spec.Rate)
	}
	g.rate = atMost(atLeast(g.v[0]*(1+gainRate*c), least), gainMax)
	_, most := n.curvature(sc, 0)
	if g.fading != nil {
		o.rate = min(g.rate, g.fading.prepare(n, v, sc, most))
	} else {
		o.rate = atMost(atMost(g.rate, adaptiveMax), 1/(most*sc.square*max(1, sc.example.weight)))
	}
	o.weights.Rate, o.biases.Rate = float32(o.rate), float32(o.rate)
	for i := range g.slope {
		curvature, _ := n.curvature(sc, i)
		if g.fading != nil { // where a step overshoots, h forgets what it was, and is not turned round
			curvature = min(curvature, 1/(o.rate*g.fading.sizes[i]*sc.example.weight))
		}
		g.slope[i] = float32(o.rate * (sc.example.weight*curvature*float64(g.dot.Data[i]) + float64(d[i])))
	}
}

// atMost and atLeast are min and max of numbers that mostly are within: the processor goes on as if they were, where it
// would wait for the others. Each update hangs on the one before through a dozen of these.
func atMost(v, most float64) float64 {
	if v > most {
		return most
	}
	return v
}

func atLeast(v, least float64) float64 {
	if v < least {
		return least
	}
	return v
}

// project writes x·h for each output.
func (g *gain) project(n *network, l *layer, v *millrace.Vector, sc *scratch) {
	if !n.shape.Sparse && l.out == 1 {
		g.dot.Data[0] = l.bias.trace.Data[0] + n.k.Column(&l.weight.trace, sc.dense(v))
		return
	}
	copy(g.dot.Data, l.bias.trace.Data)
	if !n.shape.Sparse {
		n.k.GemvT(&l.weight.trace, sc.dense(v), &g.dot)
		return
	}
	for i, row := range n.rows.index[:n.rows.count[0]] {
		from := int(row) * l.out
		for o, h := range l.weight.trace.Data[from : from+l.out] {
			g.dot.Data[o] += n.rows.value[i] * h
		}
	}
}

// commit makes the update's rate the rate, and moves h. d are the loss's derivatives by the outputs.
// What fades moves its weights with it.
func (g *gain) commit(n *network, v *millrace.Vector, d []float32) {
	g.v[0], g.v[1] = g.rate, g.square
	if g.fading != nil {
		g.fading.step(n, v, d, g.slope)
		return
	}
	l, k, one := &n.layers[0], n.k, n.optimizer.one.Data
	if l.out == 1 {
		l.bias.trace.Data[0] -= g.slope[0]
	} else {
		k.SGD(l.bias.trace.Data, one, g.slope, &g.unit)
	}
	switch {
	case !n.shape.Sparse && l.out == 1:
		k.SGD(l.weight.trace.Data, g.slope, v.Dense, &g.unit) // a column is a row of the transposed product
	case !n.shape.Sparse:
		k.SGD(l.weight.trace.Data, v.Dense, g.slope, &g.unit)
	default:
		for i, row := range n.rows.index[:n.rows.count[0]] {
			from := int(row) * l.out
			for o, s := range g.slope {
				l.weight.trace.Data[from+o] -= n.rows.value[i] * s
			}
		}
	}
}

func (g *gain) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("optimizer.gain", millrace.Tensor{Shape: gainShape, F64: g.v}, millrace.Training)
}

func (g *gain) check() error {
	if rate, square := g.v[0], g.v[1]; !(rate >= gainMin && rate <= gainMax) || !(square >= 0 && square <= math.MaxFloat64) {
		return fmt.Errorf("optimizer.gain is %g, %g: no rate and mean square", rate, square)
	}
	return nil
}
