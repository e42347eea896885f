package learner

import (
	"testing"
	"time"

	"millrace"
	"millrace/join"
	"millrace/model"
)

// TestWhatIsLearnedIsMeasuredOrCounted: whichever way an event comes to be learned, it is in the figures, or counted as
// unmeasured when a restart has lost what was predicted of it. What is dropped is neither.
func TestWhatIsLearnedIsMeasuredOrCounted(t *testing.T) {
	const joined, expired, crowded = join.NameJoined, join.NameExpiredLearned, join.NameCrowded
	for _, c := range []struct {
		name    string
		set     func(l *lives)
		learned []join.Name // beside those that bring their label
		ends    join.Name   // many of those that are read again end so
	}{
		{"joined or expired", func(*lives) {}, []join.Name{joined, expired}, expired},
		{"joined or dropped", func(l *lives) { l.spec.Missing = millrace.Target{} }, []join.Name{joined}, join.NameExpired},
		{"memory is full", func(l *lives) { l.spec.Memory = 24 << 10 }, []join.Name{joined, expired, crowded}, crowded},
		{"memory is full of what is dropped", func(l *lives) { l.spec.Memory, l.spec.Missing = 24<<10, millrace.Target{} },
			[]join.Name{joined}, crowded},
		{"most of what waits is on disk", func(l *lives) { l.spec.Memory, l.spec.Disk = 12<<10, 1<<20 },
			[]join.Name{joined, expired}, expired},
		{"expiries are held", func(l *lives) { l.spec.Hold = 60 * time.Millisecond }, []join.Name{joined, expired}, expired},
		{"assumed", func(l *lives) { l.assume, l.spec.Missing = millrace.Label{Known: true}, millrace.Target{} },
			[]join.Name{joined, join.NameExpired}, join.NameExpired},
		{"assumed, and memory is full", func(l *lives) {
			l.assume, l.spec.Missing, l.spec.Memory = millrace.Label{Known: true}, millrace.Target{}, 24<<10
		}, []join.Name{joined, join.NameExpired, crowded}, crowded},
		{"a mixture", func(l *lives) { l.model = model.Spec{Type: "auto"} }, []join.Name{joined, expired}, expired},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLives(17)
			c.set(l)
			l.fill(1500, 1)
			half := l.begin(t, nil, 0, 0)
			half.stopAt(t, 1200)
			last := half.store.last(t)
			end := l.begin(t, &last, 0, 0)
			waiting := end.stream.Join.Stats().Waiting
			end.run(t)
			names := end.stream.Names()
			checkSums(t, l, names, end.stream.Join.Stats())
			learned := names[string(join.NameLabelled)]
			for _, name := range c.learned {
				learned += names[string(name)]
			}
			measured, unmeasured := end.stream.Trainer.Progressive.Events(), names[string(join.NameUnmeasured)]
			if waiting == 0 || names[string(c.ends)] < 20 || measured+unmeasured != learned {
				t.Errorf("%d measured, %d not, %d learned, %d read again: %v", measured, unmeasured, learned, waiting, names)
			}
		})
	}
}
