package offline

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestTurns: whoever decodes, and however long that and learning take, every chunk is learned once, in its turn and by
// one at a time, and nobody waits for ever.
func TestTurns(t *testing.T) {
	for _, took := range []time.Duration{0, dear / 2, 20 * dear} {
		var learned []int // nobody guards it but the turns
		var order *turns
		free := make(chan *chunk, 5)
		for range cap(free) {
			free <- &chunk{}
		}
		order = newTurns(func(c *chunk) {
			learned = append(learned, c.turn)
			if c.turn%7 == 0 {
				time.Sleep(time.Millisecond)
			}
			order.mu.Lock()
			order.took = took // by turns dear and not
			if c.turn%50 > 25 {
				order.took = 0
			}
			order.mu.Unlock()
			c.reset()
			free <- c
		})
		const chunks = 400
		var taking sync.Mutex
		var workers sync.WaitGroup
		taken := 0
		for worker := range 3 {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			workers.Go(func() {
				for {
					c := <-free
					taking.Lock()
					if taken == chunks {
						taking.Unlock()
						free <- c
						return
					}
					c.turn = taken
					taken++
					taking.Unlock()
					if random.IntN(4) == 0 {
						time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
					}
					order.deliver(c)
				}
			})
		}
		workers.Wait()
		if len(learned) != chunks || !slices.IsSorted(learned) || len(order.ready) > 0 {
			t.Errorf("%v a record: of %d chunks %d were learned, %v", took, chunks, len(learned), learned)
		}
	}
}

// TestCheapChunksAreLearnedWhereTheyWereDecoded, and dear ones by who learns already.
func TestCheapChunksAreLearnedWhereTheyWereDecoded(t *testing.T) {
	for _, took := range []time.Duration{0, 100 * dear} {
		begun, goOn := make(chan struct{}), make(chan struct{})
		var by []string
		var order *turns
		order = newTurns(func(c *chunk) {
			if c.turn == 0 {
				close(begun)
				<-goOn
			}
			order.mu.Lock()
			order.took = took
			order.mu.Unlock()
		})
		order.took = took
		var workers sync.WaitGroup
		deliver := func(name string, turn int) {
			order.deliver(&chunk{turn: turn})
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
