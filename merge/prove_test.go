package merge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"millrace"
)

// distant is a fake whose broker is some way off: what is written to a partition is there at once for whoever asks,
// comes to the source later, and what the source knows of its end is what the latest answer said.
type distant struct {
	*fake
	delay  []time.Duration // of each partition's records
	ask    time.Duration   // a question's round trip
	asks   int
	silent bool // no answer comes any more
	told   map[int32]millrace.Standing
	came   map[int32][]time.Time // of each record
}

// newDistant is of partitions that are empty, and have been so for long.
func newDistant(topic string, rng *rand.Rand, partitions int) *distant {
	d := &distant{fake: newFake(topic, rng, make([][]int64, partitions)...), told: map[int32]millrace.Standing{}, came: map[int32][]time.Time{}}
	for p := range partitions {
		d.delay = append(d.delay, time.Duration(1+rng.IntN(60))*time.Millisecond)
		d.told[int32(p)] = millrace.Standing{Partition: int32(p), Since: time.Now().Add(-time.Hour), Answered: time.Now(), Asked: time.Now()}
	}
	return d
}

// append writes one record.
func (d *distant) append(partition int32, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.logs[partition]
	l.times = append(l.times, at)
	n := len(l.times)
	time.AfterFunc(d.delay[partition], func() {
		d.change(func() {
			for len(d.came[partition]) < n {
				d.came[partition] = append(d.came[partition], time.Now())
			}
			l.end = max(l.end, n)
		})
	})
}

func (d *distant) NextOf(ctx context.Context, want func(int32) bool) (*millrace.Batch, error) {
	b, err := d.fake.NextOf(ctx, want)
	if err != nil || b.To == b.From {
		return b, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b.Received = d.came[b.Partition][b.To-1]
	d.told[b.Partition] = millrace.Standing{Partition: b.Partition, Since: b.Received, Answered: b.Received,
		Asked: b.Received.Add(-d.delay[b.Partition])} // what was written since may be on its way
	return b, nil
}

func (d *distant) Standings() (all []millrace.Standing, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range int32(len(d.logs)) {
		s := d.told[p]
		if !d.silent {
			s.Answered = time.Now()
		}
		if d.logs[p].next < d.logs[p].end {
			s.Since = time.Time{}
		}
		all = append(all, s)
	}
	return all, true
}

// Ask looks at the logs themselves.
func (d *distant) Ask(ctx context.Context, after time.Time, want func(int32) bool) error {
	d.mu.Lock()
	d.asks++
	d.mu.Unlock()
	asked := time.Now()
	select {
	case <-time.After(d.ask):
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, s := range d.told {
		if !want(p) || !s.Asked.Before(after) {
			continue
		}
		if s.Asked = asked; d.logs[p].next < len(d.logs[p].times) {
			s.Since = time.Time{}
		}
		d.told[p] = s
	}
	return nil
}

// backlog writes records of n moments to both topics, each once those before it are there, and returns their order.
func backlog(rng *rand.Rand, n int, events, labels *distant) (order string) {
	for i := range n {
		to := events
		if rng.IntN(4) == 0 {
			to = labels
		}
		p := int32(rng.IntN(len(to.logs)))
		order += fmt.Sprintf(" %s%d/%d", to.topic, p, len(to.logs[p].times))
		to.append(p, int64(i)*time.Minute.Milliseconds())
		if rng.IntN(20) == 0 {
			time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		}
	}
	return order[1:]
}

// TestBacklogIntoIdlePartitions: all were at their ends for an hour when a backlog is written in the order of time.
// Whichever partition's records come first, none goes before one of earlier elsewhere; at a scorer neither.
func TestBacklogIntoIdlePartitions(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			events, labels := newDistant("e", rng, 1+rng.IntN(3)), newDistant("l", rng, 1+rng.IntN(2))
			events.ask, labels.ask = time.Millisecond, time.Millisecond
			s := tell(t, New(Options{Sources: []Source{events, labels}, Now: time.Now, Live: seed%2 == 0}))
			s.nothing(10 * time.Millisecond)
			order := make(chan string)
			go func() { order <- backlog(rng, 500, events, labels) }()
			got := s.read(500)
			if want := <-order; got != want {
				t.Fatalf("seed %d:\n%.300s\nwant\n%.300s", seed, got, want)
			}
		})
	}
}

// TestProofTakesARoundTrip: where one partition is idle, what comes of the other waits for a question and no longer; at
// a scorer only what was old when it came.
func TestProofTakesARoundTrip(t *testing.T) {
	const trip = 3 * time.Millisecond
	for _, c := range []struct {
		name      string
		live      bool
		age       time.Duration // of records, when they are written
		wait      time.Duration
		questions int
	}{
		{"learner", false, 0, trip, 20},
		{"learner, backlog", false, time.Hour, trip, 20},
		{"scorer", true, 0, 0, 0},
		{"scorer, backlog", true, time.Hour, trip, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDistant("e", rand.New(rand.NewPCG(1, 6)), 2)
				d.ask, d.delay[0] = trip, 0
				s := tell(t, New(Options{Sources: []Source{d}, Now: time.Now, Live: c.live}))
				s.nothing(10 * time.Millisecond)
				for i := range 20 {
					time.Sleep(70 * time.Millisecond)
					from := time.Now()
					d.append(0, from.Add(-c.age).UnixMilli())
					if got, want := s.read(1), fmt.Sprintf("e0/%d", i); got != want {
						t.Fatalf("%s, want %s", got, want)
					}
					if waited := time.Since(from); waited != c.wait {
						t.Errorf("record %d waited %v", i, waited)
					}
				}
				if d.asks != c.questions {
					t.Errorf("%d questions", d.asks)
				}
			})
		})
	}
}

// TestProofHoldsForAllThatHadCome: one question does for the batches that came before it.
func TestProofHoldsForAllThatHadCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDistant("e", rand.New(rand.NewPCG(1, 7)), 2)
		d.ask, d.delay[0], d.rng = time.Millisecond, 0, rand.New(rand.NewPCG(1, 8)) // batches of up to 20 records
		s := tell(t, New(Options{Sources: []Source{d}, Now: time.Now}))
		s.nothing(10 * time.Millisecond)
		for i := range 1000 {
			d.append(0, int64(i))
		}
		synctest.Wait()
		s.read(1000)
		if d.asks != 1 {
			t.Errorf("%d questions", d.asks)
		}
	})
}

// TestUnansweredProof: while the broker answers nothing, what waits for its word waits, as for any partition that does
// not answer; at a scorer for a second.
func TestUnansweredProof(t *testing.T) {
	for _, live := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newDistant("e", rand.New(rand.NewPCG(1, 9)), 2)
			d.ask, d.delay[0], d.silent = time.Hour, 0, true
			s := tell(t, New(Options{Sources: []Source{d}, Now: time.Now, Live: live}))
			s.nothing(10 * time.Millisecond)
			d.append(0, 7)
			if !live {
				s.nothing(time.Minute)
				return
			}
			from := time.Now()
			s.read(1)
			if waited := time.Since(from); waited < 900*time.Millisecond || waited > 1100*time.Millisecond {
				t.Errorf("waited %v", waited)
			}
		})
	}
}
