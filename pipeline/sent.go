package pipeline

import (
	"context"
	"errors"
	"fmt"

	"millrace"
	"millrace/consumers"
)

const (
	// lookBackFirst is how many records of each partition are looked through at first for rows of files, from the end:
	// rows of one block lie among so many where nobody else writes. It doubles until they are found.
	lookBackFirst = 2 * blockRows
	// lookBackMax bounds it: where others wrote more behind the rows of a file, it counts as another one.
	lookBackMax = 1 << 17
)

// sentRows are those of some files that topics have: all before the block that the newest is of, and some of that.
type sentRows struct {
	newest RowAt
	block  RowAt          // the first row of the newest one's block
	some   map[int64]bool // rows of that block
	// anchor is the first of those that were found, and anchorTime its record's time.
	anchor     RowAt
	anchorTime int64
	found      bool
	other      bool // rows of other files were found
}

// has reports whether a row is there.
func (s *sentRows) has(at RowAt) bool {
	return s.found && (at.before(s.block) || at.Pass == s.block.Pass && s.some[at.Row])
}

// see takes in the header of a record.
func (s *sentRows) see(at RowAt, digest string, time int64) {
	if at.Digest != digest {
		s.other = true
		return
	}
	if !s.found || s.newest.before(at) {
		s.newest = at
		if block := at.block(); !s.found || s.block.before(block) {
			s.block, s.some = block, map[int64]bool{}
		}
	}
	if at.block() == s.block {
		s.some[at.Row] = true
	}
	if !s.found || at.before(s.anchor) {
		s.anchor, s.anchorTime = at, time
	}
	s.found = true
}

// tail is the end of one partition, as far as it was looked through.
type tail struct {
	millrace.Position       // of the first record that was looked at
	start, end        int64 // of the log
	oldest            RowAt // of the files' rows in it
	found             bool
}

// lacks reports whether older records may still say something: of a partition with rows, those of the newest block.
func (t *tail) lacks(s *sentRows) bool {
	return t.Offset > t.start && t.end-t.Offset < lookBackMax && !(t.found && t.oldest.before(s.block))
}

// findSent looks at the ends of topics for rows of the files of a digest. Partitions get rows at their own pace, so
// what is newest may have holes before it, in its block: that is looked through in all partitions.
func findSent(ctx context.Context, c *consumers.Cluster, topics []string, digest string) (*sentRows, error) {
	sent := &sentRows{}
	var tails []*tail
	for _, topic := range topics {
		bounds, err := c.Bounds(ctx, topic)
		if errors.Is(err, consumers.ErrUnknownTopic) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("looking for rows in %s: %w", topic, err)
		}
		for partition, b := range bounds {
			tails = append(tails, &tail{start: b[0], end: b[1], Position: millrace.Position{Topic: topic, Partition: partition, Offset: b[1]}})
		}
	}
	for step, more := int64(lookBackFirst), true; more; step *= 2 {
		more = false
		for _, t := range tails {
			if !t.lacks(sent) {
				continue
			}
			more = true
			until := t.Position
			t.Offset = max(t.start, until.Offset-step)
			if err := lookThrough(ctx, c, t, until, func(at RowAt, time int64) {
				sent.see(at, digest, time)
				if at.Digest == digest && (!t.found || at.before(t.oldest)) {
					t.oldest, t.found = at, true
				}
			}); err != nil {
				return nil, fmt.Errorf("looking for rows in %s: %w", t.Topic, err)
			}
		}
	}
	return sent, nil
}

// lookThrough reads the headers of a tail's records up to a position.
func lookThrough(ctx context.Context, c *consumers.Cluster, t *tail, until millrace.Position, see func(RowAt, int64)) error {
	return readUntil(ctx, c, consumers.SourceOptions{Topic: t.Topic, Positions: []millrace.Position{t.Position},
		Until: []millrace.Position{until}, AllowGaps: true, Limits: consumers.Limits{MinBytes: learnMinBytes, MaxWait: learnMaxWait}}, func(b *millrace.Batch) error {
		for i := range b.Records {
			rec := &b.Records[i]
			for _, h := range rec.Headers {
				if h.Key != millrace.HeaderRow {
					continue
				}
				if at, ok := parseRowAt(string(h.Value)); ok {
					see(at, rec.Time)
				}
			}
		}
		return nil
	})
}
