package pipeline

import (
	"encoding/json"
	"fmt"

	"millrace/config"
	"millrace/features"
	scoreweb "millrace/scorer/web"
)

// eventFields are the fields that a pipeline reads of an event: those of its features, in their order, and then others.
func eventFields(p *config.Pipeline) []scoreweb.Field {
	var all []scoreweb.Field
	add := func(f scoreweb.Field, path string) {
		keys, err := features.SplitPath(path)
		if path == "" || err != nil { // the pipeline file was refused if it named one that does not read
			return
		}
		f.Path = keys
		all = append(all, f)
	}
	columns := p.DecodeSpec().Columns
	for i := range columns {
		c := &columns[i]
		if c.Derived() {
			continue
		}
		f := scoreweb.Field{Name: c.Name, Type: string(c.Type), Feature: i,
			Sparse: c.Type == features.Bag || c.Type == features.Number && c.Scale == "none" && c.Missing == "zero"}
		path := c.EventPath()
		if c.Type == features.Since {
			path, f.Type = columns.TimeSource(i).EventPath(), string(features.Time)
		}
		add(f, path)
	}
	for _, other := range []struct{ name, path, kind string }{
		{"id of the event", p.Events.ID, "id"}, {"time of the event", p.Events.Time.Path, "time"}, {"key of the record", p.Events.Key, "key"},
		{"label, not read here", p.Label.Path, p.Label.Type}, {"weight, not read here", p.Label.Weight, "number"},
	} {
		if other.name == "key of the record" && other.path == p.Events.ID {
			continue
		}
		add(scoreweb.Field{Name: other.name, Type: other.kind, Feature: -1}, other.path)
	}
	return all
}

// aboutScores is what a pipeline's address for events says of itself.
func aboutScores(p *config.Pipeline) scoreweb.About {
	a := scoreweb.About{Pipeline: p.Name, Fields: eventFields(p), Score: "the predicted value"}
	switch {
	case len(p.Label.Classes) == 2:
		a.Score = fmt.Sprintf("the probability of %s", p.Label.PositiveName())
	case len(p.Label.Classes) > 2:
		a.Score = "the probability of the class that is predicted"
	}
	a.Example = exampleEvent(p, a.Fields)
	return a
}

// exampleEvent is an event that can be scored, as JSON.
func exampleEvent(p *config.Pipeline, fields []scoreweb.Field) json.RawMessage {
	event, columns := map[string]any{}, p.DecodeSpec().Columns
	for i := range fields {
		f := &fields[i]
		if f.Feature < 0 && f.Type != "id" {
			continue
		}
		value := any("tx-1")
		if f.Feature >= 0 {
			value = exampleValue(f.Type, &columns[f.Feature])
		}
		at := event
		for _, key := range f.Path[:len(f.Path)-1] {
			below, _ := at[key].(map[string]any) // a path goes on below objects alone
			if below == nil {
				below = map[string]any{}
				at[key] = below
			}
			at = below
		}
		at[f.Path[len(f.Path)-1]] = value
	}
	text, err := json.Marshal(event)
	if err != nil { // numbers and texts have no faults in JSON
		return json.RawMessage("{}")
	}
	return text
}

func exampleValue(kind string, c *features.Column) any {
	switch features.Type(kind) {
	case features.Boolean:
		return true
	case features.Category:
		return "a"
	case features.Text:
		return "some words"
	case features.Bag:
		return map[string]float64{"0": 1}
	case features.Time:
		return 1769862600 // Unix seconds, which every format of times takes
	}
	switch {
	case c.Min != nil:
		return *c.Min
	case c.Max != nil:
		return *c.Max
	}
	return 12.5
}
