package pipeline

import (
	"slices"
	"testing"

	"millrace"
)

// TestPositiveIsScored: scorers write the probability of the class that the file calls positive, and the status and
// what a version remembers name it, too.
func TestPositiveIsScored(t *testing.T) {
	const n = 300
	r := newRig(t, 1)
	classes := r.pipeline.Label.Classes
	if !slices.Equal(classes, []string{"legit", "fraud"}) {
		t.Fatalf("the rig's classes are %q", classes)
	}
	r.pipeline.Label.Positive = "legit"
	data := rows(n, false)
	r.produce(data)
	r.run(false, func(p *Pipeline) bool {
		if s := p.Status(); s.Positive != "legit" || s.Learning != nil && s.Learning.Positive != "legit" {
			t.Errorf("the status calls %q positive", s.Positive)
		}
		return learnedAll(n)(p)
	})
	s := r.following()
	waitServes(t, s, n, whatever)
	session := s.NewSession(nil)
	for _, row := range data[:20] {
		var score millrace.Score
		if err := session.Score(&millrace.Record{Value: row}, &score); err != nil {
			t.Fatal(err)
		}
		if score.Score != float64(score.Probabilities[0]) {
			t.Errorf("a score of %v with probabilities %v", score.Score, score.Probabilities)
		}
	}
	last := *r.pipeline
	last.Label.Positive = ""
	version := r.head().Manifest
	if err := last.Serves(&version); err == nil {
		t.Error("a version of another positive class is served")
	}
}
