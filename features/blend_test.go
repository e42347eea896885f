package features

import (
	"math"
	"slices"
	"testing"
	"time"

	"millrace"
)

// blended is the standard view of e with some players as usual.
func blended(t *testing.T, x *Extractor, e *millrace.Event, usual ...string) []float32 {
	t.Helper()
	if err := x.Check(e); err != nil {
		t.Fatal(err)
	}
	id, shape := compileView(t, x, millrace.ViewStandard)
	var other millrace.Event
	x.Baselines().Of(&other, e)
	b, in := x.NewBlend(), x.NewInput()
	b.Begin(e, &other)
	for i, p := range x.Players() {
		b.Take(i, slices.Contains(usual, p.Name))
	}
	b.Extract(in)
	return densify(in[id], shape)
}

// Crosses follow their parts; ratios and lags do not follow what they were made of; indicators are off where a value
// that is there takes the place of one that is not.
func TestBlendReplacesAfterDerivation(t *testing.T) {
	column := func(name string, kind Type, change func(c *Column)) Column {
		c := DefaultColumn(name, kind)
		c.Scale = scaleNone
		if change != nil {
			change(&c)
		}
		return c
	}
	x := newExtractor(t,
		column("amount", Number, nil), column("limit", Number, func(c *Column) { c.Missing = policyIndicator }),
		column("card", Category, func(c *Column) { c.Cap = 2 }),
		column("share", Ratio, func(c *Column) { c.Of = []string{"amount", "limit"} }),
		column("before", Lag, func(c *Column) { c.Of, c.Key, c.Steps, c.Keys = []string{"amount"}, "card", []int{1}, 8 }),
		column("ac", Cross, func(c *Column) { c.Of = []string{"amount", "card"} }))
	compileView(t, x, millrace.ViewStandard)
	for _, e := range []*millrace.Event{
		event(1, 2, "b", absent, absent, absent), event(3, 4, "a", absent, absent, absent), event(5, 6, "a", absent, absent, absent),
	} {
		if err := x.Check(e); err != nil {
			t.Fatal(err)
		}
		x.Observe(e)
	}
	e := event(8, 2, "b", absent, absent, absent)
	// amount, limit, its indicator, card=b, card=a, card (other), share, before, amount × card=b, =a and (other).
	for _, c := range []struct {
		usual []string
		want  []float32
	}{
		{nil, []float32{8, 2, 0, 1, 0, 0, 4, 1, 8, 0, 0}},
		{[]string{"amount"}, []float32{3, 2, 0, 1, 0, 0, 4, 1, 3, 0, 0}},
		{[]string{"card"}, []float32{8, 2, 0, 0, 1, 0, 4, 1, 0, 8, 0}},
		{[]string{"limit"}, []float32{8, 4, 0, 1, 0, 0, 4, 1, 8, 0, 0}},
		{[]string{"share"}, []float32{8, 2, 0, 1, 0, 0, 0.69444, 1, 8, 0, 0}},
		{[]string{"before"}, []float32{8, 2, 0, 1, 0, 0, 4, 3, 8, 0, 0}}, // of the lags seen: 3 of card a alone
		{[]string{"amount", "card", "limit", "share", "before"}, []float32{3, 4, 0, 0, 1, 0, 0.69444, 3, 0, 3, 0}},
	} {
		got := blended(t, x, e, c.usual...)
		if !slices.EqualFunc(got, c.want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-4 }) {
			t.Errorf("with %v as usual the view is %v, want %v", c.usual, got, c.want)
		}
	}
	missing := event(8, absent, "b", absent, absent, absent)
	if got := blended(t, x, missing); got[1] != 0 || got[2] != 1 {
		t.Errorf("without a limit: %v", got)
	}
	if got := blended(t, x, missing, "limit"); got[1] != 0 || got[2] != 0 {
		t.Errorf("with what is filled in for a limit: %v", got)
	}
}

// The statistics of a window are one player, a cross is none.
func TestPlayersAreEntries(t *testing.T) {
	spent := DefaultColumn("spent", Window)
	spent.Key, spent.Of, spent.Over, spent.Stat, spent.Keys = "card", []string{"amount"}, time.Hour, []string{"sum", "max"}, 10
	cross := DefaultColumn("x", Cross)
	cross.Of = []string{"amount", "card"}
	x := newExtractor(t, Columns{DefaultColumn("amount", Number), spent, DefaultColumn("card", Category), cross}.Expand()...)
	want := []Player{{"amount", []int{0}}, {"spent", []int{1, 2}}, {"card", []int{3}}}
	if !slices.EqualFunc(x.Players(), want, func(a, b Player) bool { return a.Name == b.Name && slices.Equal(a.Fields, b.Fields) }) {
		t.Errorf("%v, want %v", x.Players(), want)
	}
}

// The most frequent category and time are counted, also over a restore, and what was frequent long ago gives way.
func TestFrequentValues(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := DefaultColumn("at", Time)
	at.Location = zone
	build := func() *Extractor {
		return newExtractor(t, DefaultColumn("country", Category), at, DefaultColumn("new", Boolean))
	}
	x := build()
	if f := x.Baselines().usual; f[0].Presence != absent || f[1].Presence != absent || f[2].Presence != absent {
		t.Errorf("before the first event: %v", f)
	}
	for i := range 90 {
		country, day := "FR", 5 // a Wednesday
		if i%3 > 0 {
			country, day = "DE", 7 // a Friday
		}
		x.Observe(event(country, float64(time.Date(2025, time.March, day, 17, i%60, 0, 0, zone).UnixMilli()), i%3 > 0))
	}
	restored := build()
	if err := restore(restored, snapshot(x)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Extractor{x, restored} {
		f := x.Baselines().usual
		when := time.UnixMilli(int64(f[1].Number)).In(zone)
		if string(f[0].Text) != "DE" || when.Hour() != 17 || when.Weekday() != time.Friday || when.Month() != time.March || f[2].Number != 1 {
			t.Errorf("usual are %s, %s and %v", f[0].Text, when, f[2].Number)
		}
	}
	for range 2 * countsMax {
		x.categories.words.learn(0, hash64(x.categories.all[0].seed, []byte("IT")), []byte("IT"))
	}
	if counts := x.categories.words.counts; counts[0] > 4 || counts[2] < countsMax/2 || counts[2] >= countsMax {
		t.Errorf("after many events counts are %v", counts[:3])
	}
}

// Snapshots of before have no counts: the first value there was stands in until events are counted.
func TestFrequentWithoutCounts(t *testing.T) {
	x := newExtractor(t, DefaultColumn("country", Category))
	x.Observe(event("FR"))
	x.Observe(event("DE"))
	clear(x.categories.words.counts)
	if f := x.Baselines().usual[0]; string(f.Text) != "FR" {
		t.Errorf("usual is %s", f.Text)
	}
	x.Observe(event("DE"))
	if f := x.Baselines().usual[0]; string(f.Text) != "DE" {
		t.Errorf("usual is %s after one more event", f.Text)
	}
}
