package store

import (
	"context"
	"strings"
	"testing"
	"time"

	"millrace"
)

// challengerOf is the name of a test's second model.
func challengerOf(t *testing.T) string { return modelOf(t) + ".challenger" }

// unserved publishes as a challenger's learner does.
func unserved(t *testing.T, w *Writer, value float32) millrace.Head {
	t.Helper()
	h, err := w.Publish(context.Background(), snapshotOf(t, value, 64), PublishOptions{Cause: "learned"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// testChallenger: a challenger is never served before it is promoted; then it is, under the champion's name, and both
// learners' histories go on from where they were.
func testChallenger(t *testing.T, addr string) {
	ctx, champion, challenger := context.Background(), modelOf(t), challengerOf(t)
	s := open(t, addr, Options{})
	w, rival := acquire(t, s, champion), acquire(t, s, challenger)
	before := publish(t, w, 1)
	publish(t, w, 2)
	unserved(t, rival, 10)
	best := unserved(t, rival, 11)
	_, err := s.Served(ctx, challenger)
	wantError(t, err, millrace.ErrNoSnapshot)

	h, err := s.Promote(ctx, challenger, best, champion, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if h.Seq != 3 || h.Epoch <= w.Epoch() || h.Cause != "promoted" || h.By != "bob, version 2 of "+challenger || h.Candidate == best.Candidate {
		t.Errorf("promoted to %+v", h)
	}
	if served, err := s.Served(ctx, champion); err != nil || served != h || head(t, s, champion) != h || learnedOf(t, s, champion, served) != 11 {
		t.Errorf("served is %+v, %v", served, err)
	}
	snap, err := s.Load(ctx, champion, h, true)
	if err != nil || snap.Manifest.Model != champion || snap.Manifest.Parent == "" || snap.Manifest.Epoch != h.Epoch {
		t.Errorf("%+v, %v", snap.Manifest, err)
	}
	_, err = w.Publish(ctx, snapshotOf(t, 5, 64), PublishOptions{Serve: true})
	wantError(t, err, millrace.ErrFenced)

	// The challenger is as it was: its writer goes on, nothing of it is served, and losing its blobs takes nothing.
	if next := unserved(t, rival, 12); next.Seq != 3 || head(t, s, challenger) != next {
		t.Errorf("the challenger went on to %+v", next)
	}
	_, err = s.Served(ctx, challenger)
	wantError(t, err, millrace.ErrNoSnapshot)
	for _, key := range keysOf(challenger).candidate(best.Candidate) {
		s.client.Del(ctx, key)
	}
	if learnedOf(t, s, champion, h) != 11 {
		t.Error("the promoted version went with the challenger's")
	}

	again, resumed, err := s.Acquire(ctx, champion, "learner")
	if err != nil || resumed != h {
		t.Fatalf("resumed from %+v, %v", resumed, err)
	}
	if next := publish(t, again, 13); next.Seq != 4 || !next.Newer(h) {
		t.Errorf("went on to %+v", next)
	}
	if back, err := s.Rollback(ctx, champion, before.Seq, "bob"); err != nil || learnedOf(t, s, champion, back) != 1 {
		t.Errorf("rolled back to %+v, %v", back, err)
	}
}

// testChallengerRace: a promotion while both learners publish as fast as they can comes through, once.
func testChallengerRace(t *testing.T, addr string) {
	ctx, champion, challenger := context.Background(), modelOf(t), challengerOf(t)
	s := open(t, addr, Options{})
	w, rival := acquire(t, s, champion), acquire(t, s, challenger)
	publish(t, w, 1)
	best := unserved(t, rival, 10)
	fenced, stop, ended := make(chan error, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		for i := float32(2); ; i++ {
			if _, err := w.Publish(ctx, snapshotOf(t, i, 64), PublishOptions{Serve: true}); err != nil {
				fenced <- err
				return
			}
			time.Sleep(time.Millisecond) // a learner learns in between
		}
	}()
	go func() {
		for i := float32(20); ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, err := rival.Publish(ctx, snapshotOf(t, i, 64), PublishOptions{}); err != nil {
				ended <- err
				return
			}
		}
	}()
	h, err := s.Promote(ctx, challenger, best, champion, "bob")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, <-fenced, millrace.ErrFenced)
	close(stop)
	if err := <-ended; err != nil {
		t.Errorf("the challenger's writer: %v", err)
	}
	if got := head(t, s, champion); got != h || learnedOf(t, s, champion, got) != 10 {
		t.Errorf("head is %+v, promoted to %+v", got, h)
	}
}

func testChallengerRefuses(t *testing.T, addr string) {
	ctx, champion, challenger := context.Background(), modelOf(t), challengerOf(t)
	s := open(t, addr, Options{})
	w, rival := acquire(t, s, champion), acquire(t, s, challenger)
	now := publish(t, w, 1)
	best, other := unserved(t, rival, 10), unserved(t, rival, 11)
	if _, err := s.Promote(ctx, champion, now, champion, "bob"); err == nil || !strings.Contains(err.Error(), "rollback") {
		t.Errorf("a model's own version: %v", err)
	}
	if _, err := s.Promote(ctx, challenger, best, "no name", "bob"); err == nil {
		t.Error("a champion without a proper name was promoted to")
	}
	s.client.SetRange(ctx, keysOf(challenger).candidate(best.Candidate)[1], 100, "x")
	_, err := s.Promote(ctx, challenger, best, champion, "bob")
	wantError(t, err, millrace.ErrCorrupt)
	s.client.Del(ctx, keysOf(challenger).candidate(other.Candidate)[2])
	_, err = s.Promote(ctx, challenger, other, champion, "bob")
	wantError(t, err, ErrGone)
	if got := head(t, s, champion); got != now {
		t.Errorf("head moved to %+v", got)
	}
	publish(t, w, 2) // the learner was not fenced

	// A champion without a version yet is one that is made.
	third := unserved(t, rival, 12)
	if h, err := s.Promote(ctx, challenger, third, champion+".new", "bob"); err != nil || h.Seq != 1 || learnedOf(t, s, champion+".new", h) != 12 {
		t.Errorf("a first version: %+v, %v", h, err)
	}
}
