package model

import (
	"millrace"
	"millrace/elementary"
)

// dropout leaves hidden units out of learning, each with one probability, and multiplies the others by what
// keeps the expected output (Srivastava et al. 2014, section 10 for the scale at learning; section 4 for the
// update). Which units are left out depends on the seed and on how many events were learned, by a generator
// that is a function of its counter; so nothing but the counter is state.
type dropout struct {
	events []uint64 // [1] events learned
	seed   uint64
	below  uint32  // a unit is left out when its 32 random bits are below
	keep   float32 // 1 / (1 − probability)
	draws  uint64  // 64-bit draws an event takes
}

// dropoutMax bounds the share of units left out, and so the factor of the others.
const dropoutMax = 0.9

// Streams tell the generators of one seed from each other.
const (
	streamDropout = 0x64726f70
	streamUpkeep  = 0x75706b65
)

// newDropout returns nil where no unit is left out.
func newDropout(s Spec) *dropout {
	if s.Dropout == 0 {
		return nil
	}
	d := &dropout{
		events: make([]uint64, 1), seed: elementary.Mix(s.Seed ^ streamDropout),
		below: uint32(s.Dropout * (1 << 32)), keep: float32(1 / (1 - s.Dropout)),
	}
	for _, l := range s.Layers {
		d.draws += uint64(l.Units+1) / 2
	}
	return d
}

// mask writes the factor of each unit of a layer, whose draws of the event start at from, and returns where
// those of the next layer start.
func (d *dropout) mask(dst []float32, from uint64) uint64 {
	at := d.seed + (d.events[0]*d.draws+from)*elementary.Golden
	for i := 0; i < len(dst); i += 2 {
		bits := elementary.Mix(at)
		at += elementary.Golden
		dst[i] = d.factor(uint32(bits))
		if i+1 < len(dst) {
			dst[i+1] = d.factor(uint32(bits >> 32))
		}
	}
	return from + uint64(len(dst)+1)/2
}

func (d *dropout) factor(bits uint32) float32 {
	if bits < d.below {
		return 0
	}
	return d.keep
}

func (d *dropout) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("dropout.events", millrace.Tensor{Shape: scalarShape, U64: d.events}, millrace.Training)
}

// leaveOut makes the outputs in the scratch those of learning: units are left out, and what follows from them
// is computed anew. The first layer's sums are those of Predict.
func (n *network) leaveOut(v *millrace.Vector, sc *scratch) {
	var from uint64
	last := len(n.layers) - 1
	for i := range n.layers {
		z := sc.outputs[i].Data
		if i > 0 {
			n.propagate(i, v, sc)
		}
		if i == last {
			break
		}
		mask := sc.masks[i]
		from = n.dropout.mask(mask, from)
		copy(sc.active[i].Data, z)
		for u, factor := range mask {
			z[u] *= factor
		}
	}
	n.predict(sc.prediction, sc.outputs[last].Data)
}
