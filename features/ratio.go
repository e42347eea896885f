package features

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"millrace"
)

// ratios are the features of type ratio: numbers once they are filled in.
type ratios struct{ numbers }

func (*ratios) check(c *Column, report report) {
	if len(c.Of) != 2 {
		report("of", "a ratio has two numbers, as [amount, spent.mean]; found %d", len(c.Of))
	}
	checkNoReject(c, "what is below may be zero", report)
}

func (*ratios) checkSources(s Columns, i int, report report) {
	for k, name := range s[i].Of {
		at := fmt.Sprintf("of[%d]", k)
		switch j := s.find(name); {
		case j < 0 && len(s.statistics(name)) > 0:
			report(at, "%q has several statistics; write one of them, as %s", name, either(s.statistics(name)))
		case j < 0:
			report(at, "there is no feature %q", name)
		case s[j].Type != Number && s[j].Type != Window:
			report(at, "%q is a %s; a ratio is of numbers and windows", name, s[j].Type)
		case slices.Contains(s[i].Of[:k], name):
			report(at, "%q is listed twice", name)
		}
	}
}

// statistics are the names of the columns that a window of that name was expanded into.
func (s Columns) statistics(window string) []string {
	var names []string
	for _, c := range s {
		if c.Type == Window && strings.HasPrefix(c.Name, window+".") {
			names = append(names, c.Name)
		}
	}
	return names
}

// ratio is one of them: its own field and those of the number above and the number below.
type ratio struct{ own, above, below int }

func newRatio(s Columns, i int) ratio {
	return ratio{own: i, above: s.find(s[i].Of[0]), below: s.find(s[i].Of[1])}
}

// fill sets the ratio's field. Without either number, or over zero, there is none; what would be infinite is the
// largest number.
func (r *ratio) fill(e *millrace.Event) {
	above, below := &e.Fields[r.above], &e.Fields[r.below]
	out := &e.Fields[r.own]
	*out = millrace.Field{}
	if above.Presence != millrace.Present || below.Presence != millrace.Present || below.Number == 0 {
		return
	}
	out.Presence = millrace.Present
	out.Number = clip(above.Number/below.Number, math.MaxFloat64)
}
