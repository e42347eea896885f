package learner

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// follow waits for those before, which it may only when each of them has begun.
func follow(before []atomic.Int64) {
	for i := range before {
		for before[i].Load() == 0 {
			runtime.Gosched()
		}
	}
}

// TestCores: every part is run once a run, whoever helps, and followers can wait for the others; helpers keep within
// the room, and end by themselves.
func TestCores(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, c := range []struct {
		room, filled int
		shared       bool
	}{{0, 0, false}, {1, 0, false}, {3, 0, false}, {3, 3, true}, {3, 2, true}, {9, 0, false}} {
		room := make(chan struct{}, c.room)
		for range c.filled {
			room <- struct{}{}
		}
		cores := NewCores(room, c.shared)
		var atWork, most atomic.Int64
		for run := range 600 {
			done := make([]atomic.Int64, []int{13, 2, 0, 1}[run%4])
			followers := min(len(done), run%3)
			cores.Run(len(done), followers, func(i int) {
				if i >= len(done)-followers {
					follow(done[:i])
				}
				now := atWork.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				done[i].Add(1)
				if run%50 == 0 {
					time.Sleep(100 * time.Microsecond)
				}
				atWork.Add(-1)
			})
			for i := range done {
				if n := done[i].Load(); n != 1 {
					t.Fatalf("%+v: part %d of %d ran %d times", c, i, len(done), n)
				}
			}
			if n := atWork.Load(); n != 0 {
				t.Fatalf("%+v: %d parts are running behind the run", c, n)
			}
		}
		if n := most.Load(); int(n) > min(c.room-c.filled, helpersMost)+1 || n < 2 && c.room > c.filled {
			t.Errorf("%+v: %d at work at a time", c, n)
		}
		for range 10_000 {
			if len(room) == c.filled {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if len(room) != c.filled {
			t.Errorf("%+v: %d have not ended", c, len(room)-c.filled)
		}
	}
	for range 1000 { // a goroutine that has returned may still be counted
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
