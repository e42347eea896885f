package learner

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"millrace"
)

// Rebuilding makes a stream's state by key again, from what a version says of it and from the log.
type Rebuilding struct {
	Stream   *Stream
	Manifest *millrace.Manifest // with the rebuild marks, and the positions that reading ends at
	Waiting  []byte             // the tail of the version's layout
	// Merger delivers the records of all partitions from their rebuild marks up to their positions, or farther.
	Merger  Merger
	Decoder Decoder
	Labels  Decoder // nil where labels come with their events
	// NewDecoder and NewLabels make others that decode alike, for other goroutines; nil where one is to decode.
	NewDecoder, NewLabels func() Decoder
	// Checkpoint is the state by key of an ancestor, and the manifest what Restored made of both; nil to read all from
	// the log.
	Checkpoint Blocks

	at    [2]rereading  // of events and labels, where the batch at work ends
	done  atomic.Uint64 // offsets passed
	total atomic.Uint64
}

// rereading is a batch that is read again, up to the end of its partition while that is not reached.
type rereading struct {
	batch *millrace.Batch
	key   partition
	end   int64
	open  bool
}

// Progress is how many offsets of how many have been read again. It may be called from any goroutine.
func (r *Rebuilding) Progress() (done, total uint64) { return r.done.Load(), r.total.Load() }

// Run reads until all positions are reached. It returns how many events and labels that waited are not in the log.
// Its error wraps millrace.ErrCorrupt when the version cannot be what it says, and an *UnusableError when the
// checkpoint cannot.
func (r *Rebuilding) Run(ctx context.Context) (lost uint64, err error) {
	if err := r.Stream.BeginRebuild(r.Manifest, r.Waiting); err != nil {
		return 0, fmt.Errorf("rebuilding: %w", err)
	}
	if r.Checkpoint != nil {
		if err := r.Stream.restore(r.Checkpoint); err != nil {
			return 0, fmt.Errorf("rebuilding: %w", &UnusableError{err})
		}
	}
	if ends := r.ends(); len(ends) > 0 {
		if err := r.read(ctx, ends); err != nil {
			return 0, fmt.Errorf("rebuilding: %w", err)
		}
	}
	return r.Stream.EndRebuild(r.Manifest), nil
}

// ends are the offsets where reading ends, of the partitions that are to be read.
func (r *Rebuilding) ends() map[partition]int64 {
	ends := map[partition]int64{}
	if r.Manifest.Keyed == nil {
		return ends
	}
	positions := map[partition]int64{}
	for _, p := range r.Manifest.Positions {
		positions[partition{p.Topic, p.Partition}] = p.Offset
	}
	for _, mark := range r.Manifest.Keyed.Rebuild {
		key := partition{mark.Topic, mark.Partition}
		if end := positions[key]; mark.Offset < end {
			ends[key] = end
			r.total.Add(uint64(end - mark.Offset))
		}
	}
	return ends
}

// errAtEnds ends reading when every partition is at its end.
var errAtEnds = errors.New("all has been read again")

// read applies what the merger brings until every partition is at its end.
func (r *Rebuilding) read(ctx context.Context, ends map[partition]int64) error {
	own := decoders{r.Decoder}
	if r.Labels != nil {
		own = append(own, r.Labels)
	}
	sets := sides(runtime.GOMAXPROCS(0), own, r.NewDecoder, r.NewLabels)
	turns := newTurns(r.Merger, sets, func(c *chunk) error {
		for i := range c.slots {
			c.ahead(r.Stream, &c.slots[i])
			r.slot(&c.slots[i], ends)
		}
		if err := r.Stream.Err(); err != nil {
			return err
		}
		if len(ends) == 0 {
			return errAtEnds
		}
		return nil
	})
	// Where the log ends before a position, whoever opened it has said whether that may be.
	if err := turns.Run(ctx, len(sets)); !errors.Is(err, errAtEnds) {
		return err
	}
	return nil
}

// slot applies one record again, unless it lies behind its partition's position.
func (r *Rebuilding) slot(s *slot, ends map[partition]int64) {
	if s.batch == nil {
		return // what went idle when, nobody knows any more
	}
	at := &r.at[kindOf(s.label)]
	if at.batch != s.batch {
		at.batch, at.key = s.batch, partition{s.batch.Topic, s.batch.Partition}
		at.end, at.open = ends[at.key]
	}
	if rec := s.record; rec != nil && at.open && rec.Offset < at.end {
		r.done.Add(1)
		if s.rejection == nil {
			r.Stream.Rebuild(s.event, rec, s.label)
		}
		if rec.Next() >= at.end {
			at.open = false
			delete(ends, at.key)
		}
	}
	if s.last {
		if s.batch.To >= at.end {
			delete(ends, at.key)
		}
		at.batch = nil // it may be another's once it is released
		s.batch.Release()
	}
}
