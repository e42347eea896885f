package join

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"millrace"
)

// What a version wrote must be read by all that follow.
func TestStateIsWhatItWas(t *testing.T) {
	const golden = "6d726a01" + // magic, version
		"e803000000000000" + "d007000000000000" + "0000000000000080" + // floor, last label, resume
		"03" + // bitmaps
		"00" + "00" + "02" + // events, partition 0, 2 pages
		"00" + "00" + "0100" + "0300" + "0900" + // page 0: offsets 3 and 9
		"01" + "01" + "0000" + "0000" + "ff7f" + // page 2: all of it
		"00" + "07" + "01" + // events, partition 7
		"05" + "01" + "0100" + "0100" + "0400" + "0a00" + "0d00" + // page 5: 1 to 4 and 10 to 13
		"01" + "02" + "01" + // labels, partition 2
		"00" + "00" + "0000" + "0000" // page 0: offset 0
	tab := table()
	tab.floor, tab.lastLabel, tab.resume = 1000, 2000, never
	for _, at := range []Place{{0, 3}, {0, 9}} {
		tab.bits.set(Events, at)
	}
	for i := range int64(1 << pageBits) {
		tab.bits.set(Events, Place{0, 2<<pageBits + i})
	}
	for _, i := range []int64{13, 1, 2, 3, 4, 10, 11, 12} {
		tab.bits.set(Events, Place{7, 5<<pageBits + i})
	}
	tab.bits.set(Labels, Place{2, 0})
	if got := hex.EncodeToString(tab.AppendState(nil)); got != golden {
		t.Errorf("state\n%s, want\n%s", got, golden)
	}
	raw, err := hex.DecodeString(golden)
	if err != nil {
		t.Fatal(err)
	}
	again := table()
	if err := again.BeginRebuild(raw, never); err != nil {
		t.Fatal(err)
	}
	if events, labels := again.EndRebuild(); events != 2+1<<pageBits+8 || labels != 1 {
		t.Errorf("it names %d events and %d labels", events, labels)
	}
}

func TestStateRefusesWhatItDidNotWrite(t *testing.T) {
	head := stateMagic + strings.Repeat("\x00", 24)
	tests := []struct{ name, state, want string }{
		{"another version", "mrj\x02" + strings.Repeat("\x00", 25), "version"},
		{"cut short", head[:20], "ends early"},
		{"no count", head, "number of bitmaps"},
		{"something behind", head + "\x00\x00", "1 bytes follow"},
		{"a long number", head + "\x80\x00", "number of bitmaps"},
		{"an unknown kind", head + "\x01\x02\x00\x01\x00\x00\x00\x00\x00\x00", "kind 2"},
		{"an empty bitmap", head + "\x01\x00\x00\x00", "empty"},
		{"too many pages", head + "\x01\x00\x00\x82\x40", "number of pages"},
		{"an unknown form", head + "\x01\x00\x00\x01\x00\x03", "form 3"},
		{"offsets out of order", head + "\x01\x00\x00\x01\x00\x00\x01\x00\x05\x00\x05\x00", "not in order"},
		{"an offset beyond the page", head + "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x80", "not in order"},
		{"runs that touch", head + "\x01\x00\x00\x01\x00\x01\x01\x00\x00\x00\x05\x00\x06\x00\x0a\x00", "not in order"},
		{"not the shortest form", head + "\x01\x00\x00\x01\x00\x01\x00\x00\x05\x00\x05\x00", "shortest"},
		{"bits that are none", head + "\x01\x00\x00\x01\x00\x02" + strings.Repeat("\x00", pageBytes), "shortest"},
		{"the same partition twice", head + "\x02" + strings.Repeat("\x00\x00\x01\x00\x00\x00\x00\x05\x00", 2), "order"},
	}
	for _, test := range tests {
		tab := table()
		err := tab.BeginRebuild([]byte(test.state), never)
		if !errors.Is(err, millrace.ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if err := tab.BeginRebuild(nil, never); err != nil {
			t.Errorf("%s: the table cannot be used any more: %v", test.name, err)
		}
	}
	tab := table()
	arrives(tab, event("a", 0), Place{}, 0)
	if err := tab.BeginRebuild(nil, never); err == nil || errors.Is(err, millrace.ErrCorrupt) {
		t.Errorf("rebuilding a table in use: %v", err)
	}
}

// randomBits sets pages of every form, some of them at the borders between two.
func randomBits(m *bitmaps, rng *rand.Rand) {
	for range rng.IntN(6) {
		k, p := Kind(rng.IntN(kinds)), int32(rng.IntN(4))
		base := rng.Int64N(1<<(1+rng.IntN(40))) << pageBits
		switch rng.IntN(4) {
		case 0:
			for range 1 + rng.IntN(5) {
				m.set(k, Place{p, base + rng.Int64N(1<<pageBits)})
			}
		case 1:
			for i := range int64(pageBytes / 2) { // where arrays end
				m.set(k, Place{p, base + i*15})
			}
		case 2:
			from, n := rng.Int64N(1<<pageBits), rng.Int64N(1<<pageBits)
			for i := from; i < min(from+n, 1<<pageBits); i++ {
				m.set(k, Place{p, base + i})
			}
		case 3:
			for i := range int64(1 << pageBits) {
				if rng.IntN(3) > 0 {
					m.set(k, Place{p, base + i})
				}
			}
		}
	}
}

func TestStateComesBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		tab := table()
		tab.floor, tab.lastLabel, tab.resume = rng.Int64(), rng.Int64(), -rng.Int64()
		randomBits(&tab.bits, rng)
		checkState(t, tab.AppendState(nil))
	}
	tab := table()
	tab.bits.set(Events, Place{math.MaxInt32, math.MaxInt64})
	tab.bits.set(Labels, Place{0, math.MaxInt64})
	checkState(t, tab.AppendState(nil))
}

// checkState holds that a state that is read says the same when it is written.
func checkState(t *testing.T, state []byte) {
	t.Helper()
	tab := table()
	if err := tab.BeginRebuild(state, never); err != nil {
		t.Fatal(err)
	}
	tab.bits, tab.named = tab.named, bitmaps{}
	if again := tab.AppendState(nil); !bytes.Equal(state, again) {
		t.Fatalf("read %x, wrote %x", state, again)
	}
}

func FuzzState(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		tab := table()
		randomBits(&tab.bits, rng)
		f.Add(tab.AppendState(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := table().BeginRebuild(b, never); err == nil && len(b) > 0 {
			checkState(t, b)
		} else if err != nil && !errors.Is(err, millrace.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

// A million events become due at one record. They go one by one, and a snapshot between any two says exactly who is
// left: a table rebuilt from it goes on with the next.
func TestAMillionExpireAtOneRecordWithASnapshotInTheMiddle(t *testing.T) {
	const n, half = 1_000_000, 400_001
	if testing.Short() {
		t.Skip("a million events")
	}
	spec := Spec{Wait: time.Hour, Early: time.Minute, Memory: 1 << 30}
	id := make([]byte, 8)
	fields := make([]millrace.Field, 1)
	make1 := func(i int) (e millrace.Event, at Place, stream int64) {
		copy(id, fmt.Sprintf("%08d", i))
		fields[0] = number(float64(i))
		return millrace.Event{ID: id, Fields: fields}, Place{int32(i % 3), int64(i / 3)}, int64(i / 1000)
	}
	tab := New(spec, 1)
	for i := range n {
		e, at, stream := make1(i)
		tab.Arrive(&e, at, stream)
		tab.Wait(&e, at, tab.Due(stream), []float64{1})
	}
	const watermark = 2 * 3600 * 1000
	last := Place{-1, 0}
	lastDue := int64(never)
	gone := map[Place]bool{}
	var e millrace.Event
	next := func(tab *Table) bool {
		if !tab.Expire(watermark) {
			return false
		}
		w, _ := tab.Take(&e)
		ordered := w.Due > lastDue || w.Due == lastDue && (w.Partition > last.Partition ||
			w.Partition == last.Partition && w.Offset > last.Offset)
		if !ordered || gone[w.Place] {
			t.Fatalf("%+v after %+v, due %d", w, last, lastDue)
		}
		last, lastDue = w.Place, w.Due
		gone[w.Place] = true
		return true
	}
	for range half {
		next(tab)
	}
	if events := tab.Since(watermark); events > lastDue-spec.Wait.Milliseconds() {
		t.Errorf("a rebuild from %d misses what came at %d", events, lastDue-spec.Wait.Milliseconds())
	}
	again := New(spec, 1)
	if err := again.BeginRebuild(tab.AppendState(nil), never); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		e, at, stream := make1(i)
		again.Rebuild(&e, at, stream)
	}
	if events, labels := again.EndRebuild(); events+labels != 0 {
		t.Fatalf("lost %d and %d", events, labels)
	}
	for next(again) {
	}
	if s := again.Stats(); len(gone) != n || s.Waiting != 0 || s.IDs != 0 || s.State != 0 {
		t.Errorf("%d expired, left %+v", len(gone), s)
	}
}
