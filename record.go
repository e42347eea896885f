// Package millrace is the vocabulary of the pipeline: the values that flow from Kafka through
// features and models into snapshots and scores, and the errors that callers branch on. It imports
// the standard library only, so that every other package can share it.
//
// One event's life: bytes ([Record]) → [Event] → [Vector] → prediction, before learning → loss →
// update → counted in the next [Snapshot]. A scorer turns the same bytes into the same Vector with
// the same code, and the newest good Snapshot into a [Score].
package millrace

// Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Record is one Kafka record, or one row of a file that stands in for it. Key, Value and Headers
// alias memory owned by the [Batch] they came in and are valid until its Release.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      int64 // Unix milliseconds, the record's timestamp
	Key       []byte
	Value     []byte // nil for a tombstone
	Headers   []Header
}

// Batch is a run: the records of one partition with offsets in [From, To), in order. Offsets may
// have holes (compaction, control batches, aborted transactions); To is where reading goes on, so
// it may lie beyond the last record, and Records may be empty.
type Batch struct {
	Topic     string
	Partition int32
	From, To  int64
	// End is the partition's readable end when the batch was fetched; End - To is the lag.
	End     int64
	Records []Record

	release func()
}

// NewBatch returns a batch whose Release calls release once; release may be nil.
func NewBatch(release func()) *Batch { return &Batch{release: release} }

// Release gives the batch's memory back to its source. The batch and its records must not be used
// after it. Calling it again does nothing.
func (b *Batch) Release() {
	if b.release != nil {
		release := b.release
		b.release = nil
		release()
	}
}

// Position is where reading of a partition goes on: the next offset.
type Position struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}
