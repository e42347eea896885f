package infer

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"millrace"
	"millrace/features"
)

// wordsMost different words of a field are kept: a pipeline file may not name more.
const wordsMost = features.GapsMax

// gapWord reports whether a text may mean that there is no value: the words that decoding knows, and others that
// databases, programs and people write.
func gapWord(text []byte) bool {
	if farDate(text) {
		return true
	}
	if len(text) > len("not available") || len(text) == 0 {
		return false
	}
	switch string(text) {
	case `\N`, "-", "--", "---", "–", "—", ".", "..", "None", "none", "NONE", "<NA>", "#N/A", "#NA", "#NULL!", "#VALUE!", "#DIV/0!", "NaT",
		"nil", "NIL", "Null", "(null)", "<null>", "NAN", "-nan", "na", "n.a.", "N.A.", "n. a.", "k.A.", "k. A.", "missing", "Missing",
		"unknown", "Unknown", "UNKNOWN", "undefined", "not available", "inf", "-inf", "Inf", "-Inf":
		return true
	}
	return millrace.MissingWord(text)
}

// farDate reports whether a text is the date that databases write where there is none: the last of the calendar where
// something has not ended, the first, or one of zeros, with or without a clock.
func farDate(text []byte) bool {
	const longest = len("9999-12-31T23:59:59.999999999Z")
	if len(text) < len("99991231") || len(text) > longest {
		return false
	}
	day, clock := text, []byte(nil)
	if i := bytes.IndexAny(text, " T"); i >= 0 {
		day, clock = text[:i], text[i+1:]
	}
	switch string(day) {
	case "9999-12-31", "9999/12/31", "31.12.9999", "31/12/9999", "12/31/9999", "31-12-9999", "12-31-9999", "31-Dec-9999", "2999-12-31", "31.12.2999",
		"0001-01-01", "01.01.0001", "01/01/0001", "1/1/0001", "0000-00-00", "00.00.0000", "00/00/0000":
		return len(bytes.Trim(clock, "0123456789:.Z+APM ")) == 0
	case "99991231", "00000000":
		return len(clock) == 0
	}
	return false
}

// word counts a text that may mean that there is no value.
func (c *column) word(text string) {
	if c.unknown == nil {
		c.unknown = make(map[string]int64)
	}
	if _, ok := c.unknown[text]; !ok && len(c.unknown) >= wordsMost { // clocks behind a far date may differ
		return
	}
	c.unknown[text]++
}

// settleMissing takes the words out of columns that are numbers or booleans without them, as the source will.
func (p *plan) settleMissing() {
	for _, c := range p.seen.columns {
		if len(c.unknown) == 0 {
			continue
		}
		var n int64
		for _, times := range c.unknown {
			n += times
		}
		rest, strays := c.values()-n, c.texts-n
		dates := c.digitTimes
		for i := range c.orders {
			dates = max(dates, c.digitTimes+c.orders[i].n)
		}
		switch {
		case c.numbers > 0 && float64(strays+c.booleans) <= strayShare*float64(rest),
			c.booleans > 0 && c.booleans == rest,
			dates > 0 && float64(dates) >= timesShare*float64(rest):
			c.settle()
		}
	}
}

// settleLabel takes the words out of the label: nothing can be learned from them. A class may be named as one, but for
// those that the source takes for none.
func (p *plan) settleLabel() {
	c := p.label
	for word := range c.unknown {
		if c.numbers == 0 && (p.options.Missing == nil || !p.options.Missing([]byte(word))) {
			delete(c.unknown, word)
		}
	}
	if c.values() > 0 {
		c.settle()
	}
}

// settle moves the words from the values to what is missing.
func (c *column) settle() {
	for word, times := range c.unknown {
		c.texts -= times
		if !millrace.MissingWord([]byte(word)) {
			c.gone += times
		}
		delete(c.distinct, word)
		if !slices.Contains(c.gaps, word) {
			c.gaps = append(c.gaps, word)
		}
	}
	slices.Sort(c.gaps)
	c.unknown = nil
	if slices.Contains(c.gaps, c.sample) {
		c.sample = ""
		if rest := slices.Sorted(maps.Keys(c.distinct)); len(rest) > 0 {
			c.sample = rest[0]
		}
	}
}

// gapText lists the words that were settled.
func (c *column) gapText() string { return strings.Join(c.gaps, " and ") }

// unusual are the words that the pipeline file must name: the others always mean that there is no value. Nil is none.
func unusual(words []string) []string {
	var named []string
	for _, word := range words {
		if !millrace.MissingWord([]byte(word)) {
			named = append(named, word)
		}
	}
	return named
}
