package features

import (
	"fmt"
	"slices"
	"strings"
)

// UnitsMax bounds the spellings of a unit, UnitBytesMax each of them.
const (
	UnitsMax     = 16
	UnitBytesMax = 16
)

// UnitFaults says what is wrong with the spellings of a number's unit, beside its format.
func UnitFaults(unit []string, format string) (faults []string) {
	if len(unit) == 0 {
		return nil
	}
	if format == "duration" {
		faults = append(faults, "format: duration reads units of time by itself: leave one of both out")
	}
	if len(unit) > UnitsMax {
		faults = append(faults, fmt.Sprintf("%d spellings are more than %d", len(unit), UnitsMax))
	}
	for _, u := range unit {
		switch {
		case u == "" || len(u) > UnitBytesMax || strings.TrimSpace(u) != u:
			faults = append(faults, fmt.Sprintf("%q is no unit: one has 1 to %d bytes, without space around them", u, UnitBytesMax))
		// What may be part of a number, or a digit before or behind it, would be taken off wrongly.
		case strings.ContainsAny(u[:1], "0123456789+-.,'()") || !strings.ContainsFunc(u, func(r rune) bool { return !strings.ContainsRune("0123456789+-.,'() ", r) }):
			faults = append(faults, fmt.Sprintf("%q is no unit: one begins with a letter or a sign, not with what numbers are written with", u))
		}
	}
	if slices.ContainsFunc(unit, func(u string) bool { return u == "e" || u == "E" }) {
		faults = append(faults, "e is part of numbers, as 1e3")
	}
	return faults
}
