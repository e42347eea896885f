package learner

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"millrace"
)

// sameCounts compares what became of events and labels, and what the stream knows of time.
func sameCounts(t *testing.T, got, want *millrace.Manifest) {
	t.Helper()
	a, b := fates(got.Names), fates(want.Names)
	if !maps.Equal(a, b) || got.Learned != want.Learned || got.Applied != want.Applied || got.Keyed.Now != want.Keyed.Now {
		t.Errorf("%v, %d learned, %d applied, watermark %d; want\n%v, %d, %d, %d", a, got.Learned, got.Applied, got.Keyed.Now,
			b, want.Learned, want.Applied, want.Keyed.Now)
	}
}

// shift moves the times of a topic's records, and those within them, by what by says.
func (l *topicLog) shift(by func(partition int, at int64) int64) {
	for p := range l.partitions {
		for i := range l.partitions[p] {
			rec := &l.partitions[p][i]
			d := by(p, rec.Time)
			rec.Time += d
			words := strings.Fields(string(rec.Value))
			if len(words) < 4 {
				continue
			}
			var at int64
			if _, err := fmt.Sscan(words[2], &at); err == nil {
				words[2] = fmt.Sprint(at + d)
			}
			rec.Value = []byte(strings.Join(words, " "))
		}
	}
}

// middle is the time of the record in the middle of a topic's first partition.
func (l *topicLog) middle() int64 { return l.partitions[0][len(l.partitions[0])/2].Time }

var year2099 = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// TestClocksThatAreWrong: a record time in 2099, a clock that goes back by an hour, and a partition whose clock is an
// hour ahead. Each event and each label still ends under one name or waits, and a learner that is killed time and again
// comes to what one does that never was: bit for bit with one partition of each topic.
func TestClocksThatAreWrong(t *testing.T) {
	const hour = int64(time.Hour / time.Millisecond)
	for _, c := range []struct {
		name       string
		partitions int
		spoil      func(l *lives)
		check      func(t *testing.T, m *millrace.Manifest)
	}{
		{"a record time in 2099", 1, func(l *lives) {
			at := l.events.middle()
			l.events.shift(func(_ int, t int64) int64 {
				if t == at {
					return year2099 - t
				}
				return 0
			})
		}, func(t *testing.T, m *millrace.Manifest) {
			// The watermark has gone there and never falls: what waited has expired, what came later waits until then.
			if m.Keyed.Now < year2099-1000 || m.Names["joined"] < 1000 {
				t.Errorf("watermark %d, %v", m.Keyed.Now, m.Names)
			}
		}},
		{"a label's time in 2099", 1, func(l *lives) {
			at := l.labels.middle()
			l.labels.shift(func(_ int, t int64) int64 {
				if t == at {
					return year2099 - t
				}
				return 0
			})
		}, func(t *testing.T, m *millrace.Manifest) {
			if m.Keyed.Now > year2099/2 { // labels move no watermark
				t.Errorf("watermark %d", m.Keyed.Now)
			}
		}},
		{"a clock that goes back", 1, func(l *lives) {
			middle := l.events.middle()
			back := func(_ int, t int64) int64 {
				if t > middle {
					return -hour
				}
				return 0
			}
			l.events.shift(back)
			l.labels.shift(back)
		}, func(t *testing.T, m *millrace.Manifest) {
			if m.Names["joined"] < 1000 {
				t.Errorf("%v", m.Names)
			}
		}},
		{"a partition an hour ahead", 2, func(l *lives) {
			l.events.shift(func(p int, _ int64) int64 { return int64(p) * hour })
		}, func(t *testing.T, m *millrace.Manifest) {
			if m.Names["joined"] < 500 {
				t.Errorf("%v", m.Names)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLives(7)
			l.fill(4000, c.partitions)
			c.spoil(l)
			whole := l.begin(t, nil, 0, 0)
			whole.run(t)
			want := whole.store.last(t)
			checkSums(t, l, want.Manifest.Names, whole.stream.Join.Stats())
			c.check(t, &want.Manifest)
			got, _, _ := l.dying(t, fewer(60), 160)
			sameCounts(t, &got.Manifest, &want.Manifest)
			x := learned(t, got)
			for name, data := range learned(t, &want) {
				if c.partitions == 1 && x[name] != data {
					t.Errorf("%s differs", name)
				}
			}
		})
	}
}
