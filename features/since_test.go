package features

import (
	"fmt"
	"strings"
	"testing"

	"millrace"
)

// A since is a number like others: scaled, clipped, with its policy where there is none.
func TestSince(t *testing.T) {
	born := DefaultColumn("born", Time)
	born.Parts = []string{"hour"}
	age := DefaultColumn("age", Since)
	age.Of, age.Missing = []string{"born"}, "indicator"
	x := newExtractor(t, born, age)
	id, shape := compileView(t, x, millrace.ViewStandard)
	if shape.Width != 4 {
		t.Fatalf("%+v", shape)
	}
	for i := range 100 {
		x.Observe(event(0, 60*i))
	}
	row := extract(t, x, millrace.ViewStandard, event(0, 5940))
	if row[2] < 1 || row[2] > 2.5 || row[3] != 0 {
		t.Errorf("%v", row)
	}
	if row := extract(t, x, millrace.ViewStandard, event(0, nil)); row[2] != 0 || row[3] != 1 {
		t.Errorf("without a time: %v", row)
	}
	if name := x.FeatureName(id, 2); fmt.Sprint(name) != "[age]" {
		t.Errorf("%v", name)
	}
	age.Missing = "reject"
	x = newExtractor(t, born, age)
	if err := x.Check(event(0, nil)); err == nil || !strings.Contains(err.Error(), "age") {
		t.Errorf("an event without a time: %v", err)
	}
}

func TestSinceRefused(t *testing.T) {
	born, amount := DefaultColumn("born", Time), DefaultColumn("amount", Number)
	for _, c := range []struct {
		change func(*Column)
		want   string
	}{
		{func(c *Column) { c.Of = nil }, "is the one time that is counted from"},
		{func(c *Column) { c.Of = []string{"amount"} }, `"amount" is a number; write a feature of type time`},
		{func(c *Column) { c.Of = []string{"age"} }, `"age" is a since`},
		{func(c *Column) { c.Of = []string{"a..b"} }, `"a..b" is no feature of type time, and no path`},
		{func(c *Column) { c.Format = FormatDMY }, `how "born" reads is said there`},
		{func(c *Column) { c.Zone = "Europe/Nowhere" }, `"Europe/Nowhere" is no zone`},
		{func(c *Column) { c.Format = "us" }, `"us" is none of ymd, dmy, mdy and yyyymmdd`},
	} {
		age := DefaultColumn("age", Since)
		age.Of = []string{"born"}
		c.change(&age)
		_, err := New(Spec{Columns: Columns{born, amount, age}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", age.Of, err, c.want)
		}
	}
}
