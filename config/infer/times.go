package infer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"millrace/decode"
	"millrace/features"
)

const (
	// timesShare of a field's values that read as times make it one: the rest are mistakes.
	timesShare = 0.95
	// unreadMost texts that are no times, and most of all, make a field none; it is read no further.
	unreadMost = 1000
	// fallsMost of the steps from one row to the next may go back in a field that rises with the rows.
	fallsMost = 0.1
	// earliest and latest bound what is taken for a time without being told so: 1900 to 2100 for dates, and from 1990
	// on for Unix times, as small numbers are other things.
	earliest, earliestUnix, latest = -2_208_988_800_000, 631_152_000_000, 4_102_444_800_000
)

// timing is what is known of a field as a time. Its texts are read in every order of day, month and year, for only the
// whole field says which it is.
type timing struct {
	orders     [3]reads // of texts, as orderWords; while none needs an order, the first alone counts
	ordered    bool     // a text needed an order
	unix       reads    // of numbers, and of texts that are Unix times
	unread     int64    // texts that are times in no order
	digitTimes int64    // of the texts, those that are nothing but a Unix time
	misread    string   // the first text that is a time in no order
	units      [4]int64 // of the numbers, those that are seconds, milli-, micro- and nanoseconds
}

// orderWords are the orders as the pipeline file names them, the default first.
func orderWords() [3]string { return [...]string{"", features.FormatDMY, features.FormatMDY} }

// orderFormats are the same as decoding has them.
func orderFormats() (all [3]decode.TimeFormat) {
	for i, word := range orderWords() {
		all[i], _ = decode.NewTimeFormat(word, "", nil) // they are no others
	}
	return all
}

// reads are the times that a field's values read as, in Unix milliseconds, in one way.
type reads struct {
	n        int64
	from, to int64
	last     int64
	steps    int64 // from one row to the next, where the time changed
	falls    int64 // of them to an earlier time
	hours    uint32
	weekdays uint8
	months   uint16
}

func (r *reads) add(ms int64) {
	switch {
	case r.n == 0:
		r.from, r.to = ms, ms
	case ms < r.last:
		r.falls++
		fallthrough
	case ms > r.last:
		r.steps++
	}
	r.n++
	r.from, r.to, r.last = min(r.from, ms), max(r.to, ms), ms
	at := time.UnixMilli(ms).UTC()
	r.hours |= 1 << at.Hour()
	r.weekdays |= 1 << at.Weekday()
	r.months |= 1 << at.Month()
}

// rising reports whether the times rise with the rows, by and large.
func (r *reads) rising() bool {
	return r.steps > 0 && float64(r.falls) <= fallsMost*float64(r.steps)
}

// readText reads a text as a time.
func (t *timing) readText(text []byte, formats *[3]decode.TimeFormat) {
	if t.unread > unreadMost && t.unread > 2*t.orders[0].n {
		return // too many are none, and there may be millions
	}
	ms, ok := formats[0].Parse(text)
	switch {
	case ok && onlyDigits(text):
		t.digitTimes++
		t.unix.add(ms)
		return
	case ok && !t.ordered:
		t.orders[0].add(ms)
		return
	case ok: // every order reads it so
		for i := range t.orders {
			t.orders[i].add(ms)
		}
		return
	}
	read := false
	for i := range formats[1:] {
		if ms, ok := formats[1+i].Parse(text); ok {
			if read = true; !t.ordered {
				t.ordered, t.orders[1], t.orders[2] = true, t.orders[0], t.orders[0]
			}
			t.orders[1+i].add(ms)
		}
	}
	if read {
		return
	}
	if t.unread++; t.misread == "" {
		t.misread = string(text[:min(len(text), textMax)])
	}
}

// readNumber reads a number as a time, as decoding does.
func (t *timing) readNumber(x float64) {
	unit := 0
	for size := 1e11; unit < len(t.units) && max(x, -x) >= size; size *= 1e3 {
		unit++
	}
	if unit == len(t.units) {
		return
	}
	t.units[unit]++
	t.unix.add(int64(x * [...]float64{1e3, 1, 1e-3, 1e-6}[unit]))
}

// onlyDigits tells a Unix time from a date: eight places are one.
func onlyDigits(text []byte) bool {
	n := 0
	for _, c := range text {
		if c-'0' > 9 && c != '.' && c != '-' {
			return false
		}
		n++
	}
	return n != len("20060102") && n != len("20060102150405")
}

// timeOf says how a field reads as a time, if it is one. why says what hinders a field that nearly is one.
func timeOf(c *column) (order string, r *reads, ok bool, why string) {
	values := c.values()
	switch {
	case values == 0 || c.lists > 0 || c.booleans > 0:
		return "", nil, false, ""
	case c.numbers+c.digitTimes == values:
		r = &c.unix
		return "", r, r.n == values && named(c) && r.from >= earliestUnix && r.to <= latest, ""
	case c.texts != values:
		return "", nil, false, ""
	}
	orders := c.orders[:]
	if !c.ordered {
		orders = orders[:1]
	}
	best := slices.MaxFunc(orders, func(a, b reads) int { return cmp.Compare(a.n, b.n) })
	if float64(best.n) < timesShare*float64(values) {
		if 2*best.n > values {
			why = fmt.Sprintf("times in %s of the values only; others as %.40q", percent(best.n, values), c.misread)
		}
		return "", nil, false, why
	}
	var fit []int
	for i := range orders {
		if orders[i].n == best.n {
			fit = append(fit, i)
		}
	}
	at := fit[0]
	if at > 0 && len(fit) == 2 && c.orders[1] != c.orders[2] {
		rises := slices.DeleteFunc(fit, func(i int) bool { return !c.orders[i].rising() })
		if len(rises) != 1 {
			return "", nil, false, fmt.Sprintf("a date, and nothing says whether its day or its month stands first, as %.40q; "+
				"write {type: time, format: dmy} or mdy", c.sample)
		}
		at = rises[0]
	}
	r = &c.orders[at]
	return orderWords()[at], r, r.from >= earliest && r.to <= latest, ""
}

// timeLike says whether the field is a time.
func timeLike(c *column) bool {
	_, _, ok, _ := timeOf(c)
	return ok
}

// notQuiteTime says what hinders a field that is nearly a time.
func notQuiteTime(c *column) string {
	_, _, _, why := timeOf(c)
	return why
}

// named says whether a key is one that times go by.
func named(c *column) bool {
	key := c.last()
	k := strings.ToLower(key)
	for _, word := range []string{"time", "timestamp", "ts", "epoch", "datetime", "date", "created", "updated", "modified"} {
		if k == word || strings.HasSuffix(k, "_"+word) || strings.HasSuffix(k, "-"+word) {
			return true
		}
	}
	for _, word := range []string{"time", "timestamp", "ts", "epoch"} {
		if strings.HasPrefix(k, word+"_") { // time_ms, ts_ns
			return true
		}
	}
	return strings.HasSuffix(k, "_at") || strings.HasSuffix(k, "timestamp") || strings.HasSuffix(key, "At") || strings.HasSuffix(key, "Time")
}

// chooseTime takes the first time, one named so before others.
func (p *plan) chooseTime() {
	names := []string{"time", "timestamp", "ts", "event_time"}
	rank := func(c *column) int {
		if i := slices.Index(names, strings.ToLower(c.name)); i >= 0 {
			return i
		}
		_, r, _, _ := timeOf(c)
		switch {
		case r.rising():
			return len(names)
		case named(c):
			return len(names) + 1
		}
		return len(names) + 2
	}
	for _, c := range p.seen.columns {
		if c != p.label && c.bag == nil && timeLike(c) && (p.time == nil || rank(c) < rank(p.time)) {
			p.time = c
		}
	}
}

// partsOf are the parts of a time that differ and have come round at least twice: an hour that was never seen again
// says nothing about the next one.
func partsOf(c *column) []string {
	const day = 24 * 60 * 60 * 1000
	_, r, _, _ := timeOf(c)
	one := func(bits uint32) bool { return bits&(bits-1) == 0 }
	var parts []string
	for _, part := range []struct {
		name string
		days int64
		same bool
	}{{"hour", 1, one(r.hours)}, {"weekday", 7, one(uint32(r.weekdays))}, {"month", 365, one(uint32(r.months))}} {
		if r.to-r.from >= 2*part.days*day && !part.same {
			parts = append(parts, part.name)
		}
	}
	return parts
}

// timeColumn is a feature of the time in a field.
func (p *plan) timeColumn(c *column) feature {
	f := feature{Column: features.DefaultColumn(c.name, features.Time)}
	f.Format, _, _, _ = timeOf(c)
	f.Parts = partsOf(c)
	return f
}

// timeFeature turns a time other than the event's own into what of it has come round at least twice.
func (p *plan) timeFeature(c *column) (feature, string) {
	f := p.timeColumn(c)
	if len(f.Parts) == 0 {
		return f, "a time, another one than " + p.time.path + ", of less than two days"
	}
	f.note = "a time; its parts go round in UTC"
	if missing := p.rows - c.values(); float64(missing) >= missingShare*float64(p.rows) {
		f.Missing = "indicator"
		f.note += "; " + p.missingNote(c)
	}
	return f, ""
}

// ownTime is the events' time as a feature, where they have nothing else to learn from.
func (p *plan) ownTime() feature {
	f := p.timeColumn(p.time)
	if p.time.path != f.Name {
		f.Path = p.time.path
	}
	f.note = "the events' time, as there is no other feature; its parts go round in UTC"
	if len(f.Parts) == 0 {
		f.Parts = []string{"hour"}
		f.note = "the events' time, as there is no other feature; of less than two days the hour says little"
	}
	return f
}

// timeSetting writes the events' time as the pipeline file has it.
func (p *plan) timeSetting() string {
	path := scalar(p.time.path)
	if order, _, _, _ := timeOf(p.time); order != "" {
		return fmt.Sprintf("{path: %s, format: %s}", path, order)
	}
	return path
}
