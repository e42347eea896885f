package decode

import (
	"errors"
	"testing"
	"time"

	"millrace"
)

// lateSpec is the spec of a topic of labels, after change.
func lateSpec(t *testing.T, change func(*LabelSpec)) Spec {
	t.Helper()
	var l LabelSpec
	l.SetDefaults()
	l.Path, l.Classes, l.Topic = "y", []string{"no", "yes"}, "labels"
	if change != nil {
		change(&l)
	}
	l.Resolve("id")
	if found := l.Validate(); len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	var limits Limits
	limits.SetDefaults()
	limits.Text = 16
	return l.LabelRecordSpec(limits)
}

// TestLabelRecords: what a record of the topic of labels says, or why it cannot be used.
func TestLabelRecords(t *testing.T) {
	byKey := lateSpec(t, func(l *LabelSpec) { l.ID = KeyID })
	plain := lateSpec(t, nil)
	full := lateSpec(t, func(l *LabelSpec) { l.ID, l.Time, l.Weight, l.WeightMax = "of.event", TimeSpec{Path: "at"}, "w", 5 })
	number := lateSpec(t, func(l *LabelSpec) { l.Type, l.Classes = "number", nil })
	for _, c := range []struct {
		name        string
		spec        Spec
		key, record string
		id          string
		time        int64
		label       millrace.Label
		reason      millrace.Reason
		path        string
	}{
		{"by path", plain, "k", `{"id":"a","y":"yes","more":[1]}`, "a", 42, millrace.Label{Known: true, Class: 1}, "", ""},
		{"a number as id", plain, "", `{"y":"no","id":7}`, "7", 42, millrace.Label{Known: true}, "", ""},
		{"by key", byKey, "k", `{"id":"a","y":"yes"}`, "k", 42, millrace.Label{Known: true, Class: 1}, "", ""},
		{"with all", full, "", `{"of":{"event":"e"},"at":1700000000,"w":7,"y":"no"}`, "e", 1_700_000_000_000,
			millrace.Label{Known: true, Weighted: true, Weight: 5}, "", ""},
		{"a number", number, "", `{"id":"a","y":-2.5}`, "a", 42, millrace.Label{Known: true, Value: -2.5}, "", ""},
		{"no id", plain, "k", `{"y":"yes"}`, "", 0, millrace.Label{}, millrace.ReasonMissingID, "id"},
		{"null as id", plain, "k", `{"id":null,"y":"yes"}`, "", 0, millrace.Label{}, millrace.ReasonMissingID, "id"},
		{"an empty id", plain, "k", `{"id":"","y":"yes"}`, "", 0, millrace.Label{}, millrace.ReasonMissingID, "id"},
		{"an object as id", plain, "k", `{"id":{},"y":"yes"}`, "", 0, millrace.Label{}, millrace.ReasonBadID, "id"},
		{"no key", byKey, "", `{"id":"a","y":"yes"}`, "", 0, millrace.Label{}, millrace.ReasonMissingID, ""},
		{"a key that is too long", byKey, "0123456789abcdefg", `{"y":"yes"}`, "", 0, millrace.Label{}, millrace.ReasonTextTooLong, ""},
		{"an id that is too long", plain, "", `{"id":"0123456789abcdefg","y":"yes"}`, "", 0, millrace.Label{}, millrace.ReasonTextTooLong, "id"},
		{"no label", plain, "", `{"id":"a"}`, "", 0, millrace.Label{}, millrace.ReasonMissingLabel, "y"},
		{"null as label", plain, "", `{"id":"a","y":null}`, "", 0, millrace.Label{}, millrace.ReasonMissingLabel, "y"},
		{"an unknown class", plain, "", `{"id":"a","y":"maybe"}`, "", 0, millrace.Label{}, millrace.ReasonUnknownClass, "y"},
		{"a label of another type", number, "", `{"id":"a","y":"3 or 4"}`, "", 0, millrace.Label{}, millrace.ReasonBadLabel, "y"},
		{"a weight of another type", full, "", `{"of":{"event":"e"},"w":"7x","y":"no"}`, "", 0, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		{"a time that is none", full, "", `{"of":{"event":"e"},"at":"soon","y":"no"}`, "", 0, millrace.Label{}, millrace.ReasonBadTime, "at"},
		{"no JSON", plain, "k", `{"id":"a","y":`, "", 0, millrace.Label{}, millrace.ReasonMalformed, ""},
		{"no object", plain, "k", `"yes"`, "", 0, millrace.Label{}, millrace.ReasonNotObject, ""},
		{"a tombstone", byKey, "k", ``, "", 0, millrace.Label{}, millrace.ReasonEmpty, ""},
	} {
		d := newDecoderOf(t, c.spec)
		e := d.NewEvent()
		err := d.Decode(&millrace.Record{Time: 42, Key: []byte(c.key), Value: []byte(c.record)}, e)
		var why *millrace.Rejection
		if errors.As(err, &why); err != nil {
			if why == nil || why.Reason != c.reason || why.Path != c.path || why.Detail == "" {
				t.Errorf("%s: %v, want %q at %q", c.name, err, c.reason, c.path)
			}
			continue
		}
		if c.reason != "" || string(e.ID) != c.id || e.Time != c.time || e.Label != c.label || len(e.Fields) != 0 {
			t.Errorf("%s: id %q, time %d, %+v, want %q, %d, %+v %s", c.name, e.ID, e.Time, e.Label, c.id, c.time, c.label, c.reason)
		}
	}
}

// TestLabelRecordsDoNotAllocate: labels come as often as events do.
func TestLabelRecordsDoNotAllocate(t *testing.T) {
	for _, id := range []string{"id", KeyID} {
		d := newDecoderOf(t, lateSpec(t, func(l *LabelSpec) { l.ID = id }))
		e, good := d.NewEvent(), &millrace.Record{Key: []byte("k"), Value: []byte(`{"id":"a","y":"yes"}`)}
		bad := &millrace.Record{Value: []byte(`{"y":"yes"}`)}
		if n := testing.AllocsPerRun(100, func() {
			if d.Decode(good, e) != nil || d.Decode(bad, e) == nil {
				t.Error("decoded otherwise")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", id, n)
		}
	}
}

// TestLateLabelValues: what an event without a label was, or is taken for.
func TestLateLabelValues(t *testing.T) {
	for _, c := range []struct {
		spec             LabelSpec
		missing, assumed millrace.Label
	}{
		{LabelSpec{Classes: []string{"a", "b"}, Missing: MissingSpec{Class: "b"}}, millrace.Label{Known: true, Class: 1}, millrace.Label{}},
		{LabelSpec{Classes: []string{"a", "b"}, Missing: MissingSpec{Class: "drop"}, Assume: "a"}, millrace.Label{}, millrace.Label{Known: true}},
		{LabelSpec{Classes: []string{"a", "b"}, Assume: "none"}, millrace.Label{}, millrace.Label{}},
		{LabelSpec{Type: "number", Missing: MissingSpec{Class: "0.50"}}, millrace.Label{Known: true, Value: 0.5}, millrace.Label{}},
		{LabelSpec{Type: "number", Missing: MissingSpec{Value: "-3"}}, millrace.Label{Known: true, Value: -3}, millrace.Label{}},
		{LabelSpec{Type: "number", Missing: MissingSpec{Class: "drop"}}, millrace.Label{}, millrace.Label{}},
	} {
		l := c.spec
		l.Path, l.Topic, l.Wait, l.Early = "y", "labels", time.Hour, time.Minute
		l.Resolve("id")
		if found := l.Validate(); len(found) > 0 || l.IfMissing() != c.missing || l.Assumed() != c.assumed || l.DeadLetters != "labels.dead" || l.ID != "id" {
			t.Errorf("%+v: missing %+v, assumed %+v, %+v", c.spec, l.IfMissing(), l.Assumed(), found)
		}
	}
}
