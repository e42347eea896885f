package model

import (
	"fmt"
	"math"

	"millrace"
	"millrace/elementary"
)

// Networks that learn for long lose the ability to learn: units die, weights grow (Dohare et al. 2024, Nature
// 632, 768). upkeep keeps it up. Both kinds act apart from the gradient, once in upkeepEvery updates with the
// strength of as many, so that their cost is spread:
//
//   - l2_init: w ← w₀ + (1 − a)·(w − w₀), a pull toward the weights the network started from (Kumar, Marklund
//     and Van Roy 2023, equation 1, as a decay apart from the gradient);
//   - shrink_perturb: w ← (1 − a)·w + √(1 − (1 − a)²)·ξ, where ξ is drawn anew with the variance of the initial
//     weights (Ash and Adams 2020, section 5; at every step as in Dohare et al. 2024, there as L2 and a noise).
//     The share of the noise is the one under which weights that nothing else moves keep the variance they
//     started with.
//
// A gain of layer norm is pulled toward 1, without noise. Rows of a sparse input are pulled at their own events only,
// as penalties are.
type upkeep struct {
	perturb  bool
	strength float64
	seed     uint64
	// initial[p] are the initial weights of parameter p, for l2_init. They follow from the seed, so they are no
	// part of the state.
	initial [][]float32
	bound   []float32 // [p] the noise is U(±bound)
	largest float64   // the largest of initial or bound
	// active[l] are fading averages of how often each unit of hidden layer l is above zero, nil where the
	// activation is not relu.
	active [][]float32
	names  []string
	shapes [][]int
}

const (
	upkeepEvery = 64
	upkeepMax   = 0.1 // beyond it nothing learned would last for ten updates
	// Of one in watchEvery updates a share watchShare goes into the averages: they look back over about
	// watchEvery/watchShare = 2,048 updates.
	watchEvery = 8
	watchShare = 1.0 / 256
	// deadShare: units that are active for less are called dead, as in Dohare et al. 2024, there never.
	deadShare = 0.01
)

// newUpkeep returns nil where there is none to be done. It comes after the weights were drawn.
func newUpkeep(n *network) *upkeep {
	s := n.spec
	if s.Plasticity == "" {
		return nil
	}
	u := &upkeep{perturb: s.Plasticity == plasticityShrinkPerturb, strength: s.Upkeep, seed: elementary.Mix(s.Seed ^ streamUpkeep)}
	for i := range n.layers {
		l := &n.layers[i]
		weight, bias := l.bounds(s.Init)
		for kind, p := range l.parameters() {
			if p == nil {
				continue
			}
			if u.perturb {
				u.bound = append(u.bound, float32([...]float64{weight, bias, 0}[kind]))
				u.largest = max(u.largest, weight, 1)
			} else {
				u.initial = append(u.initial, append([]float32(nil), p.w.Data...))
				u.largest = max(u.largest, largest(p.w.Data))
			}
		}
		if i == len(n.layers)-1 {
			break
		}
		var active []float32
		if l.activation == relu {
			active = make([]float32, l.out)
			for j := range active {
				active[j] = 1
			}
		}
		u.active = append(u.active, active)
		u.names = append(u.names, fmt.Sprintf("layers.%d.active", i))
		u.shapes = append(u.shapes, []int{l.out})
	}
	return u
}

// maintain is what follows an update: the averages, and the upkeep when its time has come.
func (n *network) maintain(sc *scratch) {
	u, steps := n.upkeep, n.optimizer.steps[0]
	if steps%watchEvery == 0 {
		for i, active := range u.active {
			for j := range active {
				var now float32
				if sc.active[i].Data[j] > 0 {
					now = 1
				}
				active[j] += watchShare * (now - active[j])
			}
		}
	}
	if n.rows != nil {
		n.maintainRows()
	}
	if steps%upkeepEvery != 0 {
		return
	}
	amount := -math.Expm1(upkeepEvery * math.Log1p(-u.strength))
	index := 0
	for i := range n.layers {
		for kind, p := range n.layers[i].parameters() {
			if p == nil {
				continue
			}
			if i > 0 || kind > 0 || n.rows == nil {
				u.pull(p.w.Data, index, 0, kind == 2, amount, 1, u.key(steps, uint64(index)))
			}
			index++
		}
	}
	if u.perturb {
		n.guard.weight += u.largest
	}
}

// maintainRows is the upkeep of the rows that the update touched.
func (n *network) maintainRows() {
	u, l, r := n.upkeep, &n.layers[0], n.rows
	key := u.key(n.optimizer.steps[0], rowsKey)
	for _, row := range r.index[:r.count[0]] {
		from := int(row) * r.cols
		u.pull(l.weight.w.Data[from:from+r.cols], 0, from, false, u.strength, 1/l.scale[0], elementary.Mix(key+uint64(row)*elementary.Golden))
	}
	if u.perturb {
		n.guard.weight += u.largest
	}
}

// rowsKey tells the draws of rows from those of parameters, of which there are fewer.
const rowsKey = 1 << 32

// key begins the draws of a parameter at an update.
func (u *upkeep) key(steps, which uint64) uint64 {
	return elementary.Mix(elementary.Mix(u.seed+steps*elementary.Golden) + which*elementary.Golden)
}

// pull moves the weights w, which begin at from in a parameter, by the amount. What is stored is the weight times
// stored.
func (u *upkeep) pull(w []float32, parameter, from int, gain bool, amount, stored float64, key uint64) {
	a, factor := float32(amount), float32(stored)
	switch {
	case gain:
		for i, v := range w {
			w[i] = v + a*(1-v)
		}
	case u.perturb:
		noise := math.Sqrt(amount * (2 - amount))
		scale := u.bound[parameter] * float32(noise) * factor
		for i := 0; i < len(w); i += 2 {
			key += elementary.Golden
			bits := elementary.Mix(key)
			w[i] += scale*unit(uint32(bits)) - a*w[i]
			if i+1 < len(w) {
				w[i+1] += scale*unit(uint32(bits>>32)) - a*w[i+1]
			}
		}
	default:
		for i, v := range u.initial[parameter][from : from+len(w)] {
			w[i] += a * (v*factor - w[i])
		}
	}
}

// unit maps 32 random bits to [−1, 1).
func unit(bits uint32) float32 { return float32(int32(bits)) * 0x1p-31 }

func (u *upkeep) state(visit func(string, millrace.Tensor, millrace.Role)) {
	for i, active := range u.active {
		if active != nil {
			visit(u.names[i], millrace.Tensor{Shape: u.shapes[i], F32: active}, millrace.Training)
		}
	}
}

func (u *upkeep) check() error {
	for l, active := range u.active {
		for i, v := range active {
			if !(v >= 0 && v <= 1) {
				return fmt.Errorf("%s[%d] is %g, no share", u.names[l], i, v)
			}
		}
	}
	return nil
}

// DeadUnits is the share of relu units that were active for less than 1 % of recent events, NaN for a network that
// does not watch them: one without plasticity.
func (n *network) DeadUnits() float64 {
	if n.upkeep == nil {
		return math.NaN()
	}
	var dead, units float64
	for _, active := range n.upkeep.active {
		units += float64(len(active))
		for _, v := range active {
			if v < deadShare {
				dead++
			}
		}
	}
	return dead / units
}
