package model

import (
	"fmt"
	"testing"
)

// TestMixtureAlwaysHasATree: however many columns and classes there are, up to where one tree costs as much
// as several networks, since where thresholds decide nothing else comes near it. It costs no other expert its
// place.
func TestMixtureAlwaysHasATree(t *testing.T) {
	for _, c := range []struct {
		columns, classes int
		leaf             string
	}{{3, 2, leafAdaptive}, {8, 2, leafAdaptive}, {8, 4, leafLinear}, {30, 2, leafLinear}, {40, 3, leafLinear}, {20, 10, leafLinear}, {16, 26, leafMajority}, {2, 300, leafMajority}, {10, 0, leafAdaptive}} {
		t.Run(fmt.Sprintf("%d columns %d classes", c.columns, c.classes), func(t *testing.T) {
			target := TargetSpec{Classes: c.classes}
			m, err := New(Spec{Type: familyAuto}, target, newBenchViews(c.columns, 0))
			if err != nil {
				t.Fatal(err)
			}
			mix := m.(*mixture)
			var tree *expert
			others, trees := 0.0, 0.0
			for i := range mix.experts {
				e := &mix.experts[i]
				switch e.spec.Type {
				case familyTree:
					tree = e
					trees += e.learn
				case familyForest:
					trees += e.learn
				default:
					others += e.learn
				}
			}
			if tree == nil {
				t.Fatal("no tree among the experts")
			}
			if tree.spec.Leaf != c.leaf {
				t.Errorf("its leaves are %s, want %s", tree.spec.Leaf, c.leaf)
			}
			if tree.predict > mix.servingMax {
				t.Errorf("serving it costs %.0f of %.0f", tree.predict, mix.servingMax)
			}
			budget, err := parseBudget(budgetDefault)
			if err != nil {
				t.Fatal(err)
			}
			unit := mix.recruiter.unit
			if trees > treeShare*budget*unit || others > budget*unit {
				t.Errorf("learning costs %.0f and %.0f of %.0f", trees, others, budget*unit)
			}
		})
	}
}

// TestNumberMixtureHasAForest: with a number to predict trees are cheap to serve, and several err less than one.
func TestNumberMixtureHasAForest(t *testing.T) {
	for _, columns := range []int{3, 8, 12} {
		m, err := New(Spec{Type: familyAuto}, TargetSpec{}, newBenchViews(columns, 0))
		if err != nil {
			t.Fatal(err)
		}
		mix := m.(*mixture)
		last := &mix.experts[len(mix.experts)-1]
		if last.spec.Type != familyForest {
			t.Fatalf("%d columns: the last expert is %s, not a forest", columns, last.name())
		}
		const most = 16 << 20 // of state: a snapshot holds it all
		if size := sizeOf(m); size > most {
			t.Errorf("%d columns: %d bytes of state", columns, size)
		}
	}
}
