package mixture

import (
	"runtime"
	"sync/atomic"
)

// progress is how many steps of a stretch somebody has gone, for those who follow him while he goes on.
type progress struct {
	_     [64]byte // it shares nothing with other memory that a processor takes at once
	steps atomic.Int64
	_     [64]byte
}

// lead is after how many steps those who follow are told.
const lead = 8

func (p *progress) begin() { p.steps.Store(0) }

func (p *progress) tell(steps int) { p.steps.Store(int64(steps)) }

// await waits until more steps have been gone than so many, and returns how many.
func (p *progress) await(steps int) int {
	for {
		if gone := int(p.steps.Load()); gone > steps {
			return gone
		}
		runtime.Gosched() // it may be that he whom it waits for has no core
	}
}
