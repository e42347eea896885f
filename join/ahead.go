package join

import "millrace"

// aheadMax is for how many records Ahead looks at once: enough that memory is busy all the time, few enough that all of
// it stays in the nearest cache until the last of them has its turn.
const aheadMax = 16

// Ahead tells of events or labels whose turn comes next, so that what they need of the table is fetched for all of them
// at once, while each would wait for its own. It takes the first few, and returns how many; it changes nothing.
func (t *Table) Ahead(records []*millrace.Event) (told int) {
	records = records[:min(len(records), aheadMax)]
	var slots [aheadMax]uint64
	var hashes [aheadMax]hashed
	// None of the loops waits for memory before all of its loads have begun.
	for k, e := range records {
		hashes[k] = t.index.hash(e.ID)
		if s := &t.index.shards[hashes[k].shard]; s.count > 0 {
			slots[k] = s.slots[s.home(hashes[k].tag)]
		}
	}
	for k := range records {
		slots[k] = t.slot(hashes[k], slots[k])
		if slots[k] != 0 {
			t.touched += t.entries.at(handleOf(slots[k])).deadline
		}
	}
	for k := range records {
		if slots[k] == 0 {
			continue
		}
		if x := t.entries.at(handleOf(slots[k])); x.kind == waiting {
			t.touched += int64(len(t.values.body(x.value)))
		}
	}
	return len(records)
}

// slot is the first slot with a hash's tag, from its home on, where first stands; 0 for none.
func (t *Table) slot(h hashed, first uint64) uint64 {
	if first == 0 || uint32(first>>32) == h.tag {
		return first
	}
	s := &t.index.shards[h.shard]
	for i := s.home(h.tag); ; {
		if i++; i == len(s.slots) {
			i = 0
		}
		if slot := s.slots[i]; slot == 0 || uint32(slot>>32) == h.tag {
			return slot
		}
	}
}

func handleOf(slot uint64) int32 { return int32(uint32(slot)) - 1 }
