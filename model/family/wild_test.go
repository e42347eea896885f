package family_test

import (
	"math"
	"testing"

	"millrace/model"
)

// sentinel is what stands for a missing number here and there.
const sentinel = 2147483647

// wild are streams of y = 10 + 3a − 2b with something wrong in them before event wildEnds, and nothing from then on.
var wild = []struct {
	name  string
	label func(i int, y float64) float64 // of event i; nil leaves it
	input func(i int, x []float32)       // the same of the inputs
	raw   bool                           // the inputs are wild, which is for who standardises them to see to
}{
	{name: "one sentinel", label: at(func(i int) bool { return i == 500 }, sentinel)},
	{name: "the first label", label: at(func(i int) bool { return i == 0 }, sentinel)},
	{name: "negative, thrice", label: at(func(i int) bool { return i == 3 || i == 200 || i == 900 }, -1e9)},
	{name: "1e30 twice in a row", label: at(func(i int) bool { return i == 700 || i == 701 }, 1e30)},
	{name: "20 in a row", label: at(func(i int) bool { return i >= 900 && i < 920 }, -sentinel)},
	{name: "one in a hundred", label: at(func(i int) bool { return i%100 == 57 }, -999)},
	{name: "one in eight", label: at(func(i int) bool { return i%8 == 5 }, sentinel)},
	{name: "of every size", label: func(i int, y float64) float64 {
		if i%40 == 9 {
			return math.Pow(10, float64(2+i/40%120))
		}
		return y
	}},
	{name: "both signs", label: func(i int, y float64) float64 {
		if i%50 == 31 {
			return math.Copysign(1e6, float64(i/50%2)-0.5)
		}
		return y
	}},
	{name: "four of the first eight", label: at(func(i int) bool { return i < 8 && i%2 == 1 }, 1e7)},
	{name: "not so far", label: at(func(i int) bool { return i == 800 || i == 1100 }, 100)},
	{name: "label and inputs together", label: at(func(i int) bool { return i == 600 }, 1e12),
		input: func(i int, x []float32) {
			if i == 600 {
				x[0], x[1] = 8, -8 // as a standard view holds wild values
			}
		}},
}

func at(when func(i int) bool, value float64) func(int, float64) float64 {
	return func(i int, y float64) float64 {
		if when(i) {
			return value
		}
		return y
	}
}

// numberFamilies are those that learn what is wild and what moved by the moments of package moments.
func numberFamilies() map[string]model.Spec {
	return map[string]model.Spec{
		"linear": {Type: "linear"}, "svm": {Type: "svm"}, "pa1": {Type: "svm", Update: "pa1"}, "mlp": {Type: "mlp"}, "auto": {Type: "auto"},
		"huber": {Type: "linear", Loss: "huber"}, "quantile": {Type: "linear", Loss: "quantile", Quantile: 0.5},
	}
}

// TestWildLabels: whatever labels were, 2,000 events later a model predicts as if they had not been, within 10 %.
func TestWildLabels(t *testing.T) {
	const ends, since = 1200, 2000
	for name, spec := range numberFamilies() {
		clean := func(_ int, a, b, noise float64) float64 { return 3*a - 2*b + 10 + noise }
		n := newNumbers(t, spec, clean)
		n.run(ends + since)
		want := n.run(2000)
		for _, w := range wild {
			n := newNumbers(t, spec, func(i int, a, b, noise float64) float64 {
				y := clean(i, a, b, noise)
				if i < ends {
					return w.label(i, y)
				}
				return y
			})
			n.input = w.input
			n.run(ends + since)
			if got := n.run(2000); got > 1.1*want {
				t.Errorf("%s, %s: MAE %.4f, without wild labels %.4f", name, w.name, got, want)
			}
		}
	}
}

// TestMovedLabels: a label that moves is followed. Within 2,000 events it is predicted as well as before, in its new
// unit.
func TestMovedLabels(t *testing.T) {
	const moves, since = 3000, 2000
	clean := func(_ int, a, b, noise float64) float64 { return 3*a - 2*b + 10 + noise }
	for name, spec := range numberFamilies() {
		n := newNumbers(t, spec, clean)
		n.run(moves + since)
		want := n.run(2000)
		for move, of := range map[string]struct{ factor, offset float64 }{
			"+100": {1, 100}, "×1000": {1000, 0}, "÷1000": {1e-3, 0}, "−1e6": {1, -1e6}, "−1000": {1, -1000}, "°F of °C": {1.8, 32}, "×−50": {-50, 0},
		} {
			n := newNumbers(t, spec, func(i int, a, b, noise float64) float64 {
				y := clean(i, a, b, noise)
				if i >= moves {
					return of.factor*y + of.offset
				}
				return y
			})
			n.run(moves + since)
			if got := n.run(2000) / math.Abs(of.factor); got > 1.1*want {
				t.Errorf("%s, %s: MAE %.4f, of a label that stays %.4f", name, move, got, want)
			}
		}
	}
}
