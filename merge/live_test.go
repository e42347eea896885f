package merge

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"millrace"
)

// nothing checks that no record comes for a while.
func (s *story) nothing(d time.Duration) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	for {
		got, err := s.m.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return
		}
		if err != nil || got.To > got.From {
			s.t.Fatalf("%+v, %v", got, err)
		}
	}
}

// TestSilentPartition: one whose broker does not answer is never idle, however long it was at its end.
func TestSilentPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var told []time.Duration
		a := newFake("a", nil, []int64{1, 5}, []int64{2})
		m := merger(Options{Stalled: func(s Stall) {
			if s.Source != 0 || s.Partition != 1 {
				t.Errorf("%+v", s)
			}
			told = append(told, time.Since(begin).Round(time.Second))
		}}, a)
		s := tell(t, m)
		if got, want := s.read(2), "a0/0 a1/0"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		a.change(func() { a.logs[1].silent = true })
		s.nothing(40 * time.Second)
		if len(told) != 2 || told[0] != 3*time.Second || told[1] != 33*time.Second {
			t.Errorf("told at %v", told)
		}
		if d := m.Stalled().Round(time.Second); d != 40*time.Second {
			t.Errorf("stalled for %v", d)
		}
		// What was written meanwhile comes in its order.
		a.change(func() { a.logs[1].silent = false })
		a.write(1, 3)
		if got, want := s.read(2), "a1/1 a0/1"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if d := m.Stalled(); d != 0 {
			t.Errorf("still stalled for %v", d)
		}
	})
}

// TestSilenceIsNoIdleness: a partition at its end that stops answering before it was idle does not become so thereby.
func TestSilenceIsNoIdleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFake("a", nil, []int64{1, 5}, []int64{2})
		m := merger(Options{}, a)
		s := tell(t, m)
		s.read(2)
		s.nothing(m.o.Idle / 8)
		a.change(func() { a.logs[1].silent = true })
		s.nothing(10 * m.o.Idle)
		a.change(func() { a.logs[1].silent = false })
		a.write(1, 3)
		if got, want := s.read(2), "a1/1 a0/1"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestIdlePartitionGoesSilent: the others stop after a moment, and go on when it answers.
func TestIdlePartitionGoesSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFake("a", nil, []int64{1}, []int64{2})
		m := merger(Options{}, a)
		s := tell(t, m)
		s.read(2)
		s.nothing(2 * time.Second)
		a.change(func() { a.logs[1].silent = true })
		s.nothing(4 * time.Second)
		a.write(0, 3)
		s.nothing(time.Minute)
		if m.Stalled() < time.Minute {
			t.Errorf("stalled for %v", m.Stalled())
		}
		a.change(func() { a.logs[1].silent = false })
		if got, want := s.read(1), "a0/1"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// TestLiveNeverWaits for partitions that are at their ends or do not answer, and merges what is behind.
func TestLiveNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFake("a", nil, []int64{1, 5, 9}, []int64{2, 6}, nil)
		s := tell(t, merger(Options{Live: true}, a))
		begin := time.Now()
		if got, want := s.read(5), "a0/0 a1/0 a0/1 a1/1 a0/2"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("waited %v", waited)
		}
		s.news = true
		s.nothing(5 * time.Second) // until all are idle
		a.change(func() { a.logs[2].silent = true })
		s.nothing(10 * time.Second)
		begin = time.Now()
		go a.write(1, 7)
		if got, want := s.read(1), "awake1 awake2 a1/2"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestClockAhead: a partition's clock is an hour ahead. While the others deliver without a pause, its records wait for
// a second, not for an hour, and theirs do not wait for it.
func TestClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFake("a", nil, nil, nil, nil)
		m := merger(Options{}, a)
		begin := time.Now()
		go func() {
			for i := range 600 { // a minute
				at := time.Since(begin)
				p := int32(i % 3)
				record := at.Milliseconds()
				if p == 0 {
					record += time.Hour.Milliseconds()
				}
				a.write(p, record)
				time.Sleep(100 * time.Millisecond)
			}
		}()
		var worst, sum time.Duration
		for n := 0; n < 600; {
			got, err := m.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got.Batch == nil {
				continue
			}
			for _, r := range got.Batch.Records[got.From:got.To] {
				written := time.Duration(3*r.Offset+int64(r.Partition)) * 100 * time.Millisecond
				waited := time.Since(begin) - written
				worst, sum = max(worst, waited), sum+waited
				n++
			}
			if got.Last {
				got.Batch.Release()
			}
		}
		// The others are seen at their ends within 350 ms, every one of them.
		if worst > 1500*time.Millisecond+lookEvery*4 {
			t.Errorf("a record waited %v", worst)
		}
		if mean := sum / 600; mean > 700*time.Millisecond {
			t.Errorf("records waited %v on average", mean)
		}
	})
}

// TestAFarFutureRecordHoldsNothingUp: one record of the year 2099, among right ones.
func TestAFarFutureRecordHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		a := newFake("a", nil, []int64{10, far, 20, 30}, []int64{15, 25, 35})
		if got, want := tell(t, merger(Options{}, a)).read(7), "a0/0 a1/0 a1/1 a1/2 a0/1 a0/2 a0/3"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		b := newFake("b", nil, []int64{far}, []int64{5})
		s := tell(t, merger(Options{}, b))
		go func() {
			for i := range int64(100) {
				time.Sleep(50 * time.Millisecond)
				b.write(1, 6+i)
			}
			b.write(0, 200)
			b.write(1, 201, 202)
		}()
		got := s.read(104)
		if at := strings.Index(got, "b0/0"); at < 0 || at > len(got)/2 {
			t.Errorf("it waited for ever: %s", got)
		}
		if !strings.HasSuffix(got, "b0/1 b1/101 b1/102") {
			t.Errorf("the order behind it is not of time: %s", got)
		}
	})
}

func TestNewPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFake("a", nil, []int64{1})
		s := tell(t, merger(Options{}, a))
		s.news = true
		if got, want := s.read(1), "awake0 a0/0"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		s.nothing(2 * time.Second)
		a.change(func() { a.logs[1] = &log{} })
		s.nothing(100 * time.Millisecond)
		from := time.Now()
		a.write(0, 7)
		// It is awake and has nothing: what comes waits for it, until it is idle.
		if got, want := s.read(1), "idle1 awake0 a0/1"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if waited := time.Since(from); waited < 800*time.Millisecond || waited > 1200*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestTopicMadeAnew: what is at hand of the former comes first, and no position of it behind the word.
func TestTopicMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFake("a", nil, []int64{1, 20}, []int64{30, 31}, nil), newFake("b", nil, []int64{2, 25, 40, 41})
		s := tell(t, merger(Options{}, a, b))
		if got, want := s.read(2), "a0/0 b0/0"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		a.change(func() {
			a.logs = map[int32]*log{0: {times: []int64{50}, end: 1}, 1: {times: []int64{3, 45}, end: 2}}
			a.anew = true
		})
		got, want := s.read(9), "a0/1 b0/1 a1/0 a1/1 anew a1/0 b0/2 b0/3 a1/1 a0/0"
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gap := &millrace.GapError{Topic: "b", Position: 3}
		for _, failed := range []error{gap, context.Canceled} {
			a, b := newFake("a", nil, []int64{1}), newFake("b", nil, []int64{2})
			m := merger(Options{}, a, b)
			tell(t, m).read(2)
			go func() {
				time.Sleep(300 * time.Millisecond)
				b.change(func() { b.failed = failed })
			}()
			var err error
			for err == nil {
				_, err = m.Next(t.Context())
			}
			if !errors.Is(err, failed) {
				t.Errorf("%v, want %v", err, failed)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := merger(Options{}, newFake("a", nil, []int64{1})).Next(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context: %v", err)
		}
	})
}
