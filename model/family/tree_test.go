package family_test

import (
	"math"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// member is a model of a family.
type member struct {
	name   string
	spec   model.Spec
	target model.TargetSpec
}

// caseWidth is how many features models are tried on.
const caseWidth = 12

func treeFamilies() []member {
	quick := func(s model.Spec) model.Spec {
		s.Grace, s.Delta, s.Leaves = 10, 0.2, 8
		return s
	}
	two, many, number := model.TargetSpec{Classes: 2}, model.TargetSpec{Classes: 6}, model.TargetSpec{}
	return []member{
		{"tree", model.Spec{Type: "tree"}, two},
		{"tree-quick", quick(model.Spec{Type: "tree"}), two},
		{"tree-gaussian", quick(model.Spec{Type: "tree", Observer: "gaussian"}), two},
		{"tree-many", quick(model.Spec{Type: "tree", Drift: "none"}), many},
		{"tree-majority", quick(model.Spec{Type: "tree", Leaf: "majority"}), many},
		{"tree-bayes", quick(model.Spec{Type: "tree", Leaf: "naive_bayes", Observer: "histogram"}), many},
		{"tree-linear", quick(model.Spec{Type: "tree", Leaf: "linear"}), many},
		{"tree-number", quick(model.Spec{Type: "tree"}), number},
		{"tree-mean", quick(model.Spec{Type: "tree", Leaf: "mean", Drift: "none"}), number},
		{"forest", model.Spec{Type: "forest"}, two},
		{"forest-quick", quick(model.Spec{Type: "forest", Trees: 3}), many},
		{"forest-still", quick(model.Spec{Type: "forest", Trees: 3, Drift: "none"}), two},
		{"forest-number", quick(model.Spec{Type: "forest", Trees: 3}), number},
	}
}

func TestConformanceTrees(t *testing.T) {
	shape := millrace.ViewShape{Width: caseWidth}
	for _, f := range treeFamilies() {
		modeltest.Run(t, f.name, func() modeltest.Case {
			m, err := family.New(f.spec, f.target, modeltest.View(shape))
			if err != nil {
				t.Fatal(err)
			}
			return modeltest.Case{Model: m, Examples: modeltest.Examples(f.target, shape)}
		})
	}
}

// Categories, missing and unknown values are part of the same promises.
func TestConformanceTreesOfCategories(t *testing.T) {
	shape := millrace.ViewShape{Width: caseWidth, Levels: make([]int, caseWidth)}
	for j := range caseWidth / 2 {
		shape.Levels[j] = 5 + 20*j
	}
	for _, f := range treeFamilies() {
		modeltest.Run(t, f.name, func() modeltest.Case {
			m, err := family.New(f.spec, f.target, modeltest.View(shape))
			if err != nil {
				t.Fatal(err)
			}
			all := modeltest.Examples(f.target, shape)
			for i := range all {
				x := all[i].Input[0].Dense
				for j, levels := range shape.Levels {
					if levels > 0 {
						x[j] = float32(math.Floor(math.Abs(float64(x[j]))*3)) - 1
					}
				}
				x[i%caseWidth] = float32(math.NaN())
			}
			return modeltest.Case{Model: m, Examples: all}
		})
	}
}

// TestTreeSizes holds the sizes of trees without settings, and that one too large for a snapshot is refused.
func TestTreeSizes(t *testing.T) {
	for name, most := range map[string]int{"tree": 4 << 20, "forest": 30 << 20} {
		for _, classes := range []int{0, 2, 10, 26} {
			m, err := family.New(model.Spec{Type: name}, model.TargetSpec{Classes: classes}, modeltest.View{Width: caseWidth})
			if err != nil {
				t.Fatal(err)
			}
			bytes := 0
			m.State(func(_ string, x millrace.Tensor, _ millrace.Role) {
				bytes += 4*(len(x.F32)+len(x.I32)+len(x.U32)) + 8*(len(x.F64)+len(x.I64)+len(x.U64)) + len(x.U8)
			})
			t.Logf("%s of %d classes: %d KiB", name, classes, bytes>>10)
			if bytes > most {
				t.Errorf("%s of %d classes holds %d KiB, want at most %d", name, classes, bytes>>10, most>>10)
			}
		}
	}
	_, err := family.New(model.Spec{Type: "forest", Leaves: 1 << 15, Trees: 100}, model.TargetSpec{Classes: 100}, modeltest.View{Width: 1000})
	if err == nil || !strings.Contains(err.Error(), "use fewer leaves or trees") {
		t.Errorf("a forest beyond every snapshot: %v", err)
	}
}
