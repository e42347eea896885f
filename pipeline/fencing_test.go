package pipeline

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"millrace"
	"millrace/pipeline/status"
)

// logLines keeps what is logged.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// get answers an admin page.
func get(t *testing.T, s *Pipeline, page string) (code int, body string) {
	t.Helper()
	r, err := http.Get("http://" + s.Status().Addresses.Admin + page)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// TestFencedLearnerLetsScoringGoOn: another learner takes the model over. The process stops learning and says so, and
// goes on scoring and being ready.
func TestFencedLearnerLetsScoringGoOn(t *testing.T) {
	const n = 600
	r := newRig(t, 1)
	var lines logLines
	r.log = slog.New(slog.NewTextHandler(&lines, nil))
	r.produce(rows(n, false))
	step := 0
	r.run(true, func(s *Pipeline) bool {
		now := s.Status()
		switch {
		case step == 0 && learnedAll(n)(s) && now.Scoring.Scored >= n && r.head().Manifest.Learned == n:
			if code, text := get(t, s, "/metrics"); code != http.StatusOK || !strings.Contains(text, `millrace_learner_up{pipeline="loop"} 1`) {
				t.Errorf("before: metrics answer %d without a learner", code)
			}
			if _, _, err := r.servers.store.Acquire(t.Context(), "loop", "another"); err != nil {
				t.Error(err)
			}
			step++
		case step == 1 && now.Learning.State == status.Fenced:
			if !strings.Contains(now.Learning.Why, "another") || now.Learning.Learned != n {
				t.Errorf("status %+v", now.Learning)
			}
			r.produce(rows(n, false))
			step++
		case step == 2 && now.Scoring.Scored >= 2*n:
			if code, text := get(t, s, "/readyz"); code != http.StatusOK {
				t.Errorf("readyz answers %d %s", code, text)
			}
			_, text := get(t, s, "/metrics")
			if !strings.Contains(text, `millrace_learner_up{pipeline="loop"} 0`) || strings.Contains(text, "millrace_learned_events_total") {
				t.Error("metrics tell of a learner that is none any more")
			}
			step++
		}
		return step == 3
	})
	if m := r.head().Manifest; m.Learned != n {
		t.Errorf("the fenced learner went on to %d events", m.Learned)
	}
	if text := lines.String(); strings.Count(text, "another learner owns the model") != 1 || !strings.Contains(text, "learning=fenced") {
		t.Errorf("the log does not say so once:\n%s", text)
	}
}

// TestFencedLearnerAloneEnds: a process that only learns has nothing to go on with.
func TestFencedLearnerAloneEnds(t *testing.T) {
	r := newRig(t, 1)
	r.produce(rows(100, false))
	s, err := open(t.Context(), Options{Config: r.pipeline, Learn: true, Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	if _, _, err := r.servers.store.Acquire(t.Context(), "loop", "another"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, millrace.ErrFenced) || !strings.Contains(err.Error(), "another") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
}

// TestReloadsAreSlow: somebody flips versions again and again. The learner follows, once a second at most.
func TestReloadsAreSlow(t *testing.T) {
	const n = 1000
	r := newRig(t, 1)
	r.produce(rows(n, false))
	r.run(false, learnedAll(n))
	versions, err := r.servers.store.List(t.Context(), "loop")
	if err != nil {
		t.Fatal(err)
	}
	var learners atomic.Int32
	r.onLearning = func(*learning) { learners.Add(1) }
	oldest := versions[len(versions)-1] // there is much to learn after it, so that a flip is noticed at once
	began, flips := time.Now(), 0
	var flipped time.Time
	r.run(false, func(*Pipeline) bool {
		took := time.Since(began)
		if took < 3*reloadEvery && time.Since(flipped) > 50*time.Millisecond {
			flipped = time.Now()
			if _, err := r.servers.store.Rollback(t.Context(), "loop", oldest.Head.Seq, "tester"); err != nil {
				t.Error(err)
			}
			flips++
		}
		return took > 4*reloadEvery && learners.Load() > 1
	})
	if most := int32(time.Since(began)/reloadEvery) + 2; learners.Load() > most || flips < 10 {
		t.Errorf("%d learners after %d flips in %s", learners.Load(), flips, time.Since(began))
	}
	r.run(false, learnedAll(n))
	if m := r.head().Manifest; m.Learned != n {
		t.Errorf("in the end %d of %d are learned", m.Learned, n)
	}
}

// TestEndsAfterAFlip: a process that is told to end before its learner has noticed a person's flip ends well, and the
// next one goes on from what the person chose.
func TestEndsAfterAFlip(t *testing.T) {
	const n = 300
	r := newRig(t, 1)
	r.produce(rows(n, false))
	r.run(false, learnedAll(n))
	oldest := r.head().Manifest.Seq
	var lines logLines
	r.log = slog.New(slog.NewTextHandler(&lines, nil))
	r.pipeline.Snapshots.Every, r.pipeline.Snapshots.Events, r.pipeline.Snapshots.UnpublishedMax = time.Hour, 0, 0
	r.produce(rows(n, false))
	r.run(false, func(s *Pipeline) bool {
		if !learnedAll(2 * n)(s) {
			return false
		}
		if _, err := r.servers.store.Rollback(t.Context(), "loop", oldest, "tester"); err != nil {
			t.Error(err)
		}
		return true
	})
	if !strings.Contains(lines.String(), "the last snapshot is not published") {
		t.Errorf("it said %s", lines.String())
	}
	r.run(false, learnedAll(2*n))
	if m := r.head().Manifest; m.Learned != 2*n {
		t.Errorf("in the end %d of %d are learned", m.Learned, 2*n)
	}
}
