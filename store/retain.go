package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace"
)

const (
	// retainYoung spares versions of the last minutes: a scorer that has just read a pointer is still
	// loading what it points to, and a person who sees a bad version come up wants the ones before it.
	retainYoung = 10 * time.Minute
	// trimMax bounds the versions that one publication deletes, so that lowering keep never makes one
	// slow.
	trimMax = 64
)

// trim deletes versions beyond the newest keep, sparing head, served, pinned ones and young ones.
// A candidate's blobs go with the last version that points to them.
func (w *Writer) trim(ctx context.Context, keep int) error {
	s, k := w.store, keysOf(w.model)
	n, err := s.client.ZCard(ctx, k.index()).Result()
	if err != nil {
		return s.failed("counting versions", err)
	}
	if n <= int64(keep) {
		return nil
	}
	st, err := s.state(ctx, w.model)
	if err != nil {
		return err
	}
	members, candidates := victims(st, keep, s.o.Now())
	if len(members) == 0 {
		return nil
	}
	names := []string{k.owner(), k.head(), k.served(), k.pinned(), k.index()}
	args := []any{count(w.epoch), w.owner, len(candidates)}
	for _, candidate := range candidates {
		blobs := k.candidate(candidate)
		names = append(names, blobs[:]...)
		args = append(args, candidate)
	}
	for _, member := range members {
		args = append(args, member)
	}
	answer, err := s.scripts.trim.Run(ctx, s.client, names, args...).Text()
	if err != nil {
		return s.failed("deleting old versions", err)
	}
	// CHANGED: somebody made one of them head, served or pinned just now; next time, then. FENCED: the
	// next publication will say so.
	if answer != "OK" {
		s.o.Log.DebugContext(ctx, "retention stood back", "model", w.model, "answer", answer)
	}
	return nil
}

// victims picks the index members to remove and the candidates that no version needs afterwards.
func victims(st state, keep int, now time.Time) (members, candidates []string) {
	needed := map[string]bool{st.head.Candidate: true, st.served.Candidate: true}
	var old []record
	for i, r := range st.history {
		young := now.Sub(time.UnixMilli(r.At)) < retainYoung
		if i < keep || young || st.pinned[r.Candidate] || r.raw == st.head.raw || r.raw == st.served.raw {
			needed[r.Candidate] = true
			continue
		}
		old = append(old, r)
	}
	if n := len(old) - trimMax; n > 0 {
		// The oldest go first; the others still need their blobs until it is their turn.
		for _, r := range old[:n] {
			needed[r.Candidate] = true
		}
		old = old[n:]
	}
	chosen := map[string]bool{}
	for _, r := range old {
		members = append(members, r.raw)
		if !needed[r.Candidate] && !chosen[r.Candidate] {
			chosen[r.Candidate] = true
			candidates = append(candidates, r.Candidate)
		}
	}
	return members, candidates
}

// Pin spares the version seq, and every other version of the same candidate, from retention, or
// stops sparing it.
func (s *Store) Pin(ctx context.Context, model string, seq uint64, pinned bool) error {
	if err := checkModel(model); err != nil {
		return err
	}
	st, err := s.state(ctx, model)
	if err != nil {
		return err
	}
	target, err := st.find(seq)
	if err != nil {
		return fmt.Errorf("pinning version %d of %s: %w", seq, model, err)
	}
	key := keysOf(model).pinned()
	if pinned {
		err = s.client.SAdd(ctx, key, target.Candidate).Err()
	} else {
		err = s.client.SRem(ctx, key, target.Candidate).Err()
	}
	if err != nil {
		return s.failed("pinning", err)
	}
	return nil
}

// find is the version with the given number.
func (st *state) find(seq uint64) (record, error) {
	for _, r := range st.history {
		if r.Seq == seq {
			return r, nil
		}
	}
	if len(st.history) == 0 {
		return record{}, millrace.ErrNoSnapshot
	}
	return record{}, fmt.Errorf("%w: the history holds %d to %d", errNoVersion,
		st.history[len(st.history)-1].Seq, st.history[0].Seq)
}

var errNoVersion = errors.New("no such version")
