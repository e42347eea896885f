package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"millrace"
	"millrace/merge"
)

// memoryLogs are the partitions of both topics, events first.
type memoryLogs [2][][]millrace.Record

// logsOf are the logs that records are written to in order.
func logsOf(all []stamped, partitions int) (logs memoryLogs) {
	for i := range logs {
		logs[i] = make([][]millrace.Record, partitions)
	}
	for _, s := range all {
		topic := 0
		if s.topic == killedTopics[1] {
			topic = 1
		}
		p := &logs[topic][s.partition]
		*p = append(*p, millrace.Record{Topic: s.topic, Partition: s.partition, Offset: int64(len(*p)), Time: s.at, Value: []byte(s.value)})
	}
	return logs
}

// killedTopics are the topics of a story.
var killedTopics = [2]string{"loop.events", "loop.labels"}

// positions are those that are behind the given share of each partition's records.
func (l *memoryLogs) positions(share float64) (all []millrace.Position) {
	for topic, partitions := range l {
		for p, records := range partitions {
			all = append(all, millrace.Position{Topic: killedTopics[topic], Partition: int32(p), Offset: int64(share * float64(len(records)))})
		}
	}
	return all
}

// shares reports whether everything before the positions is the same in both, and comes first in the order of times in
// both, too.
func (l *memoryLogs) shares(other *memoryLogs, before []millrace.Position) bool {
	same := func(a, b millrace.Record) bool { return a.Time == b.Time && string(a.Value) == string(b.Value) }
	last, next := int64(math.MinInt64), int64(math.MaxInt64)
	for _, at := range before {
		topic := slices.Index(killedTopics[:], at.Topic)
		mine, theirs := l[topic][at.Partition], other[topic][at.Partition]
		n := int(at.Offset)
		if n > len(mine) || n > len(theirs) || !slices.EqualFunc(mine[:n], theirs[:n], same) {
			return false
		}
		if n > 0 {
			last = max(last, theirs[n-1].Time)
		}
		if n < len(theirs) {
			next = min(next, theirs[n].Time)
		}
	}
	return last < next
}

// merger reads from positions to others; nil is to the ends.
func (l *memoryLogs) merger(from, to []millrace.Position, seed uint64, d *death) *merge.Merger {
	var sources []merge.Source
	for topic, partitions := range l {
		r := &memoryReader{topic: topic, logs: partitions, rng: rand.New(rand.NewPCG(seed, uint64(topic))), death: d, silent: -1}
		if quiet := rand.New(rand.NewPCG(seed, uint64(100+topic))); d != nil && quiet.IntN(3) == 0 {
			r.quiet = 1 + quiet.IntN(20)
		}
		for p, records := range partitions {
			r.from, r.to = append(r.from, 0), append(r.to, int64(len(records)))
			if i := placeIn(from, topic, p); i >= 0 {
				r.from[p] = from[i].Offset
			}
			if i := placeIn(to, topic, p); i >= 0 {
				r.to[p] = to[i].Offset
			}
		}
		sources = append(sources, r)
	}
	return merge.New(merge.Options{Sources: sources, Now: time.Now})
}

func placeIn(all []millrace.Position, topic, partition int) int {
	return slices.IndexFunc(all, func(p millrace.Position) bool { return p.Topic == killedTopics[topic] && int(p.Partition) == partition })
}

// memoryReader delivers a topic in batches of random length. A partition that is read to its end is gone. Where it is
// told to, the broker of one does not answer for a while behind so many batches.
type memoryReader struct {
	topic    int
	logs     [][]millrace.Record
	from, to []int64
	rng      *rand.Rand
	death    *death
	quiet    int   // batches until then; 0 is never
	silent   int32 // the partition that is not heard of; -1 for none
	looks    int   // how often somebody is yet to ask how it stands before it is
}

func (r *memoryReader) NextOf(ctx context.Context, want func(int32) bool) (*millrace.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	more := false
	for p, records := range r.logs {
		more = more || r.from[p] < r.to[p]
		if r.from[p] >= r.to[p] || int32(p) == r.silent || !want(int32(p)) {
			continue
		}
		b := millrace.NewBatch(nil)
		b.Topic, b.Partition, b.From, b.End = killedTopics[r.topic], int32(p), r.from[p], r.to[p]
		b.To = min(b.From+1+r.rng.Int64N(9), r.to[p])
		b.Records = slices.Clone(records[b.From:b.To])
		r.from[p] = b.To
		if r.death.comes(byReading, len(b.Records)) {
			return nil, errDead
		}
		if r.quiet--; r.quiet == 0 && r.from[p] < r.to[p] {
			r.silent, r.looks = int32(p), 3
		}
		return b, nil
	}
	if more { // nobody wants it yet, or it does not come
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, io.EOF
}

func (r *memoryReader) Standings() (all []millrace.Standing, ok bool) {
	for p := range r.logs {
		if r.from[p] >= r.to[p] {
			continue
		}
		s := millrace.Standing{Partition: int32(p), Answered: time.Now()}
		if s.Partition == r.silent { // it was at its end when it was heard of last
			s.Answered = s.Answered.Add(-time.Hour)
			s.Since = s.Answered
			if r.looks--; r.looks == 0 {
				r.silent = -1
			}
		}
		all = append(all, s)
	}
	return all, true
}

// Ask is merge.Source's. No partition answers that it is at its end.
func (r *memoryReader) Ask(context.Context, time.Time, func(int32) bool) error { return nil }

// How a learner dies.
const (
	byReading  = "after so many records"
	byFlip     = "before a flip"
	byReply    = "behind a flip, before its answer"
	byWriting  = "while a checkpoint is written"
	byKeeping  = "once a checkpoint is written"
	byNothing  = ""
	deathKinds = 5
)

var errDead = fmt.Errorf("killed: %w", millrace.ErrFenced)

// death says when a learner dies: with the n-th of something. From then on nothing that it does has any effect.
type death struct {
	of string

	mu   sync.Mutex
	n    int
	dead bool
}

// comes counts n more of something, and reports whether the learner is dead.
func (d *death) comes(of string, n int) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if of == d.of {
		if d.n -= n; d.n <= 0 {
			d.dead = true
		}
	}
	return d.dead
}

// killed is the error of a life unless it ended by being killed, or by itself.
func killed(err error) error {
	if err == nil || errors.Is(err, errDead) || errors.Is(err, millrace.ErrFenced) || strings.Contains(err.Error(), "killed") {
		return nil
	}
	return err
}
