package mixture

import (
	"fmt"
	"math"
	"strconv"

	"millrace"
)

// aggregators are the two levels of a mixer: shares and pools of the experts, and a share of these.
type aggregators struct {
	shares []share
	pools  []pool
	top    share
	all    []int // the aggregators, shares first
}

// pool is what an aggregator that stacks has learned.
type pool struct {
	rate   float64
	v      []float64 // [experts], and more where a mixer needs it
	square []float64 // of the same length: AdaGrad's sums; nil for SGD
	bias   []float64 // [classes]; nil for numbers
}

// newPool starts with equal weights on the experts and further ones at 0.
func newPool(rate float64, experts, further int) pool {
	p := pool{rate: rate, v: alone[float64](experts + further), square: alone[float64](experts + further)}
	for i := range experts {
		p.v[i] = 1 / float64(experts)
	}
	return p
}

// begin adds the shares to the pools.
func (m *aggregators) begin(experts int, shares []float64) {
	for _, r := range shares {
		m.shares = append(m.shares, newShare(experts, r))
	}
	m.all = upTo(len(m.shares) + len(m.pools))
	m.top = newShare(len(m.all), topRate)
}

// weights follows the top level down. A pool's inputs count by the size of their weights.
func (m *aggregators) weights(dst []float64, active []int) {
	for a := range m.shares {
		addScaled(dst, m.shares[a].weight, m.top.weight[a], active)
	}
	for a := range m.pools {
		addScaled(dst, m.pools[a].v, m.top.weight[len(m.shares)+a], active)
	}
}

// addScaled adds the active entries' absolute values to dst, so that together they add total.
func addScaled(dst, w []float64, total float64, active []int) {
	var sum float64
	for _, i := range active {
		sum += math.Abs(w[i])
	}
	if sum == 0 {
		return
	}
	for _, i := range active {
		dst[i] += total * math.Abs(w[i]) / sum
	}
}

func (m *aggregators) place(i int) (share, stack float64) {
	return m.shares[0].weight[i], m.pools[0].v[i]
}

func (m *aggregators) restrict(active []int, inside []bool, from mixer) {
	for a := range m.shares {
		m.shares[a].restrict(active, inside, from)
	}
	for a := range m.pools {
		m.pools[a].restrict(inside, from)
	}
}

// restrict forgets the weights of experts outside.
func (s *pool) restrict(inside []bool, from mixer) {
	for i, in := range inside {
		switch {
		case !in:
			s.v[i] = 0
		case s.v[i] == 0:
			_, s.v[i] = from.place(i)
		}
		if !in && s.square != nil {
			s.square[i] = 0
		}
	}
}

func (m *aggregators) split(parent, child int) {
	for a := range m.shares {
		m.shares[a].split(parent, child)
	}
	for a := range m.pools {
		m.pools[a].split(parent, child)
	}
}

func (s *pool) split(parent, child int) {
	s.v[parent] /= 2
	s.v[child] = s.v[parent]
	if s.square != nil {
		s.square[child] = s.square[parent]
	}
}

func (m *aggregators) state(name string, role millrace.Role, visit visitor) {
	for a := range m.shares {
		visit.vector(name+".share."+strconv.Itoa(a), m.shares[a].weight, role)
	}
	for a := range m.pools {
		m.pools[a].state(name+".stacker."+strconv.Itoa(a), role, visit)
	}
	visit.vector(name+".top", m.top.weight, role)
}

func (s *pool) state(name string, role millrace.Role, visit visitor) {
	visit.vector(name+".weight", s.v, role)
	if s.bias != nil {
		visit.vector(name+".bias", s.bias, role)
	}
	if s.square != nil {
		visit.vector(name+".square", s.square, millrace.Training)
	}
}

func (m *aggregators) check(active []int) error {
	for a := range m.shares {
		if err := checkShare("share", m.shares[a].weight, active); err != nil {
			return err
		}
	}
	for a := range m.pools {
		if err := m.pools[a].check("stacker", len(m.shares[0].weight), active); err != nil {
			return err
		}
	}
	return checkShare("top", m.top.weight, m.all)
}

func (s *pool) check(name string, experts int, active []int) error {
	if err := checkOutside(name, s.v[:experts], active); err != nil {
		return err
	}
	for _, values := range [][]float64{s.v, s.bias} {
		for i, v := range values {
			if !(math.Abs(v) <= stackerMax) {
				return fmt.Errorf("%s[%d] is %g, outside ±%d", name, i, v, stackerMax)
			}
		}
	}
	for i, v := range s.square {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("%s.square[%d] is %g, no sum of squares", name, i, v)
		}
	}
	return nil
}
