package join

import (
	"hash/maphash"
	"math"

	"millrace"
)

// never is a time before all others.
const never = math.MinInt64

// Table holds the events that wait for their label, the labels that wait for their event, and the ids that are
// remembered.
type Table struct {
	spec               Spec
	wait, early, hold  int64 // milliseconds
	memory, labelsMost int64 // of charge
	room               int64 // of charge, in memory and in the store
	outputs            int

	entries     entries
	index       index
	ids, values arena
	events      queue // what waits, and ids
	labels      queue // labels that are kept
	held        queue // events that are due and held
	cold        overflow

	bits       bitmaps // who waits
	named      bitmaps // who must be found in the log, while rebuilding
	rebuilding bool
	over       int64 // while rebuilding: the watermark in the end

	charge       int64 // of all; see charge.go
	labelsCharge int64
	waitingCount int
	keptCount    int
	floor        int64 // ids up to this deadline were forgotten because memory was full
	watermark    int64 // of the last Expire
	lastLabel    int64 // watermark when the last label came; never: none yet
	resume       int64 // until when expiries are held after labels came back
	arrived      int32 // the entry of the last First
	taken        int32 // the entry that Take takes
	cause        Cause
	label        millrace.Label // of the label that joined last, or was early
	labelTime    int64
	scratch      []byte
	touched      int64 // what Ahead has read: a use of it, so that it is read
	prediction   []float64
	passed       millrace.Event // working memory
	counts       Counts
}

// Counts are what the table alone sees, since it was made.
type Counts struct {
	LabelsUnmatched uint64 // kept labels whose event did not come
	LabelsCrowded   uint64 // kept labels that gave way, see NameLabelCrowded
	IDsForgotten    uint64 // ids forgotten before their time, because memory was full
}

// New returns an empty table for predictions of so many outputs: a probability a class, or one number.
func New(spec Spec, outputs int) *Table {
	if spec.Memory <= 0 {
		spec.Memory = MemoryDefault
	}
	spec.Memory = min(spec.Memory, MemoryMax)
	t := &Table{
		spec: spec, wait: spec.Wait.Milliseconds(), early: spec.Early.Milliseconds(), hold: spec.Hold.Milliseconds(),
		memory: int64(spec.Memory), labelsMost: int64(spec.Memory) / labelShare, outputs: outputs,
		prediction: make([]float64, outputs),
		floor:      never, watermark: never, lastLabel: never, resume: never, over: never, arrived: none, taken: none,
	}
	t.room, t.cold.borrowed = t.memory, none
	t.index.seed, t.index.mask = maphash.MakeSeed(), ^uint64(0)
	t.ids.moved = func(h int32, to ref) { t.entries.at(h).setIDRef(to) }
	t.values.moved = func(h int32, to ref) { t.entries.at(h).value = to }
	t.events, t.labels = newQueue(&t.entries, t.wait), newQueue(&t.entries, t.early)
	t.held = newHeld(&t.entries)
	return t
}

// Spec is what the table was made with, defaults filled in.
func (t *Table) Spec() Spec { return t.spec }

// Due is when the wait of an event ends that came at a stream time.
func (t *Table) Due(stream int64) int64 { return later(stream, t.wait) }

// later adds without wrapping around; the last moment of all is never reached.
func later(at, span int64) int64 {
	if at > math.MaxInt64-1-span {
		return math.MaxInt64 - 1
	}
	return at + span
}

// Arrive tells of an event with id e.ID, which is not empty, at its stream time: max(event time, the topic's watermark
// before it). Its id is remembered until stream + wait.
func (t *Table) Arrive(e *millrace.Event, at Place, stream int64) Arrival {
	t.pass()
	until := t.Due(stream)
	id := t.index.hash(e.ID)
	h := t.lookup(e.ID, id)
	if h == none {
		t.arrived = t.insert(e.ID, id, known, at, until)
		t.entries.at(t.arrived).until = until
		t.events.link(t.arrived)
		t.charge += chargeID(len(e.ID))
		return First
	}
	x := t.entries.at(h)
	if x.kind == early {
		t.label, t.labelTime = readLabel(t.values.body(x.value))
		t.dropLabel(h)
		t.remember(h, at, until)
		if until <= t.floor {
			t.forget(h)
		}
		return Early
	}
	t.extend(h, at, until)
	return Duplicate
}

// TakeOver tells of an event that was rejected at from and was sent again. Where its id is remembered from there, and
// no other event had it since, it is this one's from now on, as if Arrive had said First. It may be called of an event
// that is rebuilt, before Rebuild.
func (t *Table) TakeOver(e *millrace.Event, from, at Place, stream int64) bool {
	t.pass()
	id := t.index.hash(e.ID)
	find := t.lookup
	if t.rebuilding {
		find = t.seek
	}
	h := find(e.ID, id)
	if h == none {
		return false
	}
	if x := t.entries.at(h); x.kind != known || x.partition != from.Partition || x.offset != from.Offset {
		return false
	}
	t.own(h)
	t.extend(h, at, t.Due(stream))
	x := t.entries.at(h)
	x.partition, x.offset = at.Partition, at.Offset
	if !t.rebuilding {
		t.arrived = h
	}
	return true
}

// lookup finds an id that counts as known, and forgets it when its time is over though the queue has not come to it.
func (t *Table) lookup(id []byte, hash hashed) int32 {
	h := t.seek(id, hash)
	if h == none {
		return none
	}
	if x := t.entries.at(h); x.kind == known && (x.until <= t.watermark || x.until <= t.floor) {
		t.forget(h)
		return none
	}
	return h
}

// pass goes on to another record. An event that came does not wait, unless Wait was called meanwhile; its id is not
// remembered when those of its time were forgotten before.
func (t *Table) pass() {
	h := t.arrived
	t.arrived = none
	if h != none && t.entries.at(h).until <= t.floor {
		t.forget(h)
	}
	if t.cold.store != nil {
		t.giveBack()
		t.spill()
	}
}

// extend remembers a known id for longer.
func (t *Table) extend(h int32, at Place, until int64) {
	x := t.entries.at(h)
	if until <= x.until {
		return
	}
	t.own(h)
	x.until = until
	if x.kind == known {
		x.partition, x.offset = at.Partition, at.Offset
		t.events.move(h, until)
	}
}

func (t *Table) insert(id []byte, hash hashed, kind uint8, at Place, deadline int64) int32 {
	h := t.entries.take()
	x := t.entries.at(h)
	x.kind, x.partition, x.offset, x.deadline = kind, at.Partition, at.Offset, deadline
	x.idLen = uint16(len(id))
	if len(id) <= idShort {
		copy(x.id[:], id)
	} else {
		t.ids.put(h, id)
	}
	t.index.insert(hash, h)
	return h
}

// Wait keeps the event of the last Arrive, which said First, until due: its fields with the values of windows, its time
// and its weight, and the prediction made for it. The result says that memory is full: see Crowded.
func (t *Table) Wait(e *millrace.Event, at Place, due int64, prediction []float64) (crowded bool) {
	h := t.arrived
	if h == none {
		panic("join: Wait without an Arrive that said First")
	}
	t.arrived = none
	t.keep(h, e, at, due, prediction)
	return t.charge > t.room
}

// keep makes a known id's event wait.
func (t *Table) keep(h int32, e *millrace.Event, at Place, due int64, prediction []float64) {
	due = min(due, math.MaxInt64-1)
	t.scratch = appendEvent(t.scratch[:0], e, due, prediction, t.outputs)
	t.keepRecord(h, at, due, t.scratch)
}

func (t *Table) keepRecord(h int32, at Place, due int64, record []byte) {
	x := t.entries.at(h)
	x.kind, x.partition, x.offset = waiting, at.Partition, at.Offset
	x.until = max(x.until, due)
	t.events.move(h, due)
	t.values.put(h, record)
	t.charge += chargeEvent(len(record))
	t.setBit(Events, at)
	t.waitingCount++
}

// Label tells of a label with id l.ID, which is not empty, at its stream time: max(when the outcome was known, the
// topic's watermark). When its event waits, Take takes it.
func (t *Table) Label(l *millrace.Event, at Place, stream int64) Match {
	t.noteLabel()
	t.pass()
	id := t.index.hash(l.ID)
	h := t.lookup(l.ID, id)
	if h == none {
		t.keepLabel(l, id, at, later(stream, t.early))
		return Kept
	}
	if t.entries.at(h).kind != waiting {
		return Repeated
	}
	t.taken, t.cause = h, ByLabel
	t.label, t.labelTime = l.Label, l.Time
	return Joined
}

func (t *Table) keepLabel(l *millrace.Event, id hashed, at Place, deadline int64) {
	t.linkLabel(t.insert(l.ID, id, early, at, deadline), l, at)
}

func (t *Table) linkLabel(h int32, l *millrace.Event, at Place) {
	t.scratch = appendLabel(t.scratch[:0], l)
	t.linkLabelRecord(h, len(l.ID), at, t.scratch)
}

func (t *Table) linkLabelRecord(h int32, idBytes int, at Place, record []byte) {
	t.values.put(h, record)
	t.labels.link(h)
	charge := chargeLabel(idBytes)
	t.charge += charge
	t.labelsCharge += charge
	t.keptCount++
	t.setBit(Labels, at)
}

// EarlyLabel is the label of the last Arrive that said Early, and when its outcome was known.
func (t *Table) EarlyLabel() (label millrace.Label, at int64) { return t.label, t.labelTime }

// Take takes the event that Label joined, or Expire or Crowded found: dst gets its fields, time, id and label. dst owns
// all of that; it is for Take alone, whose next call overwrites it. Of an event that a label joined the label is that
// one, with the event's weight unless it has its own; of others it is what Missing says, which may be nothing.
func (t *Table) Take(dst *millrace.Event) (w Waited, ok bool) {
	h := t.taken
	if h == none {
		return Waited{}, false
	}
	t.taken = none
	x := t.entries.at(h)
	w = Waited{Place: Place{x.partition, x.offset}, Cause: t.cause, Arrived: x.deadline - t.wait, Due: x.deadline}
	dst.Scratch, dst.Entries = append(dst.Scratch[:0], t.idOf(x)...), dst.Entries[:0]
	dst.ID = dst.Scratch[:x.idLen:x.idLen]
	if readEvent(dst, t.values.body(x.value), x.deadline, t.prediction) {
		w.Prediction = t.prediction
	}
	if t.cause == ByLabel {
		weighted, weight := dst.Label.Weighted, dst.Label.Weight
		if dst.Label = t.label; !t.label.Weighted {
			dst.Label.Weighted, dst.Label.Weight = weighted, weight
		}
	} else if m := t.spec.Missing; m.Known {
		dst.Label.Known, dst.Label.Class, dst.Label.Value = true, m.Class, m.Value
	}
	t.settle(h)
	return w, true
}

// settle ends an event's wait: only its id is left.
func (t *Table) settle(h int32) {
	if h == t.cold.borrowed && t.settleBorrowed(h) {
		return
	}
	t.own(h)
	x := t.entries.at(h)
	if x.where == inHeld {
		t.held.unlink(h)
	}
	t.clearBit(Events, Place{x.partition, x.offset})
	t.dropValue(x)
	t.waitingCount--
	x.kind = known
	if x.until <= t.watermark || x.until <= t.floor {
		t.forget(h)
		return
	}
	t.events.move(h, x.until)
}

// dropValue frees what waited, and its charge.
func (t *Table) dropValue(x *entry) {
	t.charge -= t.chargeValue(x)
	t.values.release(x.value)
	x.value = 0
}

// chargeValue is what the value of an entry is charged.
func (t *Table) chargeValue(x *entry) int64 {
	return int64(t.values.size(x.value)) * spreadNumerator / spreadDenominator
}

// forget removes an id, which nothing waits for.
func (t *Table) forget(h int32) {
	t.own(h)
	x := t.entries.at(h)
	t.events.unlink(h)
	t.charge -= chargeID(int(x.idLen))
	t.remove(h)
}

// remove takes an entry out of the index and gives it back.
func (t *Table) remove(h int32) {
	x := t.entries.at(h)
	t.index.remove(t.index.hash(t.idOf(x)), h)
	if x.idLen > idShort {
		t.ids.release(x.idRef())
	}
	t.entries.give(h)
}

// dropLabel frees a label that was kept. Its entry is left, in no queue, for its id.
func (t *Table) dropLabel(h int32) {
	x := t.entries.at(h)
	t.labels.unlink(h)
	t.clearBit(Labels, Place{x.partition, x.offset})
	t.dropValue(x)
	t.charge -= chargeID(int(x.idLen))
	t.labelsCharge -= chargeLabel(int(x.idLen))
	t.keptCount--
}

// remember makes an entry that is in no queue one of an id.
func (t *Table) remember(h int32, at Place, until int64) {
	x := t.entries.at(h)
	x.kind, x.partition, x.offset, x.until, x.deadline = known, at.Partition, at.Offset, until, until
	t.charge += chargeID(int(x.idLen))
	t.events.link(h)
}

func (t *Table) setBit(k Kind, at Place) {
	before := t.bits.pages
	t.bits.set(k, at)
	t.charge += int64(t.bits.pages-before) * pageBytes
}

func (t *Table) clearBit(k Kind, at Place) {
	before := t.bits.pages
	t.bits.clear(k, at)
	t.charge += int64(t.bits.pages-before) * pageBytes
}

// Predicted adds the prediction to an event that was kept without one, by its id and place. Of one that waits no longer
// there is nothing to add to.
func (t *Table) Predicted(id []byte, at Place, prediction []float64) {
	t.giveBack()
	h := t.seek(id, t.index.hash(id))
	if h == none {
		return
	}
	if x := t.entries.at(h); x.kind == waiting && x.partition == at.Partition && x.offset == at.Offset {
		t.own(h) // what is in the store cannot be written again
		writePrediction(t.values.body(x.value), prediction, &t.passed)
	}
}
