package features

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"millrace"
)

// textMax is how many bytes of a value the vocabulary keeps, for people: values are told apart by
// their 64-bit hash, so longer ones lose nothing but the end of their name.
const textMax = 32

// vocabulary holds the first Cap values seen of every category. All of it is preallocated: the
// learned part goes into snapshots as it stands, the tables are derived from it.
type vocabulary struct {
	words []words
	// Learned, one entry a category, or a category's value (flat, see words.base).
	size   []int32
	hashes []uint64
	counts []uint32 // events that had the value: see count
	text   []uint8  // textMax bytes a value
	length []uint8  // bytes of the whole value, 255 for more
	// Derived: open addressing by hash, 0 for free, else the value's index + 1.
	slots []uint32
}

// words is one category's place in the flat slices.
type words struct {
	base int    // of its values in hashes, length and (times textMax) text
	cap  int    // values at most
	slot int    // of its table in slots
	mask uint64 // table size - 1; the table is at most half full, so probing always ends
}

// add makes room for a further category of at most n values.
func (v *vocabulary) add(n int) {
	slots := 4
	for slots < 2*n {
		slots *= 2
	}
	v.words = append(v.words, words{base: len(v.hashes), cap: n, slot: len(v.slots), mask: uint64(slots - 1)})
	v.size = append(v.size, 0)
	v.hashes = append(v.hashes, make([]uint64, n)...)
	v.counts = append(v.counts, make([]uint32, n)...)
	v.text = append(v.text, make([]uint8, n*textMax)...)
	v.length = append(v.length, make([]uint8, n)...)
	v.slots = append(v.slots, make([]uint32, slots)...)
}

// find returns the index of the value with that hash, or -1.
func (v *vocabulary) find(category int, hash uint64) int {
	w := &v.words[category]
	for i := hash; ; i++ {
		s := v.slots[w.slot+int(i&w.mask)]
		if s == 0 {
			return -1
		}
		if v.hashes[w.base+int(s)-1] == hash {
			return int(s) - 1
		}
	}
}

// learn counts a value, and adds it unless it is known or the cap is reached.
func (v *vocabulary) learn(category int, hash uint64, text []byte) {
	w := &v.words[category]
	n := int(v.size[category])
	if k := v.find(category, hash); k >= 0 {
		v.count(w, k)
		return
	}
	if n == w.cap {
		return
	}
	k := w.base + n
	v.counts[k] = 1
	v.hashes[k] = hash
	v.length[k] = uint8(min(len(text), math.MaxUint8))
	copy(v.text[k*textMax:(k+1)*textMax], text)
	v.size[category]++
	v.place(w, hash, n)
}

// countsMax is where all counts of a category are halved, so that what was frequent long ago gives way: about as many
// events as the moments of numbers go by.
const countsMax = 1 << 18

// count takes in an event with value k of a category.
func (v *vocabulary) count(w *words, k int) {
	counts := v.counts[w.base : w.base+w.cap]
	if counts[k]++; counts[k] < countsMax {
		return
	}
	for i := range counts {
		counts[i] /= 2
	}
}

// frequent is the value of a category that most events had; -1 while none is known. Snapshots of before have no counts:
// then it is the first value there was. A name that was longer than what is kept is no value that an event could have.
func (v *vocabulary) frequent(category int) int {
	w, best := &v.words[category], -1
	for k := range int(v.size[category]) {
		if v.length[w.base+k] <= textMax && (best < 0 || v.counts[w.base+k] > v.counts[w.base+best]) {
			best = k
		}
	}
	return best
}

// place enters value n of a category into its table.
func (v *vocabulary) place(w *words, hash uint64, n int) {
	i := hash
	for v.slots[w.slot+int(i&w.mask)] != 0 {
		i++
	}
	v.slots[w.slot+int(i&w.mask)] = uint32(n + 1)
}

// value is the text of value k, ending in an ellipsis when it was longer than what is kept.
func (v *vocabulary) value(category, k int) string {
	k += v.words[category].base
	text := v.text[k*textMax : (k+1)*textMax]
	if n := int(v.length[k]); n <= textMax {
		return string(text[:n])
	}
	// The cut may have gone through a rune, of at most four bytes; what is before it is whole.
	for n := textMax; n > textMax-utf8.UTFMax; n-- {
		if r, _ := utf8.DecodeLastRune(text[:n]); r != utf8.RuneError {
			return string(text[:n]) + "…"
		}
	}
	return strings.ToValidUTF8(string(text), "�") + "…"
}

// canonical gives values of before, of which 1.0 was another than 1, the name that events have for them now; seed is
// that of a category's hashes. Where both were learned, the one of that name stays, and the other is met no more.
func (v *vocabulary) canonical(category int, seed uint64) {
	w := &v.words[category]
	renamed := make(map[uint64]bool)
	for k := w.base; k < w.base+int(v.size[category]); k++ {
		n := int(v.length[k])
		if n > textMax {
			continue // no number is so long
		}
		text := v.text[k*textMax : k*textMax+n]
		name := Canonical(text)
		if len(name) == n {
			continue
		}
		hash := hash64(seed, name)
		if renamed[hash] || v.find(category, hash) >= 0 {
			continue
		}
		renamed[hash] = true
		v.hashes[k], v.length[k] = hash, uint8(len(name))
		clear(text[copy(text, name):])
	}
	if len(renamed) == 0 {
		return
	}
	clear(v.slots[w.slot : w.slot+int(w.mask)+1])
	for k := range int(v.size[category]) {
		v.place(w, v.hashes[w.base+k], k)
	}
}

// restored checks the learned part and derives the tables anew.
func (v *vocabulary) restored() error {
	clear(v.slots)
	for c := range v.words {
		w := &v.words[c]
		n := int(v.size[c])
		if n < 0 || n > w.cap {
			return fmt.Errorf("%w: category %d has %d values of at most %d", millrace.ErrCorrupt, c, n, w.cap)
		}
		for k := range w.cap {
			hash, length, count := v.hashes[w.base+k], v.length[w.base+k], v.counts[w.base+k]
			switch {
			case k >= n && (hash != 0 || length != 0 || count != 0):
				return fmt.Errorf("%w: category %d has a value beyond its count", millrace.ErrCorrupt, c)
			case count >= countsMax:
				return fmt.Errorf("%w: category %d has a value %d times", millrace.ErrCorrupt, c, count)
			case k < n && v.find(c, hash) >= 0:
				return fmt.Errorf("%w: category %d has a value twice", millrace.ErrCorrupt, c)
			case k < n:
				v.place(w, hash, k)
			}
		}
	}
	return nil
}
