package disk

import "encoding/binary"

// index says in which segments an id may be: for each id, twelve bits of its hash and the number of its segment. Ids
// are in shards by other bits of the hash; a shard is a list of pages, of which only the first is not full. What is
// taken out of a segment stays here until the segment is gone; then it is swept out, some shards at a time, and only
// after that may another have its number.
type index struct {
	bits    uint
	shards  []uint32 // first page; 0 is none
	pages   pages
	ids     int
	numbers [numbersMost]uint8
	free    []uint16
	retired int    // numbers that are retired or being swept
	at      uint32 // the shard to be swept next; 0 begins with all that are retired by then
}

const (
	tagBits     = 12
	numbersMost = 1 << 12
	// shardIDs is how many ids a shard has when the store is full: some six pages.
	shardIDs     = 128
	shardBitsMin = 4
	shardBitsMax = 20

	// A page is slots of three bytes, the number of the next page and, in the upper bits of that, how many it has.
	pageBytes = 64
	pageSlots = 20
	slotBytes = 3
	countBits = 5
	nextMask  = 1<<(32-countBits) - 1
)

// What a number is.
const (
	unused   uint8 = iota
	taken          // of a segment
	retired        // of one that is gone
	sweeping       // … whose ids are being swept out
)

type page [pageBytes]byte

func (p *page) link() (next uint32, count int) {
	v := binary.LittleEndian.Uint32(p[slotBytes*pageSlots:])
	return v & nextMask, int(v >> (32 - countBits))
}

func (p *page) setLink(next uint32, count int) {
	binary.LittleEndian.PutUint32(p[slotBytes*pageSlots:], next|uint32(count)<<(32-countBits))
}

func (p *page) slot(i int) uint32 {
	s := p[slotBytes*i:][:slotBytes]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16
}

func (p *page) setSlot(i int, v uint32) {
	s := p[slotBytes*i:][:slotBytes]
	s[0], s[1], s[2] = byte(v), byte(v>>8), byte(v>>16)
}

// newIndex is for about so many ids; with more, ids that are not there are looked for in vain more often.
func newIndex(ids int64) index {
	x := index{bits: shardBitsMin}
	for x.bits < shardBitsMax && ids>>x.bits > shardIDs {
		x.bits++
	}
	x.reset()
	return x
}

// reset forgets all ids and gives their memory back.
func (x *index) reset() {
	x.pages.release()
	x.shards, x.ids, x.retired, x.at = nil, 0, 0, 0
	x.numbers = [numbersMost]uint8{}
	x.free = x.free[:0]
	for n := numbersMost - 1; n >= 0; n-- {
		x.free = append(x.free, uint16(n))
	}
}

// The table of a segment goes by the lower half of the hash, shards by its upper bits, tags by those between.
func (x *index) shard(hash uint64) uint32 { return uint32(hash >> (64 - x.bits)) }

func tag(hash uint64) uint32 { return uint32(hash>>32) & (1<<tagBits - 1) }

// number takes a number for a segment; ok is false when all are taken.
func (x *index) number() (n uint16, ok bool) {
	for range 2 { // one that was retired while others are swept out has to wait for the next time
		if len(x.free) > 0 || x.retired == 0 {
			break
		}
		x.sweep(len(x.shards))
	}
	last := len(x.free) - 1
	if last < 0 {
		return 0, false
	}
	n, x.free = x.free[last], x.free[:last]
	x.numbers[n] = taken
	return n, true
}

// retire gives a number back.
func (x *index) retire(n uint16) {
	x.numbers[n] = retired
	x.retired++
}

// add takes in an id that a segment has.
func (x *index) add(hash uint64, number uint16) error {
	if x.shards == nil {
		x.shards = make([]uint32, 1<<x.bits)
	}
	first := &x.shards[x.shard(hash)]
	count := pageSlots
	var p *page
	if *first != 0 {
		p = x.pages.at(*first)
		_, count = p.link()
	}
	if count == pageSlots {
		n, err := x.pages.take()
		if err != nil {
			return err
		}
		p = x.pages.at(n)
		p.setLink(*first, 0)
		*first, count = n, 0
	}
	next, _ := p.link()
	p.setSlot(count, tag(hash)<<tagBits|uint32(number))
	p.setLink(next, count+1)
	x.ids++
	return nil
}

// find appends the numbers of the segments that may have an id, each once.
func (x *index) find(dst []uint16, hash uint64) []uint16 {
	if x.shards == nil {
		return dst
	}
	want := tag(hash)
	for n := x.shards[x.shard(hash)]; n != 0; {
		p := x.pages.at(n)
		next, count := p.link()
		for i := range count {
			if v := p.slot(i); v>>tagBits == want {
				dst = x.appendNew(dst, uint16(v&(numbersMost-1)))
			}
		}
		n = next
	}
	return dst
}

func (x *index) appendNew(dst []uint16, number uint16) []uint16 {
	if x.numbers[number] != taken {
		return dst
	}
	for _, d := range dst {
		if d == number {
			return dst
		}
	}
	return append(dst, number)
}

// sweep takes what belongs to segments that are gone out of so many shards. Once around, their numbers are free.
func (x *index) sweep(shards int) {
	for range shards {
		if x.retired == 0 {
			return
		}
		if x.at == 0 {
			x.become(retired, sweeping)
		}
		x.sweepShard(x.at)
		if x.at++; int(x.at) == len(x.shards) {
			x.at = 0
			x.become(sweeping, unused)
		}
	}
}

// become changes what numbers are.
func (x *index) become(from, to uint8) {
	for n := range x.numbers {
		if x.numbers[n] != from {
			continue
		}
		x.numbers[n] = to
		if to == unused {
			x.free = append(x.free, uint16(n))
			x.retired--
		}
	}
}

func (x *index) sweepShard(shard uint32) {
	first := &x.shards[shard]
	for n := *first; n != 0; {
		p := x.pages.at(n)
		next, count := p.link()
		for i := 0; i < count; {
			if x.numbers[p.slot(i)&(numbersMost-1)] == taken {
				i++
				continue
			}
			// The last slot of the first page takes its place; that page has been looked at, or is this one.
			last := x.pages.at(*first)
			then, left := last.link()
			p.setSlot(i, last.slot(left-1))
			last.setLink(then, left-1)
			x.ids--
			if last == p {
				count--
			}
			if left == 1 {
				x.pages.give(*first)
				*first = then
			}
		}
		n = next
	}
}
