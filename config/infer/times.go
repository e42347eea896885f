package infer

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"millrace/decode"
	"millrace/features"
)

const (
	// timesShare of a field's values that read as times make it one: the rest are mistakes.
	timesShare = 0.95
	// unreadMost texts that are no times, and most of all, make a field none; it is read no further.
	unreadMost = 1000
	// compactLeast numbers that are days of the calendar, all of them, are no chance.
	compactLeast = 10
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
	zoned      int64    // of the texts that are times, those that say their zone
	clocked    int64    // and those that have a clock
	misread    string   // the first text that is a time in no order
	compact    reads    // numbers that are dates as 20240131
	dated      bool     // the field's name is one that times go by
	pair       int      // its place among the fields that are compared with each other, from 1
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
	if colon := bytes.IndexByte(text, ':'); colon >= 0 {
		t.clocked++
		if bytes.ContainsAny(text[colon:], "+-") || bytes.HasSuffix(text, []byte("Z")) || bytes.HasSuffix(text, []byte("UTC")) || bytes.HasSuffix(text, []byte("GMT")) {
			t.zoned++
		}
	}
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

// readNumber reads a number as a time, where the field's name lets it be one.
func (t *timing) readNumber(x float64, raw []byte) {
	if len(raw) == len("20060102") || len(raw) == len("20060102150405") {
		if ms, ok := (decode.TimeFormat{}).Parse(raw); ok {
			t.compact.add(ms)
		}
	}
	if ms, ok := decode.UnixTime(x); ok && t.dated {
		t.unix.add(ms)
	}
}

// newest is the time that was read last, as far as is known which it is.
func (t *timing) newest() (ms int64, ok bool) {
	best := &t.unix
	if t.compact.n > 0 && t.compact.n >= best.n {
		best = &t.compact
	}
	for i := range t.orders {
		if t.orders[i].n > best.n {
			best = &t.orders[i]
		}
	}
	return best.last, best.n > 0
}

// onlyDigits tells a Unix time from a date: it begins with nine digits or more, and fourteen are a date and a clock.
func onlyDigits(text []byte) bool {
	text = bytes.TrimPrefix(bytes.TrimSpace(text), []byte("-"))
	n := 0
	for n < len(text) && text[n]-'0' <= 9 {
		n++
	}
	return n >= len("100000000") && n != len("20060102150405")
}

// timeOf says how a field reads as a time, if it is one. why says what hinders a field that nearly is one.
func timeOf(c *column) (order string, r *reads, ok bool, why string) {
	values := c.values()
	switch {
	case values == 0 || c.lists > 0 || c.booleans > 0:
		return "", nil, false, ""
	case c.numbers == values && c.compact.n == values && values >= compactLeast:
		r = &c.compact
		return features.FormatDigits, r, r.from >= earliest && r.to <= latest, ""
	case c.numbers+c.digitTimes == values:
		r = &c.unix
		return "", r, r.n == values && c.dated && r.from >= earliestUnix && r.to <= latest, ""
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
		if at = rather(&c.orders); at < 0 {
			return "", nil, false, fmt.Sprintf("a date, and nothing says whether its day or its month stands first, as %.40q; "+
				"write {type: time, format: dmy} or mdy", c.sample)
		}
	}
	r = &c.orders[at]
	return orderWords()[at], r, r.from >= earliest && r.to <= latest, ""
}

// rather is which of the two orders makes the times rise with the rows, -1 for neither and for both.
func rather(orders *[3]reads) int {
	better, worse := 1, 2
	if orders[worse].falls < orders[better].falls {
		better, worse = worse, better
	}
	if !orders[better].rising() || orders[worse].falls == 0 || orders[worse].falls < 2*orders[better].falls {
		return -1
	}
	return better
}

// zonesNote says of a field whose times say their zone in some rows only what becomes of the others.
func (t *timing) zonesNote() string {
	if t.zoned == 0 || t.zoned == t.clocked {
		return ""
	}
	return fmt.Sprintf("%s of %s with a clock say no zone and count as UTC, unless zone: says otherwise", digitsOf(t.clocked-t.zoned), count(t.clocked, "time"))
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
