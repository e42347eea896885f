package infer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// unitsMost different units of a field are kept, each of unitBytes at most.
	unitsMost, unitBytes = 4, 8
	// mixedShare of the values in each of two formats make a field one of both.
	mixedShare = 0.05
)

// amounts are what is known of a field's texts that are amounts to people, and no numbers in any one format.
type amounts struct {
	either int64            // read as us, as eu, or as both
	united int64            // a number with something behind it: 12.5 kg
	units  map[string]int64 // what stands there
	clocks int64            // 01:59:30
	us, eu string           // the first that reads only so
}

// unreadText looks at a text that no format reads, or only one of us and eu.
func (a *amounts) unreadText(text []byte, us, eu bool) {
	if us || eu {
		a.either++
		if !eu && a.us == "" {
			a.us = string(text[:min(len(text), textMax)])
		}
		if !us && a.eu == "" {
			a.eu = string(text[:min(len(text), textMax)])
		}
		return
	}
	if clock(text) {
		a.clocks++
		return
	}
	unit := unitOf(text)
	if unit == "" {
		return
	}
	a.united++
	if _, ok := a.units[unit]; !ok && len(a.units) >= unitsMost {
		return
	}
	if a.units == nil {
		a.units = make(map[string]int64)
	}
	a.units[unit]++
}

// unitOf is what stands behind a number; empty where there is none, or more than a unit.
func unitOf(text []byte) string {
	last := bytes.LastIndexAny(text, "0123456789")
	if last < 0 || len(text)-last-1 > unitBytes+1 || len(text) > textMax {
		return ""
	}
	unit := bytes.TrimSpace(text[last+1:])
	first, _ := utf8.DecodeRune(unit)
	if len(unit) == 0 || !unicode.IsLetter(first) && first != '°' && first != '/' || bytes.ContainsAny(unit, "-_:;") {
		return ""
	}
	for _, format := range formatOf {
		if _, ok := format.Parse(bytes.TrimSpace(text[:last+1])); ok {
			return string(unit)
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
	case float64(c.united) >= most:
		units := make([]string, 0, unitsMost)
		for unit := range c.units {
			units = append(units, unit)
		}
		slices.Sort(units)
		return fmt.Sprintf("its values are numbers with units (%s), as %.40q: to learn from them as numbers, write them without", strings.Join(units, ", "), c.written.example())
	case float64(c.clocks) >= most:
		return fmt.Sprintf("its values are durations or times of day, as %.40q: to learn from them as numbers, write them in one unit, as seconds", c.written.example())
	case read >= most && us >= mixedShare*read && eu >= mixedShare*read && c.us != "" && c.eu != "" && c.code() == "":
		return fmt.Sprintf("some of its values are us numbers, as %.40q, others eu, as %.40q: to learn from them as numbers, write them alike", c.us, c.eu)
	}
	return ""
}

// example is a value that no format reads.
func (w *written) example() string { return w.by[asUS].stray }
