package join

import "math"

// Lose forgets all that came of a topic that is no more: the log can no longer tell of it. Of events that is who waits,
// and which ids are known; of labels, those that are kept for their event. It returns how many waited, or were kept.
func (t *Table) Lose(k Kind) (n uint64) {
	t.arrived = none
	t.giveBack()
	if k == Labels {
		for h := t.labels.peek(math.MaxInt64); h != none; h = t.labels.peek(math.MaxInt64) {
			t.dropLabel(h)
			t.remove(h)
			n++
		}
		return n
	}
	for h := t.heldFirst(); h != none; h = t.heldFirst() {
		t.settle(h)
		n++
	}
	for h := t.events.peek(math.MaxInt64); h != none; h = t.events.peek(math.MaxInt64) {
		if t.entries.at(h).kind == waiting {
			t.settle(h)
			n++
			continue
		}
		t.forget(h)
	}
	n += uint64(t.loseCold())
	before := t.bits.pages
	t.bits.drop(Events)
	t.charge -= int64(before-t.bits.pages) * pageBytes
	return n
}
