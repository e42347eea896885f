package store

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"millrace"
)

func z(score float64, member string) redis.Z { return redis.Z{Score: score, Member: member} }

// at is a clock that is off by so much.
func at(off time.Duration) Options {
	return Options{Now: func() time.Time { return time.Now().Add(off) }}
}

// empty takes everything from a model, as a Redis without persistence that was restarted has.
func empty(t *testing.T, s *Store, model string) {
	t.Helper()
	if keys := keysLike(t, s, "millrace:{"+model+"}:*"); len(keys) > 0 {
		if err := s.client.Del(context.Background(), keys...).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// An epoch is larger than all before: than the store's, the head's, both clocks' and the one that the caller knows of.
// So it is new also in a store that has forgotten them, and whichever clock is an hour off.
func testEpochs(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	now, behind, ahead := open(t, addr, Options{}), open(t, addr, at(-time.Hour)), open(t, addr, at(time.Hour))
	before := epochAt(time.Now().Add(-time.Second))
	first := acquire(t, behind, model) // the store's clock counts
	if first.Epoch() < before {
		t.Errorf("epoch %d, the time is %d", first.Epoch(), before)
	}
	empty(t, now, model)
	second := acquire(t, now, model)
	if second.Epoch() < first.Epoch() {
		t.Errorf("epoch %d after %d, which the store forgot", second.Epoch(), first.Epoch())
	}
	third := acquire(t, ahead, model)
	if third.Epoch() < before+uint64(time.Hour.Milliseconds()) {
		t.Errorf("epoch %d of a clock an hour ahead", third.Epoch())
	}
	publish(t, third, 1)
	fourth := acquire(t, now, model)
	if fourth.Epoch() != third.Epoch()+1 {
		t.Errorf("epoch %d after %d of a clock an hour ahead", fourth.Epoch(), third.Epoch())
	}
	fence := publish(t, fourth, 2)
	back, err := behind.Rollback(ctx, model, 1, "bob")
	if err != nil || !back.Newer(fence) {
		t.Errorf("rolled back to %+v, %v", back, err)
	}
	now.client.Del(ctx, keysOf(model).owner()) // the head's counts
	if w := acquire(t, now, model); w.Epoch() != back.Epoch+1 {
		t.Errorf("epoch %d after the head's %d", w.Epoch(), back.Epoch)
	}
	empty(t, now, model)
	w, _, err := now.AcquireWith(ctx, model, AcquireOptions{After: third.Epoch()})
	if err != nil || w.Epoch() != third.Epoch()+1 {
		t.Errorf("epoch %d after %d, %v", w.Epoch(), third.Epoch(), err)
	}
}

// goldenHead is a head as it was written before there were origins, when epochs were counted from 1.
const goldenHead = `{"at":1767323045678,"by":"host:4711","candidate":"12-3-9f86d081884c7d65","cause":"learned",` +
	`"digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","epoch":3,"owner":"8608656001e97030ad56a5987e50f022","seq":12}`

// A head of before reads back byte for byte, and a learner goes on from it, with an origin from then on.
func testEpochsOfBefore(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	r, err := parseRecord(goldenHead)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := newRecord(r.Head, time.UnixMilli(r.At)); err != nil || again.raw != goldenHead {
		t.Errorf("read back as %s, %v", again.raw, err)
	}
	k := keysOf(model)
	s.client.HSet(ctx, k.owner(), "epoch", "3", "owner", r.Owner, "by", r.By)
	s.client.Set(ctx, k.head(), goldenHead, 0)
	s.client.Set(ctx, k.served(), goldenHead, 0)
	s.client.ZAdd(ctx, k.index(), z(12, goldenHead))
	w, h, err := s.Acquire(ctx, model, "learner")
	if err != nil || h != r.Head {
		t.Fatalf("resumed from %+v, %v", h, err)
	}
	next := publish(t, w, 1)
	if next.Seq != 13 || !next.Newer(h) || next.Origin == "" || !next.Follows(h) {
		t.Errorf("went on to %+v", next)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A lineage keeps its origin whoever learns on from it; what a person begins on purpose has another, and says how it
// began in every version from then on, since a scorer may never see the first.
func testOrigins(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	first := publish(t, w, 1)
	if len(first.Origin) != 16 || first.Began != millrace.CauseFirst {
		t.Errorf("the first head is %+v", first)
	}
	if snap, err := s.Load(ctx, model, first, false); err != nil || snap.Manifest.Origin != first.Origin || snap.Manifest.Began != first.Began {
		t.Errorf("its manifest is %+v, %v", snap.Manifest, err)
	}
	served := publish(t, acquire(t, s, model), 2)
	if served.Origin != first.Origin || !served.Follows(first) {
		t.Errorf("another learner went on to %+v", served)
	}
	for _, cause := range []millrace.Cause{millrace.CauseFresh, millrace.CauseTrained, millrace.CauseImported, millrace.CauseMigrated} {
		w := acquire(t, s, model)
		begun, err := w.Publish(ctx, snapshotOf(t, 3, 64), PublishOptions{Cause: cause})
		if err != nil {
			t.Fatal(err)
		}
		next := publish(t, acquire(t, s, model), 4)
		if begun.Origin == served.Origin || begun.Began != cause || next.Origin != begun.Origin || next.Began != cause || !next.Follows(served) {
			t.Errorf("%s: begun %+v, went on to %+v", cause, begun, next)
		}
		served = next
	}
	back, err := s.Rollback(ctx, model, first.Seq, "bob")
	if err != nil || back.Origin != served.Origin || !back.Follows(served) {
		t.Errorf("rolled back to %+v, %v", back, err)
	}
	empty(t, s, model)
	stranger := publish(t, acquire(t, open(t, addr, at(time.Minute)), model), 5)
	if stranger.Follows(served) || !stranger.Newer(served) {
		t.Errorf("a model that began because the store was empty: %+v after %+v", stranger, served)
	}
}

// A store that was emptied is filled again by the learner that lives through it, with its origin and epoch, and by one
// that starts later from a copy, which scorers of the former version take, also with its clock an hour behind.
func testEmptied(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s, behind := open(t, addr, at(time.Hour)), open(t, addr, at(-time.Hour))
	w := acquire(t, s, model)
	publish(t, w, 1)
	seen := publish(t, w, 2)
	empty(t, s, model)
	next := publish(t, w, 3)
	if next.Epoch != seen.Epoch || next.Origin != seen.Origin || !next.Newer(seen) || head(t, s, model) != next {
		t.Errorf("the learner went on to %+v after %+v", next, seen)
	}
	kept, err := s.Load(ctx, model, next, true)
	if err != nil {
		t.Fatal(err)
	}
	empty(t, s, model)
	after, _, err := behind.AcquireWith(ctx, model, AcquireOptions{After: kept.Manifest.Epoch})
	if err != nil {
		t.Fatal(err)
	}
	restored, err := after.Publish(ctx, &kept, PublishOptions{Cause: millrace.CauseRestored, Serve: true})
	if err != nil || restored.Origin != next.Origin || restored.Began != next.Began || !restored.Newer(next) || restored.Seq <= next.Seq {
		t.Errorf("restored %+v after %+v, %v", restored, next, err)
	}
	if learnedOf(t, s, model, restored) != 3 {
		t.Error("another version was restored")
	}
	if later := publish(t, after, 4); later.Origin != next.Origin || !later.Newer(restored) {
		t.Errorf("went on to %+v", later)
	}
}
