package keyed_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/keyed"
)

// crowded has windows with room for few keys, so that many give way.
func crowded() features.Columns {
	columns := append(given(),
		window("n", "card", "", time.Hour, 12, "count", "since"),
		window("spent", "card", "amount", 3*time.Hour, 12, "sum", "std", "last", "min"),
		window("shops", "card", "merchant", 2*time.Hour, 5, "distinct"),
		window("busy", "merchant", "amount", time.Hour, 7, "mean", "count", "first"),
		window("all", "", "amount", time.Minute, 60, "sum"))
	for i := fieldsGiven; i < len(columns); i++ {
		columns[i].Keys = 20
	}
	return columns.Expand()
}

// TestReplayFromAHorizonBackIsEqual: tables that see nothing but the records whose stream time lies within a horizon of
// the watermark, and whatever comes after the first of these, say the same to the bit as tables that saw all.
func TestReplayFromAHorizonBackIsEqual(t *testing.T) {
	for _, c := range []struct {
		name    string
		columns features.Columns
		keys    int
	}{{"room for all", allWindows(), 12}, {"many give way", crowded(), 200}} {
		t.Run(c.name, func(t *testing.T) {
			evicted, compared := uint64(0), 0
			for seed := range uint64(6) {
				r := rand.New(rand.NewPCG(seed, 5))
				events := stream(r, 6000, c.keys)
				whole := tables(t, c.columns)
				for i := range events {
					if i > 0 && r.IntN(150) == 0 {
						compared += replay(t, c.columns, whole, events[:i], events[i:min(i+40, len(events))])
					}
					whole.Observe(events[i].event(c.columns), events[i].water)
				}
				evicted += whole.Stats().Evicted
			}
			if compared < 2000 || (evicted > 1000) != (c.keys > 100) {
				t.Errorf("%d values were compared, %d keys gave way", compared, evicted)
			}
		})
	}
}

func tables(t testing.TB, columns features.Columns) *keyed.Windows {
	t.Helper()
	w, err := keyed.New(columns, 7)
	if err != nil || w == nil {
		t.Fatal(w, err)
	}
	return w
}

// replay observes anew what of seen a rebuild would read, and compares what both tables say of the events that follow,
// which it also observes, in tables of its own.
func replay(t *testing.T, columns features.Columns, whole *keyed.Windows, seen, next []moment) int {
	t.Helper()
	limit := next[0].water - whole.Horizon()
	from := 0
	for from < len(seen) && max(seen[from].time, seen[from].water) < limit {
		from++
	}
	again := tables(t, columns)
	for i := range seen[from:] {
		again.Observe(seen[from+i].event(columns), seen[from+i].water)
	}
	compared := 0
	for i := range next {
		m := next[i]
		m.water = next[0].water // nothing was observed since
		a, b := m.event(columns), m.event(columns)
		whole.Fill(a, m.water)
		again.Fill(b, m.water)
		for k := fieldsGiven; k < len(columns); k++ {
			if a.Fields[k].Presence != b.Fields[k].Presence || math.Float64bits(a.Fields[k].Number) != math.Float64bits(b.Fields[k].Number) {
				t.Fatalf("after %d events, %d of them replayed: %s of event %d is %+v, replayed %+v", len(seen), len(seen)-from,
					columns[k].Name, i, a.Fields[k], b.Fields[k])
			}
			compared++
		}
	}
	return compared
}

// TestReplaysGoOnEqual: what follows a rebuild, later windows and who gives way, is equal as well.
func TestReplaysGoOnEqual(t *testing.T) {
	columns := crowded()
	events := stream(rand.New(rand.NewPCG(9, 9)), 8000, 150)
	whole, cut := tables(t, columns), 5000
	for i := range events[:cut] {
		whole.Observe(events[i].event(columns), events[i].water)
	}
	limit, from := events[cut].water-whole.Horizon(), 0
	for max(events[from].time, events[from].water) < limit {
		from++
	}
	again := tables(t, columns)
	for i := from; i < cut; i++ {
		again.Observe(events[i].event(columns), events[i].water)
	}
	if from < 1000 || from == cut {
		t.Fatalf("the replay begins at %d of %d", from, cut)
	}
	for i := cut; i < len(events); i++ {
		a, b := events[i].event(columns), events[i].event(columns)
		for _, of := range []struct {
			w *keyed.Windows
			e *millrace.Event
		}{{whole, a}, {again, b}} {
			of.w.Fill(of.e, events[i].water)
			of.w.Observe(of.e, events[i].water)
		}
		if fmt.Sprint(a.Fields) != fmt.Sprint(b.Fields) {
			t.Fatalf("event %d is %v, after the replay %v", i, a.Fields, b.Fields)
		}
	}
}

// TestFutureEventsChangeNoWindow: what an event says of before it does not depend on what comes after it.
func TestFutureEventsChangeNoWindow(t *testing.T) {
	columns := allWindows()
	events := stream(rand.New(rand.NewPCG(3, 4)), 3000, 10)
	others := stream(rand.New(rand.NewPCG(5, 6)), 3000, 10)
	cut := 1500
	a, b := tables(t, columns), tables(t, columns)
	for i := range events {
		x, y := events[i].event(columns), events[i].event(columns)
		a.Fill(x, events[i].water)
		if i < cut {
			b.Fill(y, events[i].water)
			if fmt.Sprint(x.Fields) != fmt.Sprint(y.Fields) {
				t.Fatalf("event %d is %v and %v", i, x.Fields, y.Fields)
			}
		} else {
			y = others[i].event(columns)
		}
		a.Observe(x, events[i].water)
		b.Observe(y, events[i].water)
	}
}

// TestResetIsANewBeginning: after it tables are as new ones.
func TestResetIsANewBeginning(t *testing.T) {
	columns := crowded()
	events := stream(rand.New(rand.NewPCG(1, 1)), 2000, 100)
	w, fresh := tables(t, columns), tables(t, columns)
	for i := range events {
		w.Observe(events[len(events)-1-i].event(columns), math.MinInt64)
	}
	w.Reset()
	if s := w.Stats(); s.Keys != 0 || s.Late != 0 || s.Evicted != 0 {
		t.Errorf("%+v", s)
	}
	for i := range events {
		a, b := events[i].event(columns), events[i].event(columns)
		w.Fill(a, events[i].water)
		fresh.Fill(b, events[i].water)
		if fmt.Sprint(a.Fields) != fmt.Sprint(b.Fields) {
			t.Fatalf("event %d is %v, in new tables %v", i, a.Fields, b.Fields)
		}
		w.Observe(a, events[i].water)
		fresh.Observe(b, events[i].water)
	}
	if w.Stats() != fresh.Stats() {
		t.Errorf("%+v, new ones %+v", w.Stats(), fresh.Stats())
	}
}
