package snapshot_test

import (
	"fmt"

	"millrace"
	"millrace/snapshot"
)

// counter is the smallest component there is: one weight that scorers need, one count that they do not.
type counter struct {
	weight []float32
	count  []uint64
}

func (c *counter) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("weight", millrace.Tensor{Shape: []int{1}, F32: c.weight}, millrace.Serving)
	visit("count", millrace.Tensor{Shape: []int{1}, U64: c.count}, millrace.Training)
}

func (c *counter) Restored() error { return nil }

func Example() {
	live := &counter{weight: []float32{1.5}, count: []uint64{7}}
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "model", State: live})
	if err != nil {
		panic(err)
	}
	buffer := layout.NewBuffer()
	layout.Copy(buffer)

	live.weight[0], live.count[0] = 0, 0 // learning went wrong: go back
	if err := layout.Restore(buffer.Serving(), buffer.Training()); err != nil {
		panic(err)
	}
	fmt.Println(live.weight[0], live.count[0])
	fmt.Printf("%s\n", buffer.Serving()[8:72])
	// Output:
	// 1.5 7
	// {"model.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}
}
