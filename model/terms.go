package model

import "millrace"

// HasTerms is what models implement whose score is a sum over the columns of one view, each times a weight of its own,
// and a constant: of two classes the second one's log-odds, of numbers the value in the user's units. Bounds of values
// and of probabilities are outside of it: who adds terms up looks whether the score is what they come to.
type HasTerms interface {
	// Terms is the view; ok is false where the score is no such sum.
	Terms() (view millrace.ViewID, ok bool)
	// Term is what a column's value v adds to the score, under the state as it is.
	Term(column int, v float32) float64
}

// Terms of a network are those of one layer of one output, which predicts log-odds or standard deviations.
func (n *network) Terms() (view millrace.ViewID, ok bool) {
	return n.view, len(n.layers) == 1 && (n.head == headLogistic || n.standardises())
}

// Term is a weight times a value, as the layer multiplies them.
func (n *network) Term(column int, v float32) float64 {
	if n.inputs != nil {
		v = within(v, n.inputs[column])
	}
	l := &n.layers[0]
	z := float64(l.weight.w.Data[column]) * float64(v) * l.scale[0]
	if n.head != headLogistic {
		z *= n.target.columns.Deviation(0)
	}
	return z
}
