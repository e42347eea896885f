package join

import (
	"bytes"
	"hash/maphash"
)

// index finds entries by id: open addressing with linear probing, 8 bytes a slot, in shards that grow one by one, so
// that no event waits for all of it. The hash has a seed that nobody knows, or whoever makes ids could make them
// collide. Nothing that the table answers depends on it.
type index struct {
	seed   maphash.Seed
	mask   uint64 // all ones; a test makes every id collide
	shards [256]shard
	held   int64 // bytes of slots
}

type shard struct {
	slots []uint64 // tag<<32 | handle+1; 0 is empty
	count int
}

// slotsMin is a shard's first size. It grows by a half beyond 3/4 and shrinks to half below 1/5.
const slotsMin = 8

type hashed struct {
	tag   uint32
	shard uint8
}

func (x *index) hash(id []byte) hashed {
	h := maphash.Bytes(x.seed, id) & x.mask
	return hashed{uint32(h), uint8(h >> 56)}
}

func (s *shard) home(tag uint32) int { return int(uint64(tag) * uint64(len(s.slots)) >> 32) }

// find returns the handle of an id, or none.
func (t *Table) find(id []byte, h hashed) int32 {
	s := &t.index.shards[h.shard]
	if s.count == 0 {
		return none
	}
	for i := s.home(h.tag); ; {
		slot := s.slots[i]
		if slot == 0 {
			return none
		}
		if uint32(slot>>32) == h.tag {
			handle := handleOf(slot)
			x := t.entries.at(handle)
			if int(x.idLen) == len(id) && bytes.Equal(t.idOf(x), id) {
				return handle
			}
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// idOf is an entry's id, valid until an id is put in or released.
func (t *Table) idOf(x *entry) []byte {
	if x.idLen <= idShort {
		return x.id[:x.idLen]
	}
	return t.ids.body(x.idRef())[:x.idLen]
}

func (x *index) insert(h hashed, handle int32) {
	s := &x.shards[h.shard]
	if 4*(s.count+1) > 3*len(s.slots) {
		x.resize(s, max(slotsMin, len(s.slots)+len(s.slots)/2))
	}
	s.place(uint64(h.tag)<<32 | uint64(handle+1))
	s.count++
}

func (s *shard) place(slot uint64) {
	i := s.home(uint32(slot >> 32))
	for s.slots[i] != 0 {
		if i++; i == len(s.slots) {
			i = 0
		}
	}
	s.slots[i] = slot
}

func (x *index) resize(s *shard, n int) {
	old := s.slots
	s.slots = make([]uint64, n)
	x.held += int64(8 * (n - len(old)))
	for _, slot := range old {
		if slot != 0 {
			s.place(slot)
		}
	}
}

// remove closes the hole by moving back what was pushed beyond it, so that no probe grows longer by what is gone.
func (x *index) remove(h hashed, handle int32) {
	s := &x.shards[h.shard]
	n := len(s.slots)
	i := s.home(h.tag)
	for s.slots[i] != uint64(h.tag)<<32|uint64(handle+1) {
		if i++; i == n {
			i = 0
		}
	}
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		if s.slots[j] == 0 {
			break
		}
		k := s.home(uint32(s.slots[j] >> 32))
		// The slot at j stays when its home lies cyclically in (i, j].
		if i <= j && i < k && k <= j || i > j && (i < k || k <= j) {
			continue
		}
		s.slots[i] = s.slots[j]
		i = j
	}
	s.slots[i] = 0
	s.count--
	if n > slotsMin && 5*s.count < n {
		x.resize(s, max(slotsMin, n/2))
	}
}
