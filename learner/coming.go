package learner

import (
	"millrace"
	"millrace/join"
)

// Coming are good events and labels in the order of their turns. A stream's state by key is told of a few of them at
// a time before the first of these has its turn, so that what it needs of memory is on its way for all of them. What
// becomes of them is the same without it. It is not for concurrent use.
type Coming [2]struct {
	events       []*millrace.Event
	told, passed int
}

// Reset forgets all of them.
func (c *Coming) Reset() {
	for i := range c {
		c[i].events, c[i].told, c[i].passed = c[i].events[:0], 0, 0
	}
}

// Add adds an event, or a label, behind the others of its kind. Until its turn it must not change.
func (c *Coming) Add(e *millrace.Event, label bool) {
	kind := &c[kindOf(label)]
	kind.events = append(kind.events, e)
}

// Turn is to be called before each of those that were added has its turn.
func (c *Coming) Turn(s *Stream, label bool) {
	if s.Clock == nil {
		return
	}
	kind := &c[kindOf(label)]
	if kind.passed == kind.told {
		kind.told += s.ahead(kindOf(label), kind.events[kind.told:])
	}
	kind.passed++
}

func kindOf(label bool) join.Kind {
	if label {
		return join.Labels
	}
	return join.Events
}
