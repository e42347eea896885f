package files

import (
	"fmt"
	"time"

	"millrace"
)

// disorder is how many rows of a file have a time before that of a row above them.
type disorder struct {
	latest int64 // of the rows so far
	rows   int64
	first  int64 // number of the first of them, from 0
	most   int64 // milliseconds that one is earlier, at most
}

// see takes the time of a row.
func (d *disorder) see(row, ms int64, first bool) {
	if first || ms >= d.latest {
		d.latest = ms
		return
	}
	if d.rows == 0 {
		d.first = row
	}
	d.rows++
	d.most = max(d.most, d.latest-ms)
}

// Disorder says that rows so far, by Options.Time, are not in the order of their times, and empty that they are. Rows
// are learned as they come: a label that comes too soon is known too soon, one that comes too late finds its event
// gone. It is for whoever calls Next.
func (s *Source) Disorder() string {
	d := &s.disorder
	if d.rows == 0 {
		return ""
	}
	by := min(d.most, int64(time.Duration(1<<63-1)/time.Millisecond))
	return fmt.Sprintf("%s: %d of %d rows have an earlier time than a row above them, the first is row %d, by %s at most; rows are taken as they come: "+
		"sort the file by time", s.name, d.rows, s.offset, d.first+1, millrace.FormatDuration(time.Duration(by)*time.Millisecond))
}
