//go:build amd64 && !amd64.v3

// Bits are compared, so the test belongs to one numeric profile: compilers for others fuse products with sums.

package features

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
)

// Golden files are never replaced: whatever changes, the state of pipelines that run at somebody's must restore and
// give the views that it gave. The flag writes those that do not exist.
var update = flag.Bool("update", false, "write missing golden files")

// goldenColumns has every type and setting that a state depends on, the types mixed so that no order hides another.
func goldenColumns(sparse bool) Columns {
	column := func(name string, t Type, change func(c *Column)) Column {
		c := DefaultColumn(name, t)
		change(&c)
		return c
	}
	asItIs := func(*Column) {}
	columns := Columns{
		column("ago", Lag, func(c *Column) { c.Of, c.Key, c.Steps, c.Keys = []string{"amount"}, "card", []int{1, 3}, 9 }),
		column("card", Category, func(c *Column) { c.Cap, c.Missing = 5, policyIndicator }),
		column("paid", Boolean, func(c *Column) { c.Missing, c.Nulls = policyIndicator, policyIndicator }),
		column("ac", Cross, func(c *Column) { c.Of = []string{"amount", "card"} }),
		column("amount", Number, func(c *Column) { c.Missing, c.Nulls = policyMean, policyIndicator }),
		column("at", Time, func(c *Column) { c.Missing = policyIndicator }),
		column("count", Number, func(c *Column) { c.Scale = scaleNone }),
		column("before", Lag, func(c *Column) {
			c.Of, c.Key, c.Steps, c.Keys, c.Scale = []string{labelName}, "shop", []int{2}, 8, scaleNone
		}),
		column("shop", Category, func(c *Column) { c.Cap = 3 }),
		column("grade", Number, asItIs),
	}
	if sparse {
		columns = append(columns,
			column("words", Text, func(c *Column) { c.Bits, c.Ngrams = 8, 2 }),
			column("basket", Bag, func(c *Column) { c.Indices, c.Missing = 20, policyIndicator }),
			column("city", Category, func(c *Column) { c.Encode, c.Bits, c.Cap = encodeHash, 6, 7 }),
			column("cw", Cross, func(c *Column) { c.Of, c.Bits = []string{"city", "words"}, 10 }),
			column("tags", Bag, func(c *Column) { c.Bits, c.Scale = 5, scaleNone }),
			column("parts", Bag, func(c *Column) { c.Bits = 4 }),
		)
	}
	return columns
}

// goldenEvent is the i-th event of a stream that no library's random numbers can change.
func goldenEvent(i, columns int) *millrace.Event {
	draw := func(what, n uint64) uint64 { return mix(uint64(i)<<8|what) % n }
	e := &millrace.Event{Fields: make([]millrace.Field, 16), Time: int64(i) * 1000}
	text := func(field int, s string) {
		e.Fields[field] = millrace.Field{Presence: millrace.Present, Text: []byte(s)}
	}
	number := func(field int, v float64) { e.Fields[field] = millrace.Field{Presence: millrace.Present, Number: v} }
	bag := func(field int, what uint64) {
		n := draw(what, 6)
		e.Fields[field] = millrace.Field{Presence: millrace.Present, First: uint32(len(e.Entries)), Count: uint16(n)}
		for k := range n {
			e.Entries = append(e.Entries, millrace.Entry{Key: draw(what+k, 30), Value: float64(draw(what+10+k, 999))/7 - 60})
		}
	}
	text(1, fmt.Sprint("card ", draw(1, 9)))
	number(2, float64(draw(2, 2)))
	number(4, float64(draw(4, 100_000))/64-300)
	number(5, float64(draw(5, 2e12)))
	number(6, float64(draw(6, 50)))
	text(8, strings.Repeat("shop ", int(draw(8, 9))))
	number(9, float64(draw(9, 6)))
	text(10, strings.Repeat(fmt.Sprint("some w", draw(10, 20), " "), int(draw(11, 4))))
	bag(11, 20)
	text(12, fmt.Sprint("Zürich ", draw(12, 30)))
	bag(14, 60)
	bag(15, 100)
	for _, field := range []uint64{1, 2, 4, 5, 6, 9, 11} {
		if draw(140+field, 10) == 0 {
			e.Fields[field] = millrace.Field{Presence: millrace.Presence(draw(160+field, 2))}
		}
	}
	if i == 150 {
		e.Fields[4].Number = 1e30 // an outlier, held back
	}
	e.Label = millrace.Label{Known: draw(180, 8) > 0, Class: int32(draw(181, 3))}
	e.Fields = e.Fields[:columns]
	return e
}

var goldenViews = []millrace.ViewKind{millrace.ViewLevels, millrace.ViewStandard, millrace.ViewRaw, millrace.ViewPairs}

const goldenEvents = 200

// goldenState writes all tensors in their order, in hexadecimal, little-endian.
func goldenState(x *Extractor) string {
	var b strings.Builder
	x.State(func(name string, t millrace.Tensor, role millrace.Role) {
		data := []byte{}
		kind := ""
		add := func(k string, n int, values any) {
			if n > 0 {
				kind = k
				data, _ = binary.Append(data, binary.LittleEndian, values)
			}
		}
		add("F32", len(t.F32), t.F32)
		add("F64", len(t.F64), t.F64)
		add("I32", len(t.I32), t.I32)
		add("U32", len(t.U32), t.U32)
		add("U64", len(t.U64), t.U64)
		add("U8", len(t.U8), t.U8)
		fmt.Fprintf(&b, "%s %s %v role %d %x\n", name, kind, t.Shape, role, data)
	})
	return b.String()
}

// setGoldenState copies a state that goldenState wrote into the extractor's tensors.
func setGoldenState(t *testing.T, x *Extractor, text string) {
	t.Helper()
	stored := map[string][]byte{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		data, err := hex.DecodeString(words[len(words)-1])
		if err != nil {
			t.Fatal(err)
		}
		stored[words[0]] = data
	}
	x.State(func(name string, to millrace.Tensor, _ millrace.Role) {
		data, ok := stored[name]
		if !ok && to.Added {
			return
		}
		if !ok {
			t.Fatalf("the golden state has no tensor %s", name)
		}
		delete(stored, name)
		in := bytes.NewReader(data)
		for _, values := range []any{to.F32, to.F64, to.I32, to.U32, to.U64, to.U8} {
			if err := binary.Read(in, binary.LittleEndian, values); err != nil {
				t.Fatalf("reading tensor %s: %v", name, err)
			}
		}
		if in.Len() > 0 {
			t.Fatalf("tensor %s has %d bytes too many", name, in.Len())
		}
	})
	if len(stored) > 0 {
		t.Fatalf("%d tensors of the golden state have no place", len(stored))
	}
}

// goldenView writes what all views say of some events, and the names of their first columns.
func goldenView(t *testing.T, x *Extractor, in millrace.Input) string {
	t.Helper()
	var b strings.Builder
	for i := goldenEvents; i < goldenEvents+10; i++ {
		if err := x.Extract(in, goldenEvent(i, len(x.columns))); err != nil {
			t.Fatal(err)
		}
		for id, kind := range goldenViews {
			data, _ := binary.Append(nil, binary.LittleEndian, in[id].Dense)
			data, _ = binary.Append(data, binary.LittleEndian, in[id].Index)
			data, _ = binary.Append(data, binary.LittleEndian, in[id].Value)
			fmt.Fprintf(&b, "event %d %s %016x\n", i, kind, hash64(0, data))
		}
	}
	for id, kind := range goldenViews {
		_, shape := compileView(t, x, kind)
		fmt.Fprintf(&b, "shape %s %+v\n", kind, shape)
		first := 0
		if kind == millrace.ViewLevels || kind == millrace.ViewPairs { // the standard view's columns come first
			first = x.standard.Width
		}
		for column := first; column < min(first+700, shape.Width); column++ {
			fmt.Fprintf(&b, "name %s %d %q\n", kind, column, x.FeatureName(millrace.ViewID(id), column))
		}
	}
	return b.String()
}

func golden(t *testing.T, name, current string) string {
	t.Helper()
	path := filepath.Join("testdata", name)
	if _, err := os.Stat(path); *update && os.IsNotExist(err) {
		if err := os.WriteFile(path, []byte(current), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The same events give the same state and views as ever, and a state restores to the views of then: also those that
// were written before there were moments of package moments, or places that columns moved away from, before first
// values were looked at again and before categories and times were counted.
func TestGoldenState(t *testing.T) {
	for name, sparse := range map[string]bool{"dense": false, "sparse": true} {
		t.Run(name, func(t *testing.T) {
			build := func() (*Extractor, millrace.Input) {
				x := newExtractor(t, goldenColumns(sparse)...)
				for _, kind := range goldenViews {
					compileView(t, x, kind)
				}
				return x, x.NewInput()
			}
			x, in := build()
			for i := range goldenEvents {
				x.Observe(goldenEvent(i, len(x.columns)))
			}
			state, views := goldenState(x), goldenView(t, x, in)
			sameLines(t, golden(t, name+"-counted.state", state), state)
			sameLines(t, golden(t, name+"-moments.views", views), views)

			for of, same := range map[string]string{"": "", "-moments": "-moments", "-home": "-moments", "-first": "-moments",
				"-counted": "-moments"} {
				restored, in := build()
				setGoldenState(t, restored, golden(t, name+of+".state", ""))
				if err := restored.Restored(); err != nil {
					t.Fatal(err)
				}
				sameLines(t, golden(t, name+same+".views", ""), goldenView(t, restored, in))
			}
		})
	}
}

func sameLines(t *testing.T, want, got string) {
	t.Helper()
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("line %d is\n%.200s\nand was\n%.200s", i+1, b[i], a[i])
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%d lines where %d were", len(b), len(a))
	}
}
