package features

import (
	"errors"
	"math"
	"slices"
	"testing"

	"millrace"
)

// TestBounds: a number outside what the pipeline says it can be refuses its event, or counts as the bound, in what is
// extracted and in what is learned.
func TestBounds(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		low, high *float64
		outside   string
		value     float64
		want      float64
		refused   bool
	}{
		{number(0), number(10), OutsideReject, 0, 0, false},
		{number(0), number(10), OutsideReject, 10, 10, false},
		{number(0), number(10), OutsideReject, 10.001, 0, true},
		{number(0), number(10), "", -1e-9, 0, true},
		{number(0), number(10), OutsideClip, math.MaxInt32, 10, false},
		{number(0), nil, OutsideClip, -7, 0, false},
		{nil, number(-5), OutsideClip, 3, -5, false},
		{number(0), nil, OutsideReject, 1e300, 1e300, false},
	} {
		column := DefaultColumn("a", Number)
		column.Scale, column.Path, column.Min, column.Max, column.Outside = scaleNone, "at.a", c.low, c.high, c.outside
		x := newExtractor(t, column, DefaultColumn("other", Number))
		compileView(t, x, millrace.ViewStandard)
		in := x.NewInput()
		e := event(c.value, 1.0)
		err := x.Extract(in, e)
		var r *millrace.Rejection
		if errors.As(err, &r) != c.refused || c.refused && (r.Reason != millrace.ReasonOutOfRange || r.Path != "at.a" || r.Detail == "") {
			t.Errorf("%v in %v to %v, %s: %v", c.value, c.low, c.high, c.outside, err)
		}
		if !c.refused && (e.Fields[0].Number != c.want || in[0].Dense[0] != float32(clip(c.want, math.MaxFloat32))) {
			t.Errorf("%v in %v to %v, %s: %v, %v", c.value, c.low, c.high, c.outside, e.Fields[0].Number, in[0].Dense)
		}
		if err := x.Extract(in, event(nil, 1.0)); err != nil {
			t.Errorf("a null is outside bounds: %v", err)
		}
	}
}

func TestBoundsValidate(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	for name, c := range map[string]struct {
		change func(*Column)
		path   string
	}{
		"not a number": {func(c *Column) { c.Type, c.Min = Category, number(1) }, "min"},
		"crossed":      {func(c *Column) { c.Min, c.Max = number(2), number(2) }, "min"},
		"endless":      {func(c *Column) { c.Max = number(math.Inf(1)) }, "max"},
		"another word": {func(c *Column) { c.Max, c.Outside = number(1), "drop" }, "outside"},
		"no bound":     {func(c *Column) { c.Outside = OutsideClip }, "outside"},
	} {
		column := DefaultColumn("a", Number)
		c.change(&column)
		if found := column.Validate(); !slices.ContainsFunc(found, func(v millrace.Violation) bool { return v.Path == c.path }) {
			t.Errorf("%s: %v", name, found)
		}
	}
}
