package mixture_test

import (
	"fmt"
	"testing"

	"millrace/model"
	"millrace/model/family"
	"millrace/model/mixture"
)

// TestMixtureAlwaysHasATree: however many columns and classes there are, up to where one tree costs as much
// as several networks, since where thresholds decide nothing else comes near it. It costs no other expert its
// place.
func TestMixtureAlwaysHasATree(t *testing.T) {
	for _, c := range []struct {
		columns, classes int
		leaf             string
	}{{3, 2, model.LeafAdaptive}, {8, 2, model.LeafAdaptive}, {8, 4, model.LeafLinear}, {30, 2, model.LeafLinear}, {40, 3, model.LeafLinear}, {20, 10, model.LeafLinear}, {16, 26, model.LeafMajority}, {2, 300, model.LeafMajority}, {10, 0, model.LeafAdaptive}} {
		t.Run(fmt.Sprintf("%d columns %d classes", c.columns, c.classes), func(t *testing.T) {
			target := model.TargetSpec{Classes: c.classes}
			m, err := family.New(model.Spec{Type: model.FamilyAuto}, target, newBenchViews(c.columns, 0))
			if err != nil {
				t.Fatal(err)
			}
			experts, servingMax, unit := mixture.Inside(m)
			var tree *mixture.Seen
			others, trees := 0.0, 0.0
			for i := range experts {
				e := &experts[i]
				switch e.Spec.Type {
				case model.FamilyTree:
					tree = e
					trees += e.Learn
				case model.FamilyForest:
					trees += e.Learn
				default:
					others += e.Learn
				}
			}
			if tree == nil {
				t.Fatal("no tree among the experts")
			}
			if tree.Spec.Leaf != c.leaf {
				t.Errorf("its leaves are %s, want %s", tree.Spec.Leaf, c.leaf)
			}
			if tree.Predict > servingMax {
				t.Errorf("serving it costs %.0f of %.0f", tree.Predict, servingMax)
			}
			budget, err := model.ParseBudget(model.Spec{Type: model.FamilyAuto}.Resolve(target).Budget)
			if err != nil {
				t.Fatal(err)
			}
			if trees > mixture.TreeShare*budget*unit || others > budget*unit {
				t.Errorf("learning costs %.0f and %.0f of %.0f", trees, others, budget*unit)
			}
		})
	}
}

// TestNumberMixtureHasAForest: with a number to predict trees are cheap to serve, and several err less than one.
func TestNumberMixtureHasAForest(t *testing.T) {
	for _, columns := range []int{3, 8, 12} {
		m, err := family.New(model.Spec{Type: model.FamilyAuto}, model.TargetSpec{}, newBenchViews(columns, 0))
		if err != nil {
			t.Fatal(err)
		}
		experts, _, _ := mixture.Inside(m)
		last := experts[len(experts)-1]
		if last.Spec.Type != model.FamilyForest {
			t.Fatalf("%d columns: the last expert is %s, not a forest", columns, last.Name)
		}
		const most = 16 << 20 // of state: a snapshot holds it all
		if size := mixture.SizeOf(m); size > most {
			t.Errorf("%d columns: %d bytes of state", columns, size)
		}
	}
}
