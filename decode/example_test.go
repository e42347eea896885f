package decode_test

import (
	"fmt"

	"millrace"
	"millrace/decode"
	"millrace/features"
)

func Example() {
	spec := decode.Spec{
		ID: "id",
		Columns: features.Columns{
			features.DefaultColumn("amount", features.Number),
			features.DefaultColumn("country", features.Category),
		},
		Label: decode.LabelSpec{Path: "outcome", Classes: []string{"legit", "fraud"}},
	}
	spec.Limits.SetDefaults()
	d, err := decode.New(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	event := d.NewEvent()
	for _, value := range []string{
		`{"id": 7, "amount": 12.5, "country": "DE", "outcome": "fraud"}`,
		`{"id": 8, "amount": "12,5"}`,
	} {
		if err := d.Decode(&millrace.Record{Value: []byte(value)}, event); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: %v %s, class %d\n", event.ID, event.Fields[0].Number, event.Fields[1].Text, event.Label.Class)
	}
	// Output:
	// 7: 12.5 DE, class 1
	// wrong_type at "amount": found "12,5"; a number belongs there, and format: eu would read it
}
