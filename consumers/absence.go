package consumers

import (
	"maps"
	"slices"
	"time"
)

// absentTellEvery is how often the log says that a topic is still waited for: as often as of anything else that waits.
const absentTellEvery = 30 * time.Second

// absentTopic is a topic that is waited for, as it does not exist, by so many.
type absentTopic struct {
	by          int
	since, told time.Time
}

// Absence is one that waits for a topic that does not exist. The log tells of the topic at once and every 30 seconds,
// however many wait for it. It is for one goroutine, and nothing until Note.
type Absence struct {
	c     *Cluster
	topic string
	noted bool
}

// Absence returns one that may wait for a topic. End must follow.
func (c *Cluster) Absence(topic string) *Absence { return &Absence{c: c, topic: topic} }

// Note is called each time that the topic was asked for and was not there.
func (a *Absence) Note() {
	c, now := a.c, a.c.now()
	c.mu.Lock()
	at := c.absent[a.topic]
	if at == nil {
		at = &absentTopic{since: now}
		c.absent[a.topic] = at
	}
	if !a.noted {
		at.by++
		a.noted = true
	}
	first, tell := at.told.IsZero(), now.Sub(at.told) >= absentTellEvery
	if tell {
		at.told = now
	}
	c.mu.Unlock()
	switch {
	case first:
		c.log.Warn("kafka: a topic does not exist yet, or is not shown to this user, and what reads it waits: create it, or mend its name in "+
			"the pipeline file; millrace creates what it reads itself with `events: {unknown_topic: create}`", "topic", a.topic)
	case tell:
		c.log.Warn("kafka: still waiting for a topic to be created", "topic", a.topic, "for", now.Sub(at.since).Round(time.Second))
	}
}

// End is called when the topic is there, or is waited for no longer.
func (a *Absence) End() {
	if !a.noted {
		return
	}
	a.noted = false
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	at := a.c.absent[a.topic]
	if at.by--; at.by == 0 {
		delete(a.c.absent, a.topic)
	}
}

// Absent are the topics that are waited for at the moment, as they do not exist.
func (c *Cluster) Absent() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.absent))
}
