package keyed_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/keyed"
)

// TestAheadChangesNothing: windows that are told of events before their turn say and do what others do, while keys come
// and give way between, some events never have their turn, and some had it unannounced.
func TestAheadChangesNothing(t *testing.T) {
	columns := crowded()
	r := rand.New(rand.NewPCG(11, 12))
	events := stream(r, 20_000, 200)
	plain, told := tables(t, columns), tables(t, columns)
	coming := make([]*millrace.Event, 0, 40)
	for from := 0; from < len(events); from += len(coming) {
		coming = coming[:0]
		for i := from; i < min(len(events), from+1+r.IntN(40)); i++ {
			coming = append(coming, events[i].event(columns))
		}
		next := 0
		for i, b := range coming {
			if i == next && r.IntN(10) > 0 {
				next += told.Ahead(coming[i:])
			}
			a, water := events[from+i].event(columns), events[from+i].water
			plain.Fill(a, water)
			told.Fill(b, water)
			if fmt.Sprint(a.Fields) != fmt.Sprint(b.Fields) {
				t.Fatalf("event %d is %v, told of before %v", from+i, a.Fields, b.Fields)
			}
			if r.IntN(20) > 0 {
				plain.Observe(a, water)
				told.Observe(b, water)
			}
		}
	}
	if plain.Stats() != told.Stats() || told.Stats().Evicted < 1000 {
		t.Errorf("%+v, told of before %+v", plain.Stats(), told.Stats())
	}
}

// TestAnEventIsLocatedByTablesAlone: what one pipeline's windows have found out of an event says nothing to another's,
// nor after they forgot all.
func TestAnEventIsLocatedByTablesAlone(t *testing.T) {
	columns := append(given(), window("n", "card", "", time.Hour, 12, "count")).Expand()
	a := tables(t, columns)
	b, err := keyed.New(columns, 8)
	if err != nil {
		t.Fatal(err)
	}
	m := moment{key: "one", time: 5, water: 5}
	for range 3 {
		a.Observe(m.event(columns), 5)
	}
	b.Observe(m.event(columns), 5)
	e := m.event(columns)
	says := func(w *keyed.Windows, want float64) {
		t.Helper()
		w.Fill(e, 5)
		if got := e.Fields[fieldsGiven].Number; got != want {
			t.Errorf("the window is %v, want %v", got, want)
		}
	}
	a.Ahead([]*millrace.Event{e})
	says(b, 1)
	says(a, 3)
	a.Ahead([]*millrace.Event{e})
	a.Reset()
	says(a, 0)
	b.Observe(e, 5)
	a.Observe(e, 5)
	says(a, 1)
	says(b, 2)
}

// TestKeysBeyondThoseThatEventsRemember have windows as the others have.
func TestKeysBeyondThoseThatEventsRemember(t *testing.T) {
	var columns features.Columns
	const keys = millrace.PlacesMax + 2
	for k := range keys {
		columns = append(columns, features.DefaultColumn(fmt.Sprint("key", k), features.Category))
	}
	for k := range keys {
		columns = append(columns, window(fmt.Sprint("n", k), columns[k].Name, "", time.Hour, 12, "count"))
	}
	columns = columns.Expand()
	w := tables(t, columns)
	for i := range 300 {
		e := &millrace.Event{Time: 5, Fields: make([]millrace.Field, len(columns))}
		for k := range keys { // key k has k + 1 values, in turn
			e.Fields[k] = millrace.Field{Presence: millrace.Present, Text: fmt.Append(nil, i%(k+1))}
		}
		w.Ahead([]*millrace.Event{e})
		w.Fill(e, 5)
		for k := range keys {
			if got, want := e.Fields[keys+k].Number, float64(i/(k+1)); got != want {
				t.Fatalf("event %d: key %d has been there %v times, want %v", i, k, got, want)
			}
		}
		w.Observe(e, 5)
	}
}
