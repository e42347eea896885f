package learner_test

import (
	"fmt"

	"millrace"
	"millrace/features"
	"millrace/learner"
	"millrace/model"
	"millrace/model/family"
)

// A trainer is the whole of learning, without Kafka or a store: every event is predicted before it is learned, and the
// figures are those of the predictions.
func ExampleTrainer() {
	x, err := features.New(features.Spec{Columns: features.Columns{features.DefaultColumn("amount", features.Number)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := family.New(model.Spec{Type: "logistic"}, model.TargetSpec{Classes: 2}, x)
	if err != nil {
		fmt.Println(err)
		return
	}
	t := learner.NewTrainer(x, m, 2)
	for i := range 1000 {
		e := &millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Number: float64(i % 10)}}}
		e.Label = millrace.Label{Known: true, Class: int32(i % 10 / 5)} // the upper half is class 1
		if err := t.Apply(e); err != nil {
			fmt.Println(err)
		}
	}
	model, majority, _ := t.Progressive.Report(learner.Fading)
	fmt.Printf("recent accuracy %.2f, of the majority class %.2f\n", model.Accuracy, majority.Accuracy)

	// An event whose label comes later is predicted and observed now, and learned when the label is there.
	late := &millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Number: 9}}}
	p, err := t.Predict(late)
	if err != nil {
		fmt.Println(err)
	}
	made := append([]float64(nil), p...) // the prediction is the trainer's until it predicts again
	t.Observe(late)
	late.Label = millrace.Label{Known: true, Class: 1}
	if _, err := t.Predict(late); err != nil {
		fmt.Println(err)
	}
	if err := t.Learn(late, made); err != nil {
		fmt.Println(err)
	}
	fmt.Println(t.Progressive.Events(), "events measured")
	// Output:
	// recent accuracy 1.00, of the majority class 0.50
	// 1001 events measured
}
