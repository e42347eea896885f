// Package disk keeps in files what a join has no memory for.
//
// What is moved out at once makes a segment, a file that never changes: blocks of records in the order of their
// deadlines, and behind them a table that finds a record by the hash of its id. Most of what is asked for is not
// there, for every new event asks; so memory holds twelve bits of the hash of each id and the number of its segment,
// about four bytes in all, and one id in thirty that is not there costs a look at a table. One that is there costs that
// and a block. What is due is merged from all segments, which hardly overlap, block by block.
//
// What became of a record stands in memory: two bits for each. A segment of which nothing is left is deleted, and one
// of which little is left is written anew, so that files take half as much again as what is in them and two segments
// more, at most; when there are too many segments, neighbours are merged. All of that is done by whoever calls, a
// segment at a time; there is no goroutine. Files are read by pread, so what the system keeps of them in memory is not
// the process's.
//
// It is no truth: what waits can be made again from the log. So nothing is written ahead or synchronised, and a store
// is empty when it is opened: the files of a process that was killed are deleted. Blocks have checksums, which also say
// where they belong. Every error is final.
package disk

// IDBytes is about how much memory finding a record takes, and knowing what became of it.
const IDBytes = 5
