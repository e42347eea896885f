package store

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"millrace"
)

// A restart of Redis, and the time it is away, costs the writer nothing but the publications it could
// not make: no version is lost, and none appears that was never acknowledged or followed.
func TestRestart(t *testing.T) {
	t.Run("miniredis", func(t *testing.T) {
		m := miniredis.RunT(t)
		testRestart(t, m.Addr(), m.Close, func() {
			if err := m.Restart(); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("redis", func(t *testing.T) {
		path, err := exec.LookPath("redis-server")
		if err != nil {
			t.Skip("redis-server is not on PATH")
		}
		r := startRedis(t, path, "--appendfsync", "always")
		testRestart(t, r.addr, r.kill, func() { r.start(t) })
	})
}

func testRestart(t *testing.T, addr string, stop, start func()) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	known := publish(t, w, 1)
	result := waitFor(ctx, s, model, known, 30*time.Millisecond)
	stop()
	if _, err := w.Publish(ctx, snapshotOf(t, 2, 64), PublishOptions{Serve: true}); err == nil {
		t.Fatal("published while Redis was away")
	}
	if got := <-result; got.err == nil {
		t.Errorf("waited for %+v while Redis was away", got.head)
	}
	if _, err := s.Load(ctx, model, known, true); err == nil || errors.Is(err, millrace.ErrCorrupt) || errors.Is(err, ErrGone) {
		t.Errorf("loading while Redis is away: %v", err)
	}
	start()
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	// A real Redis may take a moment to read its files.
	eventually(t, "the head after the restart", func() bool {
		h, err := s.Head(ctx, model)
		return err == nil && h == known
	})
	next := publish(t, w, 3)
	if !next.Newer(known) || next.Epoch != known.Epoch || learnedOf(t, s, model, next) != 3 || learnedOf(t, s, model, known) != 1 {
		t.Errorf("published %+v after %+v", next, known)
	}
	if h, err := s.Wait(ctx, model, known, time.Hour); err != nil || h != next {
		t.Errorf("waited for %+v, %v", h, err)
	}
}
