package join

import (
	"time"

	"millrace"
)

// Spec says how long what waits. The pipeline file's settings are those of package decode.
type Spec struct {
	Wait  time.Duration // stream time that an event waits for its label, and that its id is remembered
	Early time.Duration // stream time that a label waits for its event
	// Hold keeps expiries back once no label at all has come for so long, in stream time; see [Table.Holding]. 0:
	// never.
	Hold time.Duration
	// Missing is what an event without a label was, learned when its wait ends or when memory is full. Not known: it is
	// dropped.
	Missing millrace.Target
	// Memory bounds what the table holds; 0 is MemoryDefault. It counts what segments may be wasting, so that the
	// process uses less.
	Memory millrace.Bytes
	// Disk is what the table may hold beyond Memory once it has a store; see [Table.Overflow]. It is charged as memory
	// is.
	Disk millrace.Bytes
}

// Bounds.
const (
	// MemoryDefault is the memory of a pipeline file that says nothing.
	MemoryDefault millrace.Bytes = 256 << 20
	// MemoryMax is what references of 32 bits reach in any case: 131072 segments, each of 64 KiB at least.
	MemoryMax millrace.Bytes = 8 << 30
	// DiskMax is far beyond what the bitmaps of a snapshot can tell of.
	DiskMax millrace.Bytes = 1 << 40
	// StateBytesMax bounds the bitmaps of a snapshot, one bit a record.
	StateBytesMax = 32 << 20
	// IDBytesMax is the longest id that the table takes; decode's limits.text is far below.
	IDBytesMax = 1<<16 - 1
)

// Place is where a record stands in its topic.
type Place struct {
	Partition int32
	Offset    int64
}

// Kind is the topic of a record: events and labels have partitions and offsets of their own.
type Kind uint8

// The kinds, as the state writes them.
const (
	Events Kind = iota
	Labels
	kinds = 2
)

// Arrival is what the table says of an event that comes.
type Arrival uint8

// The arrivals.
const (
	First     Arrival = iota // no event of this id is known
	Early                    // none, but its label is here: see EarlyLabel
	Duplicate                // one is known: the event is scored and observed, never waits
)

// Match is what the table says of a label that comes.
type Match uint8

// The matches.
const (
	Kept     Match = iota // no event of this id is known: the label is kept for early
	Joined                // its event waited: Take it
	Repeated              // a label of this id is kept already, or its event no longer waits
)

// Cause is why an event stopped waiting.
type Cause uint8

// The causes.
const (
	ByLabel  Cause = iota // its label came
	ByTime                // its wait ended
	ByMemory              // memory is full
)

// Waited is what Take tells of an event beside its values.
type Waited struct {
	Place
	Cause   Cause
	Arrived int64 // stream time when it came, Unix milliseconds
	Due     int64 // stream time when its wait ends
	// Prediction is the one made when it came, valid until the next Take; nil when it is not known any more
	// (unmeasured).
	Prediction []float64
}

// Name is a stable word for what became of an event or a label; words are never renamed.
type Name string

// What becomes of an event: exactly one of these, or it waits.
const (
	NameLabelled       Name = "labelled"        // it brought its label, learned at once
	NameJoined         Name = "joined"          // its label came
	NameExpired        Name = "expired"         // its wait ended without a label: dropped
	NameExpiredLearned Name = "expired_learned" // its wait ended without a label: learned as what missing says
	NameCrowded        Name = "crowded"         // memory was full: it became what missing says before its time
	NameDuplicate      Name = "duplicate"       // an event of its id was known
	NameNoID           Name = "no_id"           // no id and no label: nothing could come for it
	NameUnlabelled     Name = "unlabelled"      // no label, in a pipeline where none comes later
	NameRejected       Name = "rejected"        // a dead letter
	NameLost           Name = "lost"            // it waited, and the log no longer has it
)

// What becomes of a label: exactly one of these, or it is kept for its event.
const (
	NameLabelJoined    Name = "label_joined"    // with its event
	NameLabelUnmatched Name = "label_unmatched" // no event came for it in time
	NameLabelRepeated  Name = "label_repeated"  // its event had one, or waits no longer
	NameLabelCrowded   Name = "label_crowded"   // kept for its event until too many were
	NameLabelRejected  Name = "label_rejected"  // a dead letter
	NameLabelLost      Name = "label_lost"      // it was kept, and the log no longer has it
)

// What is counted beside that.
const (
	NameUnmeasured Name = "unmeasured"  // joined, or learned at the end of its wait, without the prediction made at arrival
	NameLabelEarly Name = "label_early" // labels that came before their event
)

// EventNames are the names of which every event that was applied gets one, unless it waits.
func EventNames() []Name {
	return []Name{NameLabelled, NameJoined, NameExpired, NameExpiredLearned, NameCrowded, NameDuplicate, NameNoID,
		NameUnlabelled, NameRejected, NameLost}
}

// LabelNames are the names of which every label that was applied gets one, unless it is kept for its event.
func LabelNames() []Name {
	return []Name{NameLabelJoined, NameLabelUnmatched, NameLabelRepeated, NameLabelCrowded, NameLabelRejected,
		NameLabelLost}
}
