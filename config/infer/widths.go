package infer

import (
	"fmt"
	"math/bits"

	"millrace"
	"millrace/features"
	"millrace/model"
)

// bitsLeast is the least that a hashed feature gets: a thousand columns.
const bitsLeast = 10

// hashedBits is how many bits make as many columns as are wanted.
func hashedBits(columns, most int) int { return min(max(bits.Len(uint(columns)), bitsLeast), most) }

// hashed reports whether the column's bits say how many columns it has.
func hashed(c features.Column) bool {
	for _, unread := range millrace.UnreadSettings(c) {
		if unread.Name == "bits" {
			return false
		}
	}
	return true
}

// fitWidths takes columns from the widest hashed features until the model has room for all.
func (p *plan) fitWidths() {
	target := model.TargetSpec{Classes: len(p.classes)}
	spec := ModelSpec(p.model, p.sparse || p.bagged)
	if len(spec.Validate(target)) > 0 {
		return // it is said when the file is read
	}
	most := spec.Resolve(target).ColumnsFor(target)
	columns := make(features.Columns, len(p.features))
	for i, f := range p.features {
		columns[i] = f.Column
	}
	wanted := make(map[int]int)
	for columns.Width() > most {
		widest := -1
		for i := range columns {
			if hashed(columns[i]) && columns[i].Bits > bitsLeast && (widest < 0 || columns[i].Bits > columns[widest].Bits) {
				widest = i
			}
		}
		if widest < 0 {
			break // the model does with less of itself
		}
		if wanted[widest] == 0 {
			wanted[widest] = columns[widest].Bits
		}
		columns[widest].Bits--
	}
	for i, was := range wanted {
		f := &p.features[i]
		f.Bits = columns[i].Bits
		f.note += fmt.Sprintf("; bits: %d if the model may be larger", was)
	}
}
