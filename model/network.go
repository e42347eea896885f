package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// network is layers, the last one the output layer. The linear families are a network of that layer
// alone, which starts at zero, and so are the margins of an svm.
type network struct {
	spec    Spec // resolved
	classes int
	view    millrace.ViewID
	views   []millrace.ViewID
	shape   millrace.ViewShape
	// normalized adaptive: the largest absolute value of each input, nil for other rules.
	inputs      []float32
	inputsShape []int

	k         *kernel.Set
	head      head
	layers    []layer
	optimizer *optimizer
	guard     guard
	rows      *rows          // of a sparse input: what the open update touches
	batch     []uint64       // [1], events in the open mini-batch
	held      *held          // of those, what is not in its sums yet; nil where there is never any
	target    Moments        // numbers
	wild      wilds          // of examples with a wild feature
	gain      *gain          // SGD or AdaGrad at an adaptive rate, otherwise nil
	level     []float64      // [1], counts: what they are counted in, see commit
	latest    float64        // norm of the latest gradient, for metrics only
	factor    []float32      // [1], scratch of an update: what a stored gradient is multiplied by
	plain     bool           // SGD without momentum or penalties: the step is the gradient times the rate
	column    bool           // one dense layer of one output, event by event: what needs no loops
	flat      blas32.General // scratch of an update: the gradient of a layer whose rows do not fill vectors
	dropout   *dropout       // nil where no unit is left out
	upkeep    *upkeep        // nil where there is none
	turned    bool           // the layers' transposed weights are those of now
}

// scratch is a network's working memory.
type scratch struct {
	// outputs[l] are layer l's activations, deltas[l] the loss's derivatives by what its activation
	// was applied to.
	outputs, deltas []blas32.Vector
	input           blas32.Vector   // the input of a first layer that is dense: see dense
	example         example         // what is being learned
	scaled          millrace.Vector // normalized adaptive: the input in units of its largest values
	// active[l] are the activations before units were left out, masks[l] the factors by which they were; without
	// dropout active is outputs.
	active []blas32.Vector
	masks  [][]float32
	// Of layer norm: what the gains multiply, 1/√(σ² + ε), and the derivatives by biases and gains. Without it
	// biases is deltas.
	normed        [][]float32
	biases, gains []blas32.Vector
	inverse       []float64
	prediction    []float32
	derived       bool    // the deltas are those of what is being learned, which all are where a chunk runs
	square        float64 // ‖x‖² of the first layer's input, the 1 of its bias included
}

func newNetwork(s Spec, target TargetSpec, view millrace.ViewID, shape millrace.ViewShape, k *kernel.Set) *network {
	n := &network{
		spec: s, classes: target.Classes, view: view, views: []millrace.ViewID{view}, shape: shape,
		k: k, head: headOf(s, target), optimizer: newOptimizer(s, k),
		batch: make([]uint64, 1), target: NewMoments(), level: []float64{1}, wild: newWilds(target.Classes), factor: make([]float32, 1),
	}
	// The generator is used here only, so its state is no part of the model's.
	random := rand.New(rand.NewPCG(s.Seed, streamInit))
	in := shape.Width
	for i, l := range s.Layers {
		n.addLayer(i, in, l.Units, activationOf(l.Activation), random)
		in = l.Units
	}
	n.addLayer(len(s.Layers), in, n.head.outputs(target.Classes), identity, random)
	if s.Optimizer.Type == ruleNormalizedAdaptive {
		n.inputs, n.inputsShape = make([]float32, shape.Width), []int{shape.Width}
	}
	if shape.Sparse {
		n.rows = newRows(s.Batch, shape, &n.layers[0], n.optimizer)
	}
	n.plain = s.Optimizer.Type == RuleSGD && s.Optimizer.Momentum == 0 && s.L1 == 0 && s.L2 == 0
	n.column = len(n.layers) == 1 && n.layers[0].out == 1 && !shape.Sparse && s.Batch == 1
	for i := range n.layers {
		if l := &n.layers[i]; l.out%8 != 0 && l.out > 1 && !n.plain && (i > 0 || !shape.Sparse) {
			n.flat.Data = append(n.flat.Data, make([]float32, max(0, l.in*l.out-len(n.flat.Data)))...)
		}
	}
	n.dropout, n.upkeep, n.held = newDropout(s), newUpkeep(n), newHeld(n)
	if s.Optimizer.adaptive() {
		n.gain = newGain(s.Optimizer.Rate, n.head.outputs(target.Classes), n.optimizer)
		if s.Optimizer.Type == RuleAdaGrad {
			n.gain.fading = newFading(n)
		}
	}
	n.guard.measure(n)
	return n
}

// streamInit tells the generator of initial weights from others with the same seed.
const streamInit = 0x696e6974

func (n *network) addLayer(i, in, out int, a activation, random *rand.Rand) {
	name := "layers." + strconv.Itoa(i)
	batched := n.spec.Batch > 1
	sparse := i == 0 && n.shape.Sparse
	l := layer{
		in: in, out: out, activation: a, scale: []float64{1}, scaleName: name + ".weight.scale",
		weight: *newParameter(name+".weight", in, out, n.optimizer, batched && !sparse),
		bias:   *newParameter(name+".bias", 1, out, n.optimizer, batched),
		scaled: sparse && n.optimizer.scales(),
	}
	if n.spec.Norm != "" && i < len(n.spec.Layers) {
		l.gain = newParameter(name+".gain", 1, out, n.optimizer, batched)
	}
	l.weight.penalised = true
	l.initialise(n.spec.Init, random)
	if n.spec.Type == FamilyMLP && n.spec.Optimizer.Type == ruleCOCOB {
		l.weight.origin, l.bias.origin = slices.Clone(l.weight.w.Data), slices.Clone(l.bias.w.Data)
		if l.gain != nil {
			l.gain.origin = slices.Clone(l.gain.w.Data)
		}
	}
	if i > 0 && out > 1 && n.spec.Batch >= transposedFrom {
		l.transposed = kernel.Matrix(out, in, nil)
	}
	n.layers = append(n.layers, l)
}

// transposedFrom is the least mini-batch whose derivatives are products with transposed weights, which has each of them
// be one chain of sums as those of a product of matrices are. It takes several events to be worth transposing.
const transposedFrom = 16

// transpose has the layers' transposed weights be those of now.
func (n *network) transpose() {
	if n.turned {
		return
	}
	for i := range n.layers {
		if l := &n.layers[i]; l.transposed.Data != nil {
			n.k.Transpose(&l.transposed, &l.weight.w)
		}
	}
	n.turned = true
}

// SetRate has no effect on rules that find their own.
func (n *network) SetRate(rate float64) { n.optimizer.setRate(rate) }

func (n *network) Views() []millrace.ViewID { return n.views }

func (n *network) Outputs() int {
	if n.classes > 0 {
		return n.classes
	}
	return 1
}

func (n *network) NewScratch() Scratch {
	s := &scratch{prediction: make([]float32, n.Outputs())}
	for i := range n.layers {
		units := func() blas32.Vector { return kernel.Vector(make([]float32, n.layers[i].out)) }
		s.outputs, s.deltas = append(s.outputs, units()), append(s.deltas, units())
		s.active, s.biases = append(s.active, s.outputs[i]), append(s.biases, s.deltas[i])
		if n.dropout != nil && i < len(n.layers)-1 {
			s.active[i] = units()
			s.masks = append(s.masks, units().Data)
		}
		if n.layers[i].gain != nil {
			s.biases[i] = units()
			s.normed, s.gains = append(s.normed, units().Data), append(s.gains, units())
			s.inverse = append(s.inverse, 0)
		}
	}
	if n.inputs != nil {
		s.scaled.Dense = make([]float32, 0, n.shape.Width)
		if n.shape.Sparse {
			s.scaled = millrace.Vector{Value: make([]float32, 0, rowsCap(1, n.shape))}
		}
	}
	return s
}

func (n *network) Predict(dst []float32, x millrace.Input, s Scratch) {
	sc := s.(*scratch)
	n.forward(&x[n.view], sc)
	n.predict(sc.prediction, sc.outputs[len(sc.outputs)-1].Data)
	copy(dst, sc.prediction)
}

// forward fills the scratch's outputs.
func (n *network) forward(x *millrace.Vector, sc *scratch) {
	if n.inputs != nil {
		x = n.scale(x, sc)
	}
	for i := range n.layers {
		n.propagate(i, x, sc)
	}
}

// propagate fills the outputs of layer i from those of the layer before, or from the input.
func (n *network) propagate(i int, x *millrace.Vector, sc *scratch) {
	l, z := &n.layers[i], &sc.outputs[i]
	switch {
	case i > 0:
		l.forward(n.k, z, &sc.outputs[i-1], n.layers[i-1].activation == relu)
	case n.shape.Sparse:
		l.gather(n.k, z.Data, x)
	default:
		l.forward(n.k, z, sc.dense(x), false)
	}
	if l.gain != nil {
		sc.inverse[i] = normalise(z.Data, sc.normed[i], l.gain.w.Data, l.bias.w.Data)
	}
	l.activation.apply(n.k, z.Data)
}

// dense is a dense input as the kernels take it.
func (sc *scratch) dense(x *millrace.Vector) *blas32.Vector {
	sc.input.N, sc.input.Inc, sc.input.Data = len(x.Dense), 1, x.Dense
	return &sc.input
}

func (n *network) Norms() (weights, gradient float64) {
	var sum float64
	for i := range n.layers {
		l := &n.layers[i]
		sum += l.scale[0] * l.scale[0] * n.k.Squares(l.weight.w.Data)
		sum += n.k.Squares(l.bias.w.Data)
		if l.gain != nil {
			sum += n.k.Squares(l.gain.w.Data)
		}
	}
	return math.Sqrt(sum), n.latest
}

// Shapes of small tensors, shared so that visiting them allocates nothing.
var (
	scalarShape = []int{1}
	gainShape   = []int{2}
)

func (n *network) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	for i := range n.layers {
		l := &n.layers[i]
		for _, p := range l.parameters() {
			if p != nil {
				p.state(visit)
			}
		}
		if l.scaled {
			visit(l.scaleName, millrace.Tensor{Shape: scalarShape, F64: l.scale}, millrace.Serving)
		}
	}
	switch {
	case n.standardises():
		n.target.state(visit)
	case n.head == headPoisson:
		n.visitCounts(visit)
	}
	if n.inputs != nil {
		visit("layers.0.input.largest", millrace.Tensor{Shape: n.inputsShape, F32: n.inputs}, millrace.Serving)
		visit("optimizer.norms", millrace.Tensor{Shape: scalarShape, F64: n.optimizer.norms}, millrace.Training)
	}
	if n.gain != nil {
		n.gain.state(visit)
	}
	n.wild.visit(visit)
	visit("optimizer.steps", millrace.Tensor{Shape: scalarShape, U64: n.optimizer.steps}, millrace.Training)
	if n.dropout != nil {
		n.dropout.state(visit)
	}
	if n.upkeep != nil {
		n.upkeep.state(visit)
	}
	if n.spec.Batch > 1 {
		visit("batch.events", millrace.Tensor{Shape: scalarShape, U64: n.batch}, millrace.Training)
		if n.rows != nil {
			n.rows.state(visit)
		}
	}
	if n.held != nil {
		n.held.state(visit)
	}
}

func (n *network) Restored() error {
	for i := range n.layers {
		l := &n.layers[i]
		for _, p := range l.parameters() {
			if p == nil {
				continue
			}
			if err := p.check(); err != nil {
				return fmt.Errorf("checking restored weights: %w", err)
			}
		}
		if s := l.scale[0]; !(s >= scaleMin && s <= 1) {
			return fmt.Errorf("checking restored weights: %s.scale is %g", l.weight.name, s)
		}
	}
	if err := n.checkInputs(); err != nil {
		return fmt.Errorf("checking restored inputs: %w", err)
	}
	if err := n.target.Restored(); err != nil {
		return fmt.Errorf("checking the restored target: %w", err)
	}
	if n.head == headPoisson && n.optimizer.steps[0] > 0 && n.target.Weight() == 0 {
		n.level[0] = 0 // a snapshot of before, which had no moments of counts
	}
	if v := n.level[0]; !(v >= 0) || math.IsInf(v, 1) {
		return fmt.Errorf("checking the restored target: counts are in units of %g", v)
	}
	if n.gain != nil {
		if err := n.gain.check(); err != nil {
			return fmt.Errorf("checking the restored rate: %w", err)
		}
	}
	if n.batch[0] >= uint64(n.spec.Batch) {
		return fmt.Errorf("checking the restored mini-batch: %d events of %d", n.batch[0], n.spec.Batch)
	}
	if n.held != nil {
		if err := n.held.check(n.batch[0]); err != nil {
			return fmt.Errorf("checking the restored mini-batch: %w", err)
		}
	}
	if n.rows != nil {
		if err := n.rows.restored(n.shape.Width); err != nil {
			return fmt.Errorf("checking the restored mini-batch: %w", err)
		}
	}
	if n.upkeep != nil {
		if err := n.upkeep.check(); err != nil {
			return fmt.Errorf("checking restored averages: %w", err)
		}
	}
	if err := n.wild.restored(); err != nil {
		return err
	}
	n.optimizer.begin()
	n.guard.measure(n)
	n.turned = false
	return nil
}
