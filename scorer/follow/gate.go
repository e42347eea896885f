package follow

import (
	"context"
	"slices"
	"time"

	"millrace"
)

// Source delivers batches of the partitions that the scorers' group gave to this one.
type Source interface {
	// NextOf returns the next batch of a partition that want accepts.
	NextOf(ctx context.Context, want func(partition int32) bool) (*millrace.Batch, error)
	Commit(ctx context.Context, positions []millrace.Position) error
	// Assigned are the partitions that this scorer has at the moment.
	Assigned() []int32
}

// Gate is a source for scoring: it returns events as soon as the follower has passed them, and sets their windows to
// what they were then. A batch that waits does not hold up other partitions. Use it from one goroutine; Commit is safe
// for concurrent use.
type Gate struct {
	source   Source
	follower *Follower
	parked   []*parked // one a partition at most
	kept     kept      // of the batch that was returned last
}

// parked is a batch that is not used up.
type parked struct {
	batch *millrace.Batch
	at    int       // the first record that was not returned
	since time.Time // when it was found to be of another topic
}

// NewGate returns a gate before a follower's scorer.
func NewGate(s Source, f *Follower) *Gate { return &Gate{source: s, follower: f} }

// Commit commits positions of what was scored.
func (g *Gate) Commit(ctx context.Context, positions []millrace.Position) error {
	if err := g.source.Commit(ctx, positions); err != nil {
		return err
	}
	// What another owner took over meanwhile was not committed, but then nobody will ask for it here either: that
	// owner's scores are at least as far.
	g.follower.values.committed(positions)
	return nil
}

// Next returns the next events whose windows are there, a batch or a part of one. The caller releases it before it asks
// again.
func (g *Gate) Next(ctx context.Context) (*millrace.Batch, error) {
	for {
		if len(g.parked) > 0 {
			if b := g.open(ctx); b != nil {
				return b, nil
			}
		}
		b, err := g.wait(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		if b.Anew {
			g.release(func(*parked) bool { return true }) // those of before speak of a topic that is gone
		}
		g.parked = append(g.parked, &parked{batch: b})
		if len(b.Records) > 0 {
			g.follower.values.seek(b.Partition, b.Records[0].Offset)
		}
	}
}

// otherTopicMax is how long a batch of another topic than the follower's is kept: the follower or the batch is that
// much older at most.
const otherTopicMax = 5 * time.Second

// wait waits for another batch, or until the follower has gone on: then the batch is nil.
func (g *Gate) wait(ctx context.Context) (*millrace.Batch, error) {
	until := ctx
	if len(g.parked) > 0 {
		var wake context.CancelFunc
		until, wake = context.WithTimeout(ctx, otherTopicMax)
		defer wake()
		g.follower.values.tell(g.parked, wake)
	}
	b, err := g.source.NextOf(until, func(partition int32) bool {
		return !slices.ContainsFunc(g.parked, func(p *parked) bool { return p.batch.Partition == partition })
	})
	if err != nil && until.Err() != nil && ctx.Err() == nil {
		return nil, nil //nolint:nilnil // nothing but that the follower has gone on
	}
	return b, err
}

// open returns the events of a parked batch that can be scored, or nil.
func (g *Gate) open(ctx context.Context) *millrace.Batch {
	own := g.source.Assigned()
	g.release(func(p *parked) bool { return !slices.Contains(own, p.batch.Partition) }) // another scorer has it now
	for i := 0; i < len(g.parked); i++ {
		p := g.parked[i]
		if len(p.batch.Records) == 0 {
			g.parked = slices.Delete(g.parked, i, i+1)
			return p.batch
		}
		n, how := g.follower.values.take(p.batch.Partition, p.batch.TopicID, p.batch.Records[p.at:], &g.kept)
		switch how {
		case passed:
			g.parked = append(slices.Delete(g.parked, i, i+1), p) // the others' turn comes first
			return g.part(p, n)
		case gone:
			if g.scored(ctx, p) {
				g.release(func(q *parked) bool { return q == p })
				i--
			}
		case other:
			if now := g.follower.o.Now(); p.since.IsZero() {
				p.since = now
			} else if now.Sub(p.since) >= otherTopicMax {
				g.follower.o.Log.Warn("events of a topic that is gone are not scored", "partition", p.batch.Partition, "events", len(p.batch.Records)-p.at)
				g.release(func(q *parked) bool { return q == p })
				i--
			}
		case waiting:
		}
	}
	return nil
}

// part returns n records of a parked batch, and with the last of them the batch.
func (g *Gate) part(p *parked, n int) *millrace.Batch {
	b := p.batch
	from, to := p.at, p.at+n
	if to == len(b.Records) {
		g.parked = g.parked[:len(g.parked)-1]
		if from == 0 {
			return b
		}
	}
	part := millrace.NewBatch(nil)
	if to == len(b.Records) {
		part = millrace.NewBatch(b.Release)
		part.To, part.Fingerprint = b.To, b.Fingerprint
	} else {
		part.To = b.Records[to].Offset
	}
	part.Topic, part.Partition, part.End, part.TopicID = b.Topic, b.Partition, b.End, b.TopicID
	part.Records, part.From, part.Anew = b.Records[from:to], b.Records[from].Offset, b.Anew && from == 0
	if from == 0 {
		part.From = b.From
	}
	p.at = to
	return part
}

// scored reports whether the group has committed a parked batch whose values are no longer kept. If not, the follower
// begins again before it.
func (g *Gate) scored(ctx context.Context, p *parked) bool {
	log := g.follower.o.Log
	committed, err := g.follower.o.Topic.Committed(ctx)
	if err != nil { // reading the topic again is right in any case
		log.Debug("cannot ask where the scorers stand", "error", err)
	}
	for _, at := range committed {
		if at.Partition == p.batch.Partition && at.TopicID == p.batch.TopicID && at.Offset >= p.batch.To {
			return true
		}
	}
	first := p.batch.Records[p.at].Offset
	log.Warn("windows of events to score are no longer kept: the tables are filled again, and scoring waits for it",
		"partition", p.batch.Partition, "offset", first)
	g.follower.begins(p.batch.Partition, first)
	return false
}

// release gives up parked batches.
func (g *Gate) release(which func(*parked) bool) {
	g.parked = slices.DeleteFunc(g.parked, func(p *parked) bool {
		if !which(p) {
			return false
		}
		p.batch.Release()
		return true
	})
}

// Fill sets the windows of a record of the batch that Next returned last. Records are asked for in their order.
func (g *Gate) Fill(e *millrace.Event, rec *millrace.Record) error {
	e.CapTime(rec)
	fields := g.follower.o.Fields
	i, ok := g.kept.find(rec.Offset)
	for k, f := range fields {
		e.Fields[f] = millrace.Field{}
		if ok {
			e.Fields[f] = field(g.kept.numbers[i*len(fields)+k])
		}
	}
	return nil
}
