package features

import (
	"fmt"
	"math"
	"slices"

	"millrace"
)

// keyHashed marks the keys of a bag that are no index.
const keyHashed = 1 << 63

// indexBits bounds keys that are indices, as the vocabulary's Entry says.
const indexDigitsMax = 10

// EntryKey is the key of a bag's entry of that name: the index that it spells, or a hash of it, as
// millrace.Entry says.
func EntryKey(name []byte) uint64 {
	if n := len(name); n > 0 && n <= indexDigitsMax && (name[0] != '0' || n == 1) {
		index := uint64(0)
		for _, c := range name {
			if c-'0' > 9 {
				return hash64(0, name) | keyHashed
			}
			index = index*10 + uint64(c-'0')
		}
		if index < 1<<32 {
			return index
		}
	}
	return hash64(0, name) | keyHashed
}

// bags are the features of type bag.
type bags struct {
	plain
	all []bag
}

// bag is a feature of type bag. With indices, keys below their number have a column each; all other keys
// are hashed, with signs, into the same columns: a vector that grows beyond its pipeline still says
// something. Without indices every key is hashed into 2^bits columns.
//
// Scaled entries are divided by the largest magnitude that their column has had so far: within ±1, zero
// staying zero, and free of units. Before anything is known of a column an entry is worth its sign. One
// absurd value cannot blind a column for good: the largest magnitude grows at most tenfold an event.
type bag struct {
	name    string
	field   int
	column  int
	indices uint64 // 0 when all keys are hashed
	width   uint64
	seed    uint64
	fills   [2]fill
	largest []float32 // learned, one a column; nil without scaling
}

// growthMax is how many times its former self a column's largest magnitude becomes at most in one event.
const growthMax = 10

const (
	// strayBy is how many times larger than what comes the largest so far is when it was a stray one, and is halved.
	strayBy = 1024
	// restBy is from how many times on it comes down little by little.
	restBy = 16
)

func (*bags) check(c *Column, report report) {
	checkNoMean(c, report)
	if c.Indices < 0 || c.Indices > WidthMax {
		report("indices", "%d is outside 0 to %d", c.Indices, WidthMax)
	}
	if c.Entries < 1 || c.Entries > EntriesMax {
		report("entries", "%d is outside 1 to %d", c.Entries, EntriesMax)
	}
}

func (*bags) size(s Columns, i int) size {
	c := &s[i]
	n := atMost(c.Indices, WidthMax)
	if n == 0 {
		n = 1 << atMost(c.Bits, BitsMax)
	}
	return size{values: n, nonZeros: c.Entries, sparse: true, numeric: true, loose: n + c.indicators()}
}

func (bs *bags) add(p place) {
	b := bag{name: p.Name, field: p.field, column: p.first, indices: uint64(p.Indices), width: uint64(p.size.values), fills: p.fills}
	if p.Scale == scaleStandard {
		b.largest = make([]float32, b.width)
	}
	bs.all = append(bs.all, b)
}

func (bs *bags) reseed(seeds []uint64) {
	for i := range bs.all {
		bs.all[i].seed = seeds[bs.all[i].field]
	}
}

func (bs *bags) extract(dst *millrace.Vector, e *millrace.Event) {
	for i := range bs.all {
		bs.all[i].extract(dst, e)
	}
}

func (bs *bags) raw(dst []float32, _ *millrace.Event) {
	for i := range bs.all {
		dst[bs.all[i].field] = noNumber()
	}
}

func (bs *bags) observe(e *millrace.Event) {
	for i := range bs.all {
		bs.all[i].observe(e)
	}
}

func (bs *bags) state(visit visit) {
	for i := range bs.all {
		if b := &bs.all[i]; b.largest != nil {
			visit(fmt.Sprintf("bags.%d.largest", i), millrace.Tensor{Shape: []int{len(b.largest)}, F32: b.largest}, millrace.Serving)
		}
	}
}

func (bs *bags) restored() error {
	for i := range bs.all {
		if err := bs.all[i].restored(); err != nil {
			return err
		}
	}
	return nil
}

func (bs *bags) names(field, k int) []string {
	b := &bs.all[slices.IndexFunc(bs.all, func(b bag) bool { return b.field == field })]
	if b.indices == 0 {
		return []string{b.name + " (hashed)"}
	}
	return []string{fmt.Sprintf("%s[%d]", b.name, k)}
}

// at is an entry's column among the bag's own, and its sign.
func (b *bag) at(key uint64) (column uint64, sign float32) {
	if key < b.indices {
		return key, 1
	}
	h := mix(b.seed ^ key)
	// The high half of a product with the width: even for every width, not only powers of two (Lemire,
	// Fast Random Integer Generation in an Interval, ACM TOMACS 29, 2019, section 4).
	return (h & (1<<32 - 1)) * b.width >> 32, 1 - 2*float32(h>>63)
}

func (b *bag) extract(dst *millrace.Vector, e *millrace.Event) {
	f := &e.Fields[b.field]
	if f.Presence != millrace.Present {
		putMissing(dst, f, &b.fills)
		return
	}
	index, value, largest := dst.Index, dst.Value, b.largest
	entries := e.Bag(f)
	for i := range entries {
		column, sign := b.at(entries[i].Key)
		z := float32(clip(entries[i].Value, math.MaxFloat32))
		if largest != nil {
			z = scaled(z, largest[column])
		}
		if z != 0 {
			index, value = append(index, uint32(b.column)+uint32(column)), append(value, z*sign)
		}
	}
	dst.Index, dst.Value = index, value
}

// scaled is v as a share of the largest magnitude so far, within ±1.
func scaled(v, largest float32) float32 {
	switch {
	case v > largest:
		return 1
	case v < -largest:
		return -1
	case largest == 0:
		return 0
	}
	return v / largest
}

func (b *bag) observe(e *millrace.Event) {
	f := &e.Fields[b.field]
	if b.largest == nil || f.Presence != millrace.Present {
		return
	}
	entries, largest := e.Bag(f), b.largest
	for i := range entries {
		column, _ := b.at(entries[i].Key)
		v, l := abs(float32(clip(entries[i].Value, math.MaxFloat32))), &largest[column]
		switch {
		case v > *l:
			if most := *l * growthMax; most > 0 && v > most {
				v = most
			}
			*l = v
		case v == 0:
		case v*strayBy < *l: // the largest was none of its kind
			*l /= 2
		case v*restBy < *l:
			*l -= *l / 64
		}
	}
}

func (b *bag) restored() error {
	for column, l := range b.largest {
		if !(l >= 0 && l <= math.MaxFloat32) {
			return fmt.Errorf("%w: column %d of a bag has a magnitude of %v", millrace.ErrCorrupt, column, l)
		}
	}
	return nil
}
