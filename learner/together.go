package learner

import (
	"context"

	"millrace"
)

// applyTogether applies the first slots of a chunk from a place on together, where the model's parts go through events
// side by side, and returns how many they are; 0 when the first is to be applied by itself. What is taken together is
// what is at hand: it ends before a snapshot that is due by count, and before whatever is no event of a partition that
// goes on.
func (l *Learner) applyTogether(ctx context.Context, c *chunk, from int) (n int, err error) {
	stream, batch, slots := l.o.Stream, l.batch, c.slots[from:c.n]
	for records := l.applied; n < len(slots) && stream.Room() > 0 && !l.tick.eventsDue(records); n++ {
		s := &slots[n]
		if s.idleness != nil || s.label || s.anew || s.batch != batch && l.positions[partition{s.batch.Topic, s.batch.Partition}] == nil {
			break
		}
		batch = s.batch
		if s.record == nil {
			continue
		}
		c.ahead(stream.Windows, s)
		if s.rejection == nil {
			stream.Add(s.event, s.record)
		}
		records += s.record.Count()
	}
	if n == 0 {
		return 0, nil
	}
	stream.Run(l.cores)
	for i := range n {
		if err := l.applyRecord(ctx, &slots[i], l.settle); err != nil {
			return i, err
		}
	}
	l.snapshotIfEventsDue()
	return n, nil
}

// settle is applyNow for an event that was taken in with others.
func (l *Learner) settle(s *slot) (Outcome, *millrace.Rejection) {
	if s.rejection != nil {
		return l.o.Stream.Refuse(s.record, s.label), s.rejection
	}
	outcome, why, _ := l.o.Stream.Settle()
	return outcome, why
}
