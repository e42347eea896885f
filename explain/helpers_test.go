package explain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/features"
	"millrace/model"
	"millrace/model/calibration"
	"millrace/model/family"
)

// trial is a model that has learned a stream of events of every type of feature.
type trial struct {
	spec      model.Spec
	classes   int
	calibrate string
	weights   model.ClassWeights
	columns   features.Columns
	draw      func(random *rand.Rand) *millrace.Event
}

// mixed are columns of every type, of which sparse ones have views that are sparse.
func mixed(sparse bool) features.Columns {
	c := func(name string, t features.Type, change func(c *features.Column)) features.Column {
		column := features.DefaultColumn(name, t)
		if change != nil {
			change(&column)
		}
		return column
	}
	all := features.Columns{
		c("amount", features.Number, nil),
		c("hour", features.Number, func(c *features.Column) { c.Missing = "indicator" }),
		c("known", features.Boolean, nil),
		c("country", features.Category, func(c *features.Column) { c.Cap = 4 }),
		c("at", features.Time, nil),
		c("spent", features.Window, func(c *features.Column) {
			c.Key, c.Of, c.Over, c.Stat, c.Panes, c.Keys = "country", []string{"amount"}, 3_600_000_000_000, []string{"sum", "max"}, 12, 100
		}),
		c("of_spent", features.Ratio, func(c *features.Column) { c.Of = []string{"amount", "spent.max"} }),
		c("before", features.Lag, func(c *features.Column) {
			c.Key, c.Of, c.Steps, c.Keys = "country", []string{"amount"}, []int{1, 2}, 100
		}),
		c("ac", features.Cross, func(c *features.Column) { c.Of = []string{"amount", "country"} }),
	}
	if sparse {
		all = append(all, c("words", features.Text, func(c *features.Column) { c.Bits = 6 }),
			c("basket", features.Bag, func(c *features.Column) { c.Bits, c.Entries = 5, 100 }))
	}
	return all
}

// event is one of mixed, whose label hangs on all that it has.
func event(random *rand.Rand, sparse bool, classes int) *millrace.Event {
	present := func(v float64) millrace.Field { return millrace.Field{Presence: millrace.Present, Number: v} }
	country := random.IntN(6)
	amount, hour, known := random.NormFloat64()*30+100, float64(random.IntN(24)), float64(random.IntN(2))
	e := &millrace.Event{Fields: []millrace.Field{
		present(amount), present(hour), present(known), {Presence: millrace.Present, Text: fmt.Append(nil, "c", country)},
		present(float64(random.IntN(1e9)) * 1e3), present(amount * 3 * random.Float64()), present(amount * random.Float64()), {}, {}, {},
	}}
	for _, field := range []int{0, 1, 3, 6} {
		if random.IntN(8) == 0 {
			e.Fields[field] = millrace.Field{Presence: millrace.Presence(random.IntN(2))}
		}
	}
	if sparse {
		n := random.IntN(4)
		e.Fields = append(e.Fields, millrace.Field{Presence: millrace.Present, Text: []byte([...]string{"", "good day", "bad", "a bad day"}[n])},
			millrace.Field{Presence: millrace.Present, Count: uint16(n)})
		for range n {
			e.Entries = append(e.Entries, millrace.Entry{Key: uint64(random.IntN(40)), Value: random.NormFloat64()})
		}
	}
	y := (amount-100)/30 + known - float64(country)/3 + math.Sin(hour/4) + random.NormFloat64()/2
	e.Label = millrace.Label{Known: true, Value: 50 + 7*y}
	if classes > 0 {
		e.Label.Class = int32(max(0, min(classes-1, int(math.Floor(y+float64(classes)/2)))))
	}
	return e
}

// learned is the trial's extractor and model after some events.
func (c trial) learned(t testing.TB, events int) (*features.Extractor, model.Model, *rand.Rand) {
	t.Helper()
	x, err := features.New(features.Spec{Columns: c.columns.Expand(), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := family.New(c.spec, model.TargetSpec{Classes: c.classes}, x)
	if err != nil {
		t.Fatal(err)
	}
	if c.classes > 0 {
		m = calibration.New(model.Weighted(m, c.weights), c.calibrate)
	}
	random := rand.New(rand.NewPCG(3, 4))
	in, s, p := x.NewInput(), m.NewScratch(), make([]float32, m.Outputs())
	for range events {
		e := c.draw(random)
		if err := x.Extract(in, e); err != nil {
			t.Fatal(err)
		}
		m.Predict(p, in, s)
		x.Observe(e)
		if err := m.Learn(in, millrace.Target{Class: e.Label.Class, Value: e.Label.Value, Known: true}, 1, s); err != nil {
			t.Fatal(err)
		}
	}
	return x, m, random
}

// served is what a scorer would say of an event, as an explanation has it.
func served(t testing.TB, x *features.Extractor, m model.Model, e *millrace.Event, class int) float64 {
	t.Helper()
	in, p := x.NewInput(), make([]float32, m.Outputs())
	if err := x.Extract(in, e); err != nil {
		t.Fatal(err)
	}
	m.Predict(p, in, m.NewScratch())
	if m.Outputs() == 1 {
		return model.ValueOf(m).Value(p[0])
	}
	q := math.Max(1e-6, math.Min(1-1e-6, float64(p[class])))
	return math.Log(q / (1 - q))
}

func newExplainer(t testing.TB, x *features.Extractor, m model.Model, classes int) *Explainer {
	t.Helper()
	e, err := New(x, m, classes, Options{Positive: max(0, classes-1)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
