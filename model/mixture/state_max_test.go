package mixture_test

import (
	"math"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/mixture"
)

// TestColumnBytes: what package model says of a mixture's columns is what its experts have, but for those that may be
// missing for want of room: a mini-batched network and the second one of relu.
func TestColumnBytes(t *testing.T) {
	for _, classes := range []int{0, 2, 7} {
		target := model.TargetSpec{Classes: classes}
		var sum float64
		for _, s := range mixture.Candidates(target) {
			if s.Batch > 1 || s.Optimizer.Type == model.RuleSGD && s.Optimizer.Rate == 0.01 {
				continue
			}
			sum += s.Resolve(target).ColumnBytes(target)
		}
		said := model.Spec{Type: model.FamilyAuto}.ColumnBytes(target)
		if math.Abs(said/sum-1) > 0.1 {
			t.Errorf("%d classes: %.0f bytes a column, and the experts have %.0f", classes, said, sum)
		}
	}
}

// hashedViews have very many columns, but for the raw one.
type hashedViews struct{}

func (hashedViews) View(kind millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	if kind == millrace.ViewRaw {
		return 0, millrace.ViewShape{Width: 2, NonZeroMax: 2, NonZeroUsual: 2}, nil
	}
	return 1, millrace.ViewShape{Width: 1 << 15, Sparse: true, NonZeroMax: 20, NonZeroUsual: 20}, nil
}

// TestStateMax: experts hold no more than the spec says, those that would are named, and within the default are the
// most telling ones.
func TestStateMax(t *testing.T) {
	target := model.TargetSpec{Classes: 2}
	before := math.MaxInt
	for _, most := range []millrace.Bytes{8 << 20, model.StateMaxDefault, model.StateMaxBefore} {
		spec := model.Spec{Type: model.FamilyAuto, StateMax: most}
		m, err := family.New(spec, target, hashedViews{})
		if err != nil {
			t.Fatal(err)
		}
		var size int64
		m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
			if strings.HasPrefix(name, "experts.") {
				size += 4*int64(len(x.F32)+len(x.I32)+len(x.U32)) + 8*int64(len(x.F64)+len(x.I64)+len(x.U64)) + int64(len(x.U8))
			}
		})
		reduced, _ := model.As[model.Reduced](m)
		missing := reduced.LeftOut()
		if size > int64(most) || len(missing) > before {
			t.Errorf("%s: experts of %d bytes, without %v", most, size, missing)
		}
		before = len(missing)
		switch most {
		case model.StateMaxBefore:
			if len(missing) > 0 {
				t.Errorf("%s: without %v", most, missing)
			}
		case model.StateMaxDefault:
			if strings.Contains(strings.Join(missing, " "), "rmsprop") {
				t.Errorf("%s: without %v", most, missing)
			}
		default:
			if len(missing) == 0 {
				t.Errorf("%s: nothing is missing of %d bytes", most, size)
			}
		}
	}
}
