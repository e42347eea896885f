package learner

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"millrace"
)

// fullDeadLetters has no room and nobody who makes any: Kafka is away.
type fullDeadLetters struct{ entered chan struct{} }

func (d *fullDeadLetters) Reject(ctx context.Context, _ string, _ *millrace.Record, _ *millrace.Rejection) error {
	select {
	case d.entered <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return fmt.Errorf("writing a dead letter: %w", ctx.Err())
}
func (d *fullDeadLetters) Flush(context.Context) error { return nil }

func (d *fullDeadLetters) Pending() int { return 0 }

func (d *fullDeadLetters) Blocked() time.Duration { return 0 }

// TestStopWhileDeadLettersAreFull: the end does not wait for room; the last snapshot stands before the event that is
// neither learned nor a dead letter, so that a restart reads it again.
func TestStopWhileDeadLettersAreFull(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRig(t, &fakeSource{batches: batchesOf(0, 0, 10, 10), endless: true}, SnapshotsSpec{}, &fakeStore{}, nil)
	dead := &fullDeadLetters{entered: make(chan struct{}, 1)}
	r.learner.o.DeadLetters = dead
	r.learner.o.ShutdownTimeout = 200 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- r.learner.Run(ctx) }()
	<-dead.entered
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run = %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run does not end while the dead letters are full")
	}
	if at := offsetOf(t, r.store.last(t).Manifest, 0); at != 3 {
		t.Errorf("position = %d, want 3, the rejected event", at)
	}
}

// stuckDeadLetters are never acknowledged.
type stuckDeadLetters struct{ fakeDeadLetters }

func (d *stuckDeadLetters) Flush(ctx context.Context) error {
	<-ctx.Done()
	return fmt.Errorf("waiting for acknowledgements: %w", ctx.Err())
}

// TestUnpublishedEndIsNoCleanEnd: callers take a cancelled context for the end that was asked for.
func TestUnpublishedEndIsNoCleanEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRig(t, &fakeSource{batches: batchesOf(0, 0, 10, 10), endless: true}, SnapshotsSpec{}, &fakeStore{}, nil)
	r.learner.o.DeadLetters = &stuckDeadLetters{}
	r.learner.o.ShutdownTimeout = 100 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- r.learner.Run(ctx) }()
	for r.learner.Status().Learned == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	err := <-done
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want an error that is not taken for a clean end", err)
	}
}

// TestFencedWhileDeadLettersAreFull: nor does a learner that lost its model.
func TestFencedWhileDeadLettersAreFull(t *testing.T) {
	store := &fakeStore{away: fmt.Errorf("flip: %w", millrace.ErrFenced)}
	r := newRig(t, &fakeSource{batches: batchesOf(0, 0, 10, 10), endless: true}, SnapshotsSpec{Events: 1}, store, nil)
	dead := &fullDeadLetters{entered: make(chan struct{}, 1)}
	r.learner.o.DeadLetters = dead
	r.learner.o.ShutdownTimeout = 200 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- r.learner.Run(t.Context()) }()
	select {
	case err := <-done:
		if !errors.Is(err, millrace.ErrFenced) {
			t.Errorf("Run = %v, want ErrFenced", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a fenced learner does not end while the dead letters are full")
	}
}
