package features_test

import (
	"fmt"

	"millrace"
	"millrace/features"
)

func Example() {
	amount := features.DefaultColumn("amount", features.Number)
	country := features.DefaultColumn("country", features.Category)
	country.Cap = 2
	x, err := features.New(features.Spec{Columns: features.Columns{amount, country}})
	if err != nil {
		fmt.Println(err)
		return
	}
	view, shape, err := x.View(millrace.ViewStandard)
	if err != nil {
		fmt.Println(err)
		return
	}
	in := x.NewInput()
	event := func(amount float64, country string) *millrace.Event {
		return &millrace.Event{Fields: []millrace.Field{
			{Presence: millrace.Present, Number: amount},
			{Presence: millrace.Present, Text: []byte(country)},
		}}
	}
	fmt.Println(shape.Width, "columns")
	// Extract sees the state that earlier events left; Observe comes after.
	for _, e := range []*millrace.Event{event(10, "DE"), event(20, "DE"), event(30, "FR")} {
		if err := x.Extract(in, e); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%.2f\n", in[view].Dense)
		x.Observe(e)
	}
	fmt.Println(x.FeatureName(view, 2), x.FeatureName(view, 3))
	// Output:
	// 4 columns
	// [0.00 0.00 0.00 1.00]
	// [1.00 1.00 0.00 0.00]
	// [1.41 0.00 0.00 1.00]
	// [country=FR] [country (other)]
}
