// Package calibration brings a model's probabilities to the shares that events turn out to have, while the model
// learns. It decorates any model of classes. What is learned here, too, is learned one event at a time, after the
// event was predicted.
package calibration

import (
	"fmt"

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

// method is one way to calibrate two classes: how likely the second is, given what the model says of it. More than
// two classes are calibrated one against the rest each, and divided by their sum (Zadrozny and Elkan 2002, section
// 4).
type method interface {
	// predict is the log-odds that it makes of the model's.
	predict(of *said) float64
	// learn takes in an event of which the model said so, and predict made the probability q: y is 1 or 0. w is what it
	// counts.
	learn(of *said, q, y, w float64)
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
	p, sum []float64   // [classes] what the model said, what is served
	said   []said      // of two classes of the second, else of each
	alone  [][]float64 // [methods][as said] each class against the rest
	scale  []float64   // [methods] what makes probabilities of these
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
		return newPlatt()
	case Beta:
		return newBeta()
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
	k, n := c.Outputs(), len(c.methods[0])
	w := work{p: make([]float64, k), sum: make([]float64, k), said: make([]said, n), scale: make([]float64, len(c.methods))}
	for range c.methods {
		w.alone = append(w.alone, make([]float64, n))
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
	first := len(w.p) - len(w.said) // of two classes, the second alone
	for i := range w.said {
		w.said[i] = sayOf(w.p[first+i])
	}
	none := 0.0
	if c.mix != nil {
		none = c.mix.weights[0]
	}
	for k, p := range w.p {
		w.sum[k] = none * p
	}
	for i, of := range c.methods {
		weight, alone, total := 1.0, w.alone[i], 0.0
		if c.mix != nil {
			weight = c.mix.weights[1+i]
		}
		for k, m := range of {
			alone[k] = sigmoid(m.predict(&w.said[k]))
			total += alone[k]
		}
		if len(of) == 1 {
			w.scale[i] = 1
			w.sum[0] += weight * (1 - alone[0])
			w.sum[1] += weight * alone[0]
			continue
		}
		w.scale[i] = 1 / total
		weight *= w.scale[i]
		for k, q := range alone {
			w.sum[k] += weight * q
		}
	}
}

// of is the probability that a method gave a class.
func (w *work) of(method, class int) float64 {
	alone := w.alone[method]
	switch {
	case len(alone) > 1:
		return alone[class] * w.scale[method]
	case class == 1:
		return alone[0]
	}
	return 1 - alone[0]
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
	class := int(y.Class) - (len(w.p) - len(w.said)) // among those that are calibrated
	for i, of := range c.methods {
		alone := w.alone[i]
		for k, m := range of {
			is := 0.0
			if k == class {
				is = 1
			}
			m.learn(&w.said[k], alone[k], is, weight)
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

// Terms hides those of the model beneath: what is calibrated is no longer their sum.
func (c *calibrated) Terms() (view millrace.ViewID, ok bool) { return 0, false }

// Term is of no use where there are no Terms.
func (c *calibrated) Term(int, float32) float64 { return 0 }
