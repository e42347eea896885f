package model

import (
	"fmt"
	"math"

	"millrace"
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
	w          []float32
	first      []float32 // SGD: momentum; Adam: m
	second     []float32 // RMSprop, Adam: v
	square     []float64 // AdaGrad: s
	gradient   []float32 // the open mini-batch's sum of gradients
}

// parts are the names of a parameter's tensors, put together once so that visiting them allocates
// nothing.
type parts struct{ first, second, square, gradient string }

// newParameter makes a parameter of zeros. accumulates says that mini-batches need a dense gradient.
func newParameter(name string, rows, cols int, o *optimizer, accumulates bool) *parameter {
	n := rows * cols
	p := &parameter{name: name, rows: rows, cols: cols, shape: []int{rows, cols}, w: make([]float32, n)}
	p.parts = parts{name + ".first", name + ".second", name + ".square", name + ".gradient"}
	first, second, square := o.remembers()
	if first {
		p.first = make([]float32, n)
	}
	if second {
		p.second = make([]float32, n)
	}
	if square {
		p.square = make([]float64, n)
	}
	if accumulates {
		p.gradient = make([]float32, n)
	}
	return p
}

func (p *parameter) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit(p.name, millrace.Tensor{Shape: p.shape, F32: p.w}, millrace.Serving)
	if p.first != nil {
		visit(p.parts.first, millrace.Tensor{Shape: p.shape, F32: p.first}, millrace.Training)
	}
	if p.second != nil {
		visit(p.parts.second, millrace.Tensor{Shape: p.shape, F32: p.second}, millrace.Training)
	}
	if p.square != nil {
		visit(p.parts.square, millrace.Tensor{Shape: p.shape, F64: p.square}, millrace.Training)
	}
	if p.gradient != nil {
		visit(p.parts.gradient, millrace.Tensor{Shape: p.shape, F32: p.gradient}, millrace.Training)
	}
}

// check reports state that the guard would never have let happen.
func (p *parameter) check() error {
	within := func(what string, values []float32, low, high float32) error {
		for i, v := range values {
			if !(v >= low && v <= high) {
				return fmt.Errorf("%s%s[%d] is %g, outside [%g, %g]", p.name, what, i, v, low, high)
			}
		}
		return nil
	}
	if err := within("", p.w, -weightMax/scaleMin, weightMax/scaleMin); err != nil {
		return err
	}
	if err := within(".first", p.first, -momentMax, momentMax); err != nil {
		return err
	}
	if err := within(".second", p.second, 0, squareMax); err != nil {
		return err
	}
	for i, v := range p.square {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("%s.square[%d] is %g, no sum of squares", p.name, i, v)
		}
	}
	return within(".gradient", p.gradient, -momentMax, momentMax)
}

// largest is the largest absolute value of x.
func largest(x []float32) float64 {
	var most float32
	for _, v := range x {
		most = max(most, v, -v)
	}
	return float64(most)
}
