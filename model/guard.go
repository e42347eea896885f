package model

import (
	"fmt"
	"math"

	"millrace"
)

// What an update must stay within. Every float32 is at most 3.4e38, and these bounds keep every
// weight, every moment and every product of a forward pass below it:
//
//   - a gradient, with its penalty, is at most 1e15 in every coordinate, so its square is 1e30;
//   - a moment is an average of gradients or of their squares, so it is at most 1e15 or 1e30, give or
//     take rounding; a momentum buffer is at most 1e15 / (1 − μ) ≤ 1e21;
//   - a mini-batch's sum is at most 2¹⁶ gradients, below 1e20;
//   - AdaGrad's float64 sums grow by at most 1e30 an update;
//   - weights and activations are at most 1e15, so a layer of 10⁸ inputs sums to at most 1e38.
//
// An update that might pass them is refused before anything is touched.
const (
	weightMax     = 1e15
	gradientMax   = 1e15
	momentMax     = 1e22
	squareMax     = 1e31
	activationMax = 1e15
)

// slack covers the rounding of float32 in bounds that are computed in float64.
const slack = 1.01

// guard decides whether an update may be made. It keeps an upper bound of the largest weight and of
// the largest momentum, which grow with every update by what it can add at most; so deciding costs a
// few operations, not a pass over the weights. Only when a bound passes its limit are the weights
// read and the bound made exact, so the decision depends on the state alone, not on the bounds' past.
type guard struct {
	weight, moment float64
	grow           float64 // of the update admitted: how much weight grows
	next           float64 // and the momentum's bound after it
}

// admit reports whether n may be updated by a gradient whose coordinates are at most norm in absolute
// value. It changes only bounds that are exact anyway; commit takes the update's growth into them.
func (g *guard) admit(n *network, norm float64) error {
	if g.fits(n, norm) {
		return nil
	}
	if !(norm <= gradientMax) {
		return fmt.Errorf("a gradient of norm %g: %w", norm, millrace.ErrUpdateRefused)
	}
	g.measure(n)
	if g.fits(n, norm) {
		return nil
	}
	return fmt.Errorf("a gradient of norm %g on weights of up to %g: %w", norm, g.weight, millrace.ErrUpdateRefused)
}

func (g *guard) fits(n *network, norm float64) bool {
	o := n.optimizer
	gradient := norm + o.l2*g.weight
	switch {
	case o.spec.Type == ruleCOCOB:
		g.grow = 0 // measure's bound holds for good
	case o.reach > 0:
		g.grow = o.rate * o.reach
	case o.spec.Momentum > 0:
		g.next = o.spec.Momentum*g.moment + gradient*slack
		g.grow = o.rate * g.next
		if o.spec.Nesterov {
			g.grow = o.rate * (gradient + o.spec.Momentum*g.next)
		}
	default:
		g.grow = o.rate * gradient
	}
	g.grow *= slack
	if n.gain != nil && n.gain.fading == nil { // whose trace is held
		// ‖h‖ grows by no more than SGD's step: what the curvature takes from it only makes it shorter.
		g.next = g.moment + o.rate*norm*slack
		if !(g.next <= weightMax) {
			return false
		}
	}
	return norm <= gradientMax && gradient <= gradientMax && g.weight+g.grow <= weightMax
}

// commit is called when the admitted update is made.
func (g *guard) commit() {
	g.weight += g.grow
	g.moment = g.next
}

// measure makes the bounds exact.
func (g *guard) measure(n *network) {
	g.weight, g.moment = 0, 0
	for i := range n.layers {
		l := &n.layers[i]
		for kind, p := range l.parameters() {
			if p == nil {
				continue
			}
			scale := 1.0
			if kind == 0 {
				scale = l.scale[0]
			}
			g.weight = max(g.weight, largest(p.w.Data)*scale)
			if n.optimizer.spec.Momentum > 0 {
				g.moment = max(g.moment, largest(p.first))
			}
		}
		if n.gain != nil && n.gain.fading == nil {
			g.moment = math.Sqrt(g.moment*g.moment + n.k.Squares(l.weight.trace.Data) + n.k.Squares(l.bias.trace.Data))
		}
		g.weight = max(g.weight, n.optimizer.implied(&l.weight), n.optimizer.implied(&l.bias))
	}
	if n.optimizer.spec.Type == ruleCOCOB {
		g.weight = originMax + 2*wealthMax // |w − w₁| ≤ 1 + R/L
	}
	if n.upkeep != nil {
		g.weight = max(g.weight, n.upkeep.largest) // which a pull may come near to
	}
}
