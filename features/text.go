package features

import (
	"math"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"

	"millrace"
)

// textTokensMax is how many words of a text are read: the first pages of any remark, review or mail.
// It bounds the non-zeros of the view.
const textTokensMax = 1024

// texts are the features of type text.
type texts struct {
	plain
	all []text
}

// text is a feature of type text: its words and runs of up to ngrams words, hashed with signs into 2^bits
// columns. Words are runs of Unicode letters, digits and marks, in lower case. All entries have one
// magnitude, 1/√n for n words and runs, so that long texts weigh no more than short ones (a unit vector
// as long as none comes twice); one that comes twice is twice in the vector.
type text struct {
	name       string
	field      int
	column     int
	ngrams     int
	mask, seed uint64
	fills      [2]fill
}

func (*texts) check(c *Column, report report) {
	checkNoMean(c, report)
	if c.Ngrams < 1 || c.Ngrams > NgramsMax {
		report("ngrams", "%d is outside 1 to %d", c.Ngrams, NgramsMax)
	}
}

func (*texts) size(s Columns, i int) size {
	c := &s[i]
	n := 1 << atMost(c.Bits, BitsMax)
	return size{values: n, nonZeros: textTokensMax * c.Ngrams, sparse: true, loose: n + c.indicators()}
}

func (ts *texts) add(p place) {
	ts.all = append(ts.all, text{
		name: p.Name, field: p.field, column: p.first, ngrams: p.Ngrams, mask: 1<<p.Bits - 1, fills: p.fills})
}

func (ts *texts) reseed(seeds []uint64) {
	for i := range ts.all {
		ts.all[i].seed = seeds[ts.all[i].field]
	}
}

func (ts *texts) extract(dst *millrace.Vector, e *millrace.Event) {
	for i := range ts.all {
		ts.all[i].extract(dst, e)
	}
}

func (ts *texts) raw(dst []float32, _ *millrace.Event) {
	for i := range ts.all {
		dst[ts.all[i].field] = noNumber()
	}
}

func (ts *texts) names(field, _ int) []string {
	return []string{ts.all[slices.IndexFunc(ts.all, func(t text) bool { return t.field == field })].name + " (hashed)"}
}

func (t *text) extract(dst *millrace.Vector, e *millrace.Event) {
	f := &e.Fields[t.field]
	if f.Presence != millrace.Present {
		putMissing(dst, f, &t.fills)
		return
	}
	first := len(dst.Index)
	var recent [NgramsMax]uint64 // hashes of the runs that end at the last word, the word itself first
	rest := f.Text
	for words := range textTokensMax {
		var word uint64
		if word, rest = nextWord(rest); word == 0 {
			break
		}
		// From the longest run down, for each is made of the next shorter one before the word.
		for n := min(words, t.ngrams-1); n > 0; n-- {
			recent[n] = bits.RotateLeft64(recent[n-1], 23)*prime2 + word
			t.put(dst, recent[n])
		}
		recent[0] = word
		t.put(dst, word)
	}
	size := float32(1 / math.Sqrt(float64(len(dst.Index)-first)))
	for i := first; i < len(dst.Value); i++ {
		dst.Value[i] *= size
	}
}

func (t *text) put(dst *millrace.Vector, run uint64) {
	h := mix(t.seed ^ run)
	dst.Index = append(dst.Index, uint32(t.column+int(h&t.mask)))
	dst.Value = append(dst.Value, 1-2*float32(h>>63))
}

// nextWord returns the hash of the first word of s in lower case, 0 when there is none, and what follows
// it. The hash depends on the letters alone; its avalanche follows in put.
func nextWord(s []byte) (hash uint64, rest []byte) {
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(s[i:])
		}
		if !inWord(r) {
			if i += size; hash != 0 {
				return hash, s[i:]
			}
			continue
		}
		if r >= utf8.RuneSelf {
			r = unicode.ToLower(r)
		} else if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		if hash == 0 {
			hash = prime5
		}
		hash = bits.RotateLeft64(hash^uint64(r)*prime1, 31) * prime2
		i += size
	}
	return hash, nil
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
