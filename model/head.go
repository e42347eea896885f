package model

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"millrace"
	"millrace/model/kernel"
)

// head turns the last layer's outputs into a prediction, and a target into the loss's derivative by
// those outputs.
type head uint8

const (
	headLogistic head = iota // one output z: probabilities 1−σ(z), σ(z); binary cross-entropy
	headSoftmax              // an output a class; cross-entropy
	headSquared              // one output in standard deviations of the target; ½(z − t)²
	headHuber                // the same; ½r² up to δ, δ(|r| − ½δ) beyond (Huber 1964)
	headQuantile             // the same; τr above the prediction, (1−τ)|r| below (Koenker, Bassett 1978)
	headPoisson              // log of the expected count: e^z − yz, as torch.nn.PoissonNLLLoss
)

// outputs is how many outputs the last layer has.
func (h head) outputs(classes int) int {
	switch {
	case h == headLogistic || classes == 0:
		return 1
	default:
		return classes
	}
}

func headOf(s Spec, target TargetSpec) head {
	switch {
	case s.Type == FamilyLogistic && target.Classes == 2:
		return headLogistic
	case target.Classes > 0:
		return headSoftmax
	case s.Loss == lossHuber:
		return headHuber
	case s.Loss == lossQuantile:
		return headQuantile
	case s.Loss == lossPoisson:
		return headPoisson
	default:
		return headSquared
	}
}

// standardises reports that the model learns a number in standard deviations. All losses of a residual do:
// a quantile of the standardised number is the standardised quantile. Counts have their own scale.
func (n *network) standardises() bool { return n.classes == 0 && n.head != headPoisson }

// countLogMax bounds the log of an expected count. Beyond it, at 10¹³, one wild input would make gradients
// that no later update could undo.
const countLogMax = 30

// count is the expected count of the output z.
func count(z float32) float64 { return math.Exp(min(float64(z), countLogMax)) }

// predict writes the prediction for the bounded outputs z.
func (n *network) predict(dst, z []float32) {
	switch n.head {
	case headLogistic:
		dst[0], dst[1] = logistic(z[0])
	case headSoftmax:
		n.k.Softmax(dst, z, 1)
	case headPoisson:
		dst[0] = float32(count(z[0]))
	default:
		dst[0] = z[0]
	}
}

// Value is a prediction in the user's units: of counts it is in units of their level, else in standard deviations.
func (n *network) Value(prediction float32) float64 {
	if n.standardises() {
		return n.target.Value(float64(prediction))
	}
	v := float64(prediction) * n.unit()
	if n.level[0] == 0 {
		return v
	}
	return n.target.Held(v)
}

// unit is what counts are in.
func (n *network) unit() float64 {
	if n.level[0] > 0 {
		return n.level[0]
	}
	return 1
}

// learned is a label as the loss takes it, and the part of its weight that it is learned with.
func (n *network) learned(next NextMoments, y float64) (t, part float64) {
	if n.head == headPoisson {
		// Counts are seldom and then many: what is often outside is no sign of a move, nor a few of wild ones.
		next.Bound = targetClip
	}
	t, part = next.Learned(y)
	switch n.head {
	case headPoisson:
		if n.level[0] == 0 {
			return y, 1
		}
		return max(min(y, next.Centre+next.Bound*next.Deviation), 0) / n.level[0], part
	case headQuantile:
		// However far a label is, it pulls on a quantile as one label does: what it says is on which side it is.
		return t, 1
	default:
		return t, part
	}
}

// commit takes a label in that was learned. Counts have no standard deviations, but a level: when they are found to
// have moved, predictions go along in the same moment, as all others do.
func (n *network) commit(y, weight float64) {
	if n.head != headPoisson {
		n.target.Commit(y, weight)
		return
	}
	centre, moved := n.target.columns.Centre(0), n.target.columns.Moved(0)
	n.target.Commit(y, weight)
	if n.level[0] == 0 {
		if n.target.Weight() >= countsSettled {
			n.level[0] = 1
		}
		return
	}
	if n.target.columns.Moved(0) == moved {
		return
	}
	if ratio := n.target.columns.Centre(0) / centre; ratio > 0 && !math.IsInf(ratio, 1) {
		n.level[0] = min(max(n.level[0]*ratio, levelMin), 1/levelMin)
	}
}

const (
	// levelMin bounds the level of counts, and its inverse.
	levelMin = 1e-30
	// countsSettled is the weight of labels from which on the moments of a model say something that was restored
	// without any. Until then its level is 0.
	countsSettled = 32
)

// visitCounts visits the moments of counts, which snapshots of before do not have.
func (n *network) visitCounts(visit func(string, millrace.Tensor, millrace.Role)) {
	for i := range n.target.tensors {
		t := n.target.tensors[i].tensor
		t.Added = true
		visit(n.target.tensors[i].name, t, n.target.tensors[i].role)
	}
	visit("target.level", millrace.Tensor{Shape: scalarShape, F64: n.level, Added: true}, millrace.Serving)
}

// derive writes into d the derivative of weight times the loss by the outputs z. p is the prediction
// that was made from z, t the target of a number, standardised if the model does that.
func (n *network) derive(d, z, p []float32, class int32, t float64, weight float32) {
	switch n.head {
	case headLogistic:
		d[0] = p[1]
		if class == 1 {
			d[0] = -p[0] // equal to p[1] − 1, without its cancellation
		}
	case headSoftmax:
		copy(d, p)
		var rest float32
		for i, v := range p {
			if int32(i) != class {
				rest += v
			}
		}
		d[class] = -rest
	case headSquared:
		d[0] = float32(float64(z[0]) - t)
	case headHuber:
		delta := n.spec.HuberDelta
		d[0] = float32(min(max(float64(z[0])-t, -delta), delta))
	case headQuantile:
		switch r := t - float64(z[0]); {
		case r > 0:
			d[0] = -float32(n.spec.Quantile)
		case r < 0:
			d[0] = float32(1 - n.spec.Quantile)
		default:
			d[0] = 0
		}
	case headPoisson:
		d[0] = float32(count(z[0]) - t)
	}
	for i, v := range d {
		d[i] = kernel.Flush(v*weight, momentTiny)
	}
}

// loss is the loss of the outputs z, for tests and metrics.
func (n *network) loss(z []float32, class int32, t float64) float64 {
	switch n.head {
	case headLogistic:
		m := float64(z[0])
		if class == 1 {
			m = -m
		}
		return max(m, 0) + math.Log1p(math.Exp(-math.Abs(m)))
	case headSoftmax:
		return logSumExp(z) - float64(z[class])
	case headQuantile:
		r := t - float64(z[0])
		return max(n.spec.Quantile*r, (n.spec.Quantile-1)*r)
	case headPoisson:
		beyond := max(0, float64(z[0])-countLogMax) // where the exponential goes on as its tangent
		return count(z[0])*(1+beyond) - t*float64(z[0])
	default:
		r := math.Abs(float64(z[0]) - t)
		if delta := n.spec.HuberDelta; n.head == headHuber && r > delta {
			return delta * (r - delta/2)
		}
		return r * r / 2
	}
}

// logSumExp allocates, as the loss of an event is only asked for where nothing is in a hurry.
func logSumExp(z []float32) float64 {
	wide := make([]float64, len(z))
	for i, v := range z {
		wide[i] = float64(v)
	}
	return floats.LogSumExp(wide)
}
