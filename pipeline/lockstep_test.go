package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// unacknowledged is a sender whose records are acknowledged by Flush alone.
type unacknowledged struct {
	t       *testing.T
	sent    []sent
	pending []int // of sent
	flushes int
	failed  error // of Flush
}

// sent is a record with the number of its row.
type sent struct {
	millrace.Record
	n  int
	at time.Time
}

func (u *unacknowledged) Send(_ context.Context, rec millrace.Record, _ consumers.Done) error {
	s := sent{Record: rec, at: time.Now()}
	if _, err := fmt.Sscan(string(rec.Value), &s.n); err != nil || string(rec.Key) != fmt.Sprintf("k%d", s.n) {
		u.t.Errorf("record %s with key %s: %v", rec.Value, rec.Key, err)
	}
	u.pending = append(u.pending, len(u.sent))
	u.sent = append(u.sent, s)
	return nil
}

func (u *unacknowledged) Flush(context.Context) error {
	u.pending = u.pending[:0]
	u.flushes++
	return u.failed
}

// lateTopics are a pipeline whose labels come later.
func lateTopics() *config.Pipeline {
	p := &config.Pipeline{}
	p.Events.Topic, p.Label.Topic = "e", "l"
	return p
}

// rowsOf makes rows of letters, l for a label, with their numbers as values.
func rowsOf(kinds string, times func(i int) int64) Rows {
	i := -1
	return func(context.Context) (Row, error) {
		if i++; i == len(kinds) {
			return Row{}, io.EOF
		}
		return Row{Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Append(nil, i), Label: kinds[i] == 'l', Time: times(i)}, nil
	}
}

func now(int) int64 { return 0 }

// watched is an unacknowledged sender that checks what is promised of the order.
type watched struct {
	unacknowledged
	last  map[string]int
	ahead int // events that went after a label of later
}

func (w *watched) Send(ctx context.Context, rec millrace.Record, done consumers.Done) error {
	before := len(w.sent)
	if err := w.unacknowledged.Send(ctx, rec, done); err != nil {
		return err
	}
	s := w.sent[before]
	if last, ok := w.last[s.Topic]; ok && last >= s.n {
		w.t.Errorf("%s %d was sent after %d", s.Topic, s.n, last)
	}
	w.last[s.Topic] = s.n
	for _, i := range w.pending {
		switch other := w.sent[i]; {
		case s.Topic == "e" && other.Topic == "l":
			w.t.Errorf("event %d was sent before label %d was acknowledged", s.n, other.n)
		case s.Topic == "l" && other.Topic == "e":
			w.t.Errorf("label %d was sent before event %d was acknowledged", s.n, other.n)
		}
	}
	if s.Topic == "e" && w.last["l"] > s.n {
		w.ahead++
	}
	return nil
}

// TestLockstep: no event is sent before the labels before it are acknowledged. Each topic's records come once, in their
// order and as they were, and labels go ahead of events so that a label does not cost a round trip.
func TestLockstep(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := make([]byte, 20_000)
	for i := range kinds {
		kinds[i] = 'e'
		if share := i / 2000; rng.IntN(81) < share*share { // from no labels to nothing but labels
			kinds[i] = 'l'
		}
	}
	w := &watched{unacknowledged: unacknowledged{t: t}, last: map[string]int{}}
	written, err := sendRows(t.Context(), w, lateTopics(), rowsOf(string(kinds), func(i int) int64 { return 1000 + int64(i)/7 }), Produce{})
	if err != nil {
		t.Fatal(err)
	}
	labels := strings.Count(string(kinds), "l")
	if written != (Written{uint64(len(kinds) - labels), uint64(labels)}) || len(w.sent) != len(kinds) {
		t.Errorf("%+v and %d records, of %d rows with %d labels", written, len(w.sent), len(kinds), labels)
	}
	for _, s := range w.sent {
		if s.Time != 1000+int64(s.n)/7 || (s.Topic == "l") != (kinds[s.n] == 'l') {
			t.Fatalf("row %d went to %s with time %d", s.n, s.Topic, s.Time)
		}
	}
	if w.ahead < 2000 {
		t.Errorf("%d events went after a label of later: each label waits for a round trip", w.ahead)
	}
}

// TestLockstepBounds: few events are held, and none for long.
func TestLockstepBounds(t *testing.T) {
	for _, c := range []struct {
		name  string
		value int           // bytes of an event
		every time.Duration // between rows
		most  int           // events between two flushes
	}{
		{"rows", 1, 0, heldRowsMax},
		{"bytes", 64 << 10, 0, heldBytesMax >> 16},
		{"time", 1, time.Millisecond, int(heldFor / time.Millisecond)},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				l := newLockstep(&sizes{}, lateTopics(), time.Now)
				for i := range 10_000 {
					time.Sleep(c.every)
					if err := l.take(t.Context(), &Row{Value: make([]byte, c.value), Label: i == 0 || !l.labelled, Time: 1}); err != nil {
						t.Fatal(err)
					}
					n = max(n, len(l.held))
				}
				if n > c.most || n < c.most/2 {
					t.Errorf("%d events were held, the bound is %d", n, c.most)
				}
			})
		})
	}
}

// sizes is a sender that keeps nothing.
type sizes struct{}

func (*sizes) Send(context.Context, millrace.Record, consumers.Done) error { return nil }
func (*sizes) Flush(context.Context) error                                 { return nil }

// TestRecordTimes: what has no time gets that of now, later than the labels before it; and times do not run away.
func TestRecordTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().UnixMilli()
		u := &unacknowledged{t: t}
		if _, err := sendRows(t.Context(), u, lateTopics(), rowsOf("eelleelel", now), Produce{}); err != nil {
			t.Fatal(err)
		}
		for _, s := range u.sent {
			if want := begin + []int64{0, 0, 0, 0, 1, 1, 1, 2, 2}[s.n]; s.Time != want {
				t.Errorf("row %d has time %d, want %d", s.n, s.Time-begin, want-begin)
			}
		}
		u = &unacknowledged{t: t}
		many := strings.Repeat("le", 70_000)
		if _, err := sendRows(t.Context(), u, lateTopics(), rowsOf(many, now), Produce{}); err != nil {
			t.Fatal(err)
		}
		most := time.Duration(0)
		for _, s := range u.sent {
			most = max(most, time.UnixMilli(s.Time).Sub(s.at))
		}
		if len(u.sent) != len(many) || most > aheadBound+time.Second || most < aheadBound/2 {
			t.Errorf("%d records, up to %v ahead", len(u.sent), most)
		}
	})
}

// TestRateHoldsNothing: with a rate each record is sent when it is due, and a label as soon as the event before it.
func TestRateHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		u := &unacknowledged{t: t}
		if _, err := sendRows(t.Context(), u, lateTopics(), rowsOf("elelleee", now), Produce{Rate: 10}); err != nil {
			t.Fatal(err)
		}
		for _, s := range u.sent {
			if want := []int{0, 1, 1, 2, 2, 2, 3, 4}[s.n]; s.at.Sub(begin) != time.Duration(want)*100*time.Millisecond {
				t.Errorf("row %d was sent after %v", s.n, s.at.Sub(begin))
			}
		}
	})
}

// TestLockstepEnds: what could not be written ends it, and what is held when ctx ends does not count as written.
func TestLockstepEnds(t *testing.T) {
	lost := errors.New("lost")
	u := &unacknowledged{t: t, failed: lost}
	if _, err := sendRows(t.Context(), u, lateTopics(), rowsOf("elee", now), Produce{}); !errors.Is(err, lost) || len(u.sent) != 1 {
		t.Errorf("%v after %d records", err, len(u.sent))
	}
	ctx, cancel := context.WithCancel(t.Context())
	u = &unacknowledged{t: t}
	rows := rowsOf("eleeee", now)
	n := 0
	written, err := sendRows(ctx, u, lateTopics(), func(ctx context.Context) (Row, error) {
		if n++; n == 5 {
			cancel()
		}
		return rows(ctx)
	}, Produce{})
	if !errors.Is(err, context.Canceled) || written != (Written{Events: 1, Labels: 1}) || len(u.sent) != 2 {
		t.Errorf("%+v, %v after %d records", written, err, len(u.sent))
	}
	// Events are counted as they are taken.
	u = &unacknowledged{t: t}
	if written, err := sendRows(t.Context(), u, lateTopics(), rowsOf("eleeeleee", now), Produce{Events: 4}); err != nil ||
		written != (Written{Events: 4, Labels: 1}) {
		t.Errorf("%+v, %v", written, err)
	}
}
