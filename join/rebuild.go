package join

import (
	"errors"

	"millrace"
)

// BeginRebuild makes an empty table ready to be rebuilt from what AppendState wrote when the topic's watermark was the
// given one; an empty state is that of a table in which nothing waits. Its error wraps millrace.ErrCorrupt unless the
// table is not empty, and then nothing has changed.
func (t *Table) BeginRebuild(state []byte, watermark int64) error {
	if t.rebuilding || t.entries.live+t.cold.count > 0 {
		return errors.New("rebuilding a table that is not empty")
	}
	if len(state) > 0 {
		s, named, err := decodeState(state)
		if err != nil {
			return err
		}
		t.floor, t.lastLabel, t.resume = s.floor, s.lastLabel, s.resume
		t.named = named
	}
	t.rebuilding, t.over = true, watermark
	return nil
}

// Rebuild tells of an event for which Arrive was called before the snapshot, with its fields as they were then. It
// waits again when the state names it, without a prediction; its id is remembered in any case.
func (t *Table) Rebuild(e *millrace.Event, at Place, stream int64) {
	t.pass()
	until := t.Due(stream)
	id := t.index.hash(e.ID)
	h := t.seek(e.ID, id)
	t.own(h)
	waits := t.named.has(Events, at)
	if h != none && t.entries.at(h).kind == early {
		if !waits {
			return // its id was forgotten before the label came
		}
		// No table holds both. The event is worth more; the label is lost.
		t.dropLabel(h)
		t.named.set(Labels, Place{t.entries.at(h).partition, t.entries.at(h).offset})
		t.remember(h, at, until)
	}
	switch {
	case h == none && !waits && until <= max(t.floor, t.over):
		return // it is forgotten already
	case h == none:
		h = t.insert(e.ID, id, known, at, until)
		t.entries.at(h).until = until
		t.events.link(h)
		t.charge += chargeID(len(e.ID))
	default:
		t.extend(h, at, until)
	}
	if waits && t.entries.at(h).kind == known {
		t.named.clear(Events, at)
		t.keep(h, e, at, until, nil)
	}
}

// Named reports whether the state names the event at a place, and Rebuild was not told of it yet: of no other event is
// more needed than its id and time.
func (t *Table) Named(at Place) bool { return t.named.has(Events, at) }

// RebuildLabel tells of a label for which Label was called before the snapshot. It is kept again when the state names
// it, and that is reported.
func (t *Table) RebuildLabel(l *millrace.Event, at Place, stream int64) (named bool) {
	if !t.named.has(Labels, at) {
		return false
	}
	t.pass()
	id := t.index.hash(l.ID)
	deadline := later(stream, t.early)
	h := t.seek(l.ID, id)
	t.own(h)
	switch {
	case h == none:
		t.named.clear(Labels, at)
		t.keepLabel(l, id, at, deadline)
	case t.entries.at(h).kind == known:
		// Its event's id was forgotten before it came.
		t.named.clear(Labels, at)
		x := t.entries.at(h)
		t.events.unlink(h)
		t.charge -= chargeID(int(x.idLen))
		x.kind, x.partition, x.offset, x.deadline = early, at.Partition, at.Offset, deadline
		t.linkLabel(h, l, at)
	}
	return true
}

// Forget forgets ids whose time is over at a watermark that the records before had reached. So a table holds no more of
// them while it is rebuilt than it did, though windows may reach back much longer than ids are remembered.
func (t *Table) Forget(watermark int64) {
	for h := t.first(watermark, true); h != none; h = t.first(watermark, true) {
		if x := t.entries.at(h); x.kind != known || x.deadline > watermark {
			return // what waits is not to be taken yet, and what lies behind it is over soon, too
		}
		t.forget(h)
	}
}

// EndRebuild ends it, and says how many events and labels the state names that the log did not bring: those are lost.
func (t *Table) EndRebuild() (events, labels uint64) {
	events, labels = t.named.count(Events), t.named.count(Labels)
	t.named = bitmaps{}
	t.rebuilding, t.over = false, never
	return events, labels
}
