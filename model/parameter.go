package model

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// parameter is a matrix [rows, cols] of weights with what the optimizer remembers of them. A row
// belongs to one input of its layer.
//
// Adam's and RMSprop's moments are float32, unlike AdaGrad's sums: they are averages that forget, so
// rounding cannot stop them as it stops a growing sum, and in float32 a step moves half the memory
// and divides eight numbers at a time.
type parameter struct {
	name       string
	parts      parts
	rows, cols int
	shape      []int
	penalised  bool // L1 and L2 apply: weights, not biases
	w          blas32.General
	first      []float32 // SGD: momentum; Adam, AMSGrad: m
	second     []float32 // RMSprop, Adam, AMSGrad, Adadelta: v
	third      []float32 // AMSGrad: largest v; Adadelta: u; COCOB: L
	square     []float64 // AdaGrad, normalized adaptive: s; FTRL: n; COCOB: G
	thirdMax   float32
	sum        []float64      // FTRL: z; COCOB: θ
	reward     []float64      // COCOB: R
	trace      blas32.General // SGD and AdaGrad at an adaptive rate: h, see gain
	origin     []float32      // COCOB: w₁, nil where it is zero
	gradient   blas32.General // the open mini-batch's sum of gradients
}

// parts are the names of a parameter's tensors, put together once so that visiting them allocates
// nothing.
type parts struct{ first, second, third, square, sum, reward, trace, origin, gradient string }

// newParameter makes a parameter of zeros. accumulates says that mini-batches need a dense gradient.
func newParameter(name string, rows, cols int, o *optimizer, accumulates bool) *parameter {
	n := rows * cols
	p := &parameter{name: name, rows: rows, cols: cols, shape: []int{rows, cols}, w: kernel.Matrix(rows, cols, nil)}
	p.parts = parts{
		name + ".first", name + ".second", name + ".third", name + ".square", name + ".sum", name + ".reward",
		name + ".trace", name + ".origin", name + ".gradient",
	}
	p.thirdMax = squareMax
	if o.spec.Type == ruleAdadelta {
		p.thirdMax = stepSquareMax
	}
	remembers := o.spec.remembers()
	floats := func(dst *[]float32, wanted bool) {
		if wanted {
			*dst = make([]float32, n)
		}
	}
	doubles := func(dst *[]float64, wanted bool) {
		if wanted {
			*dst = make([]float64, n)
		}
	}
	floats(&p.first, remembers.first)
	floats(&p.second, remembers.second)
	floats(&p.third, remembers.third)
	doubles(&p.square, remembers.square)
	doubles(&p.sum, remembers.sum)
	doubles(&p.reward, remembers.reward)
	if remembers.trace {
		p.trace = kernel.Matrix(rows, cols, nil)
	}
	if accumulates {
		p.gradient = kernel.Matrix(rows, cols, nil)
	}
	return p
}

func (p *parameter) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit(p.name, millrace.Tensor{Shape: p.shape, F32: p.w.Data}, millrace.Serving)
	floats := func(name string, values []float32) {
		if values != nil {
			visit(name, millrace.Tensor{Shape: p.shape, F32: values}, millrace.Training)
		}
	}
	doubles := func(name string, values []float64) {
		if values != nil {
			visit(name, millrace.Tensor{Shape: p.shape, F64: values}, millrace.Training)
		}
	}
	floats(p.parts.first, p.first)
	floats(p.parts.second, p.second)
	floats(p.parts.third, p.third)
	doubles(p.parts.square, p.square)
	doubles(p.parts.sum, p.sum)
	doubles(p.parts.reward, p.reward)
	floats(p.parts.trace, p.trace.Data)
	floats(p.parts.origin, p.origin)
	floats(p.parts.gradient, p.gradient.Data)
}

// floats are the tensors of float32 that a rule reads and writes, nil where it has none.
func (p *parameter) floats() [5][]float32 {
	return [5][]float32{p.w.Data, p.first, p.second, p.third, p.origin}
}

// doubles are those of float64.
func (p *parameter) doubles() [3][]float64 { return [3][]float64{p.square, p.sum, p.reward} }

// check reports state that the guard would never have let happen.
func (p *parameter) check() error {
	within := func(what string, values []float32, low, high float32) error {
		return checkWithin(p.name+what, values, low, high)
	}
	if err := within("", p.w.Data, -weightMax/scaleMin, weightMax/scaleMin); err != nil {
		return err
	}
	if err := within(".first", p.first, -momentMax, momentMax); err != nil {
		return err
	}
	if err := within(".second", p.second, 0, squareMax); err != nil {
		return err
	}
	if err := within(".third", p.third, 0, p.thirdMax); err != nil {
		return err
	}
	if err := within(".trace", p.trace.Data, -weightMax, weightMax); err != nil {
		return err
	}
	if err := within(".origin", p.origin, -originMax, originMax); err != nil {
		return err
	}
	if err := checkSquares(p.name, p.square); err != nil {
		return err
	}
	for i, v := range p.sum {
		if !(math.Abs(v) <= math.MaxFloat64) {
			return fmt.Errorf("%s.sum[%d] is %g", p.name, i, v)
		}
	}
	for i, v := range p.reward {
		if !(v >= 0 && v <= wealthMax*float64(p.third[i])*slack && math.Abs(p.sum[i]) <= p.square[i]*slack) {
			return fmt.Errorf("%s.reward[%d] is %g, with sums of %g and %g", p.name, i, v, p.sum[i], p.square[i])
		}
	}
	return within(".gradient", p.gradient.Data, -momentMax, momentMax)
}

// originMax bounds initial weights, which are of the order of 1.
const originMax = 1e6

// checkWithin reports the first of the values of a tensor that no run could have left.
func checkWithin(name string, values []float32, low, high float32) error {
	for i, v := range values {
		if !(v >= low && v <= high) {
			return fmt.Errorf("%s[%d] is %g, outside [%g, %g]", name, i, v, low, high)
		}
	}
	return nil
}

// checkSquares reports AdaGrad's sums that no run could have left.
func checkSquares(name string, square []float64) error {
	for i, v := range square {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("%s.square[%d] is %g, no sum of squares", name, i, v)
		}
	}
	return nil
}

// largest is the largest absolute value of x.
func largest(x []float32) float64 {
	var most float32
	for _, v := range x {
		most = max(most, v, -v)
	}
	return float64(most)
}
