package disk

import (
	"container/heap"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"os"
	"slices"

	"millrace/join/frozen"
)

// Store is a frozen.Store in a folder. It is not for concurrent use.
type Store struct {
	files    Files
	folder   string // to be removed in the end; none in tests
	seed     maphash.Seed
	mask     uint64 // all ones; a test makes every id collide
	serial   uint64
	segments []*segment // in no order
	numbered [numbersMost]*segment
	heads    [2]cursors // by kind: ids, and what waits
	index    index
	writer   writer
	size     int64 // of the files
	full     int64 // bytes of the records in them
	live     int64 // of them, of records that are left
	largest  int64 // of one segment
	limits   Limits

	numbers  []uint16 // scratch
	ordinals []uint32
	found    block
	records  [3]frozen.Record
	recent   [3]sizes // of the records of the last First of each kind, and Find
}

// Limits bound a store; what is 0 is what it should be. Tests set them, so that little reaches them.
type Limits struct {
	Room         int64 // about so many bytes will be in it
	SegmentBytes int64 // a segment that has reached them is ended
	Segments     int   // so many
	OneHash      bool  // all ids have the same hash
}

// sizes are what a record takes.
type sizes struct {
	at       frozen.Slot
	bytes    int
	value    int // of them, of the value
	deadline int64
}

const (
	segmentMostLeast = 64 << 20
	segmentMostMost  = 1 << 30
	segmentsMost     = 256
	// idBytes is about what an event that waits is charged.
	idBytes = 200
	// sweepShare is the part of the index that is swept with each new segment.
	sweepShare = 8
)

// Open opens an empty store, for about so many bytes, in a pipeline's state folder, of which the caller is the only
// user.
func Open(state string, room int64) (*Store, error) {
	f, err := empty(state)
	if err != nil {
		return nil, err
	}
	s := New(f, Limits{Room: room})
	s.folder = f.path
	return s, nil
}

// New returns an empty store in files that are its own.
func New(files Files, l Limits) *Store {
	if l.SegmentBytes == 0 {
		l.SegmentBytes = min(max(segmentMostLeast, l.Room/(segmentsMost/2)), segmentMostMost)
	}
	if l.Segments == 0 {
		l.Segments = segmentsMost
	}
	s := &Store{files: files, seed: maphash.MakeSeed(), mask: ^uint64(0), index: newIndex(l.Room / idBytes), limits: l}
	if l.OneHash {
		s.mask = 0
	}
	s.writer.store = s
	s.found.number = -1
	return s
}

func (s *Store) hash(id []byte) uint64 { return maphash.Bytes(s.seed, id) & s.mask }

func slotOf(g *segment, ordinal uint32) frozen.Slot {
	return frozen.Slot(g.number)<<32 | frozen.Slot(ordinal)
}

// at is a slot's segment and ordinal.
func (s *Store) at(slot frozen.Slot) (*segment, uint32, error) {
	g, ordinal := s.numbered[slot>>32%numbersMost], uint32(slot)
	if g == nil || int(ordinal>>blockBits) >= len(g.blocks) || !g.has(ordinal) {
		return nil, 0, fmt.Errorf("there is no record at %x", uint64(slot))
	}
	return g, ordinal, nil
}

// Put adds a record.
func (s *Store) Put(r *frozen.Record) error { return s.writer.put(r) }

// Seal has what was put be seen.
func (s *Store) Seal() error {
	if err := s.writer.end(); err != nil {
		return err
	}
	if err := s.tidy(); err != nil {
		return err
	}
	return s.gather()
}

// add takes a segment in.
func (s *Store) add(g *segment, hashes []uint64) error {
	for _, h := range hashes {
		if err := s.index.add(h, g.number); err != nil {
			return err
		}
	}
	s.index.sweep(len(s.index.shards)/sweepShare + 1)
	s.segments = append(s.segments, g)
	s.numbered[g.number] = g
	s.size += g.size
	s.full += g.full
	s.live += g.liveBytes
	s.largest = max(s.largest, g.full)
	for kind := range g.cursors {
		c := &g.cursors[kind]
		*c = cursor{of: g, waits: kind == 1, deadline: g.first}
		c.block.number = -1
		heap.Push(&s.heads[kind], c)
	}
	return nil
}

// drop deletes a segment.
func (s *Store) drop(g *segment) error {
	i := slices.Index(s.segments, g)
	s.segments = slices.Delete(s.segments, i, i+1)
	s.numbered[g.number] = nil
	for kind := range g.cursors {
		heap.Remove(&s.heads[kind], g.cursors[kind].at)
	}
	if s.found.of == g {
		s.found = block{number: -1}
	}
	s.size -= g.size
	s.full -= g.full
	s.live -= g.liveBytes
	if s.largest == g.full {
		s.largest = 0
		for _, o := range s.segments {
			s.largest = max(s.largest, o.full)
		}
	}
	if len(s.segments) == 0 {
		s.index.reset()
	} else {
		s.index.retire(g.number)
	}
	return s.remove(g)
}

func (s *Store) remove(g *segment) error {
	if err := g.file.letGo(); err != nil {
		return fmt.Errorf("deleting %v: %w", g, err)
	}
	return nil
}

// Find looks for an id.
func (s *Store) Find(id []byte) (*frozen.Record, frozen.Slot, error) {
	hash := s.hash(id)
	s.numbers = s.index.find(s.numbers[:0], hash)
	for _, n := range s.numbers {
		g := s.numbered[n]
		var err error
		if s.ordinals, err = g.lookUp(s.ordinals[:0], hash); err != nil {
			return nil, 0, err
		}
		for _, ordinal := range s.ordinals {
			if int(ordinal>>blockBits) >= len(g.blocks) || !g.has(ordinal) {
				continue
			}
			if err := s.found.load(g, int(ordinal>>blockBits)); err != nil {
				return nil, 0, err
			}
			r := &s.records[2]
			if s.found.record(ordinal%blockRecords, r); string(r.ID) == string(id) {
				s.note(2, g, ordinal, &s.found)
				return r, slotOf(g, ordinal), nil
			}
		}
	}
	return nil, 0, nil
}

// note keeps what a record takes, and makes it what it has become.
func (s *Store) note(which int, g *segment, ordinal uint32, k *block) {
	r := &s.records[which]
	s.recent[which] = sizes{at: slotOf(g, ordinal), bytes: k.bytes(ordinal % blockRecords), value: len(r.Value), deadline: r.Deadline}
	if g.blocks[ordinal>>blockBits].ids>>(ordinal%blockRecords)&1 == 1 && r.Waits {
		r.Waits, r.Until = false, r.Deadline
		s.recent[which].bytes -= len(r.Value)
		s.recent[which].value, r.Value = 0, nil
	}
}

// First is the first event that waits, or the first id.
func (s *Store) First(waits bool, limit int64) (*frozen.Record, frozen.Slot, error) {
	kind := 0
	if waits {
		kind = 1
	}
	c, err := s.heads[kind].first(limit)
	if c == nil {
		return nil, 0, err
	}
	r := &s.records[kind]
	c.block.record(c.ordinal%blockRecords, r)
	s.note(kind, c.of, c.ordinal, &c.block)
	return r, slotOf(c.of, c.ordinal), nil
}

// sizes are those of a record that was found last; of others nobody asks.
func (s *Store) sizes(g *segment, slot frozen.Slot) sizes {
	for _, r := range s.recent {
		if r.at == slot && r.bytes > 0 {
			return r
		}
	}
	return sizes{bytes: int(g.liveBytes / int64(g.live)), deadline: g.first}
}

// Settle makes an event that waited an id alone.
func (s *Store) Settle(at frozen.Slot) error {
	g, ordinal, err := s.at(at)
	if err != nil {
		return err
	}
	was := s.sizes(g, at)
	g.blocks[ordinal>>blockBits].ids |= 1 << (ordinal % blockRecords)
	g.liveBytes -= int64(was.value)
	s.live -= int64(was.value)
	if c := &g.cursors[0]; ordinal < c.ordinal || c.deadline == math.MaxInt64 {
		c.ordinal, c.exact, c.deadline = ordinal, false, was.deadline
		heap.Fix(&s.heads[0], c.at)
	}
	s.recent = [3]sizes{}
	return s.tidy()
}

// Remove takes a record out.
func (s *Store) Remove(at frozen.Slot) error {
	g, ordinal, err := s.at(at)
	if err != nil {
		return err
	}
	bytes := int64(s.sizes(g, at).bytes)
	g.blocks[ordinal>>blockBits].gone |= 1 << (ordinal % blockRecords)
	g.live--
	g.liveBytes -= bytes
	s.live -= bytes
	s.recent = [3]sizes{}
	if g.live == 0 {
		return s.drop(g)
	}
	return s.tidy()
}

// Reset empties the store.
func (s *Store) Reset() error {
	for len(s.segments) > 0 {
		if err := s.drop(s.segments[len(s.segments)-1]); err != nil {
			return err
		}
	}
	return nil
}

// Stats say what a store takes.
type Stats struct {
	Segments int
	Bytes    int64 // of files
	Live     int64 // of them, of records that are left
	Memory   int64 // of the process: for finding ids and knowing what became of records
}

// Stats says what the store takes.
func (s *Store) Stats() Stats {
	n := s.index.pages.bytes() + int64(len(s.index.shards))*4
	for _, g := range s.segments {
		n += int64(cap(g.blocks)) * 12
		for kind := range g.cursors {
			n += int64(cap(g.cursors[kind].block.buf))
		}
	}
	return Stats{Segments: len(s.segments), Bytes: s.size, Live: s.live, Memory: n}
}

// Size is what the store takes, in bytes of files and of memory.
func (s *Store) Size() (files, memory int64) {
	stats := s.Stats()
	return stats.Bytes, stats.Memory
}

// Close closes the files and deletes them.
func (s *Store) Close() error {
	var errs []error
	for _, g := range s.segments {
		errs = append(errs, s.remove(g))
	}
	if g := s.writer.seg; g != nil {
		errs = append(errs, s.remove(g))
	}
	s.index.reset()
	s.segments, s.writer.seg = nil, nil
	if s.folder != "" {
		errs = append(errs, os.RemoveAll(s.folder))
	}
	return errors.Join(errs...)
}
