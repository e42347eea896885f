package infer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"millrace/decode"
)

// amounts are what is known of a field's texts that are amounts to people, and no numbers in any one format.
type amounts struct {
	either int64  // read as us, as eu, or as both
	clocks int64  // 01:59
	clock  string // the first of them
	us, eu onlyAs // values that read only so
	large  int64  // a currency before and a magnitude behind, $1.5M
	larger string // the first of them
	signs  []string
	united
}

// onlyAs are values that read in one format and not in the other, with the first of them and the rows, from 0, that
// they are between.
type onlyAs struct {
	n           int64
	sample      string
	first, last int64
}

func (o *onlyAs) add(text []byte, row int64) {
	if o.n == 0 {
		o.sample, o.first = string(text[:min(len(text), textMax)]), row
	}
	o.n, o.last = o.n+1, row
}

// text says how many there are, and where.
func (o *onlyAs) text(format decode.NumberFormat) string {
	rows := fmt.Sprintf("events %s to %s", digitsOf(o.first+1), digitsOf(o.last+1))
	if o.first == o.last {
		rows = "event " + digitsOf(o.first+1)
	}
	return fmt.Sprintf("%s only as %s, as %.40q (%s)", digitsOf(o.n), format, o.sample, rows)
}

// unreadText looks at a text that is no plain number, perhaps with a unit, and returns the unit.
func (a *amounts) unreadText(text []byte, row int64, unit string, us, eu bool) string {
	if us || eu {
		a.either++
		if !eu {
			a.us.add(text, row)
		}
		if !us {
			a.eu.add(text, row)
		}
		return unit
	}
	if clock(text) {
		if a.clocks++; a.clock == "" {
			a.clock = string(text)
		}
	}
	a.readLarge(text)
	return ""
}

// readLarge looks at a text that may be an amount of money with a magnitude.
func (a *amounts) readLarge(text []byte) {
	text = bytes.TrimSpace(text)
	first, size := utf8.DecodeRune(text)
	if !unicode.Is(unicode.Sc, first) {
		return
	}
	_, magnitude := splitUnit(bytes.TrimSpace(text[size:]))
	if decode.Magnitude(magnitude) == 1 {
		return
	}
	if a.large++; a.larger == "" {
		a.larger = string(text[:min(len(text), textMax)])
	}
	for _, sign := range []string{string(first), magnitude} {
		if len(a.signs) < unitsMost && !slices.Contains(a.signs, sign) {
			a.signs = append(a.signs, sign)
		}
	}
}

// clock reports whether a text is hours and minutes, or minutes and seconds, and more of both.
func clock(text []byte) bool {
	first, rest, ok := bytes.Cut(text, []byte(":"))
	if !ok || len(first) == 0 || len(first) > len("9999") || len(rest) < len("00") || len(rest) > len("00:00.000000") {
		return false
	}
	return len(bytes.Trim(first, "0123456789")) == 0 && rest[0] >= '0' && rest[0] <= '5' && len(bytes.Trim(rest, "0123456789:.")) == 0
}

// unreadNote says of a field that is no number how its values would be; empty where they are none.
func (c *column) unreadNote() string {
	most := (1 - strayShare) * float64(c.values())
	switch read := float64(c.numbers + c.written.either); {
	case c.settled || c.values() < differentRows:
		return ""
	case c.severalUnits() != "":
		return c.severalUnits()
	case c.large > 0 && read+float64(c.large) >= most:
		return fmt.Sprintf("its values are money with magnitudes, as %.40q: to learn from them as numbers, write {type: number, unit: [%s]}",
			c.larger, strings.Join(c.signs, ", "))
	case float64(c.clocks) >= most:
		return fmt.Sprintf("its values are durations or times of day, as %.40q, and may be hours and minutes or minutes and seconds: "+
			"to learn from them as numbers, write them with hours, minutes and seconds, as 00:12:30", c.clock)
	case read >= most && c.us.n > 0 && c.eu.n > 0 && c.code() == "":
		return "its numbers are written in two ways, " + c.bothFormats() + ": to learn from them, write them alike"
	}
	return ""
}

// bothFormats says how many values read only as us, only as eu, and as either.
func (c *column) bothFormats() string {
	text := c.us.text(decode.NumberUS) + ", " + c.eu.text(decode.NumberEU)
	if c.differ > 0 {
		text += fmt.Sprintf(", %s as either", digitsOf(c.differ))
	}
	return text
}

// otherFormatNote says of a field in one of the formats what reads in the other; empty where nothing does.
func (c *column) otherFormatNote() string {
	if c.us.n == 0 || c.eu.n == 0 || c.format != asUS && c.format != asEU {
		return ""
	}
	note := "it is written in two ways, " + c.bothFormats()
	if c.differ > 0 {
		note += fmt.Sprintf(", which count as %s", formatOf[c.format])
	}
	return note
}
