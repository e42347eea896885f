package join

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"millrace"
)

// Ids of one shape, long ones that differ at one end, and ids that were once chosen to collide: the seed is new for
// each table, so none of it makes a chain long.
func TestNoIDsMakeChainsLong(t *testing.T) {
	const n = 200_000
	shapes := map[string]func(i int) string{
		"counted":      func(i int) string { return fmt.Sprint(i) },
		"same tail":    func(i int) string { return fmt.Sprintf("%08d%s", i, strings.Repeat("z", 120)) },
		"same head":    func(i int) string { return fmt.Sprintf("%s%08d", strings.Repeat("a", 120), i) },
		"only lengths": func(i int) string { return strings.Repeat("\x00", i%1024) + fmt.Sprint(i/1024) },
		"zero padded":  func(i int) string { return string([]byte{byte(i), byte(i >> 8), byte(i >> 16), 0, 0, 0, 0, 0}) },
	}
	for name, shape := range shapes {
		tab := New(Spec{Wait: time.Hour, Memory: 1 << 30}, 0)
		for i := range n {
			if tab.Arrive(event(shape(i), 0), Place{0, int64(i)}, 0) != First {
				t.Fatalf("%s: id %d is known", name, i)
			}
		}
		longest := 0
		for s := range tab.index.shards {
			shard := &tab.index.shards[s]
			if shard.count < n/512 {
				t.Errorf("%s: a shard has %d of %d ids", name, shard.count, n)
			}
			for i, slot := range shard.slots {
				if slot != 0 {
					longest = max(longest, (i-shard.home(uint32(slot>>32))+len(shard.slots))%len(shard.slots))
				}
			}
		}
		if longest > 400 {
			t.Errorf("%s: %d slots from where an id should be", name, longest)
		}
	}
}

// When all hashes are equal the bytes of the ids decide.
func TestIDsThatCollideAreToldApart(t *testing.T) {
	tab := table()
	tab.index.mask = 0
	id := func(i int) string { return strings.Repeat("x", i%40) + fmt.Sprint(i) }
	for i := range 300 {
		if a := arrives(tab, event(id(i), 0, number(float64(i))), Place{0, int64(i)}, 0); a != First {
			t.Fatalf("id %d: arrival %d", i, a)
		}
	}
	var e millrace.Event
	for i := 299; i >= 0; i -= 3 {
		if m := tab.Label(label(id(i), 0, 1), Place{}, 0); m != Joined {
			t.Fatalf("id %d: match %d", i, m)
		}
		if _, ok := tab.Take(&e); !ok || e.Fields[0].Number != float64(i) {
			t.Fatalf("id %d: took %+v", i, e)
		}
	}
}

// Whatever comes and goes, the charge keeps its bound, what the table takes keeps below the charge at its highest, and
// what is left is the newest.
func TestMemoryIsBoundedAndTheOldestGo(t *testing.T) {
	const memory, slack = 8 << 20, 2 << 20 // segments and chunks that are being written, however little is in them
	rng := rand.New(rand.NewPCG(8, 9))
	tab := New(Spec{Wait: time.Hour, Early: time.Minute, Memory: memory}, 2)
	var e millrace.Event
	crowded, offset := 0, int64(0)
	lastDue := int64(never)
	for phase := range 12 {
		size := []int{0, 3000, 200, 90_000, 20}[phase%5]
		for range 20_000_000 / (size + 300) / 10 {
			offset++
			in := event(fmt.Sprintf("%0*d", 8+rng.IntN(60), offset), offset)
			if size > 0 {
				in.Fields = append(in.Fields, text(strings.Repeat("v", rng.IntN(2*size))))
			}
			arrives(tab, in, Place{0, offset}, offset)
			if rng.IntN(2) == 0 {
				tab.Label(label(fmt.Sprintf("no event %d", offset), offset, 0), Place{0, offset}, offset)
			}
			for tab.Crowded() {
				w, ok := tab.Take(&e)
				if !ok || w.Cause != ByMemory || w.Due < lastDue {
					t.Fatalf("crowded out %+v after one due at %d", w, lastDue)
				}
				lastDue = w.Due
				crowded++
			}
			s := tab.Stats()
			if s.Charge > memory || s.Bytes > memory+slack {
				t.Fatalf("phase %d: %+v", phase, s)
			}
		}
	}
	s := tab.Stats()
	if crowded == 0 || s.LabelsCrowded == 0 || s.IDsForgotten == 0 || s.Waiting == 0 {
		t.Errorf("%d crowded out, %+v", crowded, s)
	}
}

// One event that is larger than all memory goes itself, when nothing older is left.
func TestAnEventLargerThanMemory(t *testing.T) {
	tab := table(func(s *Spec) { s.Memory = 64 << 10 })
	arrives(tab, event("small", 0), Place{0, 0}, 0)
	in := event("large", 1, text(strings.Repeat("v", 600<<10)))
	tab.Arrive(in, Place{0, 1}, 1)
	if !tab.Wait(in, Place{0, 1}, tab.Due(1), []float64{0, 1}) {
		t.Error("Wait does not say that memory is full")
	}
	var e millrace.Event
	var got []string
	for tab.Crowded() {
		tab.Take(&e)
		got = append(got, string(e.ID))
	}
	if fmt.Sprint(got) != "[small large]" || !bytes.Equal(e.Fields[0].Text, in.Fields[0].Text) {
		t.Errorf("crowded out %v", got)
	}
	if s := tab.Stats(); s.Waiting != 0 || s.Charge > 64<<10 {
		t.Errorf("left %+v", s)
	}
}

// One event in each page of the bitmaps is all that a state has room for.
func TestMorePagesThanAStateHoldsIsFullMemory(t *testing.T) {
	tab := New(Spec{Wait: time.Hour, Memory: 1 << 30}, 0)
	var e millrace.Event
	crowded := 0
	for i := range int64(pagesMax + 10) {
		in := event(fmt.Sprint(i), i)
		tab.Arrive(in, Place{0, i << pageBits}, i)
		tab.Wait(in, Place{0, i << pageBits}, tab.Due(i), nil)
		for tab.Crowded() {
			tab.Take(&e)
			crowded++
		}
	}
	if s := tab.Stats(); crowded != 10 || s.State > StateBytesMax || s.Waiting != pagesMax {
		t.Errorf("%d crowded out, %+v", crowded, s)
	}
}

func TestExpiriesAreHeldWhileNoLabelComes(t *testing.T) {
	make1 := func() *Table { return table(func(s *Spec) { s.Hold = 3 * time.Second }) }
	tab := make1()
	var e millrace.Event
	drain := func(tab *Table, w int64) (ids string) {
		for tab.Expire(w) {
			tab.Take(&e)
			ids += string(e.ID)
		}
		return ids
	}
	tab.Expire(0)
	arrives(tab, event("a", 0), Place{0, 0}, 0)
	arrives(tab, event("b", 9000), Place{0, 1}, 9000)
	drain(tab, 9000)
	tab.Label(label("?", 9000, 0), Place{0, 0}, 9000)
	if got := drain(tab, 10000); got != "" {
		// Labels came again at 9000 after none had for 9 seconds: what piled up has 3 seconds to come.
		t.Errorf("%q expired as labels came again", got)
	}
	tab.Label(label("b", 10500, 0), Place{0, 1}, 10500)
	tab.Take(&e)
	arrives(tab, event("c", 11000), Place{0, 2}, 11000)
	if got := drain(tab, 11999); got != "" {
		t.Errorf("%q expired a moment early", got)
	}
	state := tab.AppendState(nil)
	if events := tab.Since(11999); events != 0 {
		t.Errorf("a rebuild must begin at 0, where the event came that is held, not at %d", events)
	}
	if got := drain(tab, 12000); got != "a" {
		t.Errorf("%q expired, want a", got)
	}
	if got := drain(tab, 21000); got != "" || !tab.Holding() {
		t.Errorf("%q expired, while no label has come for 10 seconds", got)
	}

	again := make1()
	if err := again.BeginRebuild(state, never); err != nil {
		t.Fatal(err)
	}
	again.Rebuild(event("a", 0), Place{0, 0}, 0)
	again.Rebuild(event("b", 9000), Place{0, 1}, 9000)
	again.Rebuild(event("c", 11000), Place{0, 2}, 11000)
	again.EndRebuild()
	if got := drain(again, 11999) + "|" + drain(again, 12000) + "|" + drain(again, 21000); got != "|a|" {
		t.Errorf("rebuilt, %q expired, want |a|", got)
	}
}

// Windows may reach back much longer than ids are remembered: a table that is rebuilt holds no more of them than it
// did.
func TestRebuildForgetsAsItGoes(t *testing.T) {
	const n = 20_000
	wait := func(s *Spec) { s.Wait = time.Second }
	id := func(i int) *millrace.Event { return event(fmt.Sprint(i), int64(10*i)) }
	for name, end := range map[string]int64{"the watermark in the end is known": 10 * n, "it is not": never} {
		for _, held := range []bool{false, true} {
			tab := table(wait)
			if held && end != never { // what waits past its time lies before all ids
				arrives(tab, id(0), Place{0, 0}, 0)
			}
			state := tab.AppendState(nil)
			again := table(wait)
			if err := again.BeginRebuild(state, end); err != nil {
				t.Fatal(err)
			}
			most := 0
			for i := range n {
				again.Rebuild(id(i), Place{0, int64(i)}, int64(10*i))
				again.Forget(int64(10 * i))
				most = max(most, again.Stats().IDs)
			}
			if events, labels := again.EndRebuild(); events+labels > 0 {
				t.Errorf("%s: %d events and %d labels are lost", name, events, labels)
			}
			if most > 102 || again.Stats().IDs < 99 {
				t.Errorf("%s: %d ids at once, %d in the end; a second has 100", name, most, again.Stats().IDs)
			}
		}
	}
}

// What waits in more places than a snapshot may name gives way one by one, and a snapshot may come between.
func TestStateBeyondItsBoundIsRead(t *testing.T) {
	tab := table(func(s *Spec) { s.Wait, s.Memory = time.Hour, 1<<30 })
	arrives(tab, event("first", 0), Place{0, 0}, 0)
	for i := range pagesMax + 1 {
		arrives(tab, event(fmt.Sprint(i), 1), Place{0, int64(i)<<pageBits + 1}, 1)
	}
	var e millrace.Event
	for n := 0; tab.Crowded(); n++ {
		again := table()
		if err := again.BeginRebuild(tab.AppendState(nil), never); err != nil {
			t.Fatalf("after %d gave way: %v", n, err)
		}
		tab.Take(&e)
	}
	if s := tab.Stats(); s.Waiting != pagesMax || s.State != StateBytesMax {
		t.Errorf("%d wait, in %d bytes", s.Waiting, s.State)
	}
}

// Labels far from one another take as many places.
func TestLabelsGiveWayToTheBoundOfTheState(t *testing.T) {
	tab := table(func(s *Spec) { s.Memory = 1 << 30 })
	for i := range pagesMax + 3 {
		tab.Label(label(fmt.Sprint(i), 1, 0), Place{0, int64(i) << pageBits}, 1)
		if tab.Crowded() {
			t.Fatal("there is no event")
		}
	}
	if s := tab.Stats(); s.Kept != pagesMax || s.LabelsCrowded != 3 {
		t.Errorf("%d labels are kept, %d gave way", s.Kept, s.LabelsCrowded)
	}
}
