package mixture

import (
	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// mixer combines the predictions of experts in two levels: aggregators of several kinds and rates, and
// a fixed share over these. It works on the active experts; the others' weights are 0.
type mixer interface {
	// prepare takes expert i's prediction into the scratch: its probabilities, or its value in the user's units.
	prepare(sc *mixing, i int, prediction []float32, value float64)
	// predict combines the active experts' prepared predictions into dst: probabilities, or a number in standard
	// deviations of the target.
	predict(dst []float32, sc *mixing, active []int)
	// losses of all experts' prepared predictions: log-loss, or squared error in variances of the target.
	losses(dst []float64, sc *mixing, y outcome)
	// learn updates all weights by what predict left in the scratch.
	learn(sc *mixing, y outcome, active []int)
	// weights adds to dst how much of the prediction each expert carries; they sum to 1.
	weights(dst []float64, active []int)
	// place is what an expert weighs in shares and in stackers.
	place(i int) (share, stack float64)
	// restrict follows a change of the active set: experts that come in begin at the places that they have
	// in another mixer. split hands half of the parent's weights to a copy.
	restrict(active []int, inside []bool, from mixer)
	split(parent, child int)
	state(name string, role millrace.Role, visit visitor)
	// check reports state that no run could have left on this active set.
	check(active []int) error
}

// outcome is what came of an event, as mixers see it.
type outcome struct {
	class    int32
	z        float64 // a number in standard deviations of the target, the event's own value taken in
	relative float64 // the event's weight in units of a usual one, at most relativeMax
	part     float64 // of numbers: its weight as a part of that of all events so far and one more
	counts   float64 // of numbers: how much of an event it counts as, below 1 for a wild label
}

// mixing is a mixer's working memory.
type mixing struct {
	outputs int
	p       []float32 // [experts, outputs] probabilities
	floored []float32 // [experts, outputs] probabilities that are not too small, and
	logs    []float32 // their logarithms
	q       []float32 // [aggregators, outputs] what each aggregator predicts
	factor  []float32 // [experts] weights in float32, and gradients
	delta   []float32 // [outputs]
	mixed   []float32 // [outputs]
	z       []float64 // [experts] standardised numbers
	guess   []float64 // [aggregators] the same
	blend   float64   // and the mixture's
	losses  []float64 // [max(experts, aggregators)]
	shares  []float64 // the same: likelihoods

	// As the kernels take them: p and logs, factor, and a vector of outputs.
	pRows, logRows blas32.General
	weights, sums  blas32.Vector
}

func newMixing(experts, aggregators, outputs int) *mixing {
	most := max(experts, aggregators)
	sc := &mixing{
		outputs: outputs,
		p:       alone[float32](experts * outputs),
		floored: alone[float32](experts * outputs), logs: alone[float32](experts * outputs),
		q: alone[float32](aggregators * outputs), factor: alone[float32](experts),
		delta: alone[float32](outputs), mixed: alone[float32](outputs),
		z: alone[float64](experts), guess: alone[float64](aggregators),
		losses: alone[float64](most), shares: alone[float64](most),
	}
	for i := range sc.floored {
		sc.floored[i] = 1 // experts that were never asked have a logarithm too
	}
	sc.view()
	return sc
}

// alone makes memory that shares nothing with other memory that a processor takes at once: both mixers write theirs all
// the time, side by side.
func alone[F float32 | float64](n int) []F {
	const line = 16 // of float32, and two of float64
	return make([]F, n, (n+line-1)/line*line)[:n:n]
}

// view makes the kernels' view of the memory.
func (sc *mixing) view() {
	sc.pRows, sc.logRows = kernel.Matrix(len(sc.factor), sc.outputs, sc.p), kernel.Matrix(len(sc.factor), sc.outputs, sc.logs)
	sc.weights, sc.sums = kernel.Vector(sc.factor), kernel.Vector(sc.delta)
}

// beside is the working memory of another mixer over the same experts' predictions.
func (sc *mixing) beside(aggregators int) *mixing {
	other := newMixing(len(sc.factor), aggregators, sc.outputs)
	other.p, other.floored, other.logs, other.z = sc.p, sc.floored, sc.logs, sc.z
	other.view()
	return other
}

// of is the part of a matrix with a row an expert (or aggregator) that belongs to i.
func (sc *mixing) of(m []float32, i int) []float32 { return m[i*sc.outputs : (i+1)*sc.outputs] }

// single rounds weights to the float32 of the kernels.
func (sc *mixing) single(w []float64) *blas32.Vector {
	for i, v := range w {
		sc.factor[i] = float32(v)
	}
	return &sc.weights
}

// upTo is 0, 1, … n−1: the active set of a level whose members are all active.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// visitor is what State calls.
type visitor func(name string, t millrace.Tensor, role millrace.Role)

// vector visits a list of float64.
func (visit visitor) vector(name string, v []float64, role millrace.Role) {
	visit(name, millrace.Tensor{Shape: []int{len(v)}, F64: v}, role)
}
