// Package frozen is what a table of waiting events and a store of those that have no room in memory say to one another.
package frozen

// Record is an event that waits, or an id that is remembered, as the store has it.
type Record struct {
	Waits     bool  // an event that waits; else an id alone
	Deadline  int64 // when its queue comes to it
	Until     int64 // how long the id is remembered
	Partition int32
	Offset    int64
	ID        []byte
	Value     []byte // of an event that waits: what it waits with
}

// Slot is where a store has a record. It is good until the next call of Seal, Settle, Remove or Reset.
type Slot uint64

// Store takes records in the order of their deadlines, and gives them back by id and in that order. It is a place to
// move things to and no truth of its own: it is empty when a table gets it, and nothing of it is wanted when the table
// has gone. Every error is final: nothing that it says afterwards is to be relied upon.
type Store interface {
	// Put adds a record, not before the one that was put last by (deadline, ids before what waits, partition, offset).
	// Its id is not in the store. What is put is seen once Seal has returned.
	Put(r *Record) error
	Seal() error
	// Find looks for an id. The record is valid until the next call.
	Find(id []byte) (r *Record, at Slot, err error)
	// First is the first event that waits by (deadline, partition, offset), or the first id by deadline alone; nil when
	// there is none with a deadline up to limit. The record is valid until the next call.
	First(waits bool, limit int64) (r *Record, at Slot, err error)
	// Settle makes an event that waited an id alone, with the deadline that it had.
	Settle(at Slot) error
	// Remove takes a record out.
	Remove(at Slot) error
	// Reset empties the store.
	Reset() error
	// Size is what the store takes, in bytes of files and of memory.
	Size() (files, memory int64)
	// View is what is in it now.
	View() View
}

// View is what was in a store at one moment. It may be gone through on another goroutine while the store goes on; until
// it is closed, on any goroutine, no file of it is deleted.
type View interface {
	// Bytes is about what its records take.
	Bytes() int64
	// Each hands do every record once, each valid until do returns. It ends with the first error.
	Each(do func(r *Record) error) error
	Close() error
}
