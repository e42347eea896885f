package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

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

	unpublished string // the candidate that this writer wrote last, unless it is known to be published
	held        atomic.Pointer[Held]
	last        atomic.Pointer[published] // nil before the first; read without mu
}

// PublishOptions say how a version is published.
type PublishOptions struct {
	Cause millrace.Cause
	Serve bool // move served with head; false for the first, empty version and what the gate refuses
	Retention
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
			w.head, w.unpublished = r, ""
			before := w.last.Load()
			w.last.Store(&published{r.Head, p.Serve || before != nil && before.served})
			return r.Head, w.finish(ctx, p.Retention)
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

// choose says which lineage the version belongs to: the head's, one that begins with it, or, when the store had lost
// it, the one that it has always belonged to.
func (w *Writer) choose(snap *millrace.Snapshot, cause millrace.Cause) (err error) {
	m := &snap.Manifest
	switch {
	case cause.Begins() || cause == millrace.CauseRestored && m.Origin == "":
		w.began = cause
		w.origin, err = w.store.newOrigin()
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
	if err := w.dropUnpublished(ctx); err != nil {
		return record{}, err
	}
	r, err := w.store.write(ctx, w.model, snap, w.head.Candidate,
		millrace.Head{Seq: w.seq, Epoch: w.epoch, Owner: w.owner, Cause: cause, By: w.by, Origin: w.origin, Began: w.began})
	w.unpublished = r.Candidate
	return r, err
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
	size := len(manifest) + len(snap.Serving) + len(snap.Training)
	noted := pipe.HSet(ctx, keysOf(model).sizes(), r.Candidate, sizeText(int64(size), s.o.Now()))
	if _, err := pipe.Exec(ctx); err != nil && !redis.HasErrorPrefix(noted.Err(), "WRONGTYPE") {
		// What was written before the error goes by itself.
		return record{Head: h}, s.failed("writing candidate", err)
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
func (w *Writer) finish(ctx context.Context, r Retention) error {
	if err := w.store.flipped(ctx, w.model); err != nil {
		return fmt.Errorf("publishing %s: %w", w.model, err)
	}
	if err := w.trim(ctx, r); err != nil {
		w.store.o.Log.WarnContext(ctx, "retention failed, the next publication tries again", "model", w.model, "error", err)
	}
	return nil
}
