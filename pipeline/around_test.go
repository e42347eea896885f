package pipeline

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestServerThatFailsEndsTheRun: clients of a server around the stages would wait for ever for one that has stopped to
// listen, while all else says that it is ready.
func TestServerThatFailsEndsTheRun(t *testing.T) {
	r := newRig(t, 1)
	r.produce(rows(10, false))
	r.pipeline.Scores.HTTP = "127.0.0.1:0"
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	s, err := open(ctx, Options{Config: r.pipeline, Learn: true, Score: true, Log: r.log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for !learnedAll(10)(s) {
		select {
		case err := <-ended:
			t.Fatalf("the stages ended early: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := s.answers.Close(); err != nil { // beneath the server that runs
		t.Fatal(err)
	}
	if err := <-ended; err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "serving scores of single events") {
		t.Fatalf("%v (%v)", err, ctx.Err())
	}
	if head := r.head(); head.Manifest.Learned != 10 {
		t.Errorf("the last snapshot has learned %d events, not 10", head.Manifest.Learned)
	}
}
