package learner

import (
	"context"

	"millrace"
)

// applyTogether applies the first slots of those [from, to) of a chunk together, where the model's parts go through
// events side by side, and returns how many they are; 0 when the first is to be applied by itself. What is taken
// together is what is at hand: it ends before a snapshot that is due by count, and before whatever is no record of a
// partition that goes on.
func (l *Learner) applyTogether(ctx context.Context, c *chunk, from, to int) (n int, err error) {
	stream, batch, slots := l.o.Stream, l.batch, c.slots[from:to]
	l.ends = l.ends[:0]
	for applied := l.applied; n < len(slots) && stream.Room() > 0 && !l.tick.eventsDue(applied); n++ {
		s := &slots[n]
		if s.idleness != nil || s.anew || s.batch != batch && l.positions[partition{s.batch.Topic, s.batch.Partition}] == nil {
			break
		}
		batch = s.batch
		l.ends = append(l.ends, 0)
		if s.record == nil {
			continue
		}
		l.takeIn(c, s)
		applied += s.record.Count()
		for stream.Room() > 0 && !l.tick.eventsDue(applied) && stream.AddEnd() {
			l.ends[n]++
			applied++
		}
	}
	if err := stream.Err(); n == 0 || err != nil {
		return 0, err
	}
	stream.Run(l.cores)
	for i := range n {
		if err := l.applyRecord(ctx, &slots[i], l.settle); err != nil {
			return i, err
		}
		for range l.ends[i] {
			_, _, _ = stream.Settle()
			if err := stream.Err(); err != nil {
				return i + 1, err
			}
			if err := l.ended(ctx); err != nil {
				return i + 1, err
			}
		}
	}
	if stream.Join != nil {
		return n, l.expire(ctx) // those that there was no room for
	}
	l.snapshotIfEventsDue()
	return n, nil
}

// takeIn takes in a slot's record, if it could be decoded.
func (l *Learner) takeIn(c *chunk, s *slot) {
	c.ahead(l.o.Stream, s)
	switch {
	case s.rejection != nil:
	case s.label:
		l.o.Stream.AddLabel(s.event, s.record)
	default:
		l.o.Stream.Add(s.event, s.record)
	}
}

// settle is applyNow for a record that was taken in with others.
func (l *Learner) settle(s *slot) (Outcome, *millrace.Rejection) {
	if s.rejection != nil {
		return l.o.Stream.Refuse(s.record, s.label), s.rejection
	}
	outcome, why, _ := l.o.Stream.Settle()
	return outcome, why
}
