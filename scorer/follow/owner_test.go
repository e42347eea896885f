package follow

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/keyed"
)

// spending are the columns of a pipeline whose windows say all that windows can say.
func spending() features.Columns {
	window := func(name, key, of string, over time.Duration, stat ...string) features.Column {
		c := features.DefaultColumn(name, features.Window)
		c.Key, c.Of, c.Over, c.Panes, c.Stat = key, []string{of}, over, 7, stat
		if key != "" {
			c.Keys = 1000
		}
		return c
	}
	return features.Columns{features.DefaultColumn("card", features.Category), features.DefaultColumn("shop", features.Category),
		features.DefaultColumn("amount", features.Number),
		window("spent", "card", "amount", 2100*time.Millisecond, "count", "sum", "mean", "std", "min", "max", "last", "first", "since"),
		window("shops", "card", "shop", 2800*time.Millisecond, "distinct"),
		window("all", "", "amount", 1400*time.Millisecond, "sum", "std"),
	}.Expand()
}

// firstWindow is the field of the first window of spending.
const firstWindow = 3

// swipeDecoder reads events of spending.
type swipeDecoder struct{ fields int }

func (d swipeDecoder) NewEvent() *millrace.Event {
	return &millrace.Event{Fields: make([]millrace.Field, d.fields)}
}

func (d swipeDecoder) Decode(rec *millrace.Record, e *millrace.Event) error {
	var v struct {
		Card, Shop string
		Amount     *float64
		Time       int64
	}
	if json.Unmarshal(rec.Value, &v) != nil {
		return &millrace.Rejection{Reason: millrace.ReasonMalformed}
	}
	clear(e.Fields)
	e.Time = v.Time
	for i, text := range []string{v.Card, v.Shop} {
		e.Fields[i] = millrace.Field{Presence: millrace.Present, Text: []byte(text)}
	}
	if v.Amount != nil {
		e.Fields[2] = millrace.Field{Presence: millrace.Present, Number: *v.Amount}
	}
	return nil
}

// swipe appends n events, 20 ms apart, the last of which is of now. Times trail, amounts may lack, some are no events.
func swipe(m *memory, n int) {
	random := rand.New(rand.NewPCG(7, 7))
	begin := time.Now().UnixMilli() - int64(n)*20
	for i := range n {
		at := begin + int64(i)*20
		event := map[string]any{"card": string(rune('a' + random.IntN(4))), "shop": string(rune('A' + random.IntN(50))),
			"amount": random.ExpFloat64() * 30, "time": at - int64(random.IntN(2)*random.IntN(900))}
		if random.IntN(10) == 0 {
			delete(event, "amount")
		}
		value, _ := json.Marshal(event)
		if random.IntN(25) == 0 {
			value = []byte("no JSON")
		}
		m.send(0, at, string(value))
	}
}

func tables(t *testing.T) *keyed.Windows {
	t.Helper()
	w, err := keyed.New(spending(), 5)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// valuesOf are an event's windows; of one without a value the bits of no number.
func valuesOf(e *millrace.Event) (all []uint64) {
	for _, f := range e.Fields[firstWindow:] {
		v := math.NaN()
		if f.Presence == millrace.Present {
			v = f.Number
		}
		all = append(all, math.Float64bits(v))
	}
	return all
}

// learners are the windows of each event as the learner's tables have them, which see the log from its first record on.
func learners(t *testing.T, log []millrace.Record) map[int64][]uint64 {
	t.Helper()
	w, clock, d := tables(t), keyed.NewClock(), swipeDecoder{len(spending())}
	out, e := map[int64][]uint64{}, d.NewEvent()
	for i := range log {
		if d.Decode(&log[i], e) != nil {
			continue
		}
		watermark := clock.Now()
		e.CapTime(&log[i])
		w.Fill(e, watermark)
		out[log[i].Offset] = valuesOf(e)
		w.Observe(e, watermark)
		clock.Advance(log[i].Partition, e.Time)
	}
	return out
}

// owner is a scorer of a topic of spending.
type owner struct {
	decoder  swipeDecoder
	group    *group
	follower *Follower
	gate     *Gate
	scored   map[int64][]uint64 // windows that events were scored with
}

func newOwner(t *testing.T, m *memory, own ...int32) *owner {
	t.Helper()
	o := &owner{decoder: swipeDecoder{len(spending())}, group: &group{m: m, from: map[int32]int64{}}, scored: map[int64][]uint64{}}
	o.group.assign(own...)
	var fields []int
	for i := firstWindow; i < o.decoder.fields; i++ {
		fields = append(fields, i)
	}
	o.follower = New(Options{Topic: m, Own: o.group.Assigned, Windows: tables(t), NewClock: func() Clock { return keyed.NewClock() }, Fields: fields,
		Decoder: o.decoder, Extractor: picky{}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	o.gate = NewGate(o.group, o.follower)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.follower.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the follower ended: %v", err)
		}
	})
	return o
}

// score scores all events before an offset.
func (o *owner) score(t *testing.T, before int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	e := o.decoder.NewEvent()
	for next := int64(0); next < before; {
		b, err := o.gate.Next(ctx)
		if err != nil {
			t.Fatalf("at %d of %d: %v", next, before, err)
		}
		for i := range b.Records {
			rec := &b.Records[i]
			next = rec.Next()
			if o.decoder.Decode(rec, e) != nil {
				continue
			}
			if err := o.gate.Fill(e, rec); err != nil {
				t.Fatal(err)
			}
			o.scored[rec.Offset] = valuesOf(e)
		}
		b.Release()
	}
}

// When a topic's one partition goes to another scorer, which began later and read no more than a horizon of it, both
// have scored with the learner's windows: each value of each statistic is the same, bit for bit.
func TestNewOwnerHasTheLearnersWindows(t *testing.T) {
	const n, committed, goes = 900, 600, 700
	m := newMemory(0)
	swipe(m, n)
	first := newOwner(t, m, 0)
	first.score(t, goes)
	m.change(func() { m.committed[0] = committed }) // the last scores of the first owner are not acknowledged
	second := newOwner(t, m)
	for began := time.Now(); !second.follower.Warm() || second.follower.Remaining() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the second scorer's tables are not filled")
		}
	}
	if from := m.readers[len(m.readers)-1].began[0]; from == 0 || from > committed-100 {
		t.Fatalf("the second scorer reads from %d on", from)
	}
	passes := second.follower.passes.Load()
	first.group.assign()
	second.group.assign(0)
	second.score(t, n)
	if again := second.follower.passes.Load() - passes; again > 0 {
		t.Errorf("the log was read %d times more", again)
	}
	want := learners(t, m.logs[0])
	if at := slices.Sorted(maps.Keys(second.scored)); len(at) < (n-committed)*9/10 || at[0] < committed || at[0] > committed+10 {
		t.Fatalf("the second scorer has scored %d events", len(at))
	}
	names := spending()
	for who, scored := range map[string]map[int64][]uint64{"first": first.scored, "second": second.scored} {
		some := make([]map[uint64]bool, len(names)) // of each window, the values that it had
		for offset, values := range scored {
			for i, v := range values {
				if w := want[offset][i]; v != w {
					t.Errorf("the %s owner, offset %d: %s is %v, the learner's is %v", who, offset, names[firstWindow+i].Name,
						math.Float64frombits(v), math.Float64frombits(w))
				}
				if some[i] == nil {
					some[i] = map[uint64]bool{}
				}
				some[i][v] = true
			}
		}
		for i, values := range some[:len(names)-firstWindow] {
			if len(values) < 4 {
				t.Errorf("the %s owner's %s has %d values only, which proves little", who, names[firstWindow+i].Name, len(values))
			}
		}
	}
}
