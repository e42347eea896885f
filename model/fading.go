package model

import (
	"math"

	"millrace"
)

// fading makes the steps of AdaGrad at an adaptive rate, for linear models: s ← ρs + g², w ← w − a·g/√s, where the
// gradient is g and a is the rate that gain finds. Each weight has steps of a size of its own, as rare features
// need them, and none of them ends: AdaGrad's sums (Duchi, Hazan and Singer 2011) only grow, so that weights of
// frequent features hardly move after some ten thousand events, whatever then happens. Here old squares fade, by
// each weight's own events, and the rate that all share rises while steps agree, which a weight by itself would be
// long to find out.
//
// The trace h of gain is that of these steps, h ← λh − a·(g + Hh)/√s: λ is the memory of Schraudolph 1999, equation 3.
// At λ = 1 what made h would be remembered for as long as nothing is uncertain; a concept that turns round is
// against all that, and the rate would fall when it has to rise.
type fading struct {
	// Of the update begun, for each weight of a touched row and for the biases last: s after it, and 1/√s.
	sums, inverse []float64
	sizes         []float64 // by output, Σx²/√s: what takes the place of ‖x‖²
	all           []uint32  // the rows of a dense input
}

const (
	// fadeKeep is ρ: a sum is of some thousand events of its weight. Without forgetting losses are up to 5 % less where
	// nothing ever changes, and after a change up to twice as many events are lost.
	fadeKeep = 0.999
	// traceKeep is λ. Between 0.7 and 0.97 it makes little difference.
	traceKeep = 0.9
	// fadeRateLeast is the least rate, in units of the first one. On bags of words that are mostly noise the rate falls
	// below what AdaGrad's own steps need.
	fadeRateLeast = 0.5
	// fadeTiny is where a sum becomes exactly zero, and steps end: long before denormal numbers, which are slow.
	fadeTiny = 1e-60
	// traceMax bounds the trace, of which only the direction matters.
	traceMax = weightMax
)

func newFading(n *network) *fading {
	l := &n.layers[0]
	rows := l.in
	f := &fading{sizes: make([]float64, l.out)}
	if n.shape.Sparse {
		rows = rowsCap(1, n.shape)
	} else {
		f.all = make([]uint32, rows)
		for i := range f.all {
			f.all[i] = uint32(i)
		}
	}
	f.sums, f.inverse = make([]float64, (rows+1)*l.out), make([]float64, (rows+1)*l.out)
	return f
}

// touched are the rows that an event has, and its values there.
func (f *fading) touched(n *network, v *millrace.Vector) (rows []uint32, values []float32) {
	if n.shape.Sparse {
		count := n.rows.count[0]
		return n.rows.index[:count], n.rows.value[:count]
	}
	return f.all, v.Dense
}

// prepare finds the sums that the event leads to, and returns the largest rate of its update. For numbers a step
// must not go beyond the example, as in gain; the derivatives of classes are at most 1, and steps that are long for
// an example of many rare features are not for the next, which has others. It changes nothing that lasts.
func (f *fading) prepare(n *network, v *millrace.Vector, sc *scratch, most float64) float64 {
	l, decay, d := &n.layers[0], n.optimizer.weights.Decay, sc.deltas[0].Data
	clear(f.sizes)
	rows, values := f.touched(n, v)
	at := 0
	for i, row := range rows {
		x := values[i]
		if x == 0 {
			continue // no event of this row's
		}
		from := int(row) * l.out
		square := float64(x) * float64(x)
		w, s := l.weight.w.Data[from:from+l.out], l.weight.square[from:from+l.out]
		for o, do := range d {
			f.fade(at, s[o], x*do+decay*w[o])
			f.sizes[o] += square * f.inverse[at]
			at++
		}
	}
	for o, do := range d {
		f.fade(at, l.bias.square[o], do)
		f.sizes[o] = max(f.sizes[o]+f.inverse[at], fadeTiny) // of an event without a gradient the rate matters to nothing
		at++
	}
	if n.classes > 0 {
		return gainMax
	}
	return 1 / (most * f.sizes[0] * max(1, sc.example.weight))
}

func (f *fading) fade(at int, sum float64, g float32) {
	sum = fadeKeep*sum + float64(g)*float64(g)
	if sum < fadeTiny {
		f.sums[at], f.inverse[at] = 0, 0
		return
	}
	f.sums[at], f.inverse[at] = sum, 1/math.Sqrt(sum)
}

// step makes the update that was prepared: sums, trace and weights. slope is the trace's gradient by the outputs,
// at the update's rate.
func (f *fading) step(n *network, v *millrace.Vector, d, slope []float32) {
	l, o := &n.layers[0], n.optimizer
	rows, values := f.touched(n, v)
	shrinkBy := float32(o.rate * o.l1)
	at := 0
	for i, row := range rows {
		if values[i] == 0 {
			continue
		}
		from := int(row) * l.out
		f.move(&l.weight, from, at, values[i], o.weights.Decay, o.rate, d, slope)
		if shrinkBy > 0 {
			shrink(l.weight.w.Data[from:from+l.out], shrinkBy)
		}
		at += l.out
	}
	f.move(&l.bias, 0, at, 1, 0, o.rate, d, slope)
}

// move steps the weights of one row, from on, with what was prepared from at on.
func (f *fading) move(p *parameter, from, at int, x, decay float32, rate float64, d, slope []float32) {
	to := from + len(d)
	w, s, h := p.w.Data[from:to], p.square[from:to], p.trace.Data[from:to]
	sums, inverse := f.sums[at:at+len(d)], f.inverse[at:at+len(d)]
	for o, do := range d {
		s[o] = sums[o]
		g := float64(x*do + decay*w[o])
		h[o] = float32(clamped(traceKeep*float64(h[o])-float64(x)*float64(slope[o])*inverse[o], -traceMax, traceMax))
		w[o] -= float32(rate * (g * inverse[o]))
	}
}
