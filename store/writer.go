package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"millrace"
	"millrace/snapshot"
)

const (
	// candidateLife is how long a candidate lives without being flipped to: what a crashed or fenced
	// writer leaves behind goes by itself. It is far longer than a publication with all its retries.
	candidateLife = 10 * time.Minute
	// publishAttemptsMax bounds how often one publication writes its candidate anew because the
	// store's state changed under it (a failover). Each attempt leaves the writer better informed, so
	// more than two mean that the store is not settling.
	publishAttemptsMax = 4
)

// Writer publishes versions of one model for one owner. Another Acquire, or a person's flip, fences
// it. It is safe for concurrent use; publications take turns.
type Writer struct {
	store *Store
	model string
	owner string
	by    string
	epoch uint64

	mu     sync.Mutex
	head   record         // what this writer takes for the head; zero for none
	seq    uint64         // the highest that this writer has seen or used
	origin string         // of the lineage that it goes on with
	began  millrace.Cause // how that began
}

// PublishOptions say how a version is published.
type PublishOptions struct {
	Cause millrace.Cause
	Serve bool // move served with head; false for the first, empty version and what the gate refuses
	Keep  int  // versions that retention leaves; 0 for all
}

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
	if w.origin, w.began, err = s.newOrigin(millrace.CauseFirst); err != nil {
		return err
	}
	if o.Anew {
		// The head may be gone: numbers go on from what else there is.
		st, err := s.state(ctx, w.model)
		if err != nil {
			return err
		}
		w.seq, o.After = st.newestSeq(), max(o.After, st.newestEpoch())
	}
	least, anew := max(o.After+1, epochAt(s.o.Now())), "0"
	if o.Anew {
		anew = "1"
	}
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

// newOrigin draws the origin of a lineage that begins with the given cause.
func (s *Store) newOrigin(cause millrace.Cause) (string, millrace.Cause, error) {
	origin, err := s.word(8)
	return origin, cause, err
}

// parseOwner reads the owner's epoch and word as HMGET answers them; 0 and "" when there is none. The scripts take an epoch
// that is no number for 0, too.
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

// Epoch is the writer's epoch.
func (w *Writer) Epoch() uint64 { return w.epoch }

// Owner is the writer's random owner word.
func (w *Writer) Owner() string { return w.owner }

// Publish makes snap the head and, with Serve, what scorers load. It fills in the manifest's Format,
// Model, Epoch, Seq, Parent, blobs, and CreatedAt when that is zero. Versions are immutable; the head
// moves in one step, and only if this writer still owns the model.
//
// Errors: millrace.ErrFenced when another writer or a person took over; stop, or acquire anew.
// millrace.ErrEpochLost when the store keeps losing the epoch that Publish puts back. After any other
// error the outcome may be unknown: publish the next snapshot, which finds out and follows on.
func (w *Writer) Publish(ctx context.Context, snap *millrace.Snapshot, p PublishOptions) (millrace.Head, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.choose(snap, p.Cause); err != nil {
		return millrace.Head{}, fmt.Errorf("publishing %s: %w", w.model, err)
	}
	snapshot.Seal(snap)
	if snap.Manifest.CreatedAt.IsZero() {
		snap.Manifest.CreatedAt = w.store.o.Now()
	}
	answer := ""
	for range publishAttemptsMax {
		r, err := w.write(ctx, snap, p.Cause)
		if err != nil {
			return millrace.Head{}, fmt.Errorf("publishing %s: %w", w.model, err)
		}
		if answer, err = w.flip(ctx, r, p.Serve); err != nil {
			return millrace.Head{}, fmt.Errorf("publishing %s: %w", w.model, err)
		}
		if answer == "OK" {
			w.head = r
			return r.Head, w.finish(ctx, p.Keep)
		}
		if err := w.recover(ctx, answer); err != nil {
			return millrace.Head{}, fmt.Errorf("publishing %s: %w", w.model, err)
		}
	}
	err := errors.New("the store's head keeps changing under its owner")
	if answer == "LOST" {
		err = millrace.ErrEpochLost
	}
	return millrace.Head{}, fmt.Errorf("publishing %s: %w (%d attempts, last answer %s)", w.model, err, publishAttemptsMax, answer)
}

// choose says which lineage the version belongs to: the head's, one that begins with it, or, when the store had lost it,
// the one that it has always belonged to.
func (w *Writer) choose(snap *millrace.Snapshot, cause millrace.Cause) (err error) {
	m := &snap.Manifest
	switch {
	case cause.Begins() || cause == millrace.CauseRestored && m.Origin == "":
		w.origin, w.began, err = w.store.newOrigin(cause)
	case cause == millrace.CauseRestored:
		w.origin, w.began = m.Origin, m.Began
		w.seq = max(w.seq, m.Seq)
	}
	return err
}

// write writes a new candidate that follows the head.
func (w *Writer) write(ctx context.Context, snap *millrace.Snapshot, cause millrace.Cause) (record, error) {
	// A sequence number is used once, even when the flip it was for failed: scorers may have seen it
	// before a failover forgot it.
	w.seq++
	return w.store.write(ctx, w.model, snap, w.head.Candidate,
		millrace.Head{Seq: w.seq, Epoch: w.epoch, Owner: w.owner, Cause: cause, By: w.by, Origin: w.origin, Began: w.began})
}

// write completes the manifest and writes a new candidate, with a time-out and outside any script. h lacks Digest and
// Candidate, which it fills in.
func (s *Store) write(ctx context.Context, model string, snap *millrace.Snapshot, parent string, h millrace.Head) (record, error) {
	random, err := s.word(8)
	if err != nil {
		return record{}, err
	}
	m := &snap.Manifest
	m.Model, m.Epoch, m.Seq, m.Parent, m.Origin, m.Began = model, h.Epoch, h.Seq, parent, h.Origin, h.Began
	manifest, err := snapshot.EncodeManifest(*m)
	if err != nil {
		return record{}, err
	}
	h.Digest = snapshot.Digest(manifest)
	// What no scorer would accept is not published.
	if err := snapshot.Verify(*snap, manifest, h.Digest); err != nil {
		return record{}, err
	}
	h.Candidate = fmt.Sprintf("%d-%d-%s", h.Seq, h.Epoch, random)
	r, err := newRecord(h, s.o.Now())
	if err != nil {
		return record{}, err
	}
	pipe := s.client.Pipeline()
	for i, value := range [][]byte{manifest, snap.Serving, snap.Training} {
		pipe.Set(ctx, keysOf(model).candidate(r.Candidate)[i], value, candidateLife)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return record{}, s.failed("writing candidate", err)
	}
	return r, nil
}

func (w *Writer) flip(ctx context.Context, r record, serve bool) (string, error) {
	return w.store.flip(ctx, w.model, flip{
		epoch: w.epoch, owner: w.owner, expected: w.head.raw, next: r, serve: serve,
	})
}

// recover brings the writer up to date with a store that refused its flip, or says why it must stop.
func (w *Writer) recover(ctx context.Context, answer string) error {
	s, k := w.store, keysOf(w.model)
	switch answer {
	case "FENCED":
		return millrace.ErrFenced
	case "LOST":
		// A failover to a lagging replica forgot this epoch. Nobody took a later one, so it is put
		// back; who took the same one meanwhile wins, because both cannot go on.
		s.o.Log.WarnContext(ctx, "the store lost this writer's epoch, restoring it", "model", w.model, "epoch", w.epoch)
		restored, err := s.scripts.restore.Run(ctx, s.client, []string{k.owner()}, count(w.epoch), w.owner, w.by).Text()
		if err != nil {
			return s.failed("restoring epoch", err)
		}
		if err := wrongType(restored); err != nil {
			return err
		}
		if restored != "OK" {
			return millrace.ErrFenced
		}
	case "HEAD", "GONE":
	default:
		return cmp.Or(wrongType(answer), fmt.Errorf("unexpected answer %.40q", answer))
	}
	head, err := s.pointer(ctx, k.head())
	switch {
	case errors.Is(err, millrace.ErrNoSnapshot):
		if w.head.raw != "" {
			s.o.Log.WarnContext(ctx, "the store lost the head, publishing anew", "model", w.model, "seq", w.head.Seq)
		}
	case errors.Is(err, millrace.ErrCorrupt):
		// The store still says that this writer owns the model, so that nobody else has written it by right.
		s.o.Log.WarnContext(ctx, "the head cannot be read, replacing it", "model", w.model, "error", err)
	case err != nil:
		return err
	}
	// Any head that this writer, or one before it, left is a fair start: an older one after a
	// failover, a newer one of its own after a reply that never came.
	if head.Epoch > w.epoch || (head.Epoch == w.epoch && head.Owner != w.owner) {
		return millrace.ErrFenced
	}
	w.head = head
	w.seq = max(w.seq, head.Seq)
	return nil
}

// finish does what follows a flip: durability, which the caller waits for; the hint and retention,
// which may fail, because polling and the next publication make up for them.
func (w *Writer) finish(ctx context.Context, keep int) error {
	if err := w.store.flipped(ctx, w.model); err != nil {
		return fmt.Errorf("publishing %s: %w", w.model, err)
	}
	if keep > 0 {
		if err := w.trim(ctx, keep); err != nil {
			w.store.o.Log.WarnContext(ctx, "retention failed, the next publication tries again", "model", w.model, "error", err)
		}
	}
	return nil
}
