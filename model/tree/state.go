package tree

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"millrace"
	"millrace/drift"
)

// entry is one tensor of the state. All slices are allocated once, so the list is made once.
type entry struct {
	name   string
	tensor millrace.Tensor
	role   millrace.Role
}

// list makes the list of tensors.
func (m *Trees) list() {
	p := m.plan
	m.tensors = []entry{
		{"scaler", millrace.Tensor{Shape: []int{p.Width, 3}, F64: m.shared.scaler.moments}, millrace.Serving},
		{"spans", millrace.Tensor{Shape: []int{p.Width, 2}, F64: m.shared.scaler.spans, Added: true}, millrace.Serving},
		{"form", millrace.Tensor{Shape: []int{1}, U64: m.shared.scaler.form, Added: true}, millrace.Serving},
		{"steps", millrace.Tensor{Shape: []int{1}, U64: m.steps}, millrace.Training},
		{"wild", millrace.Tensor{Shape: []int{1}, F64: m.wild, Added: true}, millrace.Training},
		{"random", millrace.Tensor{Shape: []int{1}, U64: m.shared.random}, millrace.Training},
	}
	m.tensors = append(m.tensors, m.shared.scaler.list("scaler.first")...)
	if p.Classes == 0 {
		m.tensors = append(m.tensors, entry{"target", millrace.Tensor{Shape: []int{3}, F64: m.target.moments}, millrace.Serving})
		m.tensors = append(m.tensors, m.level.list()...)
		m.tensors = append(m.tensors, m.target.list("target.first")...)
	}
	for i := range m.members {
		b := &m.members[i]
		prefix := "tree."
		if p.forest {
			prefix = "trees." + strconv.Itoa(i) + "."
			m.tensors = append(m.tensors,
				entry{prefix + "quality", millrace.Tensor{Shape: []int{1}, F64: b.quality}, millrace.Serving})
		}
		m.tensors = append(m.tensors, b.tree.list(prefix, millrace.Serving)...)
		if b.monitor != nil {
			m.tensors = append(m.tensors, windows(b.monitor, prefix+"monitor.")...)
			m.tensors = append(m.tensors,
				entry{prefix + "growing", millrace.Tensor{Shape: []int{1}, U8: b.growing}, millrace.Training},
				entry{prefix + "rival", millrace.Tensor{Shape: []int{rivalLen}, F64: b.rival, Added: true}, millrace.Training})
			m.tensors = append(m.tensors, b.background.list(prefix+"background.", millrace.Training)...)
		}
	}
}

// list is the tree's tensors; predict is the role of those that predictions read.
func (t *arena) list(prefix string, predict millrace.Role) []entry {
	n := t.nodes
	observers := millrace.Training
	if t.bayes {
		observers = predict
	}
	all := []entry{
		{"first", millrace.Tensor{Shape: []int{n}, I32: t.first}, predict},
		{"feature", millrace.Tensor{Shape: []int{n}, I32: t.feature}, predict},
		{"threshold", millrace.Tensor{Shape: []int{n}, F32: t.threshold}, predict},
		{"subset", millrace.Tensor{Shape: []int{n}, U64: t.subset}, predict},
		{"heavier", millrace.Tensor{Shape: []int{n}, U8: t.heavier}, predict},
		{"slot", millrace.Tensor{Shape: []int{n}, I32: t.slot}, predict},
		{"alternate", millrace.Tensor{Shape: []int{n}, I32: t.alternate}, predict},
		{"depth", millrace.Tensor{Shape: []int{n}, I32: t.depth}, predict},
		{"stats", millrace.Tensor{Shape: []int{n, t.plan.stats}, F64: t.stats}, predict},
		{"recent", millrace.Tensor{Shape: []int{n, t.plan.recent}, F64: t.recent}, predict},
		{"score", millrace.Tensor{Shape: []int{n, expertCount}, F64: t.score}, predict},
		{"linear", millrace.Tensor{Shape: []int{n, t.heads, t.outputs, t.row}, F32: t.linear}, predict},
		{"temper", millrace.Tensor{Shape: []int{2}, F64: t.temper}, predict},
		{"subspace", millrace.Tensor{Shape: []int{t.Leaves, t.Subspace}, I32: t.subspace}, observers},
		{"observers", millrace.Tensor{Shape: []int{t.Leaves, t.Subspace, t.block}, F64: t.blocks}, observers},
		{"seen", millrace.Tensor{Shape: []int{n}, F64: t.seen}, millrace.Training},
		{"checked", millrace.Tensor{Shape: []int{n}, F64: t.checked}, millrace.Training},
		{"promise", millrace.Tensor{Shape: []int{n}, F64: t.promise}, millrace.Training},
		{"clock", millrace.Tensor{Shape: []int{1}, U64: t.clock}, millrace.Training},
	}
	for i := range all {
		all[i].name = prefix + all[i].name
	}
	if t.drift != nil {
		all = append(all, windows(t.drift, prefix+"drift.")...)
	}
	return all
}

// windows are the tensors of detectors, as ever beneath the prefix.
func windows(d *drift.Windows, prefix string) (all []entry) {
	d.State(func(name string, t millrace.Tensor) { all = append(all, entry{prefix + name, t, millrace.Training}) })
	return all
}

// State visits all learned state; see millrace.Stateful.
func (m *Trees) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	for i := range m.tensors {
		e := &m.tensors[i]
		visit(e.name, e.tensor, e.role)
	}
}

// swap makes the tree what another one of the same plan is, and that one what this was.
func (t *arena) swap(o *arena) {
	for i, a := range t.copied {
		b := o.copied[i]
		swap(a.F32, b.F32)
		swap(a.F64, b.F64)
		swap(a.I32, b.I32)
		swap(a.U64, b.U64)
		swap(a.U8, b.U8)
	}
	swap(t.owner, o.owner)
	swap(t.taken, o.taken)
}

func swap[T any](a, b []T) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

// featureMax is more than a float32 holds.
const featureMax = 4e38

// Restored checks restored tensors, of a scorer perhaps only those that it serves, and rebuilds what
// follows from them. It reports what no run could have left.
func (m *Trees) Restored() error {
	if !m.shared.scaler.check(featureMax) || !m.target.check(valueMax) {
		return errors.New("checking restored trees: moments that no values have")
	}
	for _, s := range []*scaler{&m.shared.scaler, &m.target} {
		if err := s.first.Restored(); err != nil {
			return fmt.Errorf("checking restored trees: %w", err)
		}
	}
	for i := range m.plan.Width {
		m.shared.scaler.refresh(i)
		m.shared.scaler.span(i)
	}
	m.target.refresh(0)
	if share := m.wild[0]; !(share >= 0 && share <= 1) || m.shared.scaler.form[0] > 1 {
		return errors.New("checking restored trees: the share of wild examples or the form is none")
	}
	if err := m.level.restored(); err != nil {
		return fmt.Errorf("checking restored trees: %w", err)
	}
	for i := range m.members {
		if err := m.members[i].restored(); err != nil {
			return fmt.Errorf("checking restored tree %d: %w", i, err)
		}
	}
	return nil
}

// restored checks the tree and rebuilds which pairs and slots are taken. Every node that can be reached
// is reached once, so walks end.
func (t *arena) restored() error {
	clear(t.taken)
	clear(t.owner)
	if t.heavy(0) || t.depth[0] != 0 {
		return errors.New("the root is no root")
	}
	stack := t.stack[:0]
	enter := func(pair, depth int32) error {
		if pair < 1 || int(pair)+1 >= t.nodes || pair%2 != 1 || t.taken[pair/2] {
			return fmt.Errorf("a branch begins at node %d of %d, or has two parents", pair, t.nodes)
		}
		t.taken[pair/2] = true
		for _, n := range [2]int32{pair, pair + 1} {
			if t.depth[n] != depth && t.depth[n] != 0 {
				return fmt.Errorf("node %d is said to be %d deep, and is %d", n, t.depth[n], depth)
			}
		}
		stack = append(stack, pair, pair+1)
		return nil
	}
	stack = append(stack, 0)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if err := t.node(n); err != nil {
			return err
		}
		if t.first[n] != 0 {
			if err := enter(t.first[n], t.depth[n]+1); err != nil {
				return err
			}
		}
		if t.alternate[n] != 0 {
			if err := enter(t.alternate[n], t.depth[n]); err != nil {
				return err
			}
		}
	}
	for pair, taken := range t.taken {
		for n := 2*pair + 1; !taken && n <= 2*pair+2; n++ {
			if t.first[n] != 0 || t.slot[n] != 0 || t.alternate[n] != 0 {
				return fmt.Errorf("node %d belongs to no branch and is not empty", n)
			}
		}
	}
	return t.values()
}

func (t *arena) heavy(n int32) bool { return t.heavier[n] > 1 }

// node checks the structure at one node, and enters its slot.
func (t *arena) node(n int32) error {
	switch {
	case t.heavy(n):
		return fmt.Errorf("node %d sends missing values to child %d", n, t.heavier[n])
	case t.first[n] != 0 && (t.feature[n] < 0 || int(t.feature[n]) >= t.Width):
		return fmt.Errorf("node %d splits feature %d of %d", n, t.feature[n], t.Width)
	case t.depth[n] < 0 || int(t.depth[n]) > t.Depth:
		return fmt.Errorf("node %d is %d deep, more than %d", n, t.depth[n], t.Depth)
	case t.slot[n] < 0 || int(t.slot[n]) > t.Leaves:
		return fmt.Errorf("node %d has observers %d of %d", n, t.slot[n], t.Leaves)
	}
	if s := t.slot[n]; s != 0 {
		if t.first[n] != 0 || t.owner[s-1] != 0 {
			return fmt.Errorf("node %d has observers that are no longer a leaf's, or another's", n)
		}
		t.owner[s-1] = n + 1
	}
	return nil
}

// Bounds of what accumulates: far above what 2⁶³ examples of the largest weight leave, and low enough for
// products of two to be finite.
const accumulatedMax = 1e150

// values checks every number that predictions and splits are computed from.
func (t *arena) values() error {
	for _, v := range t.threshold {
		if v != v || math.IsInf(float64(v), 0) {
			return errors.New("a threshold is not finite")
		}
	}
	for i, v := range t.stats {
		signed := t.Classes == 0 && i%3 == 1
		if !(math.Abs(v) <= accumulatedMax) || v < 0 && !signed || signed && math.Abs(v) > targetReach {
			return errors.New("a leaf's statistics are none")
		}
	}
	for _, v := range t.recent {
		if t.Classes > 0 && !(v >= 0 && v <= 1.001) || !(math.Abs(v) <= 2*targetReach) {
			return errors.New("a leaf's recent shares or mean are none")
		}
	}
	for _, v := range t.score {
		if !(math.Abs(v) <= 100) || t.Classes == 0 && v < 0 {
			return errors.New("an expert's score is out of bounds")
		}
	}
	for _, v := range t.linear {
		if !(math.Abs(float64(v)) <= weightsMax) {
			return errors.New("a linear leaf's weight is out of bounds")
		}
	}
	if !(t.temper[0] >= temperMin && t.temper[0] <= 2) || !(t.temper[1] >= 0 && t.temper[1] <= accumulatedMax) {
		return errors.New("the temper of naive Bayes is out of bounds")
	}
	for _, s := range [][]float64{t.seen, t.checked, t.promise} {
		for _, v := range s {
			if !(v >= 0 && v <= accumulatedMax) {
				return errors.New("a leaf's weight is out of bounds")
			}
		}
	}
	if t.clock[0] >= promiseEvents {
		return errors.New("the clock of promises is late")
	}
	if t.drift != nil && !t.drift.Check() {
		return errors.New("a window of errors is none")
	}
	return t.observersChecked()
}

// observersChecked checks the features and blocks of the slots that are taken.
func (t *arena) observersChecked() error {
	for s, owner := range t.owner {
		features, blocks := t.observed(int32(s))
		for i, f := range features {
			if f < 0 || int(f) >= t.Width {
				return fmt.Errorf("observers %d look at feature %d of %d", s, f, t.Width)
			}
			if owner != 0 && !t.sound(int(f), blocks[i*t.block:(i+1)*t.block]) {
				return fmt.Errorf("observers %d of feature %d hold what no values leave", s, f)
			}
		}
	}
	return nil
}

// sound reports whether a block's numbers are of a Gaussian a class, or of a histogram.
func (t *arena) sound(f int, block []float64) bool {
	for _, v := range block {
		if !(math.Abs(v) <= accumulatedMax) {
			return false
		}
	}
	if t.gaussian(f) {
		for c := range t.Classes {
			g := block[gaussianSize*c : gaussianSize*(c+1)]
			if g[0] < 0 || g[2] < 0 || g[0] > 0 && g[3] > g[4] {
				return false
			}
		}
		return true
	}
	if block[1] < 0 {
		return false
	}
	k := t.channels()
	for i, v := range block[histogramHead : histogramHead+k*(1+t.bins)] {
		if v < 0 && (t.Classes > 0 || i%k != 1) {
			return false
		}
	}
	return true
}
