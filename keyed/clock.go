package keyed

import "math"

// Clock tells how far event time has come: each partition's watermark is the largest event time that was applied of
// it, the topic's is the smallest of those of its partitions that are not idle. Neither ever falls, and with all
// partitions idle the topic's stands. It is for one goroutine.
type Clock struct {
	topic      int64
	most       int64 // the topic's rises no further
	partitions []partition
	at         map[int32]int
	last       int // the partition that came last: mostly it comes again
}

type partition struct {
	id        int32
	idle      bool
	watermark int64
}

// NewClock returns a clock that knows no partition: the topic's watermark is math.MinInt64 until one has a record.
func NewClock() *Clock {
	return &Clock{topic: math.MinInt64, most: math.MaxInt64, at: make(map[int32]int)}
}

// Now is the topic's watermark, in Unix milliseconds; math.MinInt64 before the first event.
func (c *Clock) Now() int64 { return c.topic }

// Advance tells that an event of a partition was applied. A partition that delivers is not idle.
func (c *Clock) Advance(id int32, t int64) {
	p := c.of(id)
	held := !p.idle && p.watermark <= c.topic // it may be what held the topic's
	woken := p.idle
	p.idle = false
	if t <= p.watermark && !woken {
		return
	}
	before := p.watermark
	p.watermark = max(before, t)
	if len(c.partitions) == 1 {
		c.topic = max(c.topic, min(p.watermark, c.most))
	} else if held || woken {
		c.raise()
	}
}

// SetIdle tells whether nothing is to be expected of a partition for now. One that is known and not idle holds the
// topic's watermark, also when it has no record yet.
func (c *Clock) SetIdle(id int32, idle bool) {
	p := c.of(id)
	if p.idle != idle {
		p.idle = idle
		c.raise()
	}
}

// Turn is SetIdle for partitions that went idle, and then for those that awoke.
func (c *Clock) Turn(idle, awake []int32) {
	for _, id := range idle {
		c.SetIdle(id, true)
	}
	for _, id := range awake {
		c.SetIdle(id, false)
	}
}

// Watermark is a partition's, math.MinInt64 when it has none.
func (c *Clock) Watermark(id int32) int64 {
	if at, ok := c.at[id]; ok {
		return c.partitions[at].watermark
	}
	return math.MinInt64
}

// Watermarks are those of all partitions that are known.
func (c *Clock) Watermarks() map[int32]int64 {
	all := make(map[int32]int64, len(c.partitions))
	for i := range c.partitions {
		all[c.partitions[i].id] = c.partitions[i].watermark
	}
	return all
}

// Limit bounds the topic's watermark until Set is called: where records are applied again it is known how far it had
// come in the end, though not who was idle when.
func (c *Clock) Limit(most int64) { c.most = most }

// Set makes the clock stand as it was when a snapshot was taken: the topic's watermark and its partitions'.
func (c *Clock) Set(topic int64, marks map[int32]int64) {
	c.topic, c.most, c.partitions, c.last = topic, math.MaxInt64, c.partitions[:0], 0
	clear(c.at)
	for id, watermark := range marks {
		c.of(id).watermark = watermark
	}
}

// of returns a partition, which is known from then on.
func (c *Clock) of(id int32) *partition {
	if c.last < len(c.partitions) && c.partitions[c.last].id == id {
		return &c.partitions[c.last]
	}
	at, ok := c.at[id]
	if !ok {
		at = len(c.partitions)
		c.at[id] = at
		c.partitions = append(c.partitions, partition{id: id, watermark: math.MinInt64})
	}
	c.last = at
	return &c.partitions[at]
}

// raise looks for the smallest watermark. Only the partition that had it, or one that wakes or falls asleep, makes that
// necessary: one record in as many as there are partitions.
func (c *Clock) raise() {
	least, some := int64(math.MaxInt64), false
	for i := range c.partitions {
		if p := &c.partitions[i]; !p.idle {
			least, some = min(least, p.watermark), true
		}
	}
	if some {
		c.topic = max(c.topic, min(least, c.most))
	}
}
