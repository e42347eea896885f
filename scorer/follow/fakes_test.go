package follow

import (
	"encoding/json"
	"millrace"
)

// The fakes: an event is {"k":key,"t":time}; its one window counts what its key did in the last second of event time.

type jsonDecoder struct{}

func (jsonDecoder) NewEvent() *millrace.Event {
	return &millrace.Event{Fields: make([]millrace.Field, 2)}
}

func (jsonDecoder) Decode(rec *millrace.Record, e *millrace.Event) error {
	var v struct {
		K string
		T *int64
	}
	if json.Unmarshal(rec.Value, &v) != nil {
		return &millrace.Rejection{Reason: millrace.ReasonMalformed}
	}
	e.Time = rec.Time
	if v.T != nil {
		e.Time = *v.T
	}
	e.Fields[0], e.Fields[1] = millrace.Field{Presence: millrace.Present, Text: []byte(v.K)}, millrace.Field{}
	return nil
}

// picky refuses events of the key "refused".
type picky struct{}

func (picky) Check(e *millrace.Event) error {
	if string(e.Fields[0].Text) == "refused" {
		return &millrace.Rejection{Reason: millrace.ReasonMissingFeature}
	}
	return nil
}

const over = 1000 // ms

// counts is a window of a second, in panes of a millisecond.
type counts struct{ times map[string][]int64 }

func (c *counts) Horizon() int64 { return over + 1 }

func (c *counts) Ahead([]*millrace.Event) int { return 0 }
func (c *counts) Reset()                      { c.times = map[string][]int64{} }
func (c *counts) Fill(e *millrace.Event, watermark int64) {
	watermark = max(watermark, 0)
	n := 0
	for _, t := range c.times[string(e.Fields[0].Text)] {
		if t > e.Time-over && t <= e.Time && t > watermark-over {
			n++
		}
	}
	if e.Fields[1] = (millrace.Field{}); n > 0 {
		e.Fields[1] = millrace.Field{Presence: millrace.Present, Number: float64(n)}
	}
}

func (c *counts) Observe(e *millrace.Event, watermark int64) {
	watermark = max(watermark, 0)
	if e.Time <= watermark-over {
		return
	}
	key := string(e.Fields[0].Text)
	c.times[key] = append(c.times[key], e.Time)
}

type clock struct {
	marks map[int32]int64
	idle  map[int32]bool
	now   int64
}

func newClock() Clock {
	return &clock{marks: map[int32]int64{}, idle: map[int32]bool{}, now: -1 << 63}
}
func (c *clock) Now() int64 { return c.now }
func (c *clock) Turn(idle, awake []int32) {
	for _, p := range idle {
		c.idle[p] = true
	}
	for _, p := range awake {
		c.idle[p] = false
	}
}
func (c *clock) Advance(p int32, t int64) {
	if was, ok := c.marks[p]; !ok || t > was {
		c.marks[p] = t
	}
	smallest := int64(1<<63 - 1)
	for q, t := range c.marks {
		if !c.idle[q] {
			smallest = min(smallest, t)
		}
	}
	c.now = max(c.now, smallest)
}
