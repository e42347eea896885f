package features_test

import (
	"fmt"
	"strings"

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

// The state of an extractor is learned, and goes wherever the weights go: a restored one makes the same of an event.
func ExampleExtractor_State() {
	spec := features.Spec{Columns: features.Columns{
		features.DefaultColumn("amount", features.Number), features.DefaultColumn("country", features.Category)}}
	learned, err := features.New(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 100 {
		learned.Observe(&millrace.Event{Fields: []millrace.Field{
			{Presence: millrace.Present, Number: float64(i)},
			{Presence: millrace.Present, Text: []byte{"DFS"[i%3]}},
		}})
	}
	restored, err := features.New(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	state := map[string]millrace.Tensor{}
	learned.State(func(name string, t millrace.Tensor, _ millrace.Role) { state[name] = t })
	restored.State(func(name string, t millrace.Tensor, _ millrace.Role) { t.Set(state[name]) })
	if err := restored.Restored(); err != nil {
		fmt.Println(err)
		return
	}
	view, _, err := restored.View(millrace.ViewStandard)
	if err != nil {
		fmt.Println(err)
		return
	}
	in := restored.NewInput()
	e := &millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Number: 99}, {Presence: millrace.Present, Text: []byte("S")}}}
	if err := restored.Extract(in, e); err != nil {
		fmt.Println(err)
		return
	}
	for column, v := range in[view].Dense {
		if v != 0 {
			fmt.Printf("%s %.2f\n", strings.Join(restored.FeatureName(view, column), ", "), v)
		}
	}
	// Output:
	// amount 1.71
	// country=S 1.00
}

// A path goes through the keys of objects; a dot that belongs to a key is written with a backslash.
func ExampleSplitPath() {
	keys, err := features.SplitPath(`customer.sepal\.length`)
	fmt.Printf("%q %v\n", keys, err)
	fmt.Println(features.JoinPath(keys...))
	// Output:
	// ["customer" "sepal.length"] <nil>
	// customer.sepal\.length
}
