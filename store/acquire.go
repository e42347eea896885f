package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"millrace"
)

// AcquireOptions say how a model is acquired.
type AcquireOptions struct {
	By string // who, for people
	// After is an epoch that the writer's must be larger than, as that of a version which the store has lost.
	After uint64
	// Anew says that the caller does not go on from the head, so that it matters neither whether it can be read nor
	// whether it is there.
	Anew bool
}

// Acquire makes the caller the model's one writer, fencing whoever was, and returns the head to resume
// from: the zero Head when there is none. by says who, for people.
//
// Errors, with nothing changed: ErrHeadLost when the store has versions of the model and no head that can be read,
// ErrWrongType when a key holds something else than it should.
func (s *Store) Acquire(ctx context.Context, model, by string) (*Writer, millrace.Head, error) {
	return s.AcquireWith(ctx, model, AcquireOptions{By: by})
}

// AcquireWith is Acquire with options.
func (s *Store) AcquireWith(ctx context.Context, model string, o AcquireOptions) (*Writer, millrace.Head, error) {
	if err := checkModel(model); err != nil {
		return nil, millrace.Head{}, err
	}
	w := &Writer{store: s, model: model, by: o.By}
	if err := w.acquire(ctx, o); err != nil {
		return nil, millrace.Head{}, fmt.Errorf("acquiring %s: %w", model, err)
	}
	return w, w.head.Head, nil
}

func (w *Writer) acquire(ctx context.Context, o AcquireOptions) error {
	s, k := w.store, keysOf(w.model)
	var err error
	if w.owner, err = s.word(16); err != nil {
		return err
	}
	w.began = millrace.CauseFirst
	if w.origin, err = s.newOrigin(); err != nil {
		return err
	}
	// The history may hold newer versions than the head, as when a damaged one was repaired: their numbers are used up.
	st, err := s.state(ctx, w.model)
	if err != nil {
		return err
	}
	w.seq = st.newestSeq()
	anew := "0"
	if o.Anew { // the head may be gone: epochs go on from what else there is
		anew, o.After = "1", max(o.After, st.newestEpoch())
	}
	least := max(o.After+1, epochAt(s.o.Now()))
	reply, err := s.scripts.acquire.Run(ctx, s.client, []string{k.owner(), k.head(), k.served(), k.index()},
		w.owner, o.By, count(least), anew).StringSlice()
	if err != nil {
		return s.failed("taking the model", err)
	}
	if err := acquireRefusal(k, reply); err != nil {
		return err
	}
	if w.epoch, _, err = parseOwner([]any{reply[1], w.owner}); err != nil {
		return err
	}
	if reply[2] == "" {
		return nil
	}
	if w.head, err = parseRecord(reply[2]); err != nil {
		if !o.Anew {
			return err
		}
		w.head = record{raw: reply[2]} // it is only replaced
	}
	if w.head.Seq != 0 {
		w.last.Store(&published{Head: w.head.Head})
	}
	w.seq = max(w.seq, w.head.Seq)
	if w.head.Origin != "" {
		w.origin, w.began = w.head.Origin, w.head.Began
	}
	return nil
}

// acquireRefusal is why the script changed nothing; nil when it did its work.
func acquireRefusal(k keys, reply []string) error {
	switch {
	case len(reply) == 3 && reply[0] == "OK":
		return nil
	case len(reply) == 1 && reply[0] == "HEADLESS":
		return fmt.Errorf("%w: %s is gone, and there are versions", ErrHeadLost, k.head())
	case len(reply) == 2 && reply[0] == "UNREADABLE":
		return fmt.Errorf("%w: %s holds %.60q", ErrHeadLost, k.head(), reply[1])
	case len(reply) == 1:
		if err := wrongType(reply[0]); err != nil {
			return err
		}
	}
	return fmt.Errorf("unexpected answer %.80q", reply)
}

// epochAt is the epoch that a clock stands for. Epochs of before were small numbers, so that each of these is larger.
func epochAt(now time.Time) uint64 { return uint64(max(now.UnixMilli(), 0)) }

// newOrigin draws the name of a lineage that begins.
func (s *Store) newOrigin() (string, error) { return s.word(8) }

// parseOwner reads the owner's epoch and word as HMGET answers them; 0 and "" when there is none. The scripts take an
// epoch that is no number for 0, too.
func parseOwner(fields []any) (epoch uint64, owner string, err error) {
	if len(fields) != 2 {
		return 0, "", nil
	}
	owner, _ = fields[1].(string)
	text, ok := fields[0].(string)
	if !ok {
		return 0, owner, nil
	}
	epoch, err = strconv.ParseUint(text, 10, 64)
	if err != nil || epoch > countMax || len(text) > 16 || text[0] == '+' {
		return 0, owner, fmt.Errorf("reading owner: %w: epoch %.40q", millrace.ErrCorrupt, text)
	}
	return epoch, owner, nil
}
