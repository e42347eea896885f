package drift

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"millrace"
)

// Kind says how the values of a column become bins.
type Kind uint8

// Numbers have quantiles, texts and classes their most frequent values and one bin for all others. Of the rest it is
// only seen whether there is a value.
const (
	Numbers Kind = iota
	Texts
	Presence
)

const (
	valueBins = 8             // of values
	bins      = valueBins + 1 // the last one is of what is missing
	first     = 128           // values that bins are made from
)

// bounds tell the bins of one column: of numbers rising bounds between quantiles, of texts the hashes of the most
// frequent ones; what is not used is +Inf.
type bounds struct {
	kind   Kind
	at     []float64 // [valueBins−1]
	values []float64 // [first] the first ones; NaN is missing
}

// hash is FNV-1a (Fowler, Noll and Vo), as a float64 that holds it exactly.
func hash(text []byte) float64 {
	h := uint64(14695981039346656037)
	for _, c := range text {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return float64(h >> 12)
}

// value is what a field counts as; NaN is missing.
func (k Kind) value(f *millrace.Field) float64 {
	switch {
	case f.Presence != millrace.Present:
		return math.NaN()
	case k == Texts:
		return hash(f.Text)
	case k == Presence:
		return 0
	}
	return f.Number
}

// bin is the bin of a value.
func (b *bounds) bin(v float64) (bin int) {
	if v != v {
		return valueBins
	}
	if b.kind != Numbers {
		for i, h := range b.at {
			if h == v {
				return i
			}
		}
		return valueBins - 1
	}
	for _, e := range b.at {
		if v > e {
			bin++
		}
	}
	return bin
}

// settle makes bins of the first values.
func (b *bounds) settle() {
	for i := range b.at {
		b.at[i] = math.Inf(1)
	}
	sorted := slices.DeleteFunc(slices.Clone(b.values), math.IsNaN)
	slices.Sort(sorted)
	if b.kind == Numbers {
		b.quantiles(sorted)
		return
	}
	type shared struct {
		value float64
		count int
	}
	var all []shared
	for _, v := range sorted {
		if n := len(all); n > 0 && all[n-1].value == v {
			all[n-1].count++
			continue
		}
		all = append(all, shared{v, 1})
	}
	slices.SortStableFunc(all, func(a, b shared) int { return cmp.Compare(b.count, a.count) })
	for i := range min(len(all), len(b.at)) {
		b.at[i] = all[i].value
	}
}

// quantiles are the bounds between as many values each; equal ones are one. A bound is the largest value of its bin, so
// that a value that half of all have is a bin of its own.
func (b *bounds) quantiles(sorted []float64) {
	used := 0
	for i := range b.at {
		if len(sorted) == 0 {
			return
		}
		v := sorted[min((i+1)*len(sorted)/valueBins, len(sorted)-1)]
		if used == 0 || v > b.at[used-1] {
			b.at[used] = v
			used++
		}
	}
}

func (b *bounds) check() error {
	for i, v := range b.at {
		if v != v || b.kind == Numbers && i > 0 && v < b.at[i-1] {
			return errors.New("bounds of a feature's bins do not rise")
		}
	}
	return nil
}
