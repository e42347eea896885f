package model

import (
	"math"

	"millrace"
)

const (
	// StateMaxDefault is how much state a mixture's experts hold at most where its spec does not say. A version of a
	// pipeline is as large, in the learner some three times over, and a store keeps several.
	StateMaxDefault millrace.Bytes = 64 << 20
	// StateMaxBefore is what it was before a spec could say: what a version means that says nothing.
	StateMaxBefore millrace.Bytes = 192 << 20
	// StateMaxLeast is the least that a spec may say.
	StateMaxLeast millrace.Bytes = 1 << 20
	// StateMaxMost is the most: a snapshot's blob takes 256 MiB.
	StateMaxMost millrace.Bytes = 256 << 20
)

// What a column of the standard view takes in a mixture that leaves none of its most telling experts out: two networks'
// first layers, at eight and four bytes a weight, and linear models.
const (
	// AutoColumnBytes is the part that does not depend on the outputs.
	AutoColumnBytes = 64*8 + 64*4 + 8
	// AutoColumnOutputBytes is what each output adds.
	AutoColumnOutputBytes = 12 + 8 + 12 + 12 + 8 + 4 + 8
)

// ColumnBytes is what a further column of its view takes in the state of the model that a spec describes.
func (s Spec) ColumnBytes(target TargetSpec) float64 {
	switch s.Type {
	case FamilyTree, FamilyForest:
		return 0 // hashed columns have no raw value
	case FamilyAuto:
		outputs := float64(max(1, target.Classes))
		if target.Classes == 2 {
			outputs = 1
		}
		return AutoColumnBytes + outputs*AutoColumnOutputBytes
	}
	const width = 1 << 12
	at := func(width int) int64 {
		return s.StateBytes(target, millrace.ViewShape{Width: width, Sparse: true, NonZeroMax: width / 64})
	}
	return float64(at(2*width)-at(width)) / width
}

// ColumnsFor is how many columns hashed features may have together so that the model of a resolved spec keeps within
// its state, with room for what else it has: what widths are chosen by that nobody gave.
func (s Spec) ColumnsFor(target TargetSpec) int {
	const share = 0.75
	each := s.ColumnBytes(target)
	most := s.StateMax
	if most == 0 {
		most = StateMaxDefault
	}
	if each == 0 {
		return math.MaxInt32
	}
	return int(min(share*float64(most)/each, math.MaxInt32))
}
