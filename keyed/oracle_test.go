package keyed_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/keyed"
)

// moment is an event of a test: its key and values, its time and the watermark before it.
type moment struct {
	key         string // empty for none
	merchant    string // likewise
	amount      float64
	noAmount    bool
	time, water int64
}

// The columns of tests: what windows are about, then windows.
const (
	fieldCard = iota
	fieldMerchant
	fieldAmount
	fieldsGiven
)

func given() features.Columns {
	return features.Columns{features.DefaultColumn("card", features.Category), features.DefaultColumn("merchant", features.Category),
		features.DefaultColumn("amount", features.Number)}
}

func window(name, key, of string, over time.Duration, panes int, stat ...string) features.Column {
	c := features.DefaultColumn(name, features.Window)
	c.Key, c.Over, c.Panes, c.Stat = key, over, panes, stat
	if of != "" {
		c.Of = []string{of}
	}
	return c
}

// allWindows has every statistic, windows that share panes and some that do not, with a key and without.
func allWindows() features.Columns {
	return append(given(),
		window("n", "card", "", time.Hour, 12, "count", "since"),
		window("spent", "card", "amount", 24*time.Hour, 12, "count", "sum", "mean", "min", "max", "std", "last", "first", "since"),
		window("odd", "card", "amount", 100*time.Second, 7, "sum", "count"),
		window("shops", "card", "merchant", 7*time.Hour, 5, "distinct", "count"),
		window("busy", "merchant", "amount", time.Hour, 1, "mean", "count"),
		window("all", "", "", time.Minute, 60, "count"),
		window("variety", "", "merchant", time.Hour, 12, "distinct"),
	).Expand()
}

func (m *moment) event(columns features.Columns) *millrace.Event {
	e := &millrace.Event{Time: m.time, Fields: make([]millrace.Field, len(columns))}
	if m.key != "" {
		e.Fields[fieldCard] = millrace.Field{Presence: millrace.Present, Text: []byte(m.key)}
	}
	if m.merchant != "" {
		e.Fields[fieldMerchant] = millrace.Field{Presence: millrace.Present, Text: []byte(m.merchant)}
	}
	if !m.noAmount {
		e.Fields[fieldAmount] = millrace.Field{Presence: millrace.Present, Number: m.amount}
	}
	return e
}

// stream makes events whose times mostly rise, with leaps, late ones, equal ones and ones ahead of the watermark, which
// goes by the smaller of two partitions.
func stream(r *rand.Rand, n, keys int) []moment {
	var all []moment
	clock, now := keyed.NewClock(), int64(1_700_000_000_000)
	clock.SetIdle(1, false)
	for range n {
		switch r.IntN(20) {
		case 0:
			now += r.Int64N(3 * 3600_000)
		case 1:
			now += r.Int64N(600_000)
		case 2:
		default:
			now += r.Int64N(20_000)
		}
		m := moment{time: now, water: clock.Now(), amount: math.Round(r.NormFloat64()*1000) / 8, key: fmt.Sprint("card ", r.IntN(keys)),
			merchant: fmt.Sprint("shop ", int(math.Abs(r.NormFloat64()*20)))}
		switch r.IntN(30) {
		case 0:
			m.time -= r.Int64N(30 * 3600_000)
		case 1:
			m.time -= r.Int64N(200_000)
		case 2:
			m.time += r.Int64N(2 * 3600_000)
		case 3:
			m.key = ""
		case 4:
			m.merchant = ""
		case 5:
			m.noAmount = true
		case 6:
			m.amount *= 1e200
		}
		all = append(all, m)
		clock.Advance(int32(r.IntN(2)), m.time)
	}
	return all
}

func floorDiv(a, b int64) int64 { return int64(math.Floor(float64(a) / float64(b))) }

// column is a window as somebody would make it who keeps all events.
type column struct {
	features.Column
	over, width int64
	newest      map[string]int64 // pane by key
	taken       map[string][]*moment
}

func newColumn(c features.Column) *column {
	over := c.Over.Milliseconds()
	return &column{Column: c, over: over, width: (over + int64(c.Panes) - 1) / int64(c.Panes), newest: map[string]int64{}, taken: map[string][]*moment{}}
}

func (c *column) keyOf(m *moment) (string, bool) {
	key := map[string]string{"": "all", "card": m.key, "merchant": m.merchant}[c.Key]
	return key, key != ""
}

// gone is the first pane that is not gone at a watermark.
func (c *column) gone(water int64) int64 {
	if water == math.MinInt64 {
		return math.MinInt64
	}
	return floorDiv(water-c.over, c.width)
}

// held is the first pane that a key's entry has room for.
func (c *column) held(key string) int64 {
	if newest, ok := c.newest[key]; ok {
		return newest - (c.over+c.width-1)/c.width
	}
	return math.MinInt64
}

// says is the window of an event: of the events of its key in the panes from that of t - over, or the first that is
// there, to t's.
func (c *column) says(m *moment) millrace.Field {
	key, ok := c.keyOf(m)
	if !ok {
		return millrace.Field{}
	}
	from, to := max(floorDiv(m.time-c.over, c.width), c.gone(m.water), c.held(key)), floorDiv(m.time, c.width)
	var in []moment
	for _, other := range c.taken[key] {
		if p := floorDiv(other.time, c.width); p >= from && p <= to {
			in = append(in, *other)
		}
	}
	return summary(c.Stat[0], in, m.time, c.width)
}

// take is false when an event is too late: its pane is gone, or too far behind the newest of its key to be held.
func (c *column) take(m *moment) bool {
	key, ok := c.keyOf(m)
	if !ok || len(c.Of) > 0 && (c.Of[0] == "amount" && m.noAmount || c.Of[0] == "merchant" && m.merchant == "") {
		return true
	}
	p := floorDiv(m.time, c.width)
	if p < c.gone(m.water) || p < c.held(key) {
		return false
	}
	if newest, ok := c.newest[key]; !ok || p > newest {
		c.newest[key] = p
	}
	c.taken[key] = append(c.taken[key], m)
	return true
}

func summary(stat string, in []moment, t, width int64) millrace.Field {
	clipped := func(m moment) float64 { return min(max(m.amount, -1e140), 1e140) }
	// In the order of panes: sums are added in it.
	slices.SortStableFunc(in, func(a, b moment) int { return int(floorDiv(a.time, width) - floorDiv(b.time, width)) })
	total, part, values := 0.0, 0.0, make([]float64, len(in))
	shops := map[string]bool{}
	for i, m := range in {
		if i > 0 && floorDiv(m.time, width) != floorDiv(in[i-1].time, width) {
			total, part = total+part, 0
		}
		values[i] = clipped(m)
		part += values[i]
		shops[m.merchant] = true
	}
	total += part
	n := float64(len(in))
	number := func(v float64) millrace.Field { return millrace.Field{Presence: millrace.Present, Number: v} }
	switch stat {
	case "count":
		return number(n)
	case "sum":
		return number(total)
	case "distinct":
		return number(float64(len(shops)))
	}
	if n == 0 {
		return millrace.Field{}
	}
	byTime := slices.Clone(in)
	slices.SortStableFunc(byTime, func(a, b moment) int { return int(a.time - b.time) })
	switch stat {
	case "mean":
		return number(total / n)
	case "min":
		return number(slices.Min(values))
	case "max":
		return number(slices.Max(values))
	case "last":
		return number(clipped(byTime[len(in)-1]))
	case "first":
		return number(clipped(byTime[0]))
	case "since":
		return number(float64(max(0, t-byTime[len(in)-1].time)) / 1000)
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - total/n) * (v - total/n)
	}
	return number(math.Sqrt(squares / n))
}

// TestWindowsAgainstAllEvents: what windows say is what somebody who keeps all events would say.
func TestWindowsAgainstAllEvents(t *testing.T) {
	columns := allWindows()
	w, err := keyed.New(columns, 1)
	if err != nil {
		t.Fatal(err)
	}
	var all []*column
	for _, c := range columns[fieldsGiven:] {
		all = append(all, newColumn(c))
	}
	events := stream(rand.New(rand.NewPCG(1, 2)), 4000, 4)
	late := uint64(0)
	for i := range events {
		m := &events[i]
		e := m.event(columns)
		w.Fill(e, m.water)
		inTime := true
		for k, c := range all {
			got, want := e.Fields[fieldsGiven+k], c.says(m)
			off := math.Abs(got.Number - want.Number)
			if c.Stat[0] == "distinct" { // see the test of sets for its error
				off = max(0, off-0.3*want.Number)
			}
			if got.Presence != want.Presence || off > 1e-9*max(1, math.Abs(want.Number)) {
				t.Fatalf("event %d: %s is %+v, want %+v", i, c.Name, got, want)
			}
			inTime = c.take(m) && inTime
		}
		w.Observe(e, m.water)
		if !inTime {
			late++
		}
	}
	if s := w.Stats(); s.Late != late || late < 50 || s.Evicted != 0 || s.Bytes == 0 {
		t.Errorf("%+v, want %d late", s, late)
	}
}
