package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// settleAttemptsMax bounds how often a flip whose reply was lost is asked about. The client library
// has repeated it three times by then, so a store that answers at all has answered.
const settleAttemptsMax = 3

// flip is one move of the pointers.
type flip struct {
	epoch    uint64 // the owner must be this
	owner    string
	expected string // the head must be this; empty for none
	next     record
	serve    bool
	person   bool // next's epoch and owner become the model's
}

// flip runs the flip script and settles an unknown outcome. The script may have run although its
// reply was lost: then head is ours already, and running it again would answer OK.
func (s *Store) flip(ctx context.Context, model string, f flip) (string, error) {
	k := keysOf(model)
	blobs := k.candidate(f.next.Candidate)
	names := []string{k.owner(), k.head(), k.served(), k.index(), blobs[0], blobs[1], blobs[2]}
	serve, epoch, owner, by := "0", "", "", ""
	if f.serve {
		serve = "1"
	}
	if f.person {
		epoch, owner, by = count(f.next.Epoch), f.next.Owner, f.next.By
	}
	var failure error
	for range settleAttemptsMax {
		answer, err := s.scripts.flip.Run(ctx, s.client, names, count(f.epoch), f.owner, f.expected, f.next.raw,
			count(f.next.Seq), serve, epoch, owner, by).Text()
		if err == nil {
			return answer, nil
		}
		failure = err
		var refusal redis.Error
		if errors.As(err, &refusal) || ctx.Err() != nil {
			break // Redis answered, or nobody waits any more
		}
		if head, err := s.pointer(ctx, k.head()); err == nil && head.raw == f.next.raw {
			return "OK", nil
		}
	}
	return "", s.failed("flipping", failure)
}

// flipped makes a flip durable and tells waiting scorers.
func (s *Store) flipped(ctx context.Context, model string) error {
	if s.o.AfterFlip != nil {
		if err := s.o.AfterFlip(ctx, model); err != nil {
			return fmt.Errorf("making the flip durable: %w", err)
		}
	}
	if err := s.client.Publish(ctx, keysOf(model).hint(), "").Err(); err != nil {
		s.o.Log.DebugContext(ctx, "hint not published, scorers will poll", "model", model, "error", err)
	}
	return nil
}

// count writes a number as the scripts compare it.
func count(n uint64) string { return strconv.FormatUint(n, 10) }
