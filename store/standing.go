package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"millrace"
)

// published is what a writer knows to be in the store.
type published struct {
	millrace.Head
	served bool // served was moved with it, so that there is one since
}

// Standing looks whether the store still has what this writer put there: nil when it has, or when there is nothing yet.
// It does not wait for a publication under way.
//
// Errors: millrace.ErrFenced when another writer or a person owns the model now. millrace.ErrEpochLost when the store
// has forgotten the writer or its newest version, as after a restart without persistence or a failover to a lagging
// replica: publish again. Any other error says that the store could not be asked.
func (w *Writer) Standing(ctx context.Context) error {
	last, s, k := w.last.Load(), w.store, keysOf(w.model) // before asking: what comes later is only newer
	pipe := s.client.Pipeline()
	owner := pipe.HMGet(ctx, k.owner(), "epoch", "owner")
	head := pipe.Get(ctx, k.head())
	var blobs, served *redis.IntCmd
	if last != nil {
		c := k.candidate(last.Candidate)
		blobs, served = pipe.Exists(ctx, c[:]...), pipe.Exists(ctx, k.served())
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return s.failed("looking for what was published", err)
	}
	epoch, word, _ := parseOwner(owner.Val()) // one that cannot be read is none
	switch {
	case epoch > w.epoch, epoch == w.epoch && word != w.owner:
		return fmt.Errorf("%w (epoch %d, ours is %d)", millrace.ErrFenced, epoch, w.epoch)
	case epoch < w.epoch:
		return fmt.Errorf("%w (%d, it has %d)", millrace.ErrEpochLost, w.epoch, epoch)
	case last == nil:
		return nil
	}
	now, err := parseRecord(head.Val())
	switch {
	case err != nil, last.Newer(now.Head):
		return fmt.Errorf("%w: the head is gone or an older one than version %d", millrace.ErrEpochLost, last.Seq)
	case now.Candidate == last.Candidate && blobs.Val() != 3:
		return fmt.Errorf("%w: version %d has lost blobs", millrace.ErrEpochLost, last.Seq)
	case last.served && served.Val() == 0:
		return fmt.Errorf("%w: served is gone", millrace.ErrEpochLost)
	}
	return nil
}
