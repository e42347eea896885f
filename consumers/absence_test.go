package consumers

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAbsence: of a topic that several wait for the log tells at once, with what to do, and every 30 seconds, and the
// cluster for as long as anyone waits.
func TestAbsence(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var log strings.Builder
	c, err := Dial(testSpec("127.0.0.1:1"), Options{Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	one, other, second := c.Absence("labels"), c.Absence("labels"), c.Absence("events")
	one.End() // it has not waited
	wantLines := func(first, still int) {
		t.Helper()
		text := log.String()
		if n, m := strings.Count(text, "does not exist yet"), strings.Count(text, "still waiting"); n != first || m != still {
			t.Errorf("%d lines at once and %d later, want %d and %d:\n%s", n, m, first, still, text)
		}
	}
	for range 3 {
		one.Note()
		other.Note()
	}
	wantLines(1, 0)
	for _, words := range []string{"topic=labels", "create it", "unknown_topic: create"} {
		if !strings.Contains(log.String(), words) {
			t.Errorf("the log does not say %q: %s", words, log.String())
		}
	}
	now = now.Add(absentTellEvery - 1)
	one.Note()
	wantLines(1, 0)
	now = now.Add(1)
	other.Note()
	one.Note()
	wantLines(1, 1)
	second.Note()
	wantLines(2, 1)
	if absent := c.Absent(); !slices.Equal(absent, []string{"events", "labels"}) {
		t.Errorf("absent are %v", absent)
	}
	one.End()
	one.End()
	second.End()
	if absent := c.Absent(); !slices.Equal(absent, []string{"labels"}) {
		t.Errorf("one waits still, and absent are %v", absent)
	}
	other.End()
	if absent := c.Absent(); len(absent) != 0 {
		t.Errorf("nobody waits, and absent are %v", absent)
	}
	other.Note()
	wantLines(3, 1)
}
