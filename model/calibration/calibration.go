// Package calibration brings a model's probabilities to the shares that events turn out to have, while the model
// learns. It decorates any model of classes. What is learned here, too, is learned one event at a time, after the
// event was predicted.
package calibration

import (
	"fmt"
	"math"

	"millrace"
	"millrace/model"
)

// The methods.
const (
	None     = "none"
	Platt    = "platt"    // a line in log-odds (Platt 1999)
	Beta     = "beta"     // a line in the logarithms of p and 1 − p (Kull, Silva Filho and Flach 2017)
	Isotonic = "isotonic" // any rising function, in steps (Zadrozny and Elkan 2002)
	Auto     = "auto"     // these and none, weighed by how well each has predicted
)

// logitMax bounds the log-odds that methods see and predict: probabilities of 1e-7 and 1 − 1e-7.
var logitMax = math.Log(1e7)

// method is one way to calibrate two classes: how likely the second is, given what the model says of it. More than
// two classes are calibrated one against the rest each, and divided by their sum (Zadrozny and Elkan 2002, section
// 4).
type method interface {
	// predict is the log-odds that it makes of the model's.
	predict(z float64) float64
	// learn takes in an event of these log-odds, to which predict answered q: y is 1 or 0. w is what it counts.
	learn(z, q, y, w float64)
	state(visit func(name string, t millrace.Tensor, role millrace.Role))
	restored() error
}

// calibrated is a model whose probabilities are calibrated.
type calibrated struct {
	model.Model
	names   []string
	methods [][]method // [methods][1, or one a class where there are more than two]
	mix     *mix       // of the methods and of none; nil with one method
	tensors []tensor
}

// tensor is one of State, named once: visiting allocates nothing.
type tensor struct {
	name string
	millrace.Tensor
	role millrace.Role
}

// scratch keeps what the model predicted beside what became of it.
type scratch struct {
	inner model.Scratch
	base  []float32
	work
}

// work is the memory that one prediction takes.
type work struct {
	p, z, sum []float64   // [classes] what the model said, its log-odds, what is served
	q         [][]float64 // [methods][classes]
	alone     [][]float64 // the same before it was divided by its sum
}

// New returns m calibrated by a method, or m itself with none. The model must predict classes.
func New(m model.Model, by string) model.Model {
	if by == None || by == "" {
		return m
	}
	c := &calibrated{Model: m, names: []string{by}}
	if by == Auto {
		c.names = []string{Platt, Beta, Isotonic}
		c.mix = newMix(len(c.names) + 1)
	}
	n := m.Outputs()
	if n == 2 {
		n = 1
	}
	for _, name := range c.names {
		of := make([]method, n)
		for i := range of {
			of[i] = newMethod(name)
		}
		c.methods = append(c.methods, of)
	}
	if c.mix != nil {
		c.tensors = append(c.tensors, tensor{StatePrefix + "weights", added([]int{len(c.mix.weights)}, c.mix.weights), millrace.Serving})
	}
	for i, of := range c.methods {
		for k, m := range of {
			m.state(func(name string, t millrace.Tensor, role millrace.Role) {
				c.tensors = append(c.tensors, tensor{fmt.Sprintf("%s%s.%d.%s", StatePrefix, c.names[i], k, name), t, role})
			})
		}
	}
	return c
}

func newMethod(name string) method {
	switch name {
	case Platt:
		return newLine(false)
	case Beta:
		return newLine(true)
	case Isotonic:
		return newSteps()
	}
	panic(fmt.Sprintf("calibration: no method %q", name))
}

// Unwrap is the model whose probabilities are calibrated.
func (c *calibrated) Unwrap() model.Model { return c.Model }

func (c *calibrated) NewScratch() model.Scratch {
	return &scratch{inner: c.Model.NewScratch(), base: make([]float32, c.Outputs()), work: c.newWork()}
}

func (c *calibrated) newWork() work {
	k := c.Outputs()
	w := work{p: make([]float64, k), z: make([]float64, k), sum: make([]float64, k)}
	for range c.methods {
		w.q = append(w.q, make([]float64, k))
		w.alone = append(w.alone, make([]float64, k))
	}
	return w
}

func (c *calibrated) Predict(dst []float32, x millrace.Input, s model.Scratch) {
	sc := s.(*scratch)
	c.Model.Predict(sc.base, x, sc.inner)
	for i, p := range sc.base {
		sc.p[i] = float64(p)
	}
	c.calibrate(&sc.work)
	for i, p := range sc.sum {
		dst[i] = float32(p)
	}
}

// calibrate makes of w.p, what the model says, w.sum. It is pure.
func (c *calibrated) calibrate(w *work) {
	for i, p := range w.p {
		w.z[i] = logit(p)
	}
	for i, of := range c.methods {
		predict(w.q[i], w.alone[i], w.z, of)
	}
	if c.mix == nil {
		copy(w.sum, w.q[0])
		return
	}
	for k, p := range w.p {
		sum := c.mix.weights[0] * p
		for i := range w.q {
			sum += c.mix.weights[1+i] * w.q[i][k]
		}
		w.sum[k] = sum
	}
}

// predict writes the probabilities of all classes by one method, and before it those of each against the rest.
func predict(dst, alone, z []float64, of []method) {
	if len(of) == 1 {
		alone[1] = sigmoid(of[0].predict(z[1]))
		dst[0], dst[1] = 1-alone[1], alone[1]
		return
	}
	var sum float64
	for k := range dst {
		alone[k] = sigmoid(of[k].predict(z[k]))
		sum += alone[k]
	}
	for k := range dst {
		dst[k] = alone[k] / sum
	}
}

func (c *calibrated) Learn(x millrace.Input, y millrace.Target, weight float32, s model.Scratch) error {
	sc := s.(*scratch)
	if err := c.Model.Learn(x, y, weight, sc.inner); err != nil {
		return err
	}
	c.learn(&sc.work, y, float64(weight)*model.DelayWeight(y, sc.base))
	return nil
}

// learn takes in the label of the event that w was made of.
func (c *calibrated) learn(w *work, y millrace.Target, weight float64) {
	if !y.Known || !(weight > 0) {
		return
	}
	if c.mix != nil {
		c.mix.learn(w, int(y.Class), weight)
	}
	for i, of := range c.methods {
		first := len(w.z) - len(of) // of two classes, the second alone
		for k, m := range of {
			class := first + k
			is := 0.0
			if class == int(y.Class) {
				is = 1
			}
			m.learn(w.z[class], w.alone[i][class], is, weight)
		}
	}
}

func (c *calibrated) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	c.Model.State(visit)
	for i := range c.tensors {
		t := &c.tensors[i]
		visit(t.name, t.Tensor, t.role)
	}
}

// StatePrefix begins the names of the tensors that are calibration's. A version with others, or without, is gone on
// from all the same: calibration then begins anew.
const StatePrefix = "calibration."

func added(shape []int, v []float64) millrace.Tensor {
	return millrace.Tensor{Shape: shape, F64: v, Added: true}
}

func (c *calibrated) Restored() error {
	if c.mix != nil {
		if err := c.mix.restored(); err != nil {
			return err
		}
	}
	for i, of := range c.methods {
		for _, m := range of {
			if err := m.restored(); err != nil {
				return fmt.Errorf("checking restored calibration %s: %w", c.names[i], err)
			}
		}
	}
	return c.Model.Restored()
}

// logit is the logarithm of the odds of p, within logitMax.
func logit(p float64) float64 {
	return bound(math.Log(p/(1-p)), logitMax) // of 1 it is +Inf, of 0 −Inf
}

// bound keeps v within ±most.
func bound(v, most float64) float64 { return math.Max(-most, math.Min(most, v)) }

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// Terms hides those of the model beneath: what is calibrated is no longer their sum.
func (c *calibrated) Terms() (view millrace.ViewID, ok bool) { return 0, false }

// Term is of no use where there are no Terms.
func (c *calibrated) Term(int, float32) float64 { return 0 }
