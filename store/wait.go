package store

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"millrace"
)

// Wait blocks until what scorers should load differs from known (the zero Head for nothing yet) and
// returns it. Pass the last head seen, also one that was refused: Wait judges nothing, and would return
// the same head at once again. A model without a served version is waited for. It listens for the hint of a publication
// and looks by itself every poll, so a missed hint costs one poll. When Redis cannot be asked it returns that error,
// though not before poll has passed, so a caller may log it, keep serving, and simply call again.
func (s *Store) Wait(ctx context.Context, model string, known millrace.Head, poll time.Duration) (millrace.Head, error) {
	if err := checkModel(model); err != nil {
		return millrace.Head{}, err
	}
	// Subscribing comes before the first look: a flip between them is then hinted at.
	hints := s.client.Subscribe(ctx, keysOf(model).hint())
	defer func() {
		// Only a connection is given back; there is nothing to do about it.
		_ = hints.Close()
	}()
	// One hint is as good as many.
	channel := hints.Channel(redis.WithChannelSize(1))
	timer := time.NewTimer(poll)
	defer timer.Stop()
	for {
		served, err := s.Served(ctx, model)
		if errors.Is(err, millrace.ErrNoSnapshot) {
			served, err = known, nil // also after a failover that lost it: the learner will publish again
		}
		if err == nil && served != known {
			return served, nil
		}
		hint := channel
		if err != nil {
			hint = nil // a hint cannot help while the pointer cannot be read
		}
		select {
		case <-ctx.Done():
			return millrace.Head{}, ctx.Err()
		case <-hint:
		case <-timer.C:
			if err != nil {
				return millrace.Head{}, err
			}
			timer.Reset(poll)
		}
	}
}
