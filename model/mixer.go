package model

import (
	"millrace"
)

// mixer combines the predictions of experts in two levels: aggregators of several kinds and rates, and
// a fixed share over these. It works on the active experts; the others' weights are 0.
type mixer interface {
	// prepare takes expert i's prediction into the scratch.
	prepare(sc *mixing, i int, prediction []float32)
	// predict combines the active experts' prepared predictions into dst.
	predict(dst []float32, sc *mixing, active []int)
	// loss of expert i's prepared prediction: log-loss, or squared error in variances of the target.
	loss(sc *mixing, i int, y millrace.Target) float64
	// learn updates all weights by what predict left in the scratch.
	learn(sc *mixing, y millrace.Target, weight float64, active []int)
	// weights adds to dst how much of the prediction each expert carries; they sum to 1.
	weights(dst []float64, active []int)
	// restrict follows a change of the active set; split hands half of the parent's weights to a copy.
	restrict(active []int, inside []bool)
	split(parent, child int)
	state(visit visitor)
	check() error
}

// mixing is a mixer's working memory.
type mixing struct {
	outputs  int
	p        []float64 // [experts, outputs] probabilities, or standardised numbers
	logs     []float64 // [experts, outputs] centred log-probabilities
	q        []float64 // [aggregators, outputs] what each aggregator predicts
	mixed    []float64 // [outputs]
	losses   []float64 // [max(experts, aggregators)]
	factors  []float64 // the same
	gradient []float64 // [outputs]
}

func newMixing(experts, aggregators, outputs int) *mixing {
	most := max(experts, aggregators)
	return &mixing{
		outputs: outputs,
		p:       make([]float64, experts*outputs), logs: make([]float64, experts*outputs),
		q: make([]float64, aggregators*outputs), mixed: make([]float64, outputs),
		losses: make([]float64, most), factors: make([]float64, most), gradient: make([]float64, outputs),
	}
}

// of is the part of a matrix with a row an expert (or aggregator) that belongs to i.
func (sc *mixing) of(m []float64, i int) []float64 { return m[i*sc.outputs : (i+1)*sc.outputs] }

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
