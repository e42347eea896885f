package model

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	// budgetDefault and budgetMax are learning costs in units of learning by one 64-64 mlp.
	budgetDefault = "4x"
	budgetMax     = 1000
)

// ParseBudget reads the budget of a mixture, "4x" or "4" for short: how many 64-64 networks learning may cost.
func ParseBudget(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(v > 0 && v <= budgetMax) {
		return 0, fmt.Errorf("must be how many 64-64 mlps learning may cost, above 0x and up to %dx, as 4x, not %q", budgetMax, text)
	}
	return v, nil
}

func (s Spec) resolveAuto() Spec {
	if s.Budget == "" {
		s.Budget = budgetDefault
	}
	if v, err := ParseBudget(s.Budget); err == nil {
		s.Budget = strconv.FormatFloat(v, 'g', -1, 64) + "x" // one spelling: snapshots compare it
	}
	if s.StateMax == 0 {
		s.StateMax = StateMaxDefault
	}
	return s
}

func (s Spec) validateAuto(c *checker) {
	if s.StateMax != 0 && (s.StateMax < StateMaxLeast || s.StateMax > StateMaxMost) {
		c.add("state_max", "%s is outside %s to %s", s.StateMax, StateMaxLeast, StateMaxMost)
	}
	if s.Budget == "" {
		return
	}
	if _, err := ParseBudget(s.Budget); err != nil {
		c.add("budget", "%s", err)
	}
}
