package features

import (
	"math"
	"math/bits"
	"unicode"
	"unicode/utf8"

	"millrace"
)

// textTokensMax is how many words of a text are read: the first pages of any remark, review or mail.
// It bounds the non-zeros of the view.
const textTokensMax = 1024

// text is a feature of type text: its words and runs of up to ngrams words, hashed with signs into 2^bits
// columns. Words are runs of Unicode letters, digits and marks, in lower case. All entries have one
// magnitude, 1/√n for n words and runs, so that long texts weigh no more than short ones (a unit vector
// as long as none comes twice); one that comes twice is twice in the vector.
type text struct {
	field      int
	column     int
	ngrams     int
	mask, seed uint64
	fills      [2]fill
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
