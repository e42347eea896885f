package learner

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"millrace/model"
)

// Cores runs the parts of a model side by side. It belongs to one goroutine, which works on them, too; others help
// while they find room. They end by themselves when nothing is to be done for a moment, so that it need not be closed.
//
// A part is worked on by whoever worked on it last, as its memory is in the cache of that core, and only when nothing
// of his is left does anybody take another's: the last one, as parts are given the dearest first.
type Cores struct {
	room    chan struct{} // filled by everybody who works
	linger  time.Duration // for how long helpers look for the next run
	f       func(i int)
	parts   []part
	leading int            // of the parts, those before the followers
	known   map[int][]part // by how many there are at once
	out     sync.WaitGroup
	helpers []helper
}

// helper is a goroutine that may be there.
type helper struct {
	state atomic.Int32
	start func() // kept, so that starting it allocates nothing
}

// What a helper is doing.
const (
	absent int32 = iota
	working
	looking // for the next run
)

// part is who worked on a part last, 0 for the goroutine that runs all, and whether anybody has taken it.
type part struct {
	owner atomic.Int32
	taken atomic.Bool
}

var _ model.Runner = (*Cores)(nil)

// helperLingers is how long a helper looks for the next run before it ends: the mixers follow upon the experts, and the
// next chunk upon them, sooner than another core can be woken. Meanwhile it lets everybody else go first.
const helperLingers = 150 * time.Microsecond

// helpersMost bounds the helpers of one model: the dearest expert of a mixture takes about a quarter of the time that
// all take, so further ones would only look for what to do.
const helpersMost = 3

// NewCores returns a runner whose helpers fill room while they are there, and never wait for any. The goroutine that
// runs it has filled its own room, if that is of the same. Where others may want the room helpers do not linger.
func NewCores(room chan struct{}, shared bool) *Cores {
	c := &Cores{room: room, known: map[int][]part{}, helpers: make([]helper, min(cap(room), helpersMost))}
	if !shared {
		c.linger = helperLingers
	}
	for i := range c.helpers {
		c.helpers[i].start = func() { c.help(int32(i) + 1) }
	}
	return c
}

// Run implements model.Runner.
func (c *Cores) Run(n, followers int, f func(i int)) {
	c.begin(n, followers, f)
	for i := range min(len(c.helpers), max(n-1, 0)) {
		if !c.call(&c.helpers[i]) {
			break
		}
	}
	c.work(0)
	c.out.Wait()
}

// call has a helper work, if there is room for it.
func (c *Cores) call(h *helper) bool {
	c.out.Add(1)
	if h.state.CompareAndSwap(looking, working) {
		return true
	}
	select {
	case c.room <- struct{}{}:
		h.state.Store(working)
		go h.start()
		return true
	default:
		c.out.Done()
		return false
	}
}

// help works, run by run.
func (c *Cores) help(who int32) {
	h := &c.helpers[who-1]
	for {
		c.work(who)
		h.state.Store(looking)
		c.out.Done()
		for start := time.Now(); h.state.Load() == looking; {
			if time.Since(start) < c.linger {
				runtime.Gosched()
				continue
			}
			if h.state.CompareAndSwap(looking, absent) {
				<-c.room
				return
			}
		}
	}
}

// begin gives out the parts: those that are new in turn.
func (c *Cores) begin(n, followers int, f func(i int)) {
	c.f, c.leading = f, n-followers
	if c.parts = c.known[n]; c.parts == nil {
		c.parts = make([]part, n)
		for i := range c.parts {
			c.parts[i].owner.Store(int32(i % (len(c.helpers) + 1)))
		}
		c.known[n] = c.parts
	}
	for i := range c.parts {
		c.parts[i].taken.Store(false)
	}
}

// work works on the parts of one, then on those that others have not come to, and then on the followers, which he who
// comes first begins in their order.
func (c *Cores) work(who int32) {
	leading := c.parts[:c.leading]
	for i := range leading {
		if leading[i].owner.Load() == who && leading[i].take() {
			c.f(i)
		}
	}
	for i := len(leading) - 1; i >= 0; i-- {
		if leading[i].take() {
			leading[i].owner.Store(who)
			c.f(i)
		}
	}
	for i := c.leading; i < len(c.parts); i++ {
		if c.parts[i].take() {
			c.f(i)
		}
	}
}

func (p *part) take() bool { return !p.taken.Load() && p.taken.CompareAndSwap(false, true) }
