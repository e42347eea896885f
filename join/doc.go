// Package join keeps the events whose label comes later: what waits, for how long, and what becomes of it.
//
// A [Table] is fed in the order of the logs. For an event without a label:
//
//	switch table.Arrive(e, at, stream) {
//	case join.First:     // predict it, then table.Wait(e, at, due, prediction)
//	case join.Early:     // its label was there first: table.EarlyLabel() has it, learn at once
//	case join.Duplicate: // an event of this id has been: counted
//	}
//	for table.Crowded() { table.Take(&taken) … }           // memory is full: the oldest goes
//	for table.Expire(watermark) { table.Take(&taken) … }   // one by one; a snapshot may fall between two
//
// and for a label:
//
//	if table.Label(l, at, stream) == join.Joined { table.Take(&taken) … }   // learn it
//	for table.Crowded() { table.Take(&taken) … }
//
// An event that brings its own label may be told to Arrive too, without Wait: its id is then known, so that a label
// that follows is a repeated one and a second event a duplicate.
//
// The log is the truth of all values; a snapshot holds only who still waits ([Table.AppendState]). On start that is
// handed to [Table.BeginRebuild], and the records from the rebuild position on to [Table.Rebuild] and
// [Table.RebuildLabel], for which Arrive or Label was called when they were new. Everything that decides what becomes
// of an event is a function of the records, so a table that was rebuilt goes on as the one that was lost would have:
// also what is evicted when memory is full follows from what is held (see charge.go), not from what the allocator did.
//
// A table is not for concurrent use. It has no clock and no goroutine, and holds no pointer for an event.
package join
