package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"millrace"
)

type waited struct {
	head millrace.Head
	err  error
}

func waitFor(ctx context.Context, s *Store, model string, known millrace.Head, poll time.Duration) <-chan waited {
	result := make(chan waited, 1)
	go func() {
		h, err := s.Wait(ctx, model, known, poll)
		result <- waited{h, err}
	}()
	return result
}

func testWaitHint(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	known := millrace.Head{}
	for i := range 3 {
		result := waitFor(ctx, s, model, known, time.Hour)
		channel := keysOf(model).hint()
		eventually(t, "a subscription", func() bool { return s.client.PubSubNumSub(ctx, channel).Val()[channel] == 1 })
		if i == 0 { // a version that is not served wakes nobody
			if _, err := w.Publish(ctx, snapshotOf(t, 1, 64), PublishOptions{Cause: "first"}); err != nil {
				t.Fatal(err)
			}
		}
		want := publish(t, w, 2)
		got := <-result
		if got.err != nil || got.head != want {
			t.Fatalf("waited for %+v, %v; published %+v", got.head, got.err, want)
		}
		known = want
		eventually(t, "the end of the subscription", func() bool { return s.client.PubSubNumSub(ctx, channel).Val()[channel] == 0 })
	}
	if h, err := s.Wait(ctx, model, millrace.Head{}, time.Hour); err != nil || h != known {
		t.Errorf("with something newer there already: %+v, %v", h, err)
	}
	// Losing what is served is no news to serve.
	s.client.Del(ctx, keysOf(model).served())
	result := waitFor(ctx, s, model, known, time.Millisecond)
	want := publish(t, w, 9)
	if got := <-result; got.err != nil || got.head != want {
		t.Errorf("waited for %+v, %v", got.head, got.err)
	}
}

func testWaitPoll(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	known := publish(t, w, 1)
	result := waitFor(ctx, s, model, known, 5*time.Millisecond)
	r, err := w.write(ctx, snapshotOf(t, 2, 64), "learned")
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := w.flip(ctx, r, true); answer != "OK" || err != nil { // and no hint
		t.Fatal(answer, err)
	}
	if got := <-result; got.err != nil || got.head != r.Head {
		t.Errorf("waited for %+v, %v", got.head, got.err)
	}
}

func testWaitCancelled(t *testing.T, addr string) {
	ctx, cancel := context.WithCancel(context.Background())
	s := open(t, addr, Options{})
	result := waitFor(ctx, s, modelOf(t), millrace.Head{}, time.Hour)
	cancel()
	if got := <-result; !errors.Is(got.err, context.Canceled) {
		t.Errorf("error is %v", got.err)
	}
}

func TestWaitWhileRedisIsAway(t *testing.T) {
	s := open(t, "127.0.0.1:1", Options{})
	_, err := s.Wait(context.Background(), "m", millrace.Head{}, 20*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error is %v", err)
	}
}
