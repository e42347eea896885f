package family_test

import (
	"fmt"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// A model learns from one example at a time. Predicting first, with the same scratch, is what learning may build on.
func Example() {
	spec := model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.5}}
	m, err := family.New(spec, model.TargetSpec{Classes: 2}, modeltest.View{Width: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	scratch, p := m.NewScratch(), make([]float32, m.Outputs())
	for range 100 {
		for class, x := range []float32{-1, 1} { // the class is the sign
			in := millrace.Input{{Dense: []float32{x}}}
			m.Predict(p, in, scratch)
			if err := m.Learn(in, millrace.Target{Class: int32(class), Known: true}, 1, scratch); err != nil {
				fmt.Println(err)
			}
		}
	}
	for _, x := range []float32{-1, 0, 1} {
		m.Predict(p, millrace.Input{{Dense: []float32{x}}}, scratch)
		fmt.Printf("%+.0f: %.2f\n", x, p)
	}
	// What a model may do beyond predicting and learning is found through whatever wraps it.
	_, experts := model.As[model.HasExperts](m)
	fmt.Println("made of experts:", experts)
	// Output:
	// -1: [0.99 0.01]
	// +0: [0.50 0.50]
	// +1: [0.01 0.99]
	// made of experts: false
}
