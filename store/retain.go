package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"millrace"
)

// Retention says how many versions are left.
type Retention struct {
	Keep     int   // the newest versions that are left, besides young ones; 0 for all
	BytesMax int64 // what all versions may hold together, candidates that were never published included; 0 for any
}

// Held is what a model's versions hold in the store.
type Held struct {
	Bytes    int64
	Versions int
}

// How long versions are spared from retention.
const (
	// RetainYoung spares versions of the last minutes while there is room: a person who sees a bad version come up
	// wants the ones before it.
	RetainYoung = 10 * time.Minute
	// RetainAlways spares versions that a scorer may still be loading, having just read a pointer to them.
	RetainAlways = time.Minute
)

// trimMax bounds the versions that one publication deletes, so that lowering keep never makes one slow.
const trimMax = 64

// Held is what the model's versions held after the latest publication; zero before it.
func (w *Writer) Held() Held {
	if h := w.held.Load(); h != nil {
		return *h
	}
	return Held{}
}

// trim deletes versions beyond what r leaves. A candidate's blobs go with the last version that points to them.
func (w *Writer) trim(ctx context.Context, r Retention) error {
	if r == (Retention{}) {
		return nil
	}
	if within, err := w.within(ctx, r); within || err != nil {
		return err
	}
	s := w.store
	st, err := s.state(ctx, w.model)
	if err != nil {
		return err
	}
	held, err := s.sizesOf(ctx, w.model, st)
	if err != nil {
		return err
	}
	members, candidates := r.victims(st, held, s.o.Now())
	if len(members) > 0 {
		answer, err := w.delete(ctx, members, candidates)
		if err != nil {
			return err
		}
		if err := wrongType(answer); err != nil {
			return err
		}
		// CHANGED: somebody made one of them head, served or pinned just now; next time, then. FENCED: the
		// next publication will say so.
		if answer != "OK" {
			s.o.Log.DebugContext(ctx, "retention stood back", "model", w.model, "answer", answer)
			members, candidates = nil, nil
		}
	}
	for _, candidate := range candidates {
		delete(held, candidate)
	}
	now := Held{Versions: len(st.history) - len(members)}
	for _, bytes := range held {
		now.Bytes += bytes
	}
	w.held.Store(&now)
	return nil
}

// within reports whether nothing is to be deleted, as is usual: it asks two small things and no history.
func (w *Writer) within(ctx context.Context, r Retention) (bool, error) {
	s, k := w.store, keysOf(w.model)
	pipe := s.client.Pipeline()
	versions, sizes := pipe.ZCard(ctx, k.index()), pipe.HVals(ctx, k.sizes())
	if _, err := pipe.Exec(ctx); redis.HasErrorPrefix(err, "WRONGTYPE") {
		return false, nil
	} else if err != nil {
		return false, s.failed("counting versions", err)
	}
	now := Held{Versions: int(versions.Val())}
	for _, text := range sizes.Val() {
		bytes, _, _ := parseSize(text)
		now.Bytes += bytes
	}
	if r.Keep > 0 && now.Versions > r.Keep || r.BytesMax > 0 && now.Bytes > r.BytesMax || len(sizes.Val()) < now.Versions {
		return false, nil
	}
	w.held.Store(&now)
	return true, nil
}

// delete deletes index members and candidates in one step, unless one of them has come into use.
func (w *Writer) delete(ctx context.Context, members, candidates []string) (string, error) {
	s, k := w.store, keysOf(w.model)
	names := []string{k.owner(), k.head(), k.served(), k.pinned(), k.index(), k.sizes()}
	args := make([]any, 0, 3+len(candidates)+len(members))
	args = append(args, count(w.epoch), w.owner, len(candidates))
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
		return "", s.failed("deleting old versions", err)
	}
	return answer, nil
}

// dropUnpublished deletes the candidate that this writer wrote last, if its flip failed or has an unknown outcome,
// before it writes another: a store that refuses flip after flip must not fill up. A flip that is still on its way
// finds the candidate gone, and one that came through has made it the head, which is spared.
func (w *Writer) dropUnpublished(ctx context.Context) error {
	if w.unpublished == "" {
		return nil
	}
	if _, err := w.delete(ctx, nil, []string{w.unpublished}); err != nil {
		return err
	}
	w.unpublished = ""
	return nil
}

// victims picks the index members to remove and the candidates that no version needs afterwards. First go versions
// beyond the newest Keep that are not young. Where the others hold more than BytesMax, they are thinned, oldest first:
// those that a later one of the same minute followed, then of the same hour, then any. Head, served, pinned versions
// and those of the last minute are spared, whatever they hold.
func (r Retention) victims(st state, held map[string]int64, now time.Time) (members, candidates []string) {
	c := newCull(st, held)
	for i, v := range slices.Backward(st.history) { // the oldest first
		if r.Keep > 0 && i >= r.Keep && now.Sub(time.UnixMilli(v.At)) >= RetainYoung && !c.stays(v) {
			c.take(v)
		}
	}
	if r.BytesMax <= 0 {
		return c.members, c.candidates
	}
	for _, bucket := range []time.Duration{time.Minute, time.Hour, 0} {
		last := map[int64]uint64{} // of each minute or hour, the number of its last version
		for _, v := range st.history {
			if at := bucketOf(v, bucket); c.left(v) && v.Seq > last[at] {
				last[at] = v.Seq
			}
		}
		for _, v := range slices.Backward(st.history) {
			young := now.Sub(time.UnixMilli(v.At)) < RetainAlways
			if c.bytes <= r.BytesMax || young || !c.left(v) || c.stays(v) || bucket > 0 && last[bucketOf(v, bucket)] == v.Seq {
				continue
			}
			c.take(v)
		}
	}
	return c.members, c.candidates
}

func bucketOf(v record, bucket time.Duration) int64 {
	if bucket == 0 {
		return 0
	}
	return v.At / bucket.Milliseconds()
}

// cull is a selection of versions to delete.
type cull struct {
	st         state
	held       map[string]int64
	needs      map[string]int  // of each candidate, how many versions that are left point to it
	taken      map[string]bool // records
	bytes      int64           // what is held by what is left
	members    []string
	candidates []string
}

func newCull(st state, held map[string]int64) *cull {
	c := &cull{st: st, held: held, needs: map[string]int{}, taken: map[string]bool{}}
	for _, v := range st.history {
		c.needs[v.Candidate]++
	}
	for _, bytes := range held {
		c.bytes += bytes
	}
	return c
}

func (c *cull) left(v record) bool { return !c.taken[v.raw] }

// stays reports whether v is left whatever it holds, or because this publication has deleted enough.
func (c *cull) stays(v record) bool {
	return len(c.members) >= trimMax || c.st.pinned[v.Candidate] || v.raw == c.st.head.raw || v.raw == c.st.served.raw
}

func (c *cull) take(v record) {
	c.taken[v.raw] = true
	c.members = append(c.members, v.raw)
	if c.needs[v.Candidate]--; c.needs[v.Candidate] == 0 {
		c.candidates = append(c.candidates, v.Candidate)
		c.bytes -= c.held[v.Candidate]
	}
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
