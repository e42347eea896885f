package decode

import (
	"testing"

	"millrace"
	"millrace/features"
)

// TestGaps: texts that say that there is no value are absent ones, everywhere but among categories, where the file says
// which are.
func TestGaps(t *testing.T) {
	spec := testSpec()
	spec.Columns = features.Columns{
		features.DefaultColumn("n", features.Number), features.DefaultColumn("b", features.Boolean), features.DefaultColumn("at", features.Time),
		features.DefaultColumn("c", features.Category), features.DefaultColumn("d", features.Category), features.DefaultColumn("w", features.Text),
		features.DefaultColumn("m", features.Number),
	}
	spec.Columns[4].Gaps = []string{"-", `\N`, ""}
	spec.Columns[5].Gaps = []string{"none"}
	spec.Columns[6].Gaps = []string{"-", "-999"}
	spec.Label = LabelSpec{Path: "y", Type: "number"}
	d := newDecoderOf(t, spec)
	const present, gone = millrace.Present, millrace.Absent
	for _, c := range []struct {
		event string
		field int
		want  millrace.Presence
	}{
		{`{"n":"NA"}`, 0, gone}, {`{"n":" n/a "}`, 0, gone}, {`{"n":""}`, 0, gone}, {`{"n":"nan"}`, 0, gone}, {`{"n":"1"}`, 0, present},
		{`{"b":"NULL"}`, 1, gone}, {`{"b":true}`, 1, present},
		{`{"at":"?"}`, 2, gone}, {`{"at":"2024-01-01T00:00:00Z"}`, 2, present},
		{`{"c":"NA"}`, 3, present}, {`{"c":""}`, 3, present},
		{`{"d":"-"}`, 4, gone}, {`{"d":"\\N"}`, 4, gone}, {`{"d":""}`, 4, gone}, {`{"d":"NA"}`, 4, present},
		{`{"w":"none"}`, 5, gone}, {`{"w":"none at all"}`, 5, present},
		{`{"m":"-"}`, 6, gone}, {`{"m":-999}`, 6, gone}, {`{"m":-999.0}`, 6, gone}, {`{"m":"-999"}`, 6, gone}, {`{"m":"NaN"}`, 6, gone}, {`{"m":-99}`, 6, present},
	} {
		e, err := decode(d, c.event)
		if err != nil || e.Fields[c.field].Presence != c.want || c.want == gone && (e.Fields[c.field].Number != 0 || e.Fields[c.field].Text != nil) {
			t.Errorf("%s: %+v, %v", c.event, e.Fields[c.field], err)
		}
	}
	for _, event := range []string{`{"n":"-"}`, `{"n":"none"}`, `{"b":"maybe"}`, `{"m":"--"}`, `{"n":"NA`} {
		if _, err := decode(d, event); err == nil {
			t.Errorf("%s: no fault", event)
		}
	}
	if e, err := decode(d, `{"y":"NA"}`); err != nil || e.Label.Known || e.Label.Fault != nil {
		t.Errorf("a label that is NA: %+v, %v", e.Label, err)
	}
	classes := testSpec()
	classes.Label.Classes = []string{"NA", "EU"}
	if e, err := decode(newDecoderOf(t, classes), `{"y":"NA"}`); err != nil || !e.Label.Known {
		t.Errorf("a class that is NA: %+v, %v", e.Label, err)
	}
}
