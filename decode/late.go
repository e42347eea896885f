package decode

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"millrace"
	"millrace/features"
)

// KeyID is the id of a label record that is the record's key.
const KeyID = "$key"

// What a file may say in place of a class.
const (
	missingDrop = "drop"
	assumeNone  = "none"
)

// Defaults and bounds of labels that come later.
const (
	waitDefault  = 30 * 24 * time.Hour
	earlyDefault = 10 * time.Minute
	// waitLeast is what event times are told apart by at least; below it a label could as well come with its event.
	waitLeast = time.Second
	// WaitMost bounds label.wait, and label.early: it is longer than any topic keeps what a restart reads again.
	WaitMost = 10 * 365 * 24 * time.Hour
)

// MissingSpec says what an event was whose label did not come; a bare word is the class. The zero MissingSpec drops it.
type MissingSpec struct {
	Class string        `yaml:"class,short" also:"class" hash:"training" doc:"what an event without a label was when the wait has ended: a class, learned then; drop: it is not learned. drop by default"`
	Value string        `yaml:"value" also:"number" hash:"training" doc:"the same of a label that is a number"`
	Hold  time.Duration `yaml:"hold" hash:"none" doc:"events do not become that while no label at all has come for so long: labels that have stopped are no sign; never by default"`
}

// given reports whether events without a label become something.
func (m MissingSpec) given() bool { return m.Class != "" || m.Value != "" }

// SetDefaults fills in what a pipeline file may leave out; without a topic it has no effect. A month is what card
// schemes leave for most disputes, and ten minutes is more than clocks and producers differ by.
func (l *LabelSpec) SetDefaults() { *l = LabelSpec{Wait: waitDefault, Early: earlyDefault} }

// Late reports whether labels come on a topic of their own.
func (l *LabelSpec) Late() bool { return l.Topic != "" }

// Resolve fills in what follows from other settings. What is as without a setting becomes empty, so that one meaning
// has one spec. id is the events' path of it.
func (l *LabelSpec) Resolve(id string) {
	if l.Missing.Class == missingDrop {
		l.Missing.Class = ""
	}
	if l.Assume == assumeNone {
		l.Assume = ""
	}
	if n := len(l.Classes); n == 2 && l.Positive == l.Classes[n-1] {
		l.Positive = ""
	}
	if l.Type == "number" && l.Missing.Value == "" && isNumber(l.Missing.Class) {
		l.Missing.Class, l.Missing.Value = "", l.Missing.Class
	}
	if v, err := strconv.ParseFloat(l.Missing.Value, 64); err == nil {
		l.Missing.Value = strconv.FormatFloat(v, 'g', -1, 64)
	}
	if l.Outside == "" && (l.Min != nil || l.Max != nil) {
		l.Outside = OutsideReject
	}
	if !l.Late() {
		return
	}
	if l.ID == "" {
		l.ID = id
	}
	if l.DeadLetters == "" {
		l.DeadLetters = l.Topic + ".dead"
	}
}

func isNumber(text string) bool {
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// IfMissing is the label of an event whose label has not come when its wait ends; it is not Known when such events are
// dropped. The spec must be resolved and valid.
func (l *LabelSpec) IfMissing() millrace.Label {
	if l.Missing.Class != "" {
		return millrace.Label{Known: true, Class: int32(slices.Index(l.Classes, l.Missing.Class))}
	}
	if v, err := strconv.ParseFloat(l.Missing.Value, 64); err == nil {
		return millrace.Label{Known: true, Value: v}
	}
	return millrace.Label{}
}

// Assumed is the label that an event is learned with at once, until its own comes; not Known when nothing is assumed.
// The spec must be resolved and valid.
func (l *LabelSpec) Assumed() millrace.Label {
	if l.Assume == "" {
		return millrace.Label{}
	}
	return millrace.Label{Known: true, Class: int32(slices.Index(l.Classes, l.Assume))}
}

// validateLate reports every mistake in what is said of labels that come later; paths are relative to the label.
func (l *LabelSpec) validateLate() []millrace.Violation {
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if !l.Late() {
		for _, f := range []struct {
			path string
			set  bool
		}{
			{"id", l.ID != ""}, {"time", l.Time.Given()}, {"assume", l.Assume != ""},
			{"missing", l.Missing != MissingSpec{}}, {"dead_letters", l.DeadLetters != ""},
		} {
			if f.set {
				report(f.path, "has an effect only with label.topic: labels that come later")
			}
		}
		return found
	}
	for path, text := range map[string]string{"id": l.ID, "time": l.Time.Path} {
		if _, err := features.SplitPath(text); text != "" && err != nil {
			report(path, "%q is no path: %v", text, err)
		}
	}
	if l.Wait < waitLeast || l.Wait > WaitMost {
		report("wait", "%s is outside %s to %s", millrace.FormatDuration(l.Wait), millrace.FormatDuration(waitLeast), millrace.FormatDuration(WaitMost))
	}
	if l.Early < waitLeast || l.Early > WaitMost {
		report("early", "%s is outside %s to %s", millrace.FormatDuration(l.Early), millrace.FormatDuration(waitLeast), millrace.FormatDuration(WaitMost))
	}
	if l.Unlabelled == UnlabelledReject {
		report("unlabelled", "events wait for their label, so that one without is no fault: leave it out, or label.topic")
	}
	found = append(found, l.validateMissing()...)
	return append(found, l.validateAssume()...)
}

func (l *LabelSpec) validateMissing() []millrace.Violation {
	m := l.Missing
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: "missing." + path, Message: fmt.Sprintf(format, args...)})
	}
	number := l.Type == "number"
	switch {
	case m.Class != "" && m.Value != "":
		report("value", "leave out one of the two, class and value")
	case number && m.Class != "":
		report("class", "%q is no number; write drop, or the number that an event without a label was", m.Class)
	case number && m.Value != "" && !isNumber(m.Value):
		report("value", "%q is no finite number", m.Value)
	case number && beyond(m.Value):
		report("value", "%s is beyond ±%g, and no such label is learned", m.Value, float64(millrace.NumberMax))
	case number && m.Value != "" && !l.within(m.Value):
		report("value", "%s is outside label.min and label.max", m.Value)
	case !number && m.Value != "":
		report("value", "is for labels that are numbers; write class")
	case m.Class != "" && !slices.Contains(l.Classes, m.Class):
		report("class", "%q is no class; write drop, or one of %s", m.Class, strings.Join(l.Classes, ", "))
	}
	switch {
	case m.Hold != 0 && !m.given():
		report("hold", "has an effect only where events without a label become a class or a number: what is dropped needs no holding")
	case m.Hold < 0 || m.Hold != 0 && m.Hold < waitLeast:
		report("hold", "%s is below %s", millrace.FormatDuration(m.Hold), millrace.FormatDuration(waitLeast))
	}
	return found
}

// validateAssume keeps to what fake-negative weighting is made for: two classes, one of which nearly all events are
// until they are told otherwise.
func (l *LabelSpec) validateAssume() []millrace.Violation {
	if l.Assume == "" {
		return nil
	}
	refuse := func(format string, args ...any) []millrace.Violation {
		return []millrace.Violation{{Path: "assume", Message: fmt.Sprintf(format, args...)}}
	}
	switch {
	case len(l.Classes) != 2:
		return refuse("needs two classes, one of which an event is until its label comes")
	case !slices.Contains(l.Classes, l.Assume):
		return refuse("%q is no class; write none, or one of %s", l.Assume, strings.Join(l.Classes, ", "))
	case l.ClassWeights.given():
		return refuse("does not go with class_weights: it weighs events itself, so that probabilities come out right; leave out one of the two")
	case l.Missing.given() && l.Missing.Class != l.Assume:
		return refuse("%s is learned when the event comes, and missing says that without a label it was %s: leave missing out, or make both the same",
			l.Assume, l.Missing.Class)
	}
	return nil
}

// LabelRecordSpec is what the records of the topic of labels are decoded by: an id and the label, with its weight, and
// perhaps when it became known. Events from it have no fields.
func (l *LabelSpec) LabelRecordSpec(limits Limits) Spec {
	return Spec{ID: l.ID, Time: l.Time, Limits: limits, LabelRecord: true, Label: LabelSpec{Path: l.Path, Type: l.Type,
		Classes: l.Classes, IgnoreCase: l.IgnoreCase, Format: l.Format, Unit: l.Unit,
		Weight: l.Weight, WeightMax: l.WeightMax, Min: l.Min, Max: l.Max, Outside: l.Outside,
		Unlabelled: UnlabelledReject}}
}

// labelRecord ends a record of the topic of labels: unlike an event's, a fault of its label is a fault of all of it.
func (d *Decoder) labelRecord(rec *millrace.Record, dst *millrace.Event) *millrace.Rejection {
	if d.keyID {
		if dst.ID = rec.Key; len(rec.Key) > int(d.limits.Text) {
			return d.fault(faultKey{millrace.ReasonTextTooLong, -1, aString}, "", func() string {
				return fmt.Sprintf("the record's key, which is the event's id, is longer than limits.text, %s", d.limits.Text)
			})
		}
	}
	if len(dst.ID) == 0 {
		return d.fault(faultKey{millrace.ReasonMissingID, -1, aNull}, d.idPath, func() string {
			if d.keyID {
				return "the record has no key; the id of the event that the label is of belongs there"
			}
			return "the label does not say which event it is of"
		})
	}
	return dst.Label.Fault
}
