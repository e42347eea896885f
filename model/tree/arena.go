package tree

import (
	"millrace"
	"millrace/drift"
)

// arena is one tree: nodes and observers in flat arrays. Node 0 is the root; children stand in pairs,
// (1, 2), (3, 4) and so on, the first one for values below the threshold. Which pairs and slots are
// taken follows from the structure, so it is no state.
type arena struct {
	*plan

	// Of every node. first is the first child, 0 for a leaf.
	first     []int32
	feature   []int32
	threshold []float32
	subset    []uint64 // of a category: the bins that go to the first child
	heavier   []uint8  // which child missing values go to: 0 or 1
	slot      []int32  // of a leaf's observers, plus one; 0 is none
	alternate []int32  // root of the branch that may replace this one; 0 is none
	depth     []int32
	stats     []float64 // [nodes × plan.stats]
	recent    []float64 // [nodes × plan.recent]
	score     []float64 // [nodes × expertCount] faded gains or losses of the experts
	linear    []float32 // [nodes × heads × outputs × row]
	temper    []float64 // [2] exponent of naive Bayes' likelihoods, and AdaGrad's sum for it

	// Training.
	seen    []float64 // [nodes] weight since the leaf got its observers
	checked []float64 // [nodes] weight at the latest attempt to split
	promise []float64 // [nodes] faded loss: what observers could be good for
	clock   []uint64  // [1] events since promises faded
	drift   *drift.Windows

	// Of every slot.
	subspace []int32   // [leaves × Subspace] features
	blocks   []float64 // [leaves × Subspace × block]

	// Derived.
	owner []int32 // of a slot: its leaf, plus one
	taken []bool  // of a pair
	stack []int32 // for walks
	// copied lists every tensor.
	copied []millrace.Tensor
}

func newArena(p *plan) *arena {
	n := p.nodes
	t := &arena{
		plan: p, first: make([]int32, n), feature: make([]int32, n), threshold: make([]float32, n),
		subset: make([]uint64, n), heavier: make([]uint8, n), slot: make([]int32, n),
		alternate: make([]int32, n), depth: make([]int32, n),
		stats: make([]float64, n*p.stats), recent: make([]float64, n*p.recent), score: make([]float64, n*expertCount),
		linear: make([]float32, n*p.heads*p.outputs*p.row), temper: make([]float64, 2),
		seen: make([]float64, n), checked: make([]float64, n), promise: make([]float64, n), clock: make([]uint64, 1),
		subspace: make([]int32, p.Leaves*p.Subspace), blocks: make([]float64, p.Leaves*p.Subspace*p.block),
		owner: make([]int32, p.Leaves), taken: make([]bool, n/2), stack: make([]int32, 0, n),
	}
	if p.Drift && !p.forest {
		t.drift = drift.NewWindows(n, branchDelta)
	}
	for _, e := range t.list("", millrace.Serving) {
		t.copied = append(t.copied, e.tensor)
	}
	t.blank()
	return t
}

// leaves counts the leaves that predict.
func (t *arena) leaves() int {
	n := 1
	for _, first := range t.first {
		if first != 0 {
			n++
		}
	}
	return n
}

// reset makes the tree a single leaf that knows nothing.
func (t *arena) reset(g generator) {
	t.blank()
	t.open(0)
	t.occupy(0, g)
}

// blank is what a tree is that was never begun.
func (t *arena) blank() {
	for _, s := range [][]int32{t.first, t.feature, t.slot, t.alternate, t.depth, t.subspace, t.owner} {
		clear(s)
	}
	for _, s := range [][]float64{t.stats, t.recent, t.score, t.seen, t.checked, t.promise, t.blocks} {
		clear(s)
	}
	clear(t.threshold)
	clear(t.subset)
	clear(t.heavier)
	clear(t.linear)
	clear(t.taken)
	clear(t.clock)
	if t.drift != nil {
		t.drift.Clear()
	}
	t.temper[0], t.temper[1] = 1/(1+0.1*float64(t.Subspace-1)), 0
}

// open gives a node that was just taken the recent shares of one that has seen nothing.
func (t *arena) open(n int32) {
	if t.Classes > 0 {
		r := t.recentOf(n)
		for c := range r {
			r[c] = 1 / float64(t.Classes)
		}
	}
}

func (t *arena) statsOf(n int32) []float64 {
	return t.stats[int(n)*t.plan.stats : (int(n)+1)*t.plan.stats]
}

func (t *arena) recentOf(n int32) []float64 {
	return t.recent[int(n)*t.plan.recent : (int(n)+1)*t.plan.recent]
}

func (t *arena) scoreOf(n int32) []float64 {
	return t.score[int(n)*expertCount : (int(n)+1)*expertCount]
}

func (t *arena) linearOf(n int32) []float32 {
	size := t.heads * t.outputs * t.row
	return t.linear[int(n)*size : (int(n)+1)*size]
}

// observed are the features that a slot looks at, and their blocks.
func (t *arena) observed(slot int32) (features []int32, blocks []float64) {
	s := int(slot)
	size := t.Subspace * t.block
	return t.subspace[s*t.Subspace : (s+1)*t.Subspace], t.blocks[s*size : (s+1)*size]
}

// side is the child that x goes to: 0 or 1.
func (t *arena) side(n int32, x []float32) int32 {
	f := t.feature[n]
	v := x[f]
	switch {
	case v != v:
		return int32(t.heavier[n])
	case t.category[f]:
		return int32(1 - t.subset[n]>>t.bin(v)&1)
	case v < t.threshold[n]:
		return 0
	default:
		return 1
	}
}

// find is the leaf beneath node n that x belongs to.
func (t *arena) find(n int32, x []float32) int32 {
	for t.first[n] != 0 {
		n = t.first[n] + t.side(n, x)
	}
	return n
}

// take takes a free pair of nodes, which know nothing, and returns the first, or 0 when there is none.
func (t *arena) take() int32 {
	for i, taken := range t.taken {
		if !taken {
			t.taken[i] = true
			t.wipe(int32(2*i + 1))
			t.wipe(int32(2*i + 2))
			return int32(2*i + 1)
		}
	}
	return 0
}

// wipe makes a node as it was before it was taken, but for its structure's place in others.
func (t *arena) wipe(n int32) {
	if s := t.slot[n]; s != 0 {
		t.owner[s-1] = 0
	}
	t.first[n], t.feature[n], t.threshold[n], t.subset[n], t.heavier[n] = 0, 0, 0, 0, 0
	t.slot[n], t.alternate[n], t.depth[n] = 0, 0, 0
	clear(t.statsOf(n))
	clear(t.recentOf(n))
	clear(t.scoreOf(n))
	clear(t.linearOf(n))
	t.seen[n], t.checked[n], t.promise[n] = 0, 0, 0
	if t.drift != nil {
		t.drift.Reset(n)
	}
}

// prune frees everything beneath node n, its alternate included, and leaves n a leaf.
func (t *arena) prune(n int32) {
	stack := t.stack[:0]
	push := func(n int32) {
		if t.first[n] != 0 {
			stack = append(stack, t.first[n])
		}
		if t.alternate[n] != 0 {
			stack = append(stack, t.alternate[n])
		}
	}
	push(n)
	for len(stack) > 0 {
		pair := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		push(pair)
		push(pair + 1)
		t.wipe(pair)
		t.wipe(pair + 1)
		t.taken[pair/2] = false
	}
	t.first[n], t.feature[n], t.threshold[n], t.subset[n], t.heavier[n], t.alternate[n] = 0, 0, 0, 0, 0, 0
}

// occupy gives leaf n observers: a free slot, or that of a leaf which promises less.
func (t *arena) occupy(n int32, g generator) {
	slot, least := int32(-1), t.promise[n]
	for s, owner := range t.owner {
		if owner == 0 {
			slot = int32(s)
			break
		}
		if p := t.promise[owner-1]; p < least {
			slot, least = int32(s), p
		}
	}
	if slot < 0 {
		return
	}
	if owner := t.owner[slot]; owner != 0 {
		t.slot[owner-1] = 0
	}
	t.owner[slot], t.slot[n] = n+1, slot+1
	features, blocks := t.observed(slot)
	clear(blocks)
	t.draw(features, g)
	t.seen[n], t.checked[n] = 0, 0
}

// forget makes all observers of feature f new.
func (t *arena) forget(f int32) {
	for slot := range t.Leaves {
		features, blocks := t.observed(int32(slot))
		for k, g := range features {
			if g == f {
				clear(blocks[k*t.block : (k+1)*t.block])
			}
		}
	}
}

// draw fills features with distinct ones in ascending order: all, or as many as a subspace has
// (Knuth, TAOCP 2, algorithm 3.4.2S).
func (t *arena) draw(features []int32, g generator) {
	if t.Subspace == t.Width {
		for i := range features {
			features[i] = int32(i)
		}
		return
	}
	chosen := 0
	for f := 0; chosen < len(features); f++ {
		if g.below(t.Width-f) < len(features)-chosen {
			features[chosen] = int32(f)
			chosen++
		}
	}
}
