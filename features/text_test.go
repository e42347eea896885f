package features

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"millrace"
)

func textColumn(ngrams int) Column {
	c := DefaultColumn("t", Text)
	c.Ngrams = ngrams
	return c
}

func TestText(t *testing.T) {
	entries := func(ngrams int, s string) map[uint32]float32 {
		x := newExtractor(t, textColumn(ngrams))
		id, shape := compileView(t, x, millrace.ViewStandard)
		in := x.NewInput()
		if err := x.Extract(in, event(s)); err != nil {
			t.Fatal(err)
		}
		if len(in[id].Index) > shape.NonZeroMax {
			t.Fatalf("%d non-zeros, more than %d", len(in[id].Index), shape.NonZeroMax)
		}
		sum := map[uint32]float32{}
		for i, column := range in[id].Index {
			sum[column] += in[id].Value[i]
		}
		return sum
	}
	for _, equal := range [][]string{
		{"Grüße aus Zürich", "GRÜSSE... grüße, AUS -- zürich!"[10:], "\tgrüße\naus\x00zürich"},
		{"a1 b2", "A1/B2", "(a1) [b2]"}, {"", " ", "!?"}, {"日本 語", "日本、語"}, {"\xffa\xfe b", "a b"},
	} {
		for _, other := range equal[1:] {
			if a, b := entries(3, equal[0]), entries(3, other); !reflect.DeepEqual(a, b) {
				t.Errorf("%q and %q: %v and %v", equal[0], other, a, b)
			}
		}
	}
	// Words, then words and pairs: the order matters to pairs only.
	if a, b := entries(1, "one two three"), entries(1, "three one two"); !reflect.DeepEqual(a, b) || len(a) != 3 {
		t.Errorf("%v and %v", a, b)
	}
	if a, b := entries(2, "one two three"), entries(2, "three one two"); reflect.DeepEqual(a, b) || len(a) != 5 || len(b) != 5 {
		t.Errorf("%v and %v", a, b)
	}
	if a := entries(3, "a b c d"); len(a) != 4+3+2 {
		t.Errorf("%v", a)
	}
	norm := 0.0
	for _, v := range entries(2, "a vector as long as one comes out of words that differ") {
		norm += float64(v) * float64(v)
	}
	// "as" comes twice among 12 words and 11 pairs: (21 + 2²)/23.
	if math.Abs(norm-25.0/23) > 1e-6 {
		t.Errorf("the squares sum to %v", norm)
	}
	long := entries(5, strings.Repeat("word ", 5000))
	if len(long) != 5 {
		t.Errorf("%v", long)
	}
}
