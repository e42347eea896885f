package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"millrace"
	"millrace/consumers"
)

// underWay stands in a note behind the ledger while a replay sends, and is followed by where the partitions ended that
// it sends to. A replay that was killed leaves it there: what lies behind may have been sent and not remembered. It is
// no letter of base64, so that a binary which does not know it reads no ledger.
const underWay = "!"

// endsBytesMax is what ends may take of a note. Those of partitions that have no room in any are not noted: what was
// sent to them is looked for from their logs' beginnings.
const endsBytesMax = consumers.NoteBytesMax / 2

// remember reads what was sent before, of this topic of letters: not of one that had its name before. What a killed
// replay has sent and not remembered is found in the topic that it sent to.
func (r *replaying) remember(ctx context.Context, span *deadSpan) error {
	positions, notes, err := r.e.cluster.CommittedNotes(ctx, replayGroup(r.e.pipeline.Name), r.said.Topic)
	if err != nil {
		return fmt.Errorf("asking what was sent before: %w", err)
	}
	r.ledgers = map[int32]*ledger{}
	sentFrom := map[int32]int64{}
	for _, from := range span.from {
		r.topicID = from.TopicID
		l := ledger{position: from.Offset}
		for _, p := range positions {
			if p.Partition == from.Partition && p.TopicID == from.TopicID {
				note, ends, under := strings.Cut(notes[p.Partition], underWay)
				l = newLedger(p.Offset, note)
				if r.under = r.under || under; under {
					readEnds(ends, sentFrom)
				}
			}
		}
		l.add(l.position, from.Offset) // what the log no longer holds
		r.ledgers[from.Partition] = &l
	}
	if r.under {
		if err := r.findSent(ctx, sentFrom); err != nil {
			return err
		}
	}
	return r.sourcesSent(ctx, span)
}

// sourcesSent finds out which records the letters are of that were sent before.
func (r *replaying) sourcesSent(ctx context.Context, span *deadSpan) error {
	none := true
	for _, from := range span.from {
		l := r.ledgers[from.Partition]
		none = none && len(l.done) == 0 && l.position <= from.Offset
	}
	if none || r.o.Again {
		return nil
	}
	return span.read(ctx, r.e, func(b *millrace.Batch) error {
		for i := range b.Records {
			l := newLetter(r.said.DeadTopic, &b.Records[i])
			topic, partition, offset, ok := millrace.ParseSource(l.Source)
			if ok && topic == r.said.From && l.Truncated == "" && !l.Range() && r.ledgers[b.Partition].has(b.Records[i].Offset) {
				r.sources.add(l.TopicID, partition, offset)
			}
		}
		return nil
	})
}

// begin notes that a replay is under way, before it sends its first letter.
func (r *replaying) begin(ctx context.Context) error {
	if r.under {
		return nil
	}
	r.under = true
	return r.commit(ctx, slices.Collect(maps.Keys(r.ledgers)))
}

// endsBeside are the ends that stand in the note of one partition of letters: all partitions of letters share them.
func (r *replaying) endsBeside(partition int32) string {
	letters := slices.Sorted(maps.Keys(r.ledgers))
	var b strings.Builder
	for i, to := range slices.Sorted(maps.Keys(r.bounds)) {
		text := fmt.Sprintf("%d:%d,", to, r.bounds[to][1])
		if letters[i%len(letters)] == partition && b.Len()+len(text) <= endsBytesMax {
			b.WriteString(text)
		}
	}
	return b.String()
}

// readEnds adds the ends that a note has to all; what does not read as one is left out.
func readEnds(text string, all map[int32]int64) {
	for part := range strings.SplitSeq(text, ",") {
		partition, end, _ := strings.Cut(part, ":")
		p, err := strconv.ParseInt(partition, 10, 32)
		at, endErr := strconv.ParseInt(end, 10, 64)
		if err == nil && endErr == nil && at >= 0 {
			all[int32(p)] = at
		}
	}
}

// findSent takes into the ledgers what a replay that was killed has sent to partitions behind where they ended then.
func (r *replaying) findSent(ctx context.Context, ends map[int32]int64) error {
	o := consumers.SourceOptions{Topic: r.said.From, AllowGaps: true, Limits: consumers.Limits{MinBytes: learnMinBytes, MaxWait: learnMaxWait}}
	for partition, held := range r.bounds {
		from := max(held[0], min(ends[partition], held[1]))
		o.Positions = append(o.Positions, millrace.Position{Topic: r.said.From, Partition: partition, Offset: from})
		o.Until = append(o.Until, millrace.Position{Topic: r.said.From, Partition: partition, Offset: held[1]})
		r.bounds[partition] = [2]int64{held[0], from} // killed again, it looks from there
	}
	err := readUntil(ctx, r.e.cluster, o, func(b *millrace.Batch) error {
		for i := range b.Records {
			for _, h := range b.Records[i].Headers {
				topic, partition, offset, ok := millrace.ParseSource(string(h.Value))
				if l := r.ledgers[partition]; h.Key == millrace.HeaderReplayedLetter && ok && topic == r.said.Topic && l != nil {
					l.add(offset, offset+1)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for what was sent before: %w", err)
	}
	return nil
}

// settle waits until what was sent is acknowledged, and remembers it; at the end also that the replay is not under way.
func (r *replaying) settle(ctx context.Context, end bool) error {
	ended := end && r.under && !r.o.DryRun
	if r.unsettled == 0 && !ended {
		return nil
	}
	if err := r.producer.Flush(ctx); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	if r.o.sent != nil {
		r.o.sent()
	}
	partitions := slices.Collect(maps.Keys(r.open))
	for partition, done := range r.open {
		for _, offset := range done {
			r.ledgers[partition].add(offset, offset+1)
		}
	}
	if ended {
		r.under, partitions = false, slices.Collect(maps.Keys(r.ledgers))
	}
	if err := r.commit(ctx, partitions); err != nil {
		return err
	}
	clear(r.open)
	r.unsettled = 0
	return nil
}

// commit remembers what is sent of some partitions.
func (r *replaying) commit(ctx context.Context, partitions []int32) error {
	positions, notes := make([]millrace.Position, 0, len(partitions)), make([]string, 0, len(partitions))
	for _, partition := range partitions {
		l, ends := r.ledgers[partition], ""
		if r.under {
			ends = underWay + r.endsBeside(partition)
		}
		note, givenUp := l.note(consumers.NoteBytesMax - len(ends))
		r.said.GivenUp += givenUp
		positions = append(positions, millrace.Position{Topic: r.said.Topic, Partition: partition, Offset: l.position, TopicID: r.topicID})
		notes = append(notes, note+ends)
	}
	if err := r.e.cluster.CommitNotes(ctx, replayGroup(r.e.pipeline.Name), positions, notes); err != nil {
		return fmt.Errorf("remembering what was sent: %w", err)
	}
	return nil
}
