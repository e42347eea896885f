package learner

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// numbers fill a chunk with one number each, up to an end.
func numbers(end int, why error) func(context.Context, *int) (int, error) {
	next := 0
	return func(_ context.Context, c *int) (int, error) {
		if next == end {
			return 0, why
		}
		*c = next
		next++
		return 1, nil
	}
}

// TestTurns: whoever prepares, and however long that and learning take, every chunk is learned once, in its turn and by
// one at a time, also where something is done aside, and nobody waits for ever.
func TestTurns(t *testing.T) {
	for _, took := range []time.Duration{0, dear / 2, 20 * dear} {
		const chunks = 400
		var learned []int // nobody guards it but the turns
		var order *Turns[*int]
		random := make([]*rand.Rand, 3)
		for i := range random {
			random[i] = rand.New(rand.NewPCG(uint64(i), 1))
		}
		order = NewTurns(Work[*int]{
			New:  func() *int { return new(int) },
			Fill: numbers(chunks, io.EOF),
			Prepare: func(worker int, _ *int) {
				if r := random[worker]; r.IntN(4) == 0 {
					time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
				}
			},
			Learn: func(c *int) error {
				learned = append(learned, *c)
				if *c%7 == 0 {
					time.Sleep(time.Millisecond)
				}
				order.mu.Lock()
				order.took = took // by turns dear and not
				if *c%50 > 25 {
					order.took = 0
				}
				order.mu.Unlock()
				return nil
			},
		})
		ctx, stop := context.WithCancel(t.Context())
		var beside sync.WaitGroup
		aside := 0
		beside.Go(func() {
			for ctx.Err() == nil {
				order.Aside(func() error {
					aside += len(learned) + 1
					time.Sleep(50 * time.Microsecond)
					return nil
				})
				time.Sleep(20 * time.Microsecond)
			}
		})
		err := order.Run(t.Context(), len(random))
		stop()
		beside.Wait()
		if err != nil || len(learned) != chunks || !slices.IsSorted(learned) || len(order.ready) > 0 {
			t.Errorf("%v a record: of %d chunks %d were learned, %v: %v", took, chunks, len(learned), learned, err)
		}
		if aside == 0 {
			t.Errorf("%v a record: nothing was done aside", took)
		}
	}
}

// TestTurnsEnd: what was filled before an error of filling is learned, nothing is behind one of learning or of what is
// done aside, and no worker goes on.
func TestTurnsEnd(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name            string
		filling         error
		learning, aside error // at 50
		want            error
		learned         int
	}{
		{"the end", io.EOF, nil, nil, nil, 100},
		{"filling", broken, nil, nil, broken, 100},
		{"learning", io.EOF, broken, nil, broken, 50},
		{"aside", io.EOF, nil, broken, broken, 51},
	} {
		for _, took := range []time.Duration{0, 20 * dear} {
			var learned int
			var order *Turns[*int]
			order = NewTurns(Work[*int]{
				New:     func() *int { return new(int) },
				Fill:    numbers(100, c.filling),
				Prepare: func(int, *int) {},
				Learn: func(n *int) error {
					order.mu.Lock()
					order.took = took
					order.mu.Unlock()
					if *n == 50 && c.learning != nil {
						return c.learning
					}
					learned++
					return nil
				},
			})
			if c.aside != nil {
				order.work.Prepare = func(_ int, n *int) {
					if *n != 51 {
						return
					}
					for { // until everything before is learned
						order.mu.Lock()
						next := order.next
						order.mu.Unlock()
						if next == 51 {
							break
						}
						time.Sleep(time.Millisecond)
					}
					for failed := false; !failed; {
						order.Aside(func() error { return c.aside })
						order.mu.Lock()
						failed = order.failed != nil
						order.mu.Unlock()
					}
				}
			}
			err := order.Run(t.Context(), 3)
			if !errors.Is(err, c.want) || learned != c.learned {
				t.Errorf("%s, %v a record: %v, %d learned; want %v and %d", c.name, took, err, learned, c.want, c.learned)
			}
		}
	}
}

// TestTurnsAreCalledOff: whoever waits, to fill, for a turn or for a chunk, ends with the context.
func TestTurnsAreCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	next := numbers(9, nil)
	order := NewTurns(Work[*int]{
		New: func() *int { return new(int) },
		Fill: func(ctx context.Context, c *int) (int, error) {
			if n, err := next(ctx, c); n > 0 {
				return n, err
			}
			<-ctx.Done()
			return 0, ctx.Err()
		},
		Prepare: func(int, *int) {},
		Learn: func(c *int) error {
			if *c == 3 {
				cancel()
				return ctx.Err()
			}
			return nil
		},
	})
	if err := order.Run(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
}

// TestCheapChunksAreLearnedWhereTheyWerePrepared, and dear ones by who learns already.
func TestCheapChunksAreLearnedWhereTheyWerePrepared(t *testing.T) {
	for _, took := range []time.Duration{0, 100 * dear} {
		begun, goOn := make(chan struct{}), make(chan struct{})
		var by []string
		order := NewTurns(Work[*int]{})
		order.free = make(chan *turn[*int], 2)
		order.work.Learn = func(c *int) error {
			if *c == 0 {
				close(begun)
				<-goOn
			}
			order.mu.Lock()
			order.took = took
			order.mu.Unlock()
			return nil
		}
		order.took = took
		var workers sync.WaitGroup
		deliver := func(name string, number int) {
			if err := order.deliver(&turn[*int]{chunk: &number, number: number, records: 1}); err != nil {
				t.Error(err)
			}
			order.mu.Lock()
			by = append(by, name)
			order.mu.Unlock()
		}
		workers.Go(func() { deliver("first", 0) })
		<-begun
		workers.Go(func() { deliver("second", 1) })
		if took == 0 {
			for waits := false; !waits; time.Sleep(time.Millisecond) {
				order.mu.Lock()
				waits = order.ready[1] != nil && order.ready[1].awaited
				order.mu.Unlock()
			}
		} else {
			for back := false; !back; time.Sleep(time.Millisecond) { // while the first is at it
				order.mu.Lock()
				back = len(by) == 1 && by[0] == "second"
				order.mu.Unlock()
			}
		}
		close(goOn)
		workers.Wait()
		if order.next != 2 || len(by) != 2 {
			t.Errorf("%v a record: learned up to %d, delivered by %v", took, order.next, by)
		}
	}
}
