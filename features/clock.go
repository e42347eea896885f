package features

import (
	"fmt"
	"math"
	"slices"
	"time"

	"millrace"
)

// The parts of a time, in the order of their columns.
const (
	partHour    = "hour"
	partWeekday = "weekday"
	partMonth   = "month"
)

// times are the features of type time.
type times struct {
	plain
	all []timing
}

// timing is a feature of type time. Each part is a point on a circle, so that 23:59 and 00:00 are
// neighbours: the sine and the cosine of the share of the part that has passed.
type timing struct {
	name   string
	field  int
	column int // of the first part's sine, its cosine after it, and so on
	parts  []string
	zone   *time.Location // nil for UTC
	fills  [2]fill
	counts []uint32 // learned: events at each hour, weekday and month of the zone
}

func (*times) check(c *Column, report report) {
	checkNoMean(c, report)
	checkTimes(c, report)
	for i, part := range c.Parts {
		if !slices.Contains([]string{partHour, partWeekday, partMonth}, part) {
			report(fmt.Sprintf("parts[%d]", i), "%q is none of hour, weekday and month", part)
		} else if slices.Contains(c.Parts[:i], part) {
			report(fmt.Sprintf("parts[%d]", i), "%q is listed twice", part)
		}
	}
}

func (*times) size(s Columns, i int) size {
	n := 2 * len(s[i].parts())
	return size{values: n, nonZeros: n}
}

func (ts *times) add(p place) {
	ts.all = append(ts.all, timing{name: p.Name, field: p.field, column: p.first, parts: p.parts(), zone: p.Location, fills: p.fills,
		counts: make([]uint32, timeCounts)})
}

func (ts *times) extract(dst *millrace.Vector, e *millrace.Event) {
	for i := range ts.all {
		ts.all[i].extract(dst, e)
	}
}

// raw has a time's first part, as a number of hours, days or months.
func (ts *times) raw(dst []float32, e *millrace.Event) {
	for i := range ts.all {
		t := &ts.all[i]
		dst[t.field] = noNumber()
		if f := &e.Fields[t.field]; f.Presence == millrace.Present {
			at, _ := position(t.parts[0], t.clock(f))
			dst[t.field] = float32(at)
		}
	}
}

func (ts *times) names(field, k int) []string {
	t := &ts.all[slices.IndexFunc(ts.all, func(t timing) bool { return t.field == field })]
	return []string{t.name + " (" + t.parts[k/2] + ", " + [...]string{"sine", "cosine"}[k%2] + ")"}
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
	clock := t.clock(f)
	for i, part := range t.parts {
		at, of := position(part, clock)
		sine, cosine := math.Sincos(2 * math.Pi * at / of)
		put(dst, t.column+2*i, float32(sine))
		put(dst, t.column+2*i+1, float32(cosine))
	}
}

// clock is a time as the clocks of its zone show it, as if they were those of UTC.
func (t *timing) clock(f *millrace.Field) int64 {
	ms := int64(f.Number)
	if t.zone == nil {
		return ms
	}
	_, offset := time.UnixMilli(ms).In(t.zone).Zone()
	return ms + int64(offset)*1000
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
