package features

import (
	"fmt"
	"math"

	"millrace"
)

// The words of Column.Outside.
const (
	OutsideReject = "reject"
	OutsideClip   = "clip"
)

// checkRange reports mistakes in what a number can be.
func (c *Column) checkRange(report report) {
	for path, bound := range map[string]*float64{"min": c.Min, "max": c.Max} {
		switch {
		case bound == nil:
		case c.Type != Number:
			report(path, "is for numbers; %q is a %s", c.Name, c.Type)
		case math.IsNaN(*bound) || math.IsInf(*bound, 0):
			report(path, "%g is no finite number", *bound)
		}
	}
	switch {
	case c.Outside != "" && c.Outside != OutsideReject && c.Outside != OutsideClip:
		report("outside", "%q is neither %s nor %s", c.Outside, OutsideReject, OutsideClip)
	case c.Outside != "" && c.Min == nil && c.Max == nil:
		report("outside", "has an effect only with min or max")
	}
	if c.Min != nil && c.Max != nil && !(*c.Min < *c.Max) {
		report("min", "%g is not below max, %g", *c.Min, *c.Max)
	}
}

// bounded is a number that has bounds. The rejections are made once and shared: nobody changes them.
type bounded struct {
	field         int
	low, high     float64
	below, beyond *millrace.Rejection // nil where values are clipped
}

func (c Column) bounded(field int) (b bounded, ok bool) {
	if c.Min == nil && c.Max == nil {
		return b, false
	}
	b = bounded{field: field, low: math.Inf(-1), high: math.Inf(1)}
	within := "at most %g (max)"
	bounds := []any{}
	if c.Min != nil {
		b.low, within, bounds = *c.Min, "at least %g (min)", append(bounds, *c.Min)
	}
	if c.Max != nil {
		b.high, bounds = *c.Max, append(bounds, *c.Max)
	}
	if len(bounds) == 2 {
		within = "%g to %g (min and max)"
	}
	if c.Outside == OutsideClip {
		return b, true
	}
	rejection := func(word string) *millrace.Rejection {
		return &millrace.Rejection{Reason: millrace.ReasonOutOfRange, Path: c.EventPath(),
			Detail: fmt.Sprintf("found a %s number; feature %s is ", word, c.Name) + fmt.Sprintf(within, bounds...)}
	}
	b.below, b.beyond = rejection("smaller"), rejection("larger")
	return b, true
}

// hold makes the event's value one within the bounds, or says why the event cannot be used.
func (b *bounded) hold(e *millrace.Event) error {
	f := &e.Fields[b.field]
	switch {
	case f.Presence != millrace.Present || f.Number >= b.low && f.Number <= b.high:
	case f.Number < b.low && b.below != nil:
		return b.below
	case f.Number > b.high && b.beyond != nil:
		return b.beyond
	default:
		f.Number = min(max(f.Number, b.low), b.high)
	}
	return nil
}
