package decode

import (
	"fmt"

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
	found = append(found, l.validateWeights()...)
	found = append(found, l.validateRange()...)
	found = append(found, l.validateLate()...)
	first := make(map[string]int, len(l.Classes))
	for i, c := range l.Classes {
		if j, ok := first[c]; ok {
			report(fmt.Sprintf("classes[%d]", i), "%q is classes[%d] already", c, j)
			continue
		}
		first[c] = i
		if c == "" {
			report(fmt.Sprintf("classes[%d]", i), "a class has a name")
		}
	}
	return found
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
