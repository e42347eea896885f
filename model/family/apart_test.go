package family_test

import (
	"slices"
	"testing"

	"millrace/model"
)

// TestApartMoved: where classes lie apart, an SVM learns by few mistakes. Those that it makes while a column's new
// place is not yet known do not hold its probabilities for long.
func TestApartMoved(t *testing.T) {
	var clean, got float64
	for seed := range uint64(5) {
		rows := variedStream(seed)
		for i := range rows {
			rows[i].class = 0
			if rows[i].label > 10 {
				rows[i].class = 1
			}
		}
		moved := slices.Clone(rows)
		for i := changeEnds; i < len(moved); i++ {
			moved[i].features[0] += 4
		}
		spec, two := model.Spec{Type: "svm"}, model.TargetSpec{Classes: 2}
		l, _ := loss(t, spec, two, rows, false)
		clean += l
		l, _ = loss(t, spec, two, moved, false)
		got += l
	}
	if !(got <= 1.3*clean) {
		t.Errorf("log-loss %.4f, of a column that stays %.4f", got/5, clean/5)
	}
}
