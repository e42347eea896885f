package keyed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/keyed"
)

var update = flag.Bool("update", false, "write golden files anew")

// blocksOf is a checkpoint of windows.
func blocksOf(t testing.TB, w *keyed.Windows, watermark int64) (blocks [][]byte) {
	t.Helper()
	err := w.Checkpoint(watermark, func(block []byte) error {
		blocks = append(blocks, bytes.Clone(block))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

func restored(t testing.TB, columns features.Columns, blocks [][]byte) *keyed.Windows {
	t.Helper()
	w := tables(t, columns)
	for _, i := range rand.Perm(len(blocks)) {
		if err := w.Restore(blocks[i]); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// TestCheckpointsGoOnEqual: tables that are restored from a checkpoint of any moment say the same, to the bit, as those
// that went on, and the same keys give way in them.
func TestCheckpointsGoOnEqual(t *testing.T) {
	for _, c := range []struct {
		name    string
		columns features.Columns
		keys    int
	}{{"room for all", allWindows(), 12}, {"many give way", crowded(), 200}} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(8) {
				r := rand.New(rand.NewPCG(seed, 6))
				events := stream(r, 5000, c.keys)
				whole := tables(t, c.columns)
				again := whole
				for i := range events {
					a, b := events[i].event(c.columns), events[i].event(c.columns)
					if i > 0 && r.IntN(700) == 0 {
						again = restored(t, c.columns, blocksOf(t, again, events[i-1].water))
					}
					whole.Fill(a, events[i].water)
					again.Fill(b, events[i].water)
					if fmt.Sprint(a.Fields) != fmt.Sprint(b.Fields) {
						t.Fatalf("event %d is %v, after a checkpoint %v", i, a.Fields, b.Fields)
					}
					whole.Observe(a, events[i].water)
					if again != whole {
						again.Observe(b, events[i].water)
					}
				}
			}
		})
	}
}

// TestCheckpointsAreOfManyBlocks: one of many keys comes in blocks, which leave out keys past their horizon, and an
// error of whoever writes them ends it.
func TestCheckpointsAreOfManyBlocks(t *testing.T) {
	columns := append(given(), window("w", "card", "amount", time.Hour, 12, "count", "sum")).Expand()
	w := tables(t, columns)
	const n = 40_000
	for i := range n {
		m := moment{key: fmt.Sprint(i), amount: float64(i), time: int64(i), water: int64(i)}
		w.Observe(m.event(columns), m.water)
	}
	blocks := blocksOf(t, w, n)
	if len(blocks) < 3 {
		t.Errorf("%d blocks", len(blocks))
	}
	if got, want := restored(t, columns, blocks).Stats(), w.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	half := restored(t, columns, blocksOf(t, w, n/2+w.Horizon()))
	if keys := half.Stats().Keys; keys != n/2-1 {
		t.Errorf("%d keys are within the horizon", keys)
	}
	full := errors.New("no space left")
	if err := w.Checkpoint(n, func([]byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

// TestLayoutTellsWindowsApart: whatever decides what the words of a pane are, or whose they are, is in the layout.
func TestLayoutTellsWindowsApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(c *features.Column){
		"as it is": func(*features.Column) {}, "longer": func(c *features.Column) { c.Over *= 2 }, "finer": func(c *features.Column) { c.Panes = 60 },
		"other key": func(c *features.Column) { c.Key = "merchant" }, "of all": func(c *features.Column) { c.Key = "" },
		"more": func(c *features.Column) { c.Stat = []string{"sum", "std"} }, "other value": func(c *features.Column) { c.Stat = []string{"min"} },
		"fewer keys": func(c *features.Column) { c.Keys = 8 },
	} {
		column := window("w", "card", "amount", time.Hour, 12, "sum")
		change(&column)
		w := tables(t, append(given(), column).Expand())
		if other, taken := seen[w.Layout()]; taken {
			t.Errorf("%s and %s have the layout %q", name, other, w.Layout())
		}
		seen[w.Layout()] = name
	}
	seeded, err := keyed.New(append(given(), window("w", "card", "amount", time.Hour, 12, "sum")).Expand(), 8)
	if err != nil || seen[seeded.Layout()] != "" {
		t.Errorf("another seed, %v: %q", err, seen[seeded.Layout()])
	}
}

// TestGoldenCheckpoint: a checkpoint that an earlier build wrote says what it said. Whoever changes what the words mean
// changes the layout's number, and the file.
func TestGoldenCheckpoint(t *testing.T) {
	columns := allWindows()
	events := stream(rand.New(rand.NewPCG(4, 4)), 600, 6)
	w := tables(t, columns)
	for i := range events[:500] {
		w.Observe(events[i].event(columns), events[i].water)
	}
	type checkpoint struct {
		Layout string
		Blocks [][]byte
	}
	path := filepath.Join("testdata", "v1.windows.json")
	if *update {
		text, err := json.MarshalIndent(checkpoint{w.Layout(), blocksOf(t, w, events[499].water)}, "", " ")
		if err = errors.Join(err, os.WriteFile(path, append(text, '\n'), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var golden checkpoint
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	if golden.Layout != w.Layout() {
		t.Errorf("layout %q, was %q", w.Layout(), golden.Layout)
	}
	again := restored(t, columns, golden.Blocks)
	for i := 500; i < len(events); i++ {
		a, b := events[i].event(columns), events[i].event(columns)
		w.Fill(a, events[i].water)
		again.Fill(b, events[i].water)
		if fmt.Sprint(a.Fields) != fmt.Sprint(b.Fields) {
			t.Fatalf("event %d is %v, from the golden file %v", i, a.Fields, b.Fields)
		}
	}
}

// TestIndexIsRestored: an index goes on as the one whose state it was given, also when that went through JSON.
func TestIndexIsRestored(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	whole := keyed.NewIndex(50_000)
	again := keyed.NewIndex(50_000)
	now := int64(0)
	for i := range 20_000 {
		now += r.Int64N(100)
		at := func() keyed.Vector {
			return keyed.Vector{Offsets: map[keyed.Source]int64{{Topic: "a/b", Partition: 3}: int64(i)}, Topic: now, Record: now,
				Watermarks: map[keyed.Source]int64{{Topic: "a/b", Partition: 3}: math.MinInt64}}
		}
		whole.Note(now, at)
		again.Note(now, at)
		if i%777 == 5 {
			text, err := json.Marshal(again.State())
			if err != nil {
				t.Fatal(err)
			}
			var state keyed.IndexState
			if err := json.Unmarshal(text, &state); err != nil {
				t.Fatal(err)
			}
			again = keyed.NewIndex(50_000)
			if err := again.Restore(state); err != nil {
				t.Fatal(err)
			}
		}
		if i%500 == 0 {
			v, _ := whole.Before(now - 50_000)
			u, _ := again.Before(now - 50_000)
			if fmt.Sprint(v) != fmt.Sprint(u) {
				t.Fatalf("record %d: %v, restored %v", i, v, u)
			}
		}
	}
	for _, s := range []keyed.IndexState{{Slice: 1}, {Slice: 195, Marks: make([]keyed.IndexMark, 513)},
		{Slice: 195, Marks: []keyed.IndexMark{{Before: 2}, {Before: 1}}}} {
		if err := again.Restore(s); !errors.Is(err, millrace.ErrCorrupt) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// FuzzRestore: whatever a block holds, it is restored or refused, and what was restored can be asked and go on.
func FuzzRestore(f *testing.F) {
	columns := allWindows()
	events := stream(rand.New(rand.NewPCG(4, 4)), 300, 6)
	w := tables(f, columns)
	for i := range events {
		w.Observe(events[i].event(columns), events[i].water)
	}
	for _, block := range blocksOf(f, w, events[299].water) {
		f.Add(block)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, block []byte) {
		again := tables(t, columns)
		if err := again.Restore(block); err != nil && !errors.Is(err, millrace.ErrCorrupt) {
			t.Fatal(err)
		}
		for i := range 20 {
			e := events[i].event(columns)
			again.Fill(e, events[i].water)
			again.Observe(e, events[i].water)
		}
		blocksOf(t, again, events[20].water)
	})
}
