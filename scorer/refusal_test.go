package scorer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/scorer"
)

// waitRefused waits until n refusals are counted.
func (r *rig) waitRefused(n float64) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); r.refused() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%v refusals, want %v", r.refused(), n)
		}
	}
}

// TestLineages: a scorer follows a lineage, and goes over to another when a person began that one, also when it has not
// seen its first version. Where one of the two has no origin, as versions from before there were any, their order
// decides.
func TestLineages(t *testing.T) {
	for _, c := range []struct {
		served, next string
		began        millrace.Cause
		taken        bool
	}{
		{"a", "a", millrace.CauseFirst, true},
		{"a", "b", millrace.CauseFirst, false},
		{"a", "b", millrace.CauseFresh, true},
		{"a", "b", millrace.CauseTrained, true},
		{"a", "b", millrace.CauseImported, true},
		{"a", "b", millrace.CauseMigrated, true},
		{"a", "b", millrace.CausePromoted, true},
		{"", "a", millrace.CauseFirst, true},
		{"a", "", "", true},
	} {
		r := newRig(t)
		r.store.serve(millrace.Head{Epoch: 7, Seq: 8, Origin: c.served, Began: millrace.CauseFirst}, good(0.25, "schema"))
		r.settled()
		r.store.serve(millrace.Head{Epoch: 1_767_323_045_678, Seq: 2, Origin: c.next, Began: c.began, Cause: millrace.CauseLearned}, good(0.75, "schema"))
		r.settled()
		if got := r.score().Score == 0.75; got != c.taken {
			t.Errorf("origin %q after %q, began %s: taken %v, want %v", c.next, c.served, c.began, got, c.taken)
		}
	}
}

// TestManyRefusals: whoever refuses twenty versions in a row says what a person can do, once; a good one ends the row.
func TestManyRefusals(t *testing.T) {
	const many = "every version is refused"
	r := newRig(t)
	r.store.serve(millrace.Head{Epoch: 9, Seq: 9}, good(0.5, "schema"))
	r.settled()
	refuse := func(from, to int) {
		for i := from; i <= to; i++ {
			r.store.serve(millrace.Head{Epoch: 1, Seq: uint64(i)}, good(0.9, "schema"))
			r.waitRefused(float64(i))
		}
	}
	refuse(1, 19)
	if strings.Contains(r.log.String(), many) {
		t.Error("told after 19 refusals")
	}
	refuse(20, 25)
	text := r.log.String()
	if strings.Count(text, many) != 1 || !strings.Contains(text, "refused=20") || !strings.Contains(text, "restart the learner") {
		t.Errorf("after 25 refusals:\n%s", text)
	}
	r.store.serve(millrace.Head{Epoch: 9, Seq: 10}, good(0.75, "schema"))
	for deadline := time.Now().Add(time.Minute); r.scorer.Current().Head.Seq != 10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the good version was not taken")
		}
	}
	refuse(26, 44)
	if strings.Count(r.log.String(), many) != 1 {
		t.Error("told after 19 refusals that follow a good version")
	}
	refuse(45, 45)
	if strings.Count(r.log.String(), many) != 2 {
		t.Error("not told after 20 refusals that follow a good version")
	}
}

// TestGoneVersionIsToldOnce: a version whose blobs are gone is tried again and again, as they may come back, and told
// of once.
func TestGoneVersionIsToldOnce(t *testing.T) {
	r := newRig(t)
	r.store.serve(millrace.Head{Epoch: 1, Seq: 1}, good(0.5, "schema"))
	r.settled()
	const tries = 3
	gone := func(seq uint64, refused float64) {
		r.store.serve(millrace.Head{Epoch: 1, Seq: seq}, bad(fmt.Errorf("serving blob: %w", millrace.ErrNoSnapshot)))
		r.waitRefused(refused)
		if n := strings.Count(r.log.String(), fmt.Sprintf("snapshot refused; the last good version goes on serving\" seq=%d ", seq)); n != 1 {
			t.Errorf("version %d, tried %d times: told of %d times\n%s", seq, tries, n, r.log.String())
		}
	}
	gone(2, tries)
	gone(3, 2*tries)
}

// TestUnreadablePointer: rubbish under served is a refusal, not a store that does not answer, and one for as long as it
// stands there.
func TestUnreadablePointer(t *testing.T) {
	r := newRig(t)
	r.store.serve(millrace.Head{Epoch: 1, Seq: 1}, good(0.5, "schema"))
	r.settled()
	rubbish := func(what string) {
		r.store.set(func() {
			r.store.away = fmt.Errorf("reading millrace:{m}:served: %w: %s is no pointer", millrace.ErrCorrupt, what)
		})
		for range 3 {
			<-r.store.asked
		}
	}
	rubbish("x")
	r.waitRefused(1)
	rubbish("x")
	rubbish("y")
	r.waitRefused(2)
	if n := r.refused(); n != 2 {
		t.Errorf("%v refusals of two pointers", n)
	}
	text := r.log.String()
	if !strings.Contains(text, "reason="+scorer.RefusedCorrupt) || !strings.Contains(text, "millrace:{m}:served") || strings.Contains(text, "does not answer") {
		t.Errorf("logged\n%s", text)
	}
	if s := r.score(); s.Score != 0.5 {
		t.Errorf("with an unreadable pointer: %+v", s)
	}
	r.store.set(func() { r.store.away = errors.New("connection refused") })
	for range 2 {
		<-r.store.asked
	}
	r.store.set(func() { r.store.away = nil })
	r.store.serve(millrace.Head{Epoch: 1, Seq: 2}, good(0.75, "schema"))
	for deadline := time.Now().Add(time.Minute); r.score().Version != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the next good version was not taken")
		}
	}
}
