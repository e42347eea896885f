package infer

import (
	"bytes"
	"fmt"
)

// amounts are what is known of a field's texts that are amounts to people, and no numbers in any one format.
type amounts struct {
	either int64  // read as us, as eu, or as both
	clocks int64  // 01:59
	clock  string // the first of them
	us, eu string // the first that reads only so
	united
}

// unreadText looks at a text that is no plain number, perhaps with a unit, and returns the unit.
func (a *amounts) unreadText(text []byte, unit string, us, eu bool) string {
	if us || eu {
		a.either++
		if !eu && a.us == "" {
			a.us = string(text[:min(len(text), textMax)])
		}
		if !us && a.eu == "" {
			a.eu = string(text[:min(len(text), textMax)])
		}
		return unit
	}
	if clock(text) {
		if a.clocks++; a.clock == "" {
			a.clock = string(text)
		}
	}
	return ""
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
	us, eu := float64(c.by[asUS].n), float64(c.by[asEU].n)
	switch read := float64(c.numbers + c.written.either); {
	case c.settled || c.values() < differentRows:
		return ""
	case c.severalUnits() != "":
		return c.severalUnits()
	case float64(c.clocks) >= most:
		return fmt.Sprintf("its values are durations or times of day, as %.40q, and may be hours and minutes or minutes and seconds: "+
			"to learn from them as numbers, write them with hours, minutes and seconds, as 00:12:30", c.clock)
	case read >= most && us >= mixedShare*read && eu >= mixedShare*read && c.us != "" && c.eu != "" && c.code() == "":
		return fmt.Sprintf("some of its values are us numbers, as %.40q, others eu, as %.40q: to learn from them as numbers, write them alike", c.us, c.eu)
	}
	return ""
}
