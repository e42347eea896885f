package decode

import (
	"fmt"
	"math"

	"millrace"
	"millrace/features"
)

// Bounds of weights.
const (
	// weightMaxDefault bounds an event's weight: one that counts as more than ten thousand others decides alone what a
	// model knows, and is more likely a mistake in a unit than meant.
	weightMaxDefault = 10_000
	// WeightMaxLimit bounds label.weight_max: the gradient stays well within what a model accepts.
	WeightMaxLimit = 1e6
	// ClassWeightLimit bounds the weights of classes: an event costs as much as its class weighs.
	ClassWeightLimit = 10_000
)

// validateWeights reports every mistake in the weights; paths are relative to the label.
func (l LabelSpec) validateWeights() []millrace.Violation {
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if l.Weight != "" {
		if _, err := features.SplitPath(l.Weight); err != nil {
			report("weight", "%q is no path: %v", l.Weight, err)
		}
	}
	switch {
	case l.WeightMax != 0 && l.Weight == "":
		report("weight_max", "has an effect only with weight")
	case l.WeightMax != 0 && !(l.WeightMax > 0 && l.WeightMax <= WeightMaxLimit):
		report("weight_max", "%g is not above 0 and at most %g", l.WeightMax, float64(WeightMaxLimit))
	}
	if l.ClassWeights.given() {
		found = append(found, l.ClassWeights.validate(l)...)
	}
	return found
}

// MovesLosses reports whether probabilities, and with them losses, are to differ from those of the events as they come.
func (l LabelSpec) MovesLosses() bool {
	return l.ClassWeights.given() && l.ClassWeights.Probabilities != "corrected"
}

// given reports whether the pipeline file asks for class weights at all.
func (w ClassWeightsSpec) given() bool {
	return w.Mode != "" || len(w.Weights) > 0 || w.Window != 0 || w.Max != 0 || w.Probabilities != ""
}

func (w ClassWeightsSpec) validate(l LabelSpec) []millrace.Violation {
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: "class_weights." + path, Message: fmt.Sprintf(format, args...)})
	}
	balanced := w.Mode == "balanced"
	switch {
	case l.Type == "number":
		report("mode", "a number has no classes")
		return found
	case balanced && len(w.Weights) > 0:
		report("weights", "balanced finds its own: leave one of the two out")
	case !balanced && len(w.Weights) == 0:
		report("mode", "give the weights, as [1, 50], or write balanced")
	case !balanced && len(l.Classes) > 0 && len(w.Weights) != len(l.Classes):
		report("weights", "there are %d weights for %d classes", len(w.Weights), len(l.Classes))
	}
	for i, v := range w.Weights {
		if !(v > 0 && v <= ClassWeightLimit) {
			report(fmt.Sprintf("weights[%d]", i), "%g is not above 0 and at most %d", v, ClassWeightLimit)
		}
	}
	read := w
	if !balanced {
		read.Mode = "given"
	}
	for _, f := range millrace.UnreadSettings(read) {
		if f.Set && f.Name != "weights" { // which were told above
			report(f.Name, "has an effect only with %s", f.Only)
		}
	}
	if balanced && w.Window < 0 {
		report("window", "%d is no number of events", w.Window)
	}
	if balanced && w.Max != 0 && !(w.Max >= 1 && w.Max <= ClassWeightLimit) {
		report("max", "%g is outside 1 to %d", w.Max, ClassWeightLimit)
	}
	return found
}

// weight reads the number that multiplies the loss. Its fault is kept apart until the event's end: the label may come
// after it, and a fault in the label is told first.
func (d *Decoder) weight(t int32, p, depth int) (int, *millrace.Rejection) {
	text, end, found, fault := d.scalar(p, depth)
	switch {
	case fault != nil:
		return end, fault
	case found == aNull:
		return end, nil // as absent
	case found > aFraction:
		d.weightFault = d.mismatch(t, found, text)
		return end, nil
	}
	v, ok := plainNumber(text)
	switch {
	case !ok && found == aString:
		d.weightFault = d.mismatch(t, badNumberText, text)
	case !ok:
		d.weightFault = d.mismatch(t, outRange, text)
	case v < 0:
		d.weightFault = d.mismatch(t, aNegative, text)
	default:
		d.event.Label.Weight, d.event.Label.Weighted = float32(math.Min(v, d.weightMax)), true
	}
	return end, nil
}
