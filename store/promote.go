package store

import (
	"context"
	"errors"
	"fmt"

	"millrace"
)

// Promote makes a version of one model, a challenger, the head of another, its champion, and what scorers serve under
// that name, in the name of by: a person's flip, as Rollback is. The version is loaded and verified, and written anew
// as a candidate of the champion, so that the two share nothing afterwards: the challenger's learner goes on
// undisturbed, and its retention cannot touch what is served. The champion's learner is fenced, and resumes from the
// challenger's positions when it starts anew with settings that fit; versions from before stay in the history, to go
// back to.
//
// Whether the champion's learner and scorers can use the version is for the caller to see: the store does not know
// settings.
func (s *Store) Promote(ctx context.Context, challenger string, h millrace.Head, champion, by string) (millrace.Head, error) {
	head, err := s.promote(ctx, challenger, h, champion, by)
	if err != nil {
		return millrace.Head{}, fmt.Errorf("promoting version %d of %s to %s: %w", h.Seq, challenger, champion, err)
	}
	return head, s.flipped(ctx, champion)
}

func (s *Store) promote(ctx context.Context, challenger string, h millrace.Head, champion, by string) (millrace.Head, error) {
	if err := checkModel(champion); err != nil {
		return millrace.Head{}, err
	}
	if challenger == champion {
		return millrace.Head{}, errors.New("a model's own version is made head by a rollback")
	}
	// Both blobs: a learner will resume from them.
	snap, err := s.Load(ctx, challenger, h, true)
	if err != nil {
		return millrace.Head{}, err
	}
	// What was the challenger's begins a lineage under the champion's name.
	origin, err := s.newOrigin()
	if err != nil {
		return millrace.Head{}, err
	}
	for range rollbackAttemptsMax {
		st, err := s.state(ctx, champion)
		if err != nil {
			return millrace.Head{}, err
		}
		owner, err := s.word(16)
		if err != nil {
			return millrace.Head{}, err
		}
		next, err := s.write(ctx, champion, &snap, st.head.Candidate, millrace.Head{
			Seq: st.newestSeq() + 1, Epoch: s.nextEpoch(st), Owner: owner, Cause: millrace.CausePromoted,
			By: fmt.Sprintf("%s, version %d of %s", by, h.Seq, challenger), Origin: origin, Began: millrace.CausePromoted,
		})
		if err != nil {
			return millrace.Head{}, err
		}
		answer, err := s.flip(ctx, champion, flip{
			epoch: st.epoch, owner: st.owner, expected: st.head.raw, next: next, serve: true, person: true,
		})
		if err != nil {
			return millrace.Head{}, err
		}
		if answer == "OK" {
			return next.Head, nil
		}
		if err := wrongType(answer); err != nil {
			return millrace.Head{}, err
		}
		// Somebody published or acquired between the look and the flip: look again. What was written goes by itself.
	}
	return millrace.Head{}, errors.New("other writers were faster every time; stop the learner and try again")
}
