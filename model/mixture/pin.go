package mixture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// pinNone is the pin that lifts one.
const pinNone = "none"

// fix finds the expert that the spec pins, by id or name. A spec that says nothing leaves what the state says.
//
// Many experts only come in the course of a stream, and a mixture is built before it is restored. So what may still
// come is no mistake: until it does, the mixture predicts.
func (m *mixture) fix() error {
	if m.pin == "" {
		return nil
	}
	m.pinned[0] = -1
	if m.pin == pinNone {
		return nil
	}
	names := make([]string, len(m.experts))
	for i := range m.experts {
		names[i] = fmt.Sprintf("%s (%d)", m.experts[i].name(), m.ids[i])
		if m.pin == m.experts[i].name() || m.pin == strconv.FormatUint(m.ids[i], 10) {
			m.pinned[0] = int32(i)
			return nil
		}
	}
	if m.mayCome(m.pin) {
		return nil
	}
	return fmt.Errorf("pinning expert %q: there are %s", m.pin, strings.Join(names, ", "))
}

// mayCome reports that a pin names an expert that there is not yet: its id is higher than all so far, or it is one of
// these at another rate.
func (m *mixture) mayCome(pin string) bool {
	if id, err := strconv.ParseUint(pin, 10, 64); err == nil {
		return id > slices.Max(m.ids)
	}
	for i := range m.experts {
		e := &m.experts[i]
		if rate, ok := strings.CutPrefix(pin, e.kind()+"-"); ok && e.base != 0 {
			if _, err := strconv.ParseFloat(rate, 64); err == nil {
				return true
			}
		}
	}
	return false
}
