package store

import (
	"context"
	"errors"
	"fmt"

	"millrace"
)

// rollbackAttemptsMax bounds how often a rollback starts over because a learner published meanwhile.
// A learner publishes every few seconds, a rollback takes milliseconds.
const rollbackAttemptsMax = 10

// Rollback makes the version seq head and served again, in the name of by: a person's flip. It takes a
// new epoch, so the running learner is fenced, and resumes from it when it starts anew; scorers take
// it although its weights are older. The version is loaded and verified first. A seq that is newer
// than what is served promotes it, in the same way.
func (s *Store) Rollback(ctx context.Context, model string, seq uint64, by string) (millrace.Head, error) {
	if err := checkModel(model); err != nil {
		return millrace.Head{}, err
	}
	verified := false
	for range rollbackAttemptsMax {
		st, err := s.state(ctx, model)
		if err != nil {
			return millrace.Head{}, err
		}
		target, err := st.find(seq)
		if err != nil {
			return millrace.Head{}, fmt.Errorf("rolling back %s to version %d: %w", model, seq, err)
		}
		if !verified {
			// Both blobs: a learner will resume from them.
			if _, err := s.Load(ctx, model, target.Head, true); err != nil {
				return millrace.Head{}, fmt.Errorf("rolling back %s to version %d: %w", model, seq, err)
			}
			verified = true
		}
		head, answer, err := s.flipTo(ctx, model, st, target, by)
		if err != nil {
			return millrace.Head{}, fmt.Errorf("rolling back %s to version %d: %w", model, seq, err)
		}
		switch answer {
		case "OK":
			return head, s.flipped(ctx, model)
		case "GONE":
			return millrace.Head{}, fmt.Errorf("rolling back %s to version %d: %w", model, seq, ErrGone)
		}
		if err := wrongType(answer); err != nil {
			return millrace.Head{}, fmt.Errorf("rolling back %s to version %d: %w", model, seq, err)
		}
		// Somebody published or acquired between the look and the flip: look again.
	}
	return millrace.Head{}, fmt.Errorf("rolling back %s to version %d: %w", model, seq,
		errors.New("other writers were faster every time; stop the learner and try again"))
}

func (s *Store) flipTo(ctx context.Context, model string, st state, target record, by string) (millrace.Head, string, error) {
	owner, err := s.word(16)
	if err != nil {
		return millrace.Head{}, "", err
	}
	cause := millrace.CauseRollback
	if target.Seq > st.served.Seq {
		cause = millrace.CausePromoted
	}
	// The lineage is the head's: scorers that serve a version of it go on with what a person put there. Where the head
	// is lost it is the version's own.
	origin, began := st.head.Origin, st.head.Began
	if origin == "" {
		origin, began = target.Origin, target.Began
	}
	next, err := newRecord(millrace.Head{
		Seq: st.newestSeq() + 1, Epoch: s.nextEpoch(st), Owner: owner, Origin: origin, Began: began,
		Candidate: target.Candidate, Digest: target.Digest, Cause: cause, By: by,
	}, s.o.Now())
	if err != nil {
		return millrace.Head{}, "", err
	}
	answer, err := s.flip(ctx, model, flip{
		epoch: st.epoch, owner: st.owner, expected: st.head.raw, next: next, serve: true, person: true,
	})
	return next.Head, answer, err
}
