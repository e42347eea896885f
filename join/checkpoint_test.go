package join

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"millrace"
)

var update = flag.Bool("update", false, "write golden files anew")

// held is a table with ids, events that wait and labels that are kept, and how far it has read.
func held(t testing.TB, n int) (*Table, [kinds]int64) {
	t.Helper()
	tab := New(Spec{Wait: time.Hour, Early: time.Minute}, 2)
	var read [kinds]int64
	for i := range n {
		at := Place{0, int64(i)}
		e := &millrace.Event{ID: fmt.Appendf(nil, "event number %d", i*i), Time: int64(i), Fields: []millrace.Field{
			{Presence: millrace.Present, Number: float64(i) / 3}, {Presence: millrace.Null},
			{Presence: millrace.Present, Text: fmt.Append(nil, "card ", i%7)}, {Presence: millrace.Present, First: 0, Count: 2}}}
		e.Entries = []millrace.Entry{{Key: 5, Value: 1}, {Key: uint64(i), Value: .5}}
		if tab.Arrive(e, at, int64(i)) == First && i%3 > 0 {
			tab.Wait(e, at, tab.Due(int64(i)), []float64{float64(i), 1})
		}
		read[Events]++
		if i%4 == 0 {
			tab.Label(&millrace.Event{ID: fmt.Append(nil, "of nothing ", i), Time: int64(i), Label: millrace.Label{Known: true, Class: 1,
				Weighted: true, Weight: 2}}, Place{0, read[Labels]}, int64(i))
			read[Labels]++
		}
	}
	return tab, read
}

func blocksOf(t testing.TB, tab *Table) (blocks [][]byte) {
	t.Helper()
	err := tab.Checkpoint(func(block []byte) error {
		blocks = append(blocks, bytes.Clone(block))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

// restored is a table made from a checkpoint alone, for the given state.
func restored(t testing.TB, state []byte, blocks [][]byte, read [kinds]int64) *Table {
	t.Helper()
	tab := New(Spec{Wait: time.Hour, Early: time.Minute}, 2)
	if err := tab.BeginRebuild(state, never); err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks {
		if err := tab.Restore(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.EndRestore(func(k Kind, _ int32) int64 { return read[k] }); err != nil {
		t.Fatal(err)
	}
	if events, labels := tab.EndRebuild(); events+labels > 0 {
		t.Fatalf("%d events and %d labels are lost", events, labels)
	}
	return tab
}

// same reports what two tables that held the same give away at their ends.
func same(t *testing.T, got, want *Table) {
	t.Helper()
	a, b := got.Stats(), want.Stats()
	if a.Waiting != b.Waiting || a.Kept != b.Kept || a.IDs != b.IDs || a.Charge != b.Charge {
		t.Fatalf("%+v, want %+v", a, b)
	}
	const end = 1 << 40
	for want.Expire(end) {
		if !got.Expire(end) {
			t.Fatal("an event is missing")
		}
		var e, f millrace.Event
		w, _ := got.Take(&e)
		v, _ := want.Take(&f)
		if fmt.Sprint(w) != fmt.Sprint(v) || !sameEvent(&e, &f) || e.Label != f.Label {
			t.Fatalf("%+v %+v, want %+v %+v", w, e, v, f)
		}
	}
	if got.Expire(end) || got.Stats().Counts != want.Stats().Counts {
		t.Errorf("%+v, want %+v", got.Stats(), want.Stats())
	}
}

// TestCheckpointsAreOfManyBlocks: a large table comes in blocks, and an error of whoever writes them ends it.
func TestCheckpointsAreOfManyBlocks(t *testing.T) {
	tab, read := held(t, 20_000)
	blocks := blocksOf(t, tab)
	if len(blocks) < 4 {
		t.Errorf("%d blocks", len(blocks))
	}
	full := errors.New("no space left")
	if err := tab.Checkpoint(func([]byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	state := tab.AppendState(nil)
	same(t, restored(t, state, blocks, read), tab)
}

// TestGoldenCheckpoint: a checkpoint that an earlier build wrote holds what it held. Whoever changes what is written
// changes the layout's number, and the file.
func TestGoldenCheckpoint(t *testing.T) {
	tab, read := held(t, 40)
	type checkpoint struct {
		Layout string
		State  []byte
		Blocks [][]byte
	}
	path := filepath.Join("testdata", "v1.join.json")
	if *update {
		text, err := json.MarshalIndent(checkpoint{tab.Layout(), tab.AppendState(nil), blocksOf(t, tab)}, "", " ")
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
	if golden.Layout != tab.Layout() {
		t.Errorf("layout %q, was %q", tab.Layout(), golden.Layout)
	}
	same(t, restored(t, golden.State, golden.Blocks, read), tab)
}

// TestCheckpointsThatCannotBe are refused: what a version names must be in them, nothing twice, and only while a table
// is rebuilt.
func TestCheckpointsThatCannotBe(t *testing.T) {
	tab, read := held(t, 40)
	blocks, state := blocksOf(t, tab), tab.AppendState(nil)
	again := New(tab.Spec(), 2)
	if err := again.Restore(blocks[0]); err == nil {
		t.Error("a table that is not rebuilt")
	}
	if err := again.BeginRebuild(state, never); err != nil {
		t.Fatal(err)
	}
	all := func(k Kind, _ int32) int64 { return read[k] }
	if err := again.EndRestore(all); !errors.Is(err, millrace.ErrCorrupt) {
		t.Errorf("nothing of it: %v", err)
	}
	if err := again.EndRestore(func(Kind, int32) int64 { return 0 }); err != nil {
		t.Errorf("of before the first record: %v", err)
	}
	if err := again.Restore(blocks[0]); err != nil {
		t.Fatal(err)
	}
	if err := again.Restore(blocks[0]); !errors.Is(err, millrace.ErrCorrupt) {
		t.Errorf("twice: %v", err)
	}
	seen := map[string]bool{}
	for _, spec := range []Spec{{Wait: time.Hour, Early: time.Minute}, {Wait: time.Minute, Early: time.Minute}, {Wait: time.Hour}} {
		seen[New(spec, 2).Layout()] = true
		seen[New(spec, 3).Layout()] = true
	}
	if len(seen) != 6 {
		t.Errorf("layouts %v", seen)
	}
}

// FuzzRestore: whatever a block holds, it is restored or refused, and a table with what was restored can be emptied.
func FuzzRestore(f *testing.F) {
	tab, _ := held(f, 40)
	state := tab.AppendState(nil)
	for _, block := range blocksOf(f, tab) {
		f.Add(block)
	}
	small, _ := held(f, 2)
	f.Add(blocksOf(f, small)[0])
	f.Fuzz(func(t *testing.T, block []byte) {
		again := New(tab.Spec(), 2)
		if err := again.BeginRebuild(state, never); err != nil {
			t.Fatal(err)
		}
		if err := again.Restore(block); err != nil {
			if !errors.Is(err, millrace.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		again.EndRebuild()
		var e millrace.Event
		for again.Expire(1<<63-1) || again.Crowded() {
			if _, ok := again.Take(&e); !ok {
				t.Fatal("nothing to take")
			}
		}
	})
}
