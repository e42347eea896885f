package web

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// crowd bounds the connections of a server. A new one beyond the bound takes the place of the one that has been waiting
// longest for a request; when all are at work, it is closed. So nobody keeps others out by doing nothing.
type crowd struct {
	max int

	mu      sync.Mutex
	open    map[net.Conn]*list.Element // its place among those that wait; nil for one at work
	waiting *list.List                 // of net.Conn, the one that waits longest first
}

func newCrowd(most int) *crowd {
	return &crowd{max: most, open: make(map[net.Conn]*list.Element), waiting: list.New()}
}

// state is a http.Server's ConnState.
func (c *crowd) state(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.open[conn]; place != nil {
		c.waiting.Remove(place)
	}
	switch state {
	case http.StateNew:
		if len(c.open) >= c.max && !c.evict() {
			// Not counted: its end comes at once, and is nobody's place.
			_ = conn.Close()
			return
		}
		c.open[conn] = c.waiting.PushBack(conn)
	case http.StateIdle:
		if _, counted := c.open[conn]; counted {
			c.open[conn] = c.waiting.PushBack(conn)
		}
	case http.StateActive:
		if _, counted := c.open[conn]; counted {
			c.open[conn] = nil
		}
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

// evict closes the connection that waits longest; false when none waits.
func (c *crowd) evict() bool {
	first := c.waiting.Front()
	if first == nil {
		return false
	}
	conn := c.waiting.Remove(first).(net.Conn) //nolint:forcetypeassert // the list holds nothing else
	delete(c.open, conn)
	_ = conn.Close() // its goroutine notices, and the server forgets it
	return true
}
