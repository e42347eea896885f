package config_test

import (
	"errors"
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
	var problems config.Errors
	if errors.As(err, &problems) {
		for _, problem := range problems {
			fmt.Println(problem.Line, problem.Column, problem.Path)
		}
	}
	// Output:
	// payments payments.events.scores 5s <nil>
	// 4 20 features.amount
	// 5 33 label.classes
	// 6 21 model.rate
}
