package features

import (
	"fmt"
	"testing"

	"millrace"
)

// copyState copies the tensors of one extractor into another of the same columns.
func copyState(t *testing.T, to, from *Extractor) {
	t.Helper()
	tensors := map[string]millrace.Tensor{}
	from.State(func(name string, x millrace.Tensor, _ millrace.Role) { tensors[name] = x })
	to.State(func(name string, x millrace.Tensor, _ millrace.Role) { x.Set(tensors[name]) })
	if err := to.Restored(); err != nil {
		t.Fatal(err)
	}
}

// TestSeedIsState: whatever a feature hashes, a restored extractor finds it where the one that learned did, all 64 bits
// of the seed mattering, and goes on from there.
func TestSeedIsState(t *testing.T) {
	columns := Columns{DefaultColumn("one", Category), DefaultColumn("hashed", Category), DefaultColumn("words", Text),
		DefaultColumn("basket", Bag), DefaultColumn("both", Cross), DefaultColumn("ago", Lag), DefaultColumn("amount", Number)}
	columns[1].Encode = encodeHash
	columns[4].Of = []string{"one", "words"}
	columns[5].Of, columns[5].Key, columns[5].Steps = []string{"amount"}, "hashed", []int{1}
	event := func(i int) *millrace.Event {
		text := []byte{'a' + byte(i%5), 'z'}
		e := &millrace.Event{Fields: make([]millrace.Field, len(columns)), Entries: []millrace.Entry{{Key: EntryKey(text), Value: float64(i + 1)}}}
		for k := range 3 {
			e.Fields[k] = millrace.Field{Presence: millrace.Present, Text: text}
		}
		e.Fields[3] = millrace.Field{Presence: millrace.Present, Count: 1}
		e.Fields[6] = millrace.Field{Presence: millrace.Present, Number: float64(i)}
		return e
	}
	extractor := func(seed uint64) (*Extractor, millrace.Input) {
		x, err := New(Spec{Columns: columns, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []millrace.ViewKind{millrace.ViewRaw, millrace.ViewStandard, millrace.ViewPairs} {
			compileView(t, x, kind)
		}
		return x, x.NewInput()
	}
	learned, want := extractor(1)
	for i := range 40 {
		learned.Observe(event(i))
	}
	for _, seed := range []uint64{1, 2, 1 << 63} {
		x, got := extractor(seed)
		copyState(t, x, learned)
		for i := range 20 {
			if err := learned.Extract(want, event(i)); err != nil {
				t.Fatal(err)
			}
			if err := x.Extract(got, event(i)); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("with the file's seed %d, event %d has other views", seed, i)
			}
		}
	}
	// Without the seed in the state all of them would be elsewhere, or the test says nothing.
	other, _ := extractor(1 << 63)
	same, got := extractor(1)
	if other.categories.all[0].seed == same.categories.all[0].seed {
		t.Error("the highest bit of the seed makes no difference")
	}
	if err := same.Extract(got, event(0)); err != nil {
		t.Fatal(err)
	}
}

// TestSeedOnlyWhereHashed: the state of pipelines that hash nothing stays what it was, for readers of before.
func TestSeedOnlyWhereHashed(t *testing.T) {
	x, err := New(Spec{Columns: Columns{DefaultColumn("a", Number), DefaultColumn("b", Boolean)}, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	compileView(t, x, millrace.ViewPairs)
	x.State(func(name string, _ millrace.Tensor, _ millrace.Role) {
		if name == "seed" {
			t.Error("numbers have a seed in their state")
		}
	})
}
