package decode

import (
	"math"
	"testing"

	"millrace"
)

func number(v float64) *float64 { return &v }

// TestBounds: a number outside what the pipeline says a label can be is refused, or counts as the bound, whether it
// comes with its event or later.
func TestBounds(t *testing.T) {
	limits := Limits{}
	limits.SetDefaults()
	for _, c := range []struct {
		low, high *float64
		outside   string
		value     string
		want      float64
		refused   bool
	}{
		{number(0), number(10), OutsideReject, "0", 0, false},
		{number(0), number(10), OutsideReject, "10", 10, false},
		{number(0), number(10), OutsideReject, "10.001", 0, true},
		{number(0), number(10), OutsideReject, "-1e-9", 0, true},
		{number(0), number(10), OutsideClip, "2147483647", 10, false},
		{number(0), number(10), OutsideClip, "-7", 0, false},
		{number(0), nil, OutsideReject, "1e300", 1e300, false},
		{number(0), nil, "", "-1", 0, true},
		{nil, number(-5), OutsideClip, "3", -5, false},
		{nil, nil, "", "-1e300", -1e300, false},
	} {
		label := LabelSpec{Path: "y", Type: "number", Min: c.low, Max: c.high, Outside: c.outside}
		d, err := New(Spec{Label: label, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		e := d.NewEvent()
		if err := d.Decode(&millrace.Record{Value: []byte(`{"y":` + c.value + `}`)}, e); err != nil {
			t.Fatalf("%s: a label's fault is one of the event: %v", c.value, err)
		}
		refused := e.Label.Fault != nil
		if refused != c.refused || e.Label.Known == refused || e.Label.Value != c.want {
			t.Errorf("%s in %v to %v, %s: %+v", c.value, c.low, c.high, c.outside, e.Label)
		}
		if refused && (e.Label.Fault.Reason != millrace.ReasonOutOfRange || e.Label.Fault.Path != "y") {
			t.Errorf("%s: %v", c.value, e.Label.Fault)
		}
		label.ID = "id"
		late, err := New(label.LabelRecordSpec(limits))
		if err != nil {
			t.Fatal(err)
		}
		e = late.NewEvent()
		if err := late.Decode(&millrace.Record{Value: []byte(`{"id":"a","y":` + c.value + `}`)}, e); (err != nil) != c.refused || err == nil && e.Label.Value != c.want {
			t.Errorf("%s of a label that comes later: %v, %+v", c.value, err, e.Label)
		}
	}
}

// TestBoundsAreChecked: bounds that no label can have, or that nothing reads, are mistakes in the pipeline file.
func TestBoundsAreChecked(t *testing.T) {
	for path, l := range map[string]LabelSpec{
		"min":           {Path: "y", Type: "number", Min: number(2), Max: number(2)},
		"max":           {Path: "y", Type: "number", Max: number(math.Inf(1))},
		"outside":       {Path: "y", Type: "number", Outside: OutsideClip},
		"missing.value": {Path: "y", Type: "number", Min: number(1), Topic: "l", Wait: waitDefault, Early: earlyDefault, Missing: MissingSpec{Value: "0"}},
	} {
		if found := l.Validate(); len(found) != 1 || found[0].Path != path {
			t.Errorf("%s: %v", path, found)
		}
	}
	for path, l := range map[string]LabelSpec{
		"min":           {Path: "y", Type: "number", Min: number(1.1e140)},
		"max":           {Path: "y", Type: "number", Max: number(1e200), Outside: OutsideClip},
		"missing.value": {Path: "y", Type: "number", Topic: "l", Wait: waitDefault, Early: earlyDefault, Missing: MissingSpec{Value: "-1e200"}},
	} {
		if found := l.Validate(); len(found) != 1 || found[0].Path != path {
			t.Errorf("%s beyond what is learned: %v", path, found)
		}
	}
	// Where nothing is made as large as a bound, one beyond what is learned refuses nothing that would be learned.
	wide := LabelSpec{Path: "y", Type: "number", Min: number(-1e200), Max: number(1e200)}
	largest := LabelSpec{Path: "y", Type: "number", Min: number(-millrace.NumberMax), Max: number(millrace.NumberMax), Outside: OutsideClip}
	for _, l := range []LabelSpec{wide, largest} {
		if found := l.Validate(); len(found) != 0 {
			t.Errorf("%v", found)
		}
	}
	classes := LabelSpec{Path: "y", Classes: []string{"a", "b"}, Min: number(0)}
	if found := classes.Validate(); len(found) != 1 || found[0].Path != "min" {
		t.Errorf("classes with a least number: %v", found)
	}
}
