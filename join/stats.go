package join

import "math"

// Stats say what a table holds.
type Stats struct {
	Waiting int   // events
	Kept    int   // labels without their event
	IDs     int   // that are known, those of waiting events and kept labels included
	Spilled int   // of them, in the store
	Bytes   int64 // of memory that the table takes
	Files   int64 // bytes of the store's files, and
	Finding int64 // of memory that the store takes to find what is in them
	Charge  int64 // what it is charged for, and
	Stored  int64 // what of that is of the store
	Room    int64 // the bound of the charge: of memory and of the store
	Memory  int64 // what of it is memory
	State   int64 // bytes of the state's bitmaps, uncompressed; StateBytesMax is their bound
	Holding bool  // expiries are held, see Table.Holding
	Counts
}

// Stats says what the table holds.
func (t *Table) Stats() Stats {
	var files, finding int64
	if t.cold.store != nil {
		files, finding = t.cold.store.Size()
	}
	return Stats{
		Files: files, Finding: finding,
		Waiting: t.waitingCount, Kept: t.keptCount, IDs: t.known(), Spilled: t.cold.count, Bytes: t.bytes(),
		Charge: t.charge, Stored: t.cold.charge, Room: t.room, Memory: t.memory, State: int64(t.bits.pages) * pageBytes, Holding: t.Holding(), Counts: t.counts,
	}
}

// known is how many ids are known, wherever they are.
func (t *Table) known() int {
	n := t.entries.live + t.cold.count
	if t.cold.borrowed != none {
		n--
	}
	return n
}

func (t *Table) bytes() int64 {
	n := t.entries.held + t.index.held + t.ids.held + t.values.held
	n += int64(t.bits.pages+len(t.bits.spare)+t.named.pages) * pageBytes
	for _, q := range []*queue{&t.events, &t.labels, &t.held} {
		n += q.held + int64(cap(q.run)+cap(q.heap))*4
	}
	return n
}

// Since is a stream time before which nothing came that the table still holds, or now less the wait when it holds
// nothing: a rebuild position before it finds all of it. While expiries are held, or have been found due and not yet
// been taken, it lies further back than a wait.
func (t *Table) Since(now int64) int64 {
	since := now
	if now > math.MinInt64+t.wait {
		since = now - t.wait
	}
	if h := t.oldest(now); h != none {
		since = min(since, t.entries.at(h).deadline-t.wait)
	}
	if t.cold.count > 0 {
		if r, _ := t.firstCold(now, false); r != nil {
			since = min(since, r.Deadline-t.wait)
		}
	}
	return since
}

// Oldest tells of the first event that waits in each partition where some do.
func (t *Table) Oldest(tell func(at Place)) {
	for _, b := range t.bits.of[Events] {
		if len(b.pages) > 0 {
			p := &b.pages[0]
			tell(Place{b.partition, p.index<<pageBits + int64(nextBit(p.words, 0, true))})
		}
	}
}
