package features

import (
	"fmt"
	"time"

	"millrace"
)

// The counts of a time: hours of the day, then weekdays from Monday on, then months.
const (
	countWeekday = 24
	countMonth   = countWeekday + 7
	timeCounts   = countMonth + 12
)

// timePlaces are where in the counts the ends of hours, weekdays and months are.
var timePlaces = [...]int{0, countWeekday, countMonth, timeCounts}

func (ts *times) observe(e *millrace.Event) {
	for i := range ts.all {
		t := &ts.all[i]
		if f := &e.Fields[t.field]; f.Presence == millrace.Present {
			t.count(t.clock(f))
		}
	}
}

// count takes in a time as the clocks of its zone show it. Hours, weekdays and months add up alike, so all are halved
// together.
func (t *timing) count(ms int64) {
	hour, _ := position(partHour, ms)
	weekday, _ := position(partWeekday, ms)
	month := time.UnixMilli(ms).UTC().Month()
	for _, k := range [...]int{int(hour), countWeekday + int(weekday), countMonth + int(month) - 1} {
		if t.counts[k]++; t.counts[k] >= countsMax {
			for i := range t.counts {
				t.counts[i] /= 2
			}
		}
	}
}

// frequent is a time at the hour, on the weekday and in the month that most events had, each for itself, in the middle
// of each; false while none is known.
func (t *timing) frequent() (ms float64, ok bool) {
	var at [3]int
	for i := range at {
		counts := t.counts[timePlaces[i]:timePlaces[i+1]]
		for k, n := range counts {
			if n > counts[at[i]] {
				at[i] = k
			}
		}
		if counts[at[i]] == 0 {
			return 0, false
		}
	}
	zone := t.zone
	if zone == nil {
		zone = time.UTC
	}
	// Whichever year it is, only hour, weekday and month are seen of it.
	const year, middle = 2024, 13
	day := time.Date(year, time.Month(at[2]+1), middle, at[0], 30, 0, 0, zone)
	ahead := (at[1] - (int(day.Weekday())+6)%7 + 7) % 7
	return float64(day.AddDate(0, 0, ahead).UnixMilli()), true
}

func (ts *times) state(visit visit) {
	for i := range ts.all {
		visit(fmt.Sprintf("times.%d.count", i), millrace.Tensor{Shape: []int{timeCounts}, U32: ts.all[i].counts, Added: true}, millrace.Serving)
	}
}

func (ts *times) restored() error {
	for i := range ts.all {
		for _, n := range ts.all[i].counts {
			if n >= countsMax {
				return fmt.Errorf("%w: time %s was counted %d times", millrace.ErrCorrupt, ts.all[i].name, n)
			}
		}
	}
	return nil
}
