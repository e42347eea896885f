package join

import (
	"fmt"
	"math"

	"millrace/join/frozen"
)

// overflow is what the table has moved to its store. Whatever an entry is needed for, a copy of it is brought back into
// memory first, so that nothing else of the table knows where things are: one that is looked up is borrowed, which
// changes nothing in the store, and taken over only when it does not stay what it was.
type overflow struct {
	store    frozen.Store // nil: all is in memory
	count    int
	waiting  int   // of them, events
	charge   int64 // of what is there
	borrowed int32 // an entry in no queue, whose record is still in the store; none
	slot     frozen.Slot
	record   frozen.Record // reused
	err      error         // the store has failed
}

// Parts of the memory: that which the entries have in any case, whatever kept labels and bitmaps take, and that which
// is moved to the store at once.
const (
	hotShare   = 4
	spillShare = 8
)

// Overflow has the table, which is empty, move to a store what has no room in memory, up to Spec.Disk. Where things are
// changes nothing that the table answers.
func (t *Table) Overflow(to frozen.Store) {
	t.cold.store = to
	t.room = t.memory + int64(t.spec.Disk)
}

// Err is why the table's store has failed: what the table has said since can be wrong, and nothing of it may be
// published. It is to be asked for after each record and each event that was taken.
func (t *Table) Err() error { return t.cold.err }

func (t *Table) failed(doing string, err error) {
	if err != nil && t.cold.err == nil {
		t.cold.err = fmt.Errorf("%s what has no room in memory: %w", doing, err)
	}
}

// spill moves the oldest of what the memory has no room for to the store, and some more, so that there is seldom any.
func (t *Table) spill() {
	c := &t.cold
	if t.charge-c.charge <= t.memory || t.taken != none || c.err != nil {
		return
	}
	beside := t.labelsCharge + int64(t.bits.pages)*pageBytes
	most := max(t.memory-beside, t.memory/hotShare)
	if t.charge-c.charge-beside <= most {
		return
	}
	for goal := most - most/spillShare; t.charge-c.charge-beside > goal && c.err == nil; {
		h := t.oldest(math.MaxInt64)
		if h == none {
			break
		}
		t.freeze(h)
	}
	t.failed("writing", c.store.Seal())
}

// oldest is the first entry in memory that is held or in the queue.
func (t *Table) oldest(limit int64) int32 {
	h, held := t.events.peek(limit), t.heldFirst()
	if held != none && (h == none || t.events.less(held, h)) {
		return held
	}
	return h
}

// freeze moves an entry of an event or an id to the store.
func (t *Table) freeze(h int32) {
	c, x := &t.cold, t.entries.at(h)
	r := &c.record
	*r = frozen.Record{Waits: x.kind == waiting, Deadline: x.deadline, Until: x.until, Partition: x.partition, Offset: x.offset,
		ID: t.idOf(x)}
	if r.Waits {
		r.Value = t.values.body(x.value)
	}
	if err := c.store.Put(r); err != nil {
		t.failed("writing", err)
		return
	}
	t.count(r, 1)
	t.unlink(h)
	if r.Waits {
		t.values.release(x.value)
	}
	t.remove(h)
}

// count counts a record of the store in, or out.
func (t *Table) count(r *frozen.Record, n int) {
	c := &t.cold
	c.count += n
	charge := chargeID(len(r.ID))
	if r.Waits {
		charge += segmentCharge(len(r.Value))
		c.waiting += n
	}
	c.charge += charge * int64(n)
}

// unlink takes an entry out of the list or queue that it is in.
func (t *Table) unlink(h int32) {
	if t.entries.at(h).where == inHeld {
		t.held.unlink(h)
	} else {
		t.events.unlink(h)
	}
}

// seek finds an id, whose entry is borrowed when it is in the store.
func (t *Table) seek(id []byte, hash hashed) int32 {
	h := t.find(id, hash)
	c := &t.cold
	if h != none || c.count == 0 || c.err != nil {
		return h
	}
	r, slot, err := c.store.Find(id)
	if err != nil {
		t.failed("reading", err)
		return none
	}
	if r == nil {
		return none
	}
	return t.borrow(r, slot)
}

// borrow makes an entry of a record.
func (t *Table) borrow(r *frozen.Record, slot frozen.Slot) int32 {
	kind := known
	if r.Waits {
		kind = waiting
	}
	h := t.insert(r.ID, t.index.hash(r.ID), kind, Place{r.Partition, r.Offset}, r.Deadline)
	t.entries.at(h).until = r.Until
	if r.Waits {
		t.values.put(h, r.Value)
	}
	t.cold.borrowed, t.cold.slot = h, slot
	return h
}

// giveBack drops an entry that was borrowed and not taken over.
func (t *Table) giveBack() {
	h := t.cold.borrowed
	if h == none {
		return
	}
	if h == t.taken { // still to be taken
		t.own(h)
		return
	}
	t.dropBorrowed(h)
}

func (t *Table) dropBorrowed(h int32) {
	t.cold.borrowed = none
	if x := t.entries.at(h); x.kind == waiting {
		t.values.release(x.value)
	}
	t.remove(h)
}

// own takes an entry over from the store, if it is borrowed.
func (t *Table) own(h int32) {
	if h == t.cold.borrowed && h != none {
		t.takeOver(h)
	}
}

func (t *Table) takeOver(h int32) {
	c := &t.cold
	t.count(t.recordOf(h), -1)
	t.failed("removing", c.store.Remove(c.slot))
	c.borrowed = none
	t.events.link(h)
}

// recordOf is the record of a borrowed entry, as far as it is counted.
func (t *Table) recordOf(h int32) *frozen.Record {
	x := t.entries.at(h)
	t.cold.record = frozen.Record{Waits: x.kind == waiting, ID: t.idOf(x)}
	if x.kind == waiting {
		t.cold.record.Value = t.values.body(x.value)
	}
	return &t.cold.record
}

// settleBorrowed ends the wait of the borrowed entry's event where its record is, and reports whether it did: what is
// left is an id with the deadline that the event had.
func (t *Table) settleBorrowed(h int32) bool {
	c, x := &t.cold, t.entries.at(h)
	if x.until != x.deadline || x.until <= t.watermark || x.until <= t.floor {
		return false
	}
	r := t.recordOf(h)
	t.count(r, -1)
	r.Waits = false
	t.count(r, 1)
	t.failed("marking", c.store.Settle(c.slot))
	t.clearBit(Events, Place{x.partition, x.offset})
	t.charge -= t.chargeValue(x)
	t.waitingCount--
	t.dropBorrowed(h)
	return true
}

// first is the entry that the queue comes to first, wherever it is, when its slice of time is not after limit's; none
// when there is none. With ids alone, what waits is left in the store, where it need not be held.
func (t *Table) first(limit int64, ids bool) int32 {
	c := &t.cold
	h := t.events.peek(limit)
	if c.count == 0 || c.err != nil {
		return h
	}
	until := limit
	if h != none {
		until = min(until, t.entries.at(h).deadline)
	}
	r, slot := t.firstCold(until, ids)
	if r == nil || h != none && !t.before(r, h) {
		return h
	}
	h = t.borrow(r, slot)
	t.own(h)
	return h
}

// firstCold is the first record in the store up to a deadline.
func (t *Table) firstCold(until int64, ids bool) (*frozen.Record, frozen.Slot) {
	c := &t.cold
	r, slot, err := c.store.First(false, until)
	if r == nil && err == nil && !ids && c.waiting > 0 {
		return t.firstWaiting(until)
	}
	if r != nil && !ids && c.waiting > 0 {
		deadline := r.Deadline
		w, at := t.firstWaiting(deadline)
		if w != nil && w.Deadline < deadline {
			return w, at
		}
		r, slot, err = c.store.First(false, until)
	}
	t.failed("reading", err)
	return r, slot
}

func (t *Table) firstWaiting(until int64) (*frozen.Record, frozen.Slot) {
	r, slot, err := t.cold.store.First(true, until)
	t.failed("reading", err)
	return r, slot
}

// before says whether a record comes before an entry of the queue: ids before what waits, as compare does.
func (t *Table) before(r *frozen.Record, h int32) bool {
	x := t.entries.at(h)
	if r.Deadline != x.deadline {
		return r.Deadline < x.deadline
	}
	if waits := x.kind == waiting; r.Waits != waits {
		return waits
	}
	if r.Partition != x.partition {
		return r.Partition < x.partition
	}
	return r.Offset < x.offset
}

// loseCold forgets all that is in the store, and says how many events waited there. Their bits are left.
func (t *Table) loseCold() (waited int) {
	c := &t.cold
	if c.count == 0 {
		return 0
	}
	waited = c.waiting
	t.failed("removing", c.store.Reset())
	t.charge -= c.charge
	t.waitingCount -= waited
	c.count, c.waiting, c.charge = 0, 0, 0
	return waited
}
