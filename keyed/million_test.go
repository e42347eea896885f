package keyed_test

import (
	"math"
	"testing"
	"time"

	"millrace/keyed"
)

// TestAMillionEventsOfOneKey are counted exactly, take no more memory than a few, and none of them is slower than the
// first ones.
func TestAMillionEventsOfOneKey(t *testing.T) {
	const n = 1_000_000
	columns := append(given(),
		window("spent", "card", "amount", time.Hour, 12, "count", "sum", "min", "max", "mean"),
		window("shops", "card", "merchant", time.Hour, 12, "distinct"),
		window("all", "", "", time.Hour, 12, "count"),
	).Expand()
	w, err := keyed.New(columns, 1)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	m := moment{key: "one", merchant: "m0", amount: 2, time: at, water: at}
	e := m.event(columns)
	shops := [...]string{"m0", "m1", "m2", "m3", "m4"}
	few := int64(0)
	for i := range n {
		e.Time = at + int64(i)/1000
		e.Fields[fieldMerchant].Text = append(e.Fields[fieldMerchant].Text[:0], shops[i%5]...)
		w.Observe(e, e.Time)
		if i == 100 {
			few = w.Stats().Bytes
		}
	}
	w.Fill(e, e.Time)
	for i, want := range []float64{n, 2 * n, 2, 2, 2, 5, n} {
		if f := e.Fields[fieldsGiven+i]; f.Number != want || math.IsNaN(f.Number) {
			t.Errorf("%s is %v, want %v", columns[fieldsGiven+i].Name, f.Number, want)
		}
	}
	if s := w.Stats(); s.Bytes != few || s.Late != 0 || s.Evicted != 0 {
		t.Errorf("%+v, %d bytes after a hundred", s, few)
	}
}
