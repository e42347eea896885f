package join

import "math"

// Expire finds the next event whose wait is over at the topic's watermark, in the order (due, partition, offset): then
// Take takes it. Call it until it says false. It also forgets ids and drops labels whose time is over; those were
// unmatched.
func (t *Table) Expire(watermark int64) bool {
	t.pass()
	if watermark > t.watermark {
		t.watermark = watermark
		if t.lastLabel == never {
			t.lastLabel = watermark // labels are waited for from the first moment on
		}
	}
	for h := t.labels.peek(t.watermark); h != none && t.entries.at(h).deadline <= t.watermark; {
		t.dropLabel(h)
		t.remove(h)
		t.counts.LabelsUnmatched++
		h = t.labels.peek(t.watermark)
	}
	holding := t.Holding()
	for {
		h, held := t.first(t.watermark, holding), t.heldFirst()
		if h != none && t.entries.at(h).deadline > t.watermark {
			h = none
		}
		switch {
		case t.cold.err != nil:
			return false
		case !holding && held != none && (h == none || t.events.less(held, h)):
			return t.found(held, ByTime)
		case h == none:
			return false
		case t.entries.at(h).kind == known:
			t.forget(h)
		case holding:
			t.events.unlink(h)
			t.held.link(h)
		default:
			return t.found(h, ByTime)
		}
	}
}

// heldFirst is the first event that is due and held.
func (t *Table) heldFirst() int32 {
	if len(t.held.heap) == 0 {
		return none
	}
	return t.held.heap[0]
}

func (t *Table) found(h int32, cause Cause) bool {
	t.taken, t.cause = h, cause
	return true
}

// Holding says whether expiries are held: no label at all has come for Hold. Labels that come again open the gate only
// after having come for Hold, so that what piled up at their source is joined first.
//
// The clock of labels is the watermark: the one that the last label found, and the one that the gate opens at. Both are
// in the state, since a rebuild does not read all labels again; so whether an expiry is held depends on the records
// alone.
func (t *Table) Holding() bool {
	return t.hold > 0 && t.watermark != never &&
		(t.watermark-t.lastLabel >= t.hold || t.watermark < t.resume)
}

// noteLabel tells the gate of a label.
func (t *Table) noteLabel() {
	if t.hold == 0 || t.watermark == never {
		return
	}
	if t.lastLabel != never && t.watermark-t.lastLabel >= t.hold {
		t.resume = later(t.watermark, t.hold)
	}
	t.lastLabel = t.watermark
}

// Crowded finds the oldest event that waits when memory is full: then Take takes it. Call it until it says false. What
// is older than that event is forgotten with it: ids, before their time. Labels without an event give way to one
// another before that, beyond their share.
func (t *Table) Crowded() bool {
	t.pass()
	for t.labelsCharge > t.labelsMost {
		t.crowdLabel()
	}
	for (t.charge > t.room || t.bits.pages > pagesMax) && t.cold.err == nil {
		h, held := t.first(math.MaxInt64, false), t.heldFirst()
		if held != none && (h == none || t.events.less(held, h)) {
			return t.found(held, ByMemory)
		}
		if h == none && t.bits.pages > pagesMax { // of labels far from one another
			t.crowdLabel()
			continue
		}
		if h == none {
			return false
		}
		if t.entries.at(h).kind == waiting {
			return t.found(h, ByMemory)
		}
		t.forgetTo(t.entries.at(h).deadline)
	}
	return false
}

// crowdLabel drops the oldest label that is kept.
func (t *Table) crowdLabel() {
	h := t.labels.peek(math.MaxInt64)
	t.dropLabel(h)
	t.remove(h)
	t.counts.LabelsCrowded++
}

// forgetTo forgets the ids of a deadline, all of them, so that one number says which were.
func (t *Table) forgetTo(deadline int64) {
	t.floor = max(t.floor, deadline)
	for {
		h := t.first(math.MaxInt64, false)
		if h == none {
			return
		}
		if x := t.entries.at(h); x.kind != known || x.deadline > deadline {
			return
		}
		t.forget(h)
		t.counts.IDsForgotten++
	}
}
