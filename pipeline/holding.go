package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"millrace"
	"millrace/embedded"
	"millrace/learner"
)

const (
	// holdEvery is the pause between looks whether a log is held for nothing.
	holdEvery = time.Second
	// holdTold is how often it is said that producers wait.
	holdTold = 30 * time.Second
	// holdPatience is how long all is learned and scored, and a log full all the same, before the run ends. It is
	// longer than a producer that has given up still counts as waiting.
	holdPatience = 15 * time.Second
)

// headMarks are from where the log is read again by whoever goes on from the newest version.
type headMarks struct {
	positions []millrace.Position
	rebuild   []millrace.Mark
}

// keepMarks notes those of a version that is the head now.
func (e *environment) keepMarks(m *millrace.Manifest) {
	marks := &headMarks{positions: slices.Clone(m.Positions)}
	if m.Keyed != nil {
		marks.rebuild = slices.Clone(m.Keyed.Rebuild)
	}
	e.marks.Store(marks)
}

// hold lets the embedded broker keep what the stages still need, and its producers wait meanwhile.
func (r *Pipeline) hold() {
	if r.env.kafka == nil {
		return
	}
	topics := readTopics(r.env.pipeline)
	for _, c := range r.env.challengers {
		topics = append(topics, readTopics(c.env.pipeline)...)
	}
	r.env.kafka.Hold(topics, r.readers)
}

// release ends holding: what is on its way to the log is written, and stays there.
func (r *Pipeline) release() {
	if r.env.kafka != nil {
		r.env.kafka.Release()
	}
}

// readers are all that read the topics, with what they still need of them.
func (r *Pipeline) readers() []embedded.Reader {
	var all []embedded.Reader
	if r.o.Learn {
		all = r.env.learningNeeds(all, r.learner.Load(), r.keeps())
		for _, c := range r.env.challengers {
			all = c.env.learningNeeds(all, c.learner.Load(), r.keeps())
		}
	}
	if r.o.Score {
		topic := r.env.pipeline.Events.Topic
		all = append(all, embedded.Reader{Topic: topic, Needed: r.env.kafka.Committed(scorerGroup(r.env.pipeline.Name), topic)})
	}
	return all
}

// keeps reports whether the log outlives the process, so that a restart reads it from the newest version on.
func (r *Pipeline) keeps() bool { return r.o.Servers.DataDir != "" }

// learningNeeds adds what a learner needs of its topics: what it has not applied, and where the log is kept, what a
// restart reads again. One that has ended for good needs nothing, and one that does not know yet where it begins all.
func (e *environment) learningNeeds(all []embedded.Reader, l *learner.Learner, keeps bool) []embedded.Reader {
	if e.ended.Load() != nil {
		return all
	}
	var positions []millrace.Position
	var rebuild []millrace.Mark
	marks := e.marks.Load()
	switch {
	case !keeps && l != nil:
		positions = l.Status().Positions
	case marks != nil:
		positions, rebuild = marks.positions, marks.rebuild
	case e.champion != "": // it may wait for a topic of its own, which nobody else is to feel
		return all
	}
	for _, topic := range readTopics(e.pipeline) {
		needed := map[int32]int64{}
		for _, p := range ofTopic(topic, positions) {
			needed[p.Partition] = p.Offset
		}
		for _, mark := range rebuild {
			if at, known := needed[mark.Partition]; known && mark.Topic == topic {
				needed[mark.Partition] = min(at, mark.Offset)
			}
		}
		all = append(all, embedded.Reader{Topic: topic, Needed: needed})
	}
	return all
}

// watchHeld tells that producers wait, and ends the run when a log is full of what only a restart would read, and
// nothing can move that on: events wait in it for time to pass that only newer ones bring.
func (r *Pipeline) watchHeld(ctx context.Context) error {
	if r.env.kafka == nil {
		return nil
	}
	patience := cmp.Or(r.o.patience, holdPatience)
	ticker := time.NewTicker(min(holdEvery, patience/10))
	defer ticker.Stop()
	var since, told time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		full := r.env.kafka.Full()
		if len(full) > 0 && time.Since(told) >= holdTold {
			told = time.Now()
			r.env.log.Info("producers wait, as the log is full of events that are not learned, published and scored yet", "topic", full[0].Topic,
				"partition", full[0].Partition, "bytes", full[0].Bytes)
		}
		if len(full) == 0 || !r.keeps() || !r.allTaken() {
			since = time.Time{}
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) >= patience {
			return r.heldForNothing(full[0])
		}
	}
}

// allTaken reports whether all in the logs is learned, published and scored.
func (r *Pipeline) allTaken() bool {
	all := make([]*environment, 0, 1+len(r.env.challengers))
	all = append(all, r.env)
	for _, c := range r.env.challengers {
		all = append(all, c.env)
	}
	for _, e := range all {
		marks := e.marks.Load()
		if e.ended.Load() == nil && (marks == nil || !covers(marks.positions, r.ends(readTopics(e.pipeline)))) {
			return false
		}
	}
	topic := r.env.pipeline.Events.Topic
	committed := r.env.kafka.Committed(scorerGroup(r.env.pipeline.Name), topic)
	for _, end := range r.ends([]string{topic}) {
		if r.o.Score && committed[end.Partition] < end.Offset {
			return false
		}
	}
	return true
}

// ends are where topics end, but for partitions without records.
func (r *Pipeline) ends(topics []string) (all []millrace.Position) {
	for _, topic := range topics {
		for partition, offset := range r.env.kafka.Ends(topic) {
			if offset > 0 {
				all = append(all, millrace.Position{Topic: topic, Partition: partition, Offset: offset})
			}
		}
	}
	return all
}

// heldForNothing says what a person can do about a log that is too small for its pipeline.
func (r *Pipeline) heldForNothing(full embedded.Full) error {
	why := "what a restart reads again"
	if r.learning != nil {
		for _, back := range reachesBackOf(r.env.pipeline, r.learning.learned.Windows) {
			if back.topic == full.Topic && back.by > 0 {
				why = fmt.Sprintf("what a restart reads again, %s (%s)", millrace.FormatDuration(back.by), back.why)
			}
		}
	}
	return fmt.Errorf("%s/%d is full: all of its %d MiB is learned and scored, and still needed as %s, while nothing newer can be written; "+
		"the embedded broker keeps no more: shorten that, or give the pipeline a Kafka of its own (kafka.brokers)",
		full.Topic, full.Partition, full.Bytes>>20, why)
}
