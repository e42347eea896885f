package model_test

import (
	"testing"

	"millrace/model"
)

// TestBudgetSpelling: however a budget is spelt, it is the same.
func TestBudgetSpelling(t *testing.T) {
	for text, want := range map[string]string{"": "4x", "4x": "4x", "4.0x": "4x", "04x": "4x", "0.50x": "0.5x", "1e3x": "1000x", "much": "much"} {
		got := model.Spec{Type: "auto", Budget: text}.Resolve(model.TargetSpec{})
		if again := got.Resolve(model.TargetSpec{}); got.Budget != want || again.Budget != want {
			t.Errorf("%q became %q, then %q", text, got.Budget, again.Budget)
		}
	}
}
