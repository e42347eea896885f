package decode

import (
	"fmt"
	"slices"
	"strings"

	"millrace"
	"millrace/features"
)

// Bounds of what a pipeline file may ask for.
const (
	// ClassesMax bounds the classes: a model keeps a row of weights for each.
	ClassesMax = 10_000
	// EventMax bounds limits.event; offsets within an event are 32 bits.
	EventMax millrace.Bytes = 1 << 30
	// DepthMax bounds limits.depth: nested values are walked by recursion.
	DepthMax = 1000
)

// Validate reports every mistake in the label; paths are relative to it.
func (l LabelSpec) Validate() []millrace.Violation {
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if l.Path == "" {
		report("path", "say where the label stands in the event")
	} else if _, err := features.SplitPath(l.Path); err != nil {
		report("path", "%q is no path: %v", l.Path, err)
	}
	switch {
	case l.Type != "" && l.Type != "class" && l.Type != "number":
		report("type", "%q is neither class nor number", l.Type)
	case l.Type == "number" && len(l.Classes) > 0:
		report("classes", "a number has no classes: leave them out, or use type: class")
	case l.Type == "" && len(l.Classes) == 0:
		report("type", "give the classes, or type: number")
	case l.Type != "number" && (len(l.Classes) < 2 || len(l.Classes) > ClassesMax):
		report("classes", "there are %d classes; give 2 to %d", len(l.Classes), ClassesMax)
	}
	switch {
	case l.Positive == "" || len(l.Classes) < 2 && l.Type != "number": // the latter is told above
	case l.Type == "number":
		report("positive", "a number has no classes, of which one could be positive: leave it out")
	case len(l.Classes) > 2:
		report("positive", "is for two classes, and there are %d: of more, a score is of the one that is predicted; leave it out", len(l.Classes))
	case !slices.Contains(l.Classes, l.Positive):
		report("positive", "%q is no class; write one of %s", l.Positive, strings.Join(l.Classes, ", "))
	}
	switch {
	case l.Format == "":
	case l.Type != "number":
		report("format", "is for labels that are numbers; leave it out, or use type: number")
	case l.Format != string(NumberUS) && l.Format != string(NumberEU) && l.Format != string(NumberDuration):
		report("format", "%q is none of us, eu and duration", l.Format)
	}
	if len(l.Unit) > 0 && l.Type != "number" {
		report("unit", "is for labels that are numbers; leave it out, or use type: number")
	}
	for _, fault := range features.UnitFaults(l.Unit, l.Format) {
		report("unit", "%s", fault)
	}
	found = append(found, l.validateWeights()...)
	found = append(found, l.validateRange()...)
	found = append(found, l.validateLate()...)
	if l.IgnoreCase && len(l.Classes) == 0 {
		report("ignore_case", "is for classes; leave it out")
	}
	first := make(map[string]int, len(l.Classes))
	for i, c := range l.Classes {
		key := c
		if l.IgnoreCase {
			key = l.alike(c)
		}
		if j, ok := first[key]; ok {
			report(fmt.Sprintf("classes[%d]", i), "%q is classes[%d] already", c, j)
			continue
		}
		first[key] = i
		if c == "" {
			report(fmt.Sprintf("classes[%d]", i), "a class has a name")
		}
	}
	return found
}

// alike is what a class has in common with those that differ from it in blanks around it, or in case where that is
// ignored.
func (l LabelSpec) alike(class string) string {
	class = strings.TrimSpace(class)
	if l.IgnoreCase {
		return strings.ToLower(class)
	}
	return class
}

// PositiveClass is the index of the positive one of two classes; -1 for more and for numbers.
func (l LabelSpec) PositiveClass() int {
	switch {
	case len(l.Classes) != 2:
		return -1
	case l.Positive == l.Classes[0]:
		return 0
	}
	return 1
}

// PositiveName is the name of the positive one of two classes; empty for more and for numbers.
func (l LabelSpec) PositiveName() string {
	if i := l.PositiveClass(); i >= 0 {
		return l.Classes[i]
	}
	return ""
}

// use says how the label is read.
func (l LabelSpec) use() use {
	if l.Type == "number" {
		return useValue
	}
	return useClass
}

// Validate reports every mistake in the limits; paths are relative to them.
func (l Limits) Validate() []millrace.Violation {
	var found []millrace.Violation
	if l.Event < 2 || l.Event > EventMax {
		found = append(found, millrace.Violation{Path: "event", Message: fmt.Sprintf("%s is outside 2B to %s", l.Event, EventMax)})
	}
	if l.Depth < 1 || l.Depth > DepthMax {
		found = append(found, millrace.Violation{Path: "depth", Message: fmt.Sprintf("%d is outside 1 to %d", l.Depth, DepthMax)})
	}
	if l.Text < 1 || l.Text > EventMax {
		found = append(found, millrace.Violation{Path: "text", Message: fmt.Sprintf("%s is outside 1B to %s", l.Text, EventMax)})
	}
	return found
}
