package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// replayStory is a story in which each fiftieth event is rejected for its label, and sent again two seconds later: one
// half with its label, the other without one, so that it waits. Each is sent again twice, and from says which records
// these are.
func replayStory(n int) (all []stamped, from map[int]string, rejected int) {
	offset, due, place := 0, map[int]stamped{}, map[int]string{}
	from = map[int]string{}
	for _, s := range story(time.Now().Add(-time.Hour).Truncate(time.Second), n, 1) {
		if s.topic != "loop.events" {
			all = append(all, s)
			continue
		}
		if offset%50 == 10 && strings.Contains(s.value, `"card"`) && !strings.Contains(s.value, "outcome") {
			again := s
			if offset%100 == 10 {
				again.value = strings.Replace(s.value, "}", `,"outcome":"legit"}`, 1)
			}
			for _, later := range []int{20, 25} {
				due[offset+later], place[offset+later] = again, fmt.Sprintf("loop.events/0/%d", offset)
			}
			s.value = strings.Replace(s.value, "}", `,"outcome":"stolen"}`, 1)
			rejected++
		}
		all = append(all, s)
		offset++
		if again, ok := due[offset]; ok {
			from[len(all)] = place[offset]
			all = append(all, again)
			offset++
		}
	}
	return all, from, rejected
}

// TestReplayedStateSurvivesCrashes: what was sent again takes over its id once, is passed over by windows, and leaves
// after crashes, bit for bit, what a run without any leaves. That it is learned shows in the counts.
func TestReplayedStateSurvivesCrashes(t *testing.T) {
	all, from, rejected := replayStory(2500)
	whole := newKeyedRig(t, 1, "drop")
	whole.writeReplayed(all, from)
	whole.run(false, whole.appliedAll)
	want := whole.head()

	plain := newKeyedRig(t, 1, "drop")
	plain.write(all)
	plain.run(false, plain.appliedAll)
	if got, was := want.Manifest.Names, plain.head().Manifest.Names; got["duplicate"]+uint64(rejected) > was["duplicate"] {
		t.Errorf("%d duplicates of %d rejected events; without headers %d", got["duplicate"], rejected, was["duplicate"])
	}

	r := newKeyedRig(t, 1, "drop")
	r.writeReplayed(all, from)
	for i := uint64(1); i <= 3; i++ {
		r.crash(i * 1200)
	}
	r.run(false, r.appliedAll)
	sameKeyed(t, r.head(), want)
}
