package learner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"millrace"
	"millrace/join"
)

// seen is what an event was predicted from and as, when it came.
type seen struct {
	fields     []millrace.Field
	prediction []float64
}

// arrivals applies both topics and returns what each event was seen as.
func (l *lives) arrivals(t *testing.T) map[int64]seen {
	t.Helper()
	s, _ := l.stream(t)
	all := map[int64]seen{}
	m := l.merger(nil, nil, nil)
	e, label := lateDecoder{}.NewEvent(), lateDecoder{label: true}.NewEvent()
	for {
		st, err := m.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := st.From; i < st.To; i++ {
			rec := &st.Batch.Records[i]
			if st.Source > 0 {
				if (lateDecoder{label: true}).Decode(rec, label) == nil {
					_, _ = s.Label(label, rec)
				}
			} else if (lateDecoder{}).Decode(rec, e) == nil {
				_, _ = s.Event(e, rec)
				fields := slices.Clone(e.Fields)
				fields[1].Text = slices.Clone(fields[1].Text)
				all[rec.Offset] = seen{fields, slices.Clone(s.Prediction())}
			}
			for s.Expire() {
			}
		}
	}
}

// TestNothingKnowsTheFuture: labels that come a day later, or events that are others, change no window and no
// prediction of an event that came before them.
func TestNothingKnowsTheFuture(t *testing.T) {
	l := newLives(7)
	l.fill(3000, 1)
	was := l.arrivals(t)
	events := l.events.partitions[0]
	from := events[1500].Time
	later := *l
	labels := slices.Clone(l.labels.partitions[0])
	for i := range labels {
		if labels[i].Time >= from {
			labels[i].Time += 24 * time.Hour.Milliseconds()
		}
	}
	later.labels = &topicLog{l.labels.name, [][]millrace.Record{labels}}
	other := *l
	replaced := slices.Clone(events)
	for i := range replaced {
		if replaced[i].Time >= from {
			replaced[i].Value = fmt.Appendf(nil, "x%d 77 %d - c1", i, replaced[i].Time)
		}
	}
	other.events = &topicLog{l.events.name, [][]millrace.Record{replaced}}
	for name, changed := range map[string]*lives{"later labels": &later, "other events": &other} {
		is := changed.arrivals(t)
		before, after := 0, 0
		for offset, w := range was {
			same := slices.Equal(w.prediction, is[offset].prediction) && fmt.Sprint(w.fields) == fmt.Sprint(is[offset].fields)
			switch {
			case events[offset].Time >= from && !same:
				after++
			case events[offset].Time < from && same:
				before++
			case events[offset].Time < from:
				t.Fatalf("%s: event %d of before is seen as %v, was %v", name, offset, is[offset], w)
			}
		}
		if before < 1000 || after < 500 {
			t.Errorf("%s: %d events of before are seen as they were, %d of after are not", name, before, after)
		}
	}
}

// TestEveryEventOfFourPartitionsEndsOnce: with several partitions, kills and all, every event and every label ends
// under one name.
func TestEveryEventOfFourPartitionsEndsOnce(t *testing.T) {
	l := newLives(3)
	l.fill(4000, 4)
	from, end, _ := l.dying(t, 60, 200)
	checkSums(t, l, from.Manifest.Names, end.stream.Join.Stats())
}

// TestExpiriesAtOneRecordAreKept: versions are made by time while the waits of many events end at one record. Who is
// killed meanwhile does not begin with all of them again.
func TestExpiriesAtOneRecordAreKept(t *testing.T) {
	const n, start = 20_000, 1_700_000_000_000
	l := newLives(5)
	l.spec.Wait = 24 * time.Hour
	for i := range n {
		l.events.add(0, start+int64(i/100), fmt.Sprintf("e%d %d %d - c%d", i, i%7, start+i/100, i%10))
	}
	l.events.add(0, start+10*24*time.Hour.Milliseconds(), "last 1 - - c1")
	l.labels.add(0, start, "nobody x 1 1")
	f := l.begin(t, nil, 0, 0)
	var looks atomic.Int64
	f.learner.o.Snapshots.Every = time.Second
	f.learner.o.Now = func() time.Time { return time.UnixMilli(start).Add(time.Duration(looks.Add(1)) * time.Second) }
	f.run(t)
	middle := 0
	for i := range f.store.heads {
		if got := f.store.heads[i].Manifest.Names[string(join.NameExpiredLearned)]; got > 0 && got < n {
			middle++
		}
	}
	if middle == 0 {
		t.Errorf("of %d versions none is of while the waits ended", len(f.store.heads))
	}
}

// TestMillionEventsExpireAtOneRecord, with snapshots in the middle. Whoever goes on from one of them expires the rest,
// and comes to the same end.
func TestMillionEventsExpireAtOneRecord(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	l := newLives(5)
	l.spec.Wait = 24 * time.Hour
	const start = 1_700_000_000_000
	for i := range n {
		l.events.add(0, start+int64(i/100), fmt.Sprintf("e%d %d %d - c%d", i, i%7, start+i/100, i%10))
	}
	l.events.add(0, start+10*24*time.Hour.Milliseconds(), "last 1 - - c1")
	l.labels.add(0, start, "nobody x 1 1")
	f := l.begin(t, nil, uint64(n)*3/2, 0)
	f.run(t)
	var middle *millrace.Snapshot
	for i := range f.store.heads {
		if got := f.store.heads[i].Manifest.Names[string(join.NameExpiredLearned)]; got > 0 && got < uint64(n) {
			middle = &f.store.heads[i]
		}
	}
	if middle == nil {
		t.Fatal("no snapshot in the middle of the expiries")
	}
	again := l.begin(t, middle, 0, 0)
	again.run(t)
	want, got := f.store.last(t), again.store.last(t)
	checkFigures(t, again)
	if !maps.Equal(learned(t, &want), learned(t, &got)) || !maps.Equal(want.Manifest.Names, fates(got.Manifest.Names)) {
		t.Errorf("going on from the middle ends with %v, want %v", got.Manifest.Names, want.Manifest.Names)
	}
	if n := want.Manifest.Names[string(join.NameExpiredLearned)]; n != uint64(l.events.records()-1) {
		t.Errorf("%d events expired", n)
	}
}
