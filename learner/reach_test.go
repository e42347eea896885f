package learner

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestReachGoesByRecordTime: how far back a restart reads is compared with retention, which goes by record times; what
// is written anew of long ago has event times of long ago. It is known again after a restart at which nothing is new.
func TestReachGoesByRecordTime(t *testing.T) {
	l := newLives(5)
	l.spec.Wait, l.span = time.Hour, time.Hour
	if age := valueOf(gathered(t, l.begin(t, nil, 100, 0))["millrace_rebuild_reach_seconds"], ""); age != 0 {
		t.Errorf("nothing was read, and a restart would reach back by %v s", age)
	}
	const n, apart = 1000, int64(36_000)
	const before = int64(260 * 24 * 3_600_000)
	newest := time.Now().Add(-48 * time.Hour).UnixMilli()
	for i := range int64(n) {
		at := newest - (n-1-i)*apart
		l.events.add(0, at, fmt.Sprintf("e%d 1 %d - c", i, at-before))
		l.labels.add(0, at, fmt.Sprintf("e%d x %d 1", max(0, i-10), at-before))
	}
	f := l.begin(t, nil, 100, 0)
	f.learner.o.Retention = 24 * time.Hour
	f.run(t)
	head := f.store.heads[len(f.store.heads)-1]
	mark := head.Manifest.Keyed.Rebuild[0]
	if mark.Topic != l.events.name || mark.Offset < n/2 || mark.Offset > n-200 {
		t.Fatalf("read again from %+v", mark)
	}
	told := func(f *life) (reach, kept float64) {
		all := gathered(t, f)
		return valueOf(all["millrace_rebuild_reach_seconds"], ""), valueOf(all["millrace_rebuild_retention_seconds"], "")
	}
	want := time.Since(time.UnixMilli(l.events.partitions[0][mark.Offset].Time)).Seconds()
	if age, kept := told(f); math.Abs(age-want) > 60 || kept != 86400 {
		t.Errorf("a restart reaches back by %v s, want %v; %v s are kept", age, want, kept)
	}
	again := l.begin(t, &head, 100, 0)
	if age, _ := told(again); math.Abs(age-want) > 180 { // a slice of what is read
		t.Errorf("after a restart it reaches back by %v s, want %v", age, want)
	}
}

// TestReachOfLabels: the topic of labels is read again from before those that may still wait for their event, and where
// none is there not at all.
func TestReachOfLabels(t *testing.T) {
	const n, apart = 1000, int64(36_000)
	for _, c := range []struct {
		early  time.Duration
		labels int
		least  int64 // that is read again; 0 is nothing
	}{
		{2 * time.Hour, n, 200},
		{10 * time.Hour, n, 999},
		{2 * time.Hour, n / 2, 0}, // they stopped five hours ago
		{2 * time.Hour, 0, 0},
	} {
		l := newLives(5)
		l.spec.Wait, l.spec.Early = 6*time.Hour, c.early
		newest := time.Now().Add(-48 * time.Hour).UnixMilli()
		for i := range n {
			at := newest - int64(n-1-i)*apart
			l.events.add(0, at, fmt.Sprintf("e%d 1 %d - c", i, at))
			if i < c.labels {
				l.labels.add(0, at, fmt.Sprintf("f%d x %d 1", i, at))
			}
		}
		f := l.begin(t, nil, 100, 0)
		f.learner.o.Retention, f.learner.o.Labels.Retention = 24*time.Hour, 5*time.Hour
		f.run(t)
		all, want := gathered(t, f), 0.0
		for _, mark := range f.store.heads[len(f.store.heads)-1].Manifest.Keyed.Rebuild {
			if mark.Topic != l.labels.name {
				continue
			}
			if again := int64(c.labels) - mark.Offset; again < c.least || again > c.least*11/10 {
				t.Errorf("early %s: %d of %d labels are read again", c.early, again, c.labels)
			}
			if c.least > 0 {
				want = time.Since(time.UnixMilli(l.labels.partitions[0][mark.Offset].Time)).Seconds()
			}
		}
		age := valueOf(all["millrace_rebuild_labels_reach_seconds"], "")
		if math.Abs(age-want) > 120 || want == 0 && age != 0 {
			t.Errorf("early %s, %d labels: a restart reaches back by %v s, want %v", c.early, c.labels, age, want)
		}
		if kept := valueOf(all["millrace_rebuild_labels_retention_seconds"], ""); kept != 18_000 {
			t.Errorf("labels are kept for %v s", kept)
		}
		if kept := valueOf(all["millrace_rebuild_retention_seconds"], ""); kept != 86_400 {
			t.Errorf("events are kept for %v s", kept)
		}
	}
}
