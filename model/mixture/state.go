package mixture

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"millrace"
)

// entry is one tensor of the state. The tensors alias live memory that is never replaced, so they are
// collected once.
type entry struct {
	name   string
	tensor millrace.Tensor
	role   millrace.Role
}

// collect lists the state's tensors.
func (m *mixture) collect() {
	add := func(name string, t millrace.Tensor, role millrace.Role) {
		m.entries = append(m.entries, entry{name, t, role})
	}
	one, n := []int{1}, []int{len(m.experts)}
	add("mixture.steps", millrace.Tensor{Shape: one, U64: m.steps}, millrace.Training)
	add("mixture.next_id", millrace.Tensor{Shape: one, U64: m.next}, millrace.Training)
	add("mixture.usual_weight", millrace.Tensor{Shape: one, F64: m.usual}, millrace.Training)
	add("mixture.active", millrace.Tensor{Shape: n, U8: m.set}, millrace.Serving)
	add("mixture.pinned", millrace.Tensor{Shape: one, I32: m.pinned}, millrace.Serving)
	add("mixture.rates", millrace.Tensor{Shape: n, F64: m.rates}, millrace.Serving)
	add("mixture.ids", millrace.Tensor{Shape: n, U64: m.ids}, millrace.Serving)
	add("mixture.parents", millrace.Tensor{Shape: n, U64: m.parent}, millrace.Serving)
	add("mixture.born", millrace.Tensor{Shape: n, U64: m.born}, millrace.Serving)
	add("mixture.events", millrace.Tensor{Shape: n, U64: m.events}, millrace.Training)
	add("mixture.loss", millrace.Tensor{Shape: n, F64: m.loss}, millrace.Serving)
	add("mixture.carry", millrace.Tensor{Shape: n, F64: m.carry}, millrace.Serving)
	m.collectMixer("mixture", m.mixer, millrace.Serving, add)
	m.collectMixer("judge", m.judge, millrace.Training, add)
	for i := range m.experts {
		m.experts[i].list("experts." + strconv.Itoa(i) + ".")
		m.entries = append(m.entries, m.experts[i].entries...)
	}
}

// collectMixer lists a mixer's tensors. The moments of the target stand with both mixers, as when each had its own:
// snapshots from before are restored, and releases from before restore ours. They are equal there, as both learned of
// the same events.
func (m *mixture) collectMixer(name string, of mixer, role millrace.Role, add visitor) {
	if m.classes == 0 {
		if role == millrace.Serving {
			m.target.Visit(name+".target", add)
		} else {
			add(name+".target", m.target.Tensor(), role)
		}
	}
	of.state(name, role, add)
}

// list collects an expert's tensors, by names with a prefix.
func (e *expert) list(prefix string) {
	e.model.State(func(name string, t millrace.Tensor, role millrace.Role) {
		e.entries = append(e.entries, entry{prefix + name, t, role})
	})
}

func (m *mixture) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	for i := range m.entries {
		visit(m.entries[i].name, m.entries[i].tensor, m.entries[i].role)
	}
}

func (m *mixture) Restored() error {
	for i := range m.experts {
		e := &m.experts[i]
		if low, high := m.reach(i); !(m.rates[i] >= low/slack && m.rates[i] <= high*slack) {
			return fmt.Errorf("checking expert %d: a rate of %g, outside [%g, %g]", i, m.rates[i], low, high)
		}
		e.tune(m.rates[i])
		if err := e.model.Restored(); err != nil {
			return fmt.Errorf("checking expert %d, %s: %w", i, e.name(), err)
		}
		if !(m.loss[i] >= 0) || math.IsInf(m.loss[i], 1) || !(m.carry[i] >= 0 && m.carry[i] <= slack) || m.set[i] > 1 {
			return fmt.Errorf("checking expert %d, %s: loss %g, carry %g, active %d", i, e.name(), m.loss[i], m.carry[i], m.set[i])
		}
	}
	m.follow()
	if len(m.active) == 0 {
		return errors.New("checking the mixture: no expert is active")
	}
	if m.classes == 0 {
		if err := m.target.Restored(); err != nil {
			return fmt.Errorf("checking the mixture: %w", err)
		}
	}
	if err := m.mixer.check(m.active); err != nil {
		return fmt.Errorf("checking the mixture: %w", err)
	}
	if err := m.judge.check(m.every); err != nil {
		return fmt.Errorf("checking the mixture of all experts: %w", err)
	}
	if u := m.usual[0]; !(u >= 0 && u <= math.MaxFloat32) {
		return fmt.Errorf("checking the mixture: events weigh %g", u)
	}
	if err := m.checkIDs(); err != nil {
		return err
	}
	if p := m.pinned[0]; p < -1 || int(p) >= len(m.experts) {
		return fmt.Errorf("checking the mixture: expert %d of %d is pinned", p, len(m.experts))
	}
	return m.fix()
}

// idMax is more experts than any stream can have had.
const idMax = 1 << 62

// checkIDs reports ids that no run could have given. A scorer is not told the next one, so that it is made to follow.
func (m *mixture) checkIDs() error {
	for i, id := range m.ids {
		if id == 0 || id > idMax || slices.Contains(m.ids[:i], id) {
			return fmt.Errorf("checking expert %d: its id is %d, of %d", i, id, m.ids)
		}
	}
	if m.next[0] > idMax {
		return fmt.Errorf("checking the mixture: the next id is %d", m.next[0])
	}
	m.next[0] = max(m.next[0], slices.Max(m.ids)+1)
	return nil
}

// inherit makes an expert's state its parent's, whose tensors have the same shapes.
func (e *expert) inherit(parent *expert) error {
	for i := range e.entries {
		e.entries[i].tensor.Set(parent.entries[i].tensor)
	}
	return e.model.Restored()
}
