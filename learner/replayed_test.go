package learner

import (
	"slices"
	"testing"

	"millrace"
	"millrace/keyed"
)

// TestWindowsPassOverWhatWasSentAgain: an event that was rejected for its label was observed then. When it comes again
// it is learned, and no window sees it twice, neither live nor when the log is read again.
func TestWindowsPassOverWhatWasSentAgain(t *testing.T) {
	known := millrace.Label{Known: true, Value: 1}
	bad := millrace.Label{Fault: &millrace.Rejection{Reason: millrace.ReasonBadLabel}}
	again := millrace.Record{Offset: 1, Time: 200, Headers: []millrace.Header{{Key: millrace.HeaderReplayedSource, Value: []byte("e/0/0")}}}
	s, w, _ := newWindowStream()
	if outcome, _ := s.Event(eventOf(5, 70, bad), &millrace.Record{Time: 100}); outcome != Rejected || w.sum != 5 {
		t.Fatalf("outcome %d, windows hold %g", outcome, w.sum)
	}
	w.steps = nil
	if outcome, _ := s.Event(eventOf(5, 70, known), &again); outcome != Learned || w.sum != 5 ||
		!slices.Equal(w.steps, []string{"fill 70 at 70", "predict", "learn", "observe features"}) {
		t.Errorf("outcome %d, windows hold %g, steps %q", outcome, w.sum, w.steps)
	}
	m := millrace.Manifest{Positions: []millrace.Position{{Offset: 2}}, Keyed: s.Keyed([]millrace.Position{{Offset: 2}})}
	s, w, _ = newWindowStream()
	s.Clock = keyed.NewClock()
	if err := s.BeginRebuild(&m, nil); err != nil {
		t.Fatal(err)
	}
	s.Rebuild(eventOf(5, 70, known), &millrace.Record{Time: 100}, false)
	s.Rebuild(eventOf(5, 70, known), &again, false)
	if s.EndRebuild(&m); w.sum != 5 {
		t.Errorf("rebuilt the windows hold %g", w.sum)
	}
}
