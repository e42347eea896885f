package infer

import (
	"cmp"
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

// fitWidths takes columns from the widest hashed features until the model has room for all: of those, from the one that
// wanted the fewest, so that none falls below another of fewer values.
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
	for columns.Width() > most {
		widest := -1
		for i := range columns {
			if hashed(columns[i]) && columns[i].Bits > bitsLeast && (widest < 0 || p.narrowsBefore(columns, i, widest)) {
				widest = i
			}
		}
		if widest < 0 {
			break // the model does with less of itself
		}
		columns[widest].Bits--
	}
	larger := "if the model may be larger"
	if spec.Type == model.FamilyAuto {
		larger = "with a larger model.state_max"
	}
	for i := range p.features {
		if f := &p.features[i]; f.Bits != columns[i].Bits {
			f.note += fmt.Sprintf("; bits: %d %s", f.Bits, larger)
			f.Bits = columns[i].Bits
		}
	}
}

// narrowsBefore reports whether feature i loses columns before another one: the wider does, then what wanted fewer,
// then what has fewer values.
func (p *plan) narrowsBefore(columns features.Columns, i, other int) bool {
	values := func(f *feature) int64 {
		switch c := p.columnOf(f); {
		case c == nil:
			return 0
		case c.bag != nil:
			return int64(len(c.bag.keys))
		default:
			return max(c.different(), int64(len(c.vocabulary)))
		}
	}
	a, b := &p.features[i], &p.features[other]
	return cmp.Or(cmp.Compare(columns[other].Bits, columns[i].Bits), cmp.Compare(a.Bits, b.Bits), cmp.Compare(values(a), values(b))) < 0
}
