package decode

import (
	"fmt"
	"math"
	"strconv"

	"millrace"
)

// validateRange reports mistakes in what a numeric label can be.
func (l *LabelSpec) validateRange() []millrace.Violation {
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	for path, bound := range map[string]*float64{"min": l.Min, "max": l.Max} {
		switch {
		case bound == nil:
		case l.Type != "number":
			report(path, "is for labels that are numbers; leave it out")
		case math.IsNaN(*bound) || math.IsInf(*bound, 0):
			report(path, "%g is no finite number", *bound)
		}
	}
	switch {
	case l.Outside != "" && l.Outside != OutsideReject && l.Outside != OutsideClip:
		report("outside", "%q is neither %s nor %s", l.Outside, OutsideReject, OutsideClip)
	case l.Outside != "" && l.Min == nil && l.Max == nil:
		report("outside", "has an effect only with min or max")
	}
	if l.Min != nil && l.Max != nil && !(*l.Min < *l.Max) {
		report("min", "%g is not below max, %g", *l.Min, *l.Max)
	}
	if len(found) > 0 || l.Type != "number" {
		return found
	}
	// A bound beyond what is learned does no harm where nothing is made to be as large as that.
	const most = millrace.NumberMax
	clip := l.Outside == OutsideClip
	if l.Min != nil && (*l.Min > most || clip && *l.Min < -most) {
		report("min", "%g is beyond ±%g, and no such label is learned", *l.Min, float64(most))
	}
	if l.Max != nil && (*l.Max < -most || clip && *l.Max > most) {
		report("max", "%g is beyond ±%g, and no such label is learned", *l.Max, float64(most))
	}
	return found
}

// beyond reports whether a number, as written, is larger than any label that is learned.
func beyond(text string) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && math.Abs(v) > millrace.NumberMax
}

// within reports whether a number, as written, can be a label.
func (l *LabelSpec) within(text string) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && (l.Min == nil || v >= *l.Min) && (l.Max == nil || v <= *l.Max)
}

// bounds are what a numeric label can be. The zero bounds are none.
type bounds struct {
	given     bool
	clip      bool
	low, high float64
}

func (l *LabelSpec) bounds() bounds {
	b := bounds{given: l.Min != nil || l.Max != nil, clip: l.Outside == OutsideClip, low: math.Inf(-1), high: math.Inf(1)}
	if l.Min != nil {
		b.low = *l.Min
	}
	if l.Max != nil {
		b.high = *l.Max
	}
	return b
}

func (b *bounds) String() string {
	switch {
	case math.IsInf(b.low, -1):
		return fmt.Sprintf("at most %g (label.max)", b.high)
	case math.IsInf(b.high, 1):
		return fmt.Sprintf("at least %g (label.min)", b.low)
	}
	return fmt.Sprintf("%g to %g (label.min and label.max)", b.low, b.high)
}

// held is a label as it counts, or why it cannot be used.
func (d *Decoder) held(t int32, v float64) (float64, *millrace.Rejection) {
	b := &d.bounds
	if !b.given || v >= b.low && v <= b.high {
		return v, nil
	}
	if b.clip {
		return min(max(v, b.low), b.high), nil
	}
	found := aNumber
	if v < b.low {
		found = aNegative
	}
	return 0, d.fault(faultKey{millrace.ReasonOutOfRange, t, found}, d.targets[t].path, func() string {
		word := "larger"
		if v < b.low {
			word = "smaller"
		}
		return fmt.Sprintf("found a %s number; labels are %s", word, b)
	})
}
