package learner

import (
	"sync"
	"sync/atomic"

	"millrace/model"
)

// Cores runs the parts of a model side by side. It belongs to one goroutine, which works on them, too; others help
// while they find room, and there is none between two runs, so that it need not be closed.
type Cores struct {
	room chan struct{} // filled by everybody who works
	f    func(i int)
	n    int64
	next atomic.Int64 // the parts are taken one by one, so that whoever is done early takes the next
	out  sync.WaitGroup
	help func() // a method, kept so that starting it allocates nothing
}

var _ model.Runner = (*Cores)(nil)

// NewCores returns a runner whose helpers fill room while they work, and never wait for any. The goroutine that runs it
// has filled its own room, if that is of the same.
func NewCores(room chan struct{}) *Cores {
	c := &Cores{room: room}
	c.help = func() {
		defer c.out.Done()
		c.work()
		<-c.room
	}
	return c
}

// Run implements model.Runner.
func (c *Cores) Run(n int, f func(i int)) {
	c.f, c.n = f, int64(n)
	c.next.Store(0)
	for range n - 1 {
		select {
		case c.room <- struct{}{}:
			c.out.Add(1)
			go c.help()
			continue
		default:
		}
		break
	}
	c.work()
	c.out.Wait()
	c.f = nil
}

func (c *Cores) work() {
	for {
		i := c.next.Add(1) - 1
		if i >= c.n {
			return
		}
		c.f(int(i))
	}
}
