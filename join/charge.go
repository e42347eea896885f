package join

import "millrace"

// What is held is charged, not measured: by its number of bytes and by the most that the structures take for it. So
// what is evicted when memory is full is a function of what is held, and a table that was rebuilt evicts the same; and
// the process uses less than the charge, never more (but for what entries and slots that were given back still hold).

const (
	// idCharge is of an entry, and of a slot of the index just after it grew.
	idCharge = entryBytes + 16
	// spread is how much segments hold of what is in them, at most: three halves.
	spreadNumerator, spreadDenominator = 3, 2
)

func segmentCharge(n int) int64 { return int64(recordBytes(n)) * spreadNumerator / spreadDenominator }

// chargeID is what an id of n bytes costs.
func chargeID(n int) int64 {
	if n <= idShort {
		return idCharge
	}
	return idCharge + segmentCharge(n)
}

// chargeEvent is what an event that waits costs beside its id: its values, and its bit in the state.
func chargeEvent(n int) int64 { return segmentCharge(n) }

// chargeLabel is what a label that is kept costs, its id included.
func chargeLabel(idBytes int) int64 { return chargeID(idBytes) + segmentCharge(labelBytes) }

// labelShare is the part of memory that labels without their event may take, so that a topic of other events' labels
// does not push out what waits.
const labelShare = 4

// EventBytes is what an event of a pipeline is charged while it waits, with an id of idBytes and values of valueBytes:
// for saying what a rate and a wait will need.
func EventBytes(idBytes, valueBytes, outputs int) int64 {
	return chargeID(idBytes) + chargeEvent(valueBytes+predictionBytes(outputs))
}

// ValueBytes is what the values of an event take, without its id and the prediction.
func ValueBytes(e *millrace.Event) int { return len(appendEvent(nil, e, e.Time, nil, 0)) }
