package learner

import (
	"testing"
	"time"

	"millrace"
	"millrace/join"
)

// TestKilledWithAnySettingEqualsUninterrupted is for what waits, gives way, is held and is forgotten elsewhere than in
// an ordinary pipeline.
func TestKilledWithAnySettingEqualsUninterrupted(t *testing.T) {
	for _, c := range []struct {
		name       string
		partitions int
		set        func(l *lives)
		least      map[join.Name]uint64
	}{
		{"labels that wait longer than events", 1, func(l *lives) {
			l.spec.Wait, l.spec.Early, l.span = 300*time.Millisecond, 3*time.Second, time.Second
			l.ahead = 4 * time.Second
		}, map[join.Name]uint64{join.NameLabelEarly: 100}},
		{"memory is full", 1, func(l *lives) { l.spec.Memory = 24 << 10 }, map[join.Name]uint64{join.NameCrowded: 100}},
		{"memory is full of what is dropped", 1, func(l *lives) {
			l.spec.Memory, l.spec.Missing = 24<<10, millrace.Target{}
		}, map[join.Name]uint64{join.NameCrowded: 100}},
		{"expiries are held", 1, func(l *lives) { l.spec.Hold = 60 * time.Millisecond }, nil},
		{"memory is full while expiries are held", 1, func(l *lives) { l.spec.Memory, l.spec.Hold = 24<<10, 60*time.Millisecond },
			map[join.Name]uint64{join.NameCrowded: 100}},
		{"windows are longer than waits", 1, func(l *lives) { l.spec.Wait, l.span = 200*time.Millisecond, 3*time.Second }, nil},
		{"several partitions", 3, func(l *lives) { l.ends = true }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLives(7)
			c.set(l)
			l.fill(3000, c.partitions)
			_, want := l.survive(t, 60)
			for name, least := range c.least {
				if n := want.Manifest.Names[string(name)]; n < least {
					t.Errorf("only %d were %s", n, name)
				}
			}
		})
	}
}
