package config_test

import (
	"fmt"

	"millrace/config"
)

// All mistakes of a file are told at once, each with its place.
func ExampleParse() {
	none := func(string) (string, bool) { return "", false } // environment variables that the file may name
	p, err := config.Parse("payments.yaml", []byte(`
name: payments
events: payments.events
features: {amount: number, country: category}
label: {path: outcome, classes: [legit, fraud]}
model: auto
`), none)
	fmt.Println(p.Name, p.Scores.Topic, p.Snapshots.Every, err)

	_, err = config.Parse("payments.yaml", []byte(`
name: payments
events: payments.events
features: {amount: nubmer}
label: {path: outcome, classes: [legit]}
model: {type: auto, rate: 0.1}
`), none)
	fmt.Println(err)
	// Output:
	// payments payments.events.scores 5s <nil>
	// payments.yaml:4:20: features.amount: found the text "nubmer"; write number, category, boolean, text, bag, time,
	// cross or lag (did you mean "number"?) payments.yaml:5:33: label.classes: there are 1 classes; give 2 to 10000
	// payments.yaml:6:21: model.rate: unknown field (did you mean "optimizer.rate"?)
}
