package features

import (
	"math"
	"time"

	"millrace"
)

// timing is a feature of type time. Each part is a point on a circle, so that 23:59 and 00:00 are
// neighbours: the sine and the cosine of the share of the part that has passed.
type timing struct {
	field  int
	column int // of the first part's sine, its cosine after it, and so on
	parts  []string
	fills  [2]fill
}

// parts are the parts of a time that the column asks for, all when it names none.
func (c Column) parts() []string {
	if len(c.Parts) == 0 {
		return []string{partHour, partWeekday, partMonth}
	}
	return c.Parts
}

func (t *timing) extract(dst *millrace.Vector, e *millrace.Event) {
	f := &e.Fields[t.field]
	if f.Presence != millrace.Present {
		putMissing(dst, f, &t.fills)
		return
	}
	for i, part := range t.parts {
		at, of := position(part, int64(f.Number))
		sine, cosine := math.Sincos(2 * math.Pi * at / of)
		put(dst, t.column+2*i, float32(sine))
		put(dst, t.column+2*i+1, float32(cosine))
	}
}

// position is where a Unix time in milliseconds stands in a part, in UTC, and how long the part is: hours
// of the day, with their fraction; whole days of the week from Monday; months of the year, with the
// share of the month that has passed.
func position(part string, ms int64) (at, of float64) {
	const day = 24 * 60 * 60 * 1000
	days := ms / day
	if ms%day < 0 {
		days--
	}
	switch part {
	case partHour:
		return float64(ms-days*day) / (60 * 60 * 1000), 24
	case partWeekday:
		return float64(((days+3)%7 + 7) % 7), 7 // day 0 was a Thursday
	}
	date := time.UnixMilli(ms).UTC()
	year, month, _ := date.Date()
	start := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	length := start.AddDate(0, 1, 0).Sub(start)
	return float64(month-1) + float64(date.Sub(start))/float64(length), 12
}
