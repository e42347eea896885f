package model

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// clipFloor is added to a norm before dividing by it, as torch.nn.utils.clip_grad_norm_ does.
const clipFloor = 1e-6

// Learn leaves everything as it is when the target is not known or the weight is zero.
func (n *network) Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error {
	if err := n.admissible(y, weight); err != nil {
		return err
	}
	if weight == 0 || !y.Known {
		return nil
	}
	var t float64
	whole := float64(weight)
	if n.classes == 0 {
		next, err := n.target.Admit(y.Value, whole)
		if err != nil {
			return err
		}
		var part float64
		t, part = n.learned(next, y.Value)
		weight = float32(whole * part)
	}
	sc, v := s.(*scratch), &x[n.view]
	wild, standard := v.Wild, 0.0
	if wild {
		standard = n.target.Standard(y.Value)
		if n.wild.leaves() {
			n.wild.note(wild, y.Class, standard)
			if n.classes == 0 {
				n.commit(y.Value, whole)
			}
			return nil
		}
	}
	sc.example = example{raw: v, class: y.Class, t: t, weight: float64(weight)}
	if n.inputs != nil {
		v = &sc.scaled // as Predict left it
	}
	if n.dropout != nil {
		n.leaveOut(v, sc)
	}
	if !sc.derived {
		n.backpropagate(sc, y.Class, t, weight)
	}
	if err := n.take(v, sc); err != nil {
		return err
	}
	// Nothing below can fail: a refused update has left no trace.
	n.wild.note(wild, y.Class, standard)
	if n.dropout != nil {
		n.dropout.events[0]++
	}
	if n.classes == 0 {
		n.commit(y.Value, whole)
	}
	return nil
}

// Admissible refuses what no caller of Learn should pass on, rather than let it into the weights: a weight or a label
// that is out of bounds. Its errors wrap millrace.ErrUpdateRefused. classes is 0 for numbers.
func Admissible(classes int, y millrace.Target, weight float32) error {
	switch {
	case !(weight >= 0) || weight > math.MaxFloat32:
		return fmt.Errorf("a weight of %g: %w", weight, millrace.ErrUpdateRefused)
	case classes > 0 && (y.Class < 0 || int(y.Class) >= classes):
		return fmt.Errorf("class %d of %d: %w", y.Class, classes, millrace.ErrUpdateRefused)
	case classes == 0 && !(math.Abs(y.Value) <= targetMax):
		return fmt.Errorf("a label of %g: %w", y.Value, millrace.ErrUpdateRefused)
	}
	return nil
}

// admissible is Admissible, and no negative number is a count.
func (n *network) admissible(y millrace.Target, weight float32) error {
	if n.head == headPoisson && y.Value < 0 {
		return fmt.Errorf("a label of %g, which is no count: %w", y.Value, millrace.ErrUpdateRefused)
	}
	return Admissible(n.classes, y, weight)
}

// backpropagate fills the scratch's deltas from the outputs that Predict, or leaveOut, left there.
func (n *network) backpropagate(sc *scratch, class int32, t float64, weight float32) {
	n.transpose()
	last := len(n.layers) - 1
	n.derive(sc.deltas[last].Data, sc.outputs[last].Data, sc.prediction, class, t, weight)
	for i := last; i > 0; i-- {
		d, before := &sc.deltas[i-1], &n.layers[i-1]
		n.layers[i].backward(n.k, d, &sc.deltas[i], &sc.active[i-1], before.activation)
		if n.dropout != nil {
			for u, factor := range sc.masks[i-1] {
				d.Data[u] *= factor
			}
		}
		if before.gain != nil {
			deriveNorm(d.Data, sc.biases[i-1].Data, sc.gains[i-1].Data, sc.normed[i-1], before.gain.w.Data, sc.inverse[i-1])
		}
	}
}

// norm is the global norm of one event's gradient. A layer's gradient is the outer product of its
// input, with a 1 for the bias, and its deltas, so its norm is the product of theirs; in float64 no
// finite input overflows it.
func (n *network) norm(v *millrace.Vector, sc *scratch) float64 {
	if n.column {
		d := float64(sc.deltas[0].Data[0])
		sc.square = n.k.Squares(v.Dense) + 1
		return math.Sqrt(sc.square * d * d)
	}
	var sum float64
	for i := range n.layers {
		var input float64
		switch {
		case i > 0:
			input = n.k.Squares(sc.outputs[i-1].Data)
		case !n.shape.Sparse:
			input = n.k.Squares(v.Dense)
		case n.spec.Batch == 1:
			input = n.k.Squares(n.rows.value[:n.rows.count[0]])
		default:
			// An upper bound, as indices may repeat; the mini-batch's own norm is exact.
			for _, value := range v.Value {
				input += math.Abs(float64(value))
			}
			input *= input
		}
		if i == 0 {
			sc.square = input + 1
		}
		switch d := sc.deltas[i].Data; {
		case len(d) == 1: // a linear model's one output is not worth a call
			sum += (input + 1) * float64(d[0]) * float64(d[0])
		case n.layers[i].gain == nil:
			sum += (input + 1) * n.k.Squares(d)
		default:
			sum += input*n.k.Squares(d) + n.k.Squares(sc.biases[i].Data) + n.k.Squares(sc.gains[i].Data)
		}
	}
	return math.Sqrt(sum)
}

// take makes the event's gradient part of the weights or of the open mini-batch, or refuses it and
// changes nothing.
func (n *network) take(v *millrace.Vector, sc *scratch) error {
	if n.spec.Batch > 1 {
		return n.accumulate(v, sc)
	}
	if n.rows != nil {
		n.rows.merge(v)
	}
	norm := n.norm(v, sc)
	taken := norm
	factor := n.clip(norm)
	taken *= factor
	if n.spec.Optimizer.perExample() {
		taken *= n.condition(sc)
	}
	if factor < 1 {
		sc.shorten(float32(factor))
	}
	if n.gain != nil {
		n.gain.prepare(n, v, sc)
	}
	if err := n.guard.admit(n, taken); err != nil {
		return err
	}
	if n.inputs != nil {
		n.observe(sc)
	}
	if n.gain != nil {
		n.gain.commit(n, v, sc.deltas[0].Data)
	}
	n.latest = norm
	if n.gain == nil || n.gain.fading == nil {
		n.moveLayers(v, sc)
	}
	n.finish(sc)
	return nil
}

// moveLayers steps by the gradient of one event.
func (n *network) moveLayers(v *millrace.Vector, sc *scratch) {
	o := n.optimizer
	if n.column && n.plain {
		l, d := &n.layers[0], sc.deltas[0].Data
		n.k.SGD(l.weight.w.Data, d, v.Dense, &o.weights)
		l.bias.w.Data[0] -= o.biases.Rate * d[0]
		return
	}
	for i := range n.layers {
		l, d := &n.layers[i], &sc.deltas[i]
		switch {
		case i > 0:
			n.step(&l.weight, &sc.outputs[i-1], d)
		case n.rows != nil:
			n.rows.step(o, l, d.Data)
		default:
			n.step(&l.weight, sc.dense(v), d)
		}
		if b := sc.biases[i].Data; n.plain && len(b) == 1 {
			l.bias.w.Data[0] -= o.biases.Rate * b[0] // one output is not worth a call
		} else {
			o.Step(&l.bias, o.one.Data, b)
		}
		if l.gain != nil {
			o.Step(l.gain, o.one.Data, sc.gains[i].Data)
		}
	}
}

// shorten multiplies every derivative by a factor.
func (sc *scratch) shorten(factor float32) {
	multiply := func(d []float32) {
		for i := range d {
			d[i] *= factor
		}
	}
	for i, d := range sc.deltas {
		multiply(d.Data)
		if i < len(sc.gains) {
			multiply(sc.biases[i].Data)
			multiply(sc.gains[i].Data)
		}
	}
}

// step moves a dense layer's weights against the gradient x·dᵀ.
func (n *network) step(p *parameter, x, d *blas32.Vector) {
	o := n.optimizer
	switch {
	case d.N == 1:
		o.Step(p, x.Data, d.Data)
	case n.plain:
		// SGD alone leaves the rows of zeros as they are, and needs no gradient of its own.
		n.k.Ger(-o.weights.Rate, x, d, &p.w)
	case d.N%8 == 0:
		o.Step(p, x.Data, d.Data)
	default:
		// Rows that do not fill vectors are walked as one: dividing and taking roots one by one costs more than
		// writing the gradient out.
		n.flat.Data = n.flat.Data[:len(p.w.Data)]
		clear(n.flat.Data)
		n.k.Ger(1, x, d, &n.flat)
		o.Step(p, o.one.Data, n.flat.Data)
	}
}

// clip is the factor that brings a gradient of this norm down to the limit, 1 when it is within it or
// beyond help.
func (n *network) clip(norm float64) float64 {
	if n.spec.Clip == 0 || math.IsInf(norm, 1) {
		return 1
	}
	return min(1, n.spec.Clip/(norm+clipFloor))
}

// accumulate adds the event's gradient to the open mini-batch and makes the update when it is full.
// The event is refused here, where nothing has been touched, if the update could be refused with it:
// the mean's norm is at most the largest event's, and the weights stand still until then.
func (n *network) accumulate(v *millrace.Vector, sc *scratch) error {
	norm := n.norm(v, sc)
	if !(norm <= gradientMax) {
		return fmt.Errorf("a gradient of norm %g: %w", norm, millrace.ErrUpdateRefused)
	}
	taken := norm * slack
	if n.spec.Clip > 0 {
		taken = min(taken, n.spec.Clip)
	}
	if err := n.guard.admit(n, taken); err != nil {
		return err
	}
	for i := range n.layers {
		n.accumulateLayer(i, v, sc)
	}
	n.batch[0]++
	full := n.batch[0] == uint64(n.spec.Batch)
	if n.held != nil {
		n.held.took(n, full)
	}
	if full {
		n.update(sc)
	}
	return nil
}

// accumulateLayer adds the event's gradient of layer i to the open mini-batch, or holds what it is made of.
func (n *network) accumulateLayer(i int, v *millrace.Vector, sc *scratch) {
	l, d := &n.layers[i], &sc.deltas[i]
	input := &sc.input
	if i > 0 {
		input = &sc.outputs[i-1]
	} else {
		sc.dense(v)
	}
	holds := n.hold(i, input.Data, d.Data)
	switch {
	case holds:
	case i == 0 && n.rows != nil:
		n.rows.accumulate(n.k, v, d)
	default:
		n.outer(&l.weight.gradient, input, d)
	}
	if !holds || l.gain != nil {
		n.outer(&l.bias.gradient, &n.optimizer.one, &sc.biases[i])
	}
	if l.gain != nil {
		n.outer(&l.gain.gradient, &n.optimizer.one, &sc.gains[i])
	}
}

// outer adds x·dᵀ to g, which is [len(x), len(d)].
func (n *network) outer(g *blas32.General, x, d *blas32.Vector) {
	if d.N == 1 {
		x, d = d, x // a column is a row of the transposed gradient
	}
	n.k.Ger(1, x, d, g)
}

// update steps by the mean gradient of the mini-batch and opens the next one.
func (n *network) update(sc *scratch) {
	var sum float64
	for i := range n.layers {
		for _, p := range n.layers[i].parameters() {
			if p != nil {
				sum += n.k.Squares(p.gradient.Data)
			}
		}
	}
	if n.rows != nil {
		sum += n.k.Squares(n.rows.gradient[:int(n.rows.count[0])*n.rows.cols])
	}
	mean := 1 / float64(n.spec.Batch)
	n.latest = math.Sqrt(sum) * mean
	factor := n.clip(n.latest)
	n.guard.fits(n, n.latest*factor) // every event was admitted, so this only sets what commit adds
	n.factor[0] = float32(mean * factor)
	o := n.optimizer
	for i := range n.layers {
		l := &n.layers[i]
		if i == 0 && n.rows != nil {
			n.rows.step(o, l, n.factor)
		}
		for _, p := range l.parameters() {
			if p != nil && p.gradient.Data != nil {
				o.Step(p, n.factor, p.gradient.Data)
				clear(p.gradient.Data)
			}
		}
	}
	n.batch[0] = 0
	n.finish(sc)
	n.turned = false
	if n.rows != nil {
		n.rows.clear()
	}
}

// finish counts an update and prepares the next. The scratch is that of the update's last event.
func (n *network) finish(sc *scratch) {
	n.guard.commit()
	n.optimizer.steps[0]++
	if n.upkeep != nil {
		n.maintain(sc)
	}
	if !n.optimizer.constant() {
		n.optimizer.begin()
	}
}

// LossGradient returns the loss of one example under the present state, without penalties and with
// weight 1, and calls visit with the gradient of each tensor of weights, by its name in State. It
// allocates: it is there to be checked against finite differences.
func (n *network) LossGradient(x millrace.Input, y millrace.Target, visit func(name string, gradient []float32)) float64 {
	sc := n.NewScratch().(*scratch)
	v := &x[n.view]
	sc.active = sc.outputs // no unit is left out
	for _, mask := range sc.masks {
		for i := range mask {
			mask[i] = 1
		}
	}
	n.forward(v, sc)
	z := sc.outputs[len(sc.outputs)-1].Data
	n.predict(sc.prediction, z)
	t := y.Value / n.unit()
	if n.inputs != nil {
		v = &sc.scaled
	}
	if n.standardises() {
		t = n.target.Standard(y.Value)
	}
	loss := n.loss(z, y.Class, t)
	if visit == nil {
		return loss
	}
	n.turned = false // who differentiates may have moved weights
	n.backpropagate(sc, y.Class, t, 1)
	for i := range n.layers {
		l := &n.layers[i]
		input := sc.dense(v)
		if i > 0 {
			input = &sc.outputs[i-1]
		} else if n.shape.Sparse {
			whole := kernel.Vector(make([]float32, n.shape.Width))
			input = &whole
			for j, row := range v.Index {
				input.Data[row] += v.Value[j] * float32(l.scale[0]) // State holds the weights without their scale
			}
		}
		g := kernel.Matrix(l.in, l.out, nil)
		n.outer(&g, input, &sc.deltas[i])
		visit(l.weight.name, g.Data)
		visit(l.bias.name, sc.biases[i].Data)
		if l.gain != nil {
			visit(l.gain.name, sc.gains[i].Data)
		}
	}
	return loss
}
