package join

import (
	"math/rand/v2"
	"testing"

	"millrace"
)

// TestStoriesToldAhead: a table that is told of any ids at any time, of those that it has and of others, does what it
// does without.
func TestStoriesToldAhead(t *testing.T) {
	for seed := range 20 {
		rng := rand.New(rand.NewPCG(uint64(seed), 8))
		s := newStory(t, rng.IntN)
		for step := range 300 {
			coming := make([]*millrace.Event, rng.IntN(40))
			for i := range coming {
				coming[i] = &millrace.Event{ID: s.id()}
			}
			for _, tab := range s.tables() {
				if told := tab.Ahead(coming); told != min(len(coming), aheadMax) {
					t.Fatalf("%d of %d are told of", told, len(coming))
				}
			}
			s.step()
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}
