package follow

import (
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"millrace"
)

// rig is a follower over a topic in memory with a gate before it.
type rig struct {
	*memory
	group    *group
	follower *Follower
	gate     *Gate
	windows  *counts
	ended    chan error
}

func newRig(t *testing.T, m *memory, kept int64, own ...int32) *rig {
	t.Helper()
	r := &rig{memory: m, group: &group{m: m, from: map[int32]int64{}}, windows: &counts{}, ended: make(chan error, 1)}
	r.group.assign(own...)
	r.follower = New(Options{Topic: m, Own: r.group.Assigned, Windows: r.windows, NewClock: newClock, Fields: []int{1}, Decoder: jsonDecoder{},
		Extractor: picky{}, KeptBytes: kept, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	r.gate = NewGate(r.group, r.follower)
	ctx, stop := context.WithCancel(t.Context())
	go func() { r.ended <- r.follower.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.ended; err != nil {
			t.Errorf("the follower ended: %v", err)
		}
	})
	return r
}

// scores takes n events through the gate and returns what their windows are, by partition and offset.
func (r *rig) scores(t *testing.T, n int) map[[2]int64]float64 {
	t.Helper()
	out := map[[2]int64]float64{}
	e := jsonDecoder{}.NewEvent()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for seen := 0; seen < n; {
		b, err := r.gate.Next(ctx)
		if err != nil {
			t.Fatalf("after %d of %d events: %v", seen, n, err)
		}
		for i := range b.Records {
			rec := &b.Records[i]
			seen++
			if (jsonDecoder{}).Decode(rec, e) != nil {
				continue
			}
			if err := r.gate.Fill(e, rec); err != nil {
				t.Fatal(err)
			}
			if string(e.Fields[0].Text) != "refused" {
				out[[2]int64{int64(rec.Partition), rec.Offset}] = number(&e.Fields[1])
			}
		}
		b.Release()
	}
	return out
}

func (r *rig) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 2000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// learned is what the windows are when all of one partition's log is applied from its first record on.
func learned(log []millrace.Record) map[[2]int64]float64 {
	out := map[[2]int64]float64{}
	w, c, e := &counts{}, newClock(), jsonDecoder{}.NewEvent()
	w.Reset()
	for i := range log {
		rec := &log[i]
		if rec.Fault != nil || (jsonDecoder{}).Decode(rec, e) != nil {
			continue
		}
		watermark := c.Now()
		e.CapTime(rec)
		w.Fill(e, watermark)
		if (picky{}).Check(e) != nil {
			continue
		}
		out[[2]int64{int64(rec.Partition), rec.Offset}] = number(&e.Fields[1])
		if _, _, _, replayed := rec.Replayed(); !replayed {
			w.Observe(e, watermark)
		}
		c.Advance(rec.Partition, e.Time)
	}
	return out
}

func equal(t *testing.T, got, want map[[2]int64]float64) {
	t.Helper()
	for at, n := range got {
		w, ok := want[at]
		if none := math.IsNaN(n) && math.IsNaN(w); !ok || n != w && !none {
			t.Errorf("partition %d, offset %d: the window is %v, the learner's %v", at[0], at[1], n, w)
		}
	}
}

// history fills a partition with events of some keys whose times trail their records', now and then with what is no
// event. Records are 20 ms apart and end now.
func history(m *memory, partition int32, n int, trail func(i int) int64) {
	random := rand.New(rand.NewPCG(1, uint64(partition)))
	begin := time.Now().UnixMilli() - int64(n)*20
	for i := range n {
		at := begin + int64(i)*20
		value, _ := json.Marshal(map[string]any{"k": string(rune('a' + random.IntN(3))), "t": at - trail(i)})
		switch random.IntN(20) {
		case 0:
			value = []byte("no JSON")
		case 1:
			value = []byte(`{"k":"refused"}`)
		}
		m.send(partition, at, string(value))
	}
}

func prompt(int) int64 { return 0 }
