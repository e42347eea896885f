package join

import (
	"encoding/binary"
	"errors"
	"fmt"

	"millrace"
)

// A checkpoint is what a table holds, as bytes, so that whoever starts again reads the log only from there on. It is in
// blocks, which are restored in any order while a table is rebuilt, before the log:
//
//	entries, to the end:
//	  byte                kind: 1 an id that is known, 2 an event that waits, 3 a label that is kept
//	  uvarint partition, uvarint offset
//	  int64               until when the id is known; not of a label
//	  int64               when what waits is due, or a label is dropped; not of an id alone
//	  uvarint, bytes      id
//	  uvarint, bytes      what waits, as record.go has it; not of an id alone
//
// Integers are little-endian. Who waits is what the state of the version says that is rebuilt: what a checkpoint of an
// ancestor has beyond that was settled meanwhile. What is held by memory's bound is the same whether it came from a
// checkpoint or from the log.

// blockBytes is about how long a block is.
const blockBytes = 256 << 10

// Layout says what a checkpoint of the table is laid out as: tables that have the same can restore each other's.
func (t *Table) Layout() string {
	return fmt.Sprintf("join 1; wait %d, early %d, %d outputs", t.wait, t.early, t.outputs)
}

// Checkpoint hands write all that the table holds in memory, a block at a time; write must not keep it. It ends with
// the first error of write. It is called between two records, and changes nothing that the table answers. What is in
// the table's store Cold has.
func (t *Table) Checkpoint(write func(block []byte) error) error {
	t.pass()
	block := make([]byte, 0, blockBytes+blockBytes/4)
	for _, c := range t.entries.chunks {
		if c == nil {
			continue
		}
		for i := range c.entries {
			if x := &c.entries[i]; x.kind != free {
				block = t.appendEntry(block, x)
			}
			if len(block) >= blockBytes {
				if err := write(block); err != nil {
					return err
				}
				block = block[:0]
			}
		}
	}
	if len(block) == 0 {
		return nil
	}
	return write(block)
}

func (t *Table) appendEntry(dst []byte, x *entry) []byte {
	var value []byte
	if x.kind != known {
		value = t.values.body(x.value)
	}
	return appendEntryOf(dst, x.kind, Place{x.partition, x.offset}, x.until, x.deadline, t.idOf(x), value)
}

func appendEntryOf(dst []byte, kind uint8, at Place, until, deadline int64, id, value []byte) []byte {
	dst = append(dst, kind)
	dst = binary.AppendUvarint(dst, uint64(at.Partition))
	dst = binary.AppendUvarint(dst, uint64(at.Offset))
	if kind != early {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(until))
	}
	if kind != known {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(deadline))
	}
	dst = append(binary.AppendUvarint(dst, uint64(len(id))), id...)
	if kind == known {
		return dst
	}
	return append(binary.AppendUvarint(dst, uint64(len(value))), value...)
}

// Restore takes in a block of a checkpoint of a table with the same layout, after BeginRebuild and before Rebuild.
// After an error, which wraps millrace.ErrCorrupt, the table is of no more use.
func (t *Table) Restore(block []byte) error {
	if !t.rebuilding {
		return errors.New("restoring a table that is not being rebuilt")
	}
	r := &stateReader{b: block}
	for r.err == nil && len(r.b) > 0 {
		t.restoreEntry(r)
	}
	return r.err
}

func (t *Table) restoreEntry(r *stateReader) {
	t.pass()
	kind := r.take(1)[0]
	at := Place{int32(r.uvarint("a partition", 1<<31-1)), int64(r.uvarint("an offset", 1<<63-1))}
	until, deadline := int64(0), int64(0)
	if kind != early {
		until = r.int64()
	}
	if kind != known {
		deadline = r.int64()
	}
	id := r.take(int(r.uvarint("the length of an id", IDBytesMax)))
	var value []byte
	if kind != known {
		value = r.take(int(r.uvarint("the length of what waits", uint64(len(r.b)))))
	}
	if r.err == nil && (kind < known || kind > early || len(id) == 0) {
		r.fail("an entry of kind %d with an id of %d bytes", kind, len(id))
	}
	if r.err == nil && (kind == waiting && !isEvent(value, t.outputs) || kind == early && len(value) < labelBytes) {
		r.fail("a record of %d bytes that cannot be", len(value))
	}
	hash := t.index.hash(id)
	if r.err == nil && t.find(id, hash) != none {
		r.fail("an id that is given twice")
	}
	if r.err != nil {
		return
	}
	waits := kind == waiting && t.named.has(Events, at)
	switch {
	case kind == early:
		t.restoreLabel(id, hash, at, deadline, value)
	case waits || until > max(t.floor, t.over): // else it is forgotten already
		h := t.insert(id, hash, known, at, until)
		t.entries.at(h).until = until
		t.events.link(h)
		t.charge += chargeID(len(id))
		if waits {
			t.named.clear(Events, at)
			t.keepRecord(h, at, deadline, value)
		}
	}
}

func (t *Table) restoreLabel(id []byte, hash hashed, at Place, deadline int64, value []byte) {
	if t.named.has(Labels, at) {
		t.named.clear(Labels, at)
		t.linkLabelRecord(t.insert(id, hash, early, at, deadline), len(id), at, value[:labelBytes])
	}
}

// EndRestore ends restoring of a checkpoint that had read every partition up to the given offset: who waits since
// before that must have been in it. Its error wraps millrace.ErrCorrupt.
func (t *Table) EndRestore(read func(k Kind, partition int32) int64) error {
	for k, maps := range t.named.of {
		for _, b := range maps {
			if len(b.pages) == 0 {
				continue
			}
			p := &b.pages[0]
			first := p.index<<pageBits + int64(nextBit(p.words, 0, true))
			if first < read(Kind(k), b.partition) {
				return fmt.Errorf("%w: what waits since offset %d of partition %d is not in the checkpoint", millrace.ErrCorrupt, first, b.partition)
			}
		}
	}
	return nil
}

// isEvent is that a record is one that readEvent can read, for predictions of so many outputs.
func isEvent(b []byte, outputs int) bool {
	r := &stateReader{b: b}
	r.varint()
	flags := r.take(1)[0]
	if flags&^(flagWeighted|flagPrediction|flagIDNumber) != 0 {
		return false
	}
	if flags&flagWeighted != 0 {
		r.take(4)
	}
	n := int(r.uvarint("", uint64(2*len(r.b))))
	codes := r.take((n + 1) / 2)
	for i := 0; i < n && r.err == nil; i++ {
		r.skipField(codes[i/2] >> (4 * (i & 1)) & 15)
	}
	r.take(predictionBytes(outputs))
	return r.err == nil && len(r.b) < unit
}

func (r *stateReader) varint() {
	_, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("a number that is none")
		return
	}
	r.b = r.b[n:]
}

// skipField skips what a field with a code has.
func (r *stateReader) skipField(code byte) {
	switch code {
	case codeAbsent, codeNull, codeZero:
	case codeInt8:
		r.take(1)
	case codeInt16:
		r.take(2)
	case codeFloat32:
		r.take(4)
	case codeFloat64:
		r.take(8)
	case codeText:
		r.skipText()
	case codeBag:
		r.skipBag()
	case codeAll:
		r.take(8)
		r.skipText()
		r.skipBag()
	default:
		r.fail("code %d of a field is not known", code)
	}
}

func (r *stateReader) skipText() { r.take(int(r.uvarint("the length of a text", uint64(len(r.b))))) }

func (r *stateReader) skipBag() {
	const entryBytes = 16
	r.take(entryBytes * int(r.uvarint("the length of a bag", min(uint64(len(r.b)), 1<<16-1))))
}
