package decode

import (
	"strings"
	"testing"

	"millrace"
)

// TestWeights: the weight of an event, in whatever place, and the faults that keep it from being learned but not from
// being scored.
func TestWeights(t *testing.T) {
	label := func(path, weight string) LabelSpec {
		return LabelSpec{Path: path, Classes: []string{"no", "yes"}, Weight: weight}
	}
	capped := label("y", "w")
	capped.WeightMax = 5
	number := LabelSpec{Path: "y", Type: "number", Weight: "amount"}
	good := func(class int32, weight float32) millrace.Label {
		return millrace.Label{Known: true, Class: class, Weight: weight, Weighted: true}
	}
	for _, c := range []struct {
		label LabelSpec
		event string
		want  millrace.Label
		fault millrace.Reason
		path  string
	}{
		{label("y", "w"), `{"y":"yes","w":2.5}`, good(1, 2.5), "", ""},
		{label("y", "w"), `{"w":2.5,"y":"yes"}`, good(1, 2.5), "", ""},
		{label("y", "w"), `{"y":"yes"}`, millrace.Label{Known: true, Class: 1}, "", ""},
		{label("y", "w"), `{"y":"yes","w":null}`, millrace.Label{Known: true, Class: 1}, "", ""},
		{label("y", "w"), `{"y":"no","w":0}`, good(0, 0), "", ""},
		{label("y", "w"), `{"y":"no","w":1e5}`, good(0, 10_000), "", ""},
		{capped, `{"y":"no","w":7}`, good(0, 5), "", ""},
		{label("y", "w"), `{"y":"no","w":-1}`, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		{label("y", "w"), `{"w":-1,"y":"no"}`, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		{label("y", "w"), `{"y":"no","w":"2x"}`, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		{label("y", "w"), `{"y":"no","w":true}`, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		{label("y", "w"), `{"y":"no","w":[1]}`, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		{label("y", "w"), `{"y":"no","w":1e999}`, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		// A fault in the label is told before one in the weight, wherever they stand.
		{label("y", "w"), `{"w":"x","y":"maybe"}`, millrace.Label{}, millrace.ReasonUnknownClass, "y"},
		{LabelSpec{Path: "y", Classes: []string{"no", "yes"}, Weight: "w", Unlabelled: UnlabelledReject}, `{"w":"x"}`, millrace.Label{}, millrace.ReasonMissingLabel, "y"},
		{label("y", "w"), `{"w":"x"}`, millrace.Label{}, millrace.ReasonBadWeight, "w"},
		{label("y", "w"), `{"w":3}`, millrace.Label{Weight: 3, Weighted: true}, "", ""}, // it is the event's, whenever its label comes
		// Objects that only label and weight lie in never prevent scoring.
		{label("y", "m.w"), `{"m":7,"y":"no"}`, millrace.Label{}, millrace.ReasonBadWeight, "m"},
		{label("y", "m.w"), `{"m":null,"y":"no"}`, millrace.Label{Known: true}, "", ""},
		{label("m.y", "m.w"), `{"m":7}`, millrace.Label{}, millrace.ReasonBadLabel, "m"},
		{label("m.y", "m.w"), `{"m":{"w":3,"y":"yes"}}`, good(1, 3), "", ""},
		{number, `{"amount":3,"y":2.5}`, millrace.Label{Known: true, Value: 2.5, Weight: 3, Weighted: true}, "", ""},
		{number, `{"y":2.5}`, millrace.Label{Known: true, Value: 2.5}, "", ""},
	} {
		spec := testSpec()
		spec.Label = c.label
		e, err := decode(newDecoderOf(t, spec), c.event)
		if err != nil {
			t.Errorf("%v %s: %v", c.label, c.event, err)
			continue
		}
		got := e.Label
		switch {
		case (got.Fault == nil) != (c.fault == ""):
			t.Errorf("%v %s: fault %v, want %s", c.label, c.event, got.Fault, c.fault)
		case got.Fault != nil && (got.Fault.Reason != c.fault || got.Fault.Path != c.path || got.Fault.Detail == ""):
			t.Errorf("%v %s: fault %v, want %s at %s", c.label, c.event, got.Fault, c.fault, c.path)
		}
		// Weight and Weighted mean nothing beside a fault.
		if got.Fault = nil; c.fault == "" && got != c.want || got.Known != c.want.Known {
			t.Errorf("%v %s: %+v, want %+v", c.label, c.event, got, c.want)
		}
	}
}

// TestWeightAmongFeatures: a weight that is a feature as well is the feature's fault first, and an object that features
// lie in is the event's.
func TestWeightAmongFeatures(t *testing.T) {
	spec := testSpec()
	spec.Label.Weight = "amount"
	d := newDecoderOf(t, spec)
	if e, err := decode(d, `{"amount":2,"y":"yes"}`); err != nil || e.Label.Importance() != 2 || e.Fields[0].Number != 2 {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := decode(d, `{"amount":"2x","y":"yes"}`); err == nil || !strings.Contains(err.Error(), "wrong_type") {
		t.Errorf("got %v", err)
	}
	spec.Label.Weight = "user.weight"
	if _, err := decode(newDecoderOf(t, spec), `{"user":1,"y":"yes"}`); err == nil || !strings.Contains(err.Error(), "wrong_type") {
		t.Errorf("got %v", err)
	}
	spec.Label.Weight = "amount.weight"
	if _, err := New(spec); err == nil {
		t.Error("a weight inside a number was compiled")
	}
}

// TestWeightsLeaveNoTrace: neither a weight nor its fault goes on to the next event.
func TestWeightsLeaveNoTrace(t *testing.T) {
	spec := testSpec()
	spec.Label.Weight = "w"
	d := newDecoderOf(t, spec)
	e := d.NewEvent()
	for _, c := range []struct {
		event string
		want  float32
		fault bool
	}{{`{"w":3,"y":"no"}`, 3, false}, {`{"y":"no"}`, 1, false}, {`{"w":-3,"y":"no"}`, 1, true}, {`{"y":"no"}`, 1, false}} {
		if err := d.Decode(&millrace.Record{Value: []byte(c.event)}, e); err != nil {
			t.Fatal(err)
		}
		if (e.Label.Fault != nil) != c.fault || e.Label.Importance() != c.want {
			t.Errorf("%s: %+v", c.event, e.Label)
		}
	}
	rec := &millrace.Record{Value: []byte(`{"w":"much","amount":1,"y":"no"}`)}
	if n := testing.AllocsPerRun(50, func() { _ = d.Decode(rec, e) }); n != 0 {
		t.Errorf("a bad weight allocates %v times", n)
	}
}

func TestWeightsValidate(t *testing.T) {
	base := LabelSpec{Path: "y", Type: "class", Classes: []string{"a", "b"}}
	for _, c := range []struct {
		change func(*LabelSpec)
		paths  string
	}{
		{func(l *LabelSpec) { l.Weight, l.WeightMax = "a.w", 100 }, ""},
		{func(l *LabelSpec) { l.ClassWeights = ClassWeightsSpec{Mode: "balanced", Window: 1000, Max: 7} }, ""},
		{func(l *LabelSpec) { l.ClassWeights = ClassWeightsSpec{Mode: "given", Weights: []float64{1, 50}} }, ""},
		{func(l *LabelSpec) { l.ClassWeights.Weights = []float64{0.5, 2} }, ""},
		{func(l *LabelSpec) { l.Weight = "a..w" }, "weight"},
		{func(l *LabelSpec) { l.WeightMax = 7 }, "weight_max"},
		{func(l *LabelSpec) { l.Weight, l.WeightMax = "w", -1 }, "weight_max"},
		{func(l *LabelSpec) { l.Weight, l.WeightMax = "w", 1e7 }, "weight_max"},
		{func(l *LabelSpec) { l.ClassWeights.Mode = "given" }, "class_weights.mode"},
		{func(l *LabelSpec) { l.ClassWeights.Probabilities = "corrected" }, "class_weights.mode"},
		{func(l *LabelSpec) { l.ClassWeights.Weights = []float64{1} }, "class_weights.weights"},
		{func(l *LabelSpec) { l.ClassWeights.Weights = []float64{0, 1e9} }, "class_weights.weights[0] class_weights.weights[1]"},
		{func(l *LabelSpec) { l.ClassWeights = ClassWeightsSpec{Mode: "balanced", Weights: []float64{1, 2}} }, "class_weights.weights"},
		{func(l *LabelSpec) { l.ClassWeights = ClassWeightsSpec{Weights: []float64{1, 2}, Window: 5, Max: 5} }, "class_weights.window class_weights.max"},
		{func(l *LabelSpec) { l.ClassWeights = ClassWeightsSpec{Mode: "balanced", Window: -1, Max: 0.5} }, "class_weights.window class_weights.max"},
		{func(l *LabelSpec) {
			*l = LabelSpec{Path: "y", Type: "number", ClassWeights: ClassWeightsSpec{Mode: "balanced"}}
		}, "class_weights.mode"},
	} {
		l := base
		c.change(&l)
		if got := paths(l.Validate()); got != c.paths {
			t.Errorf("%+v: found %q, want %q", l, got, c.paths)
		}
	}
}
