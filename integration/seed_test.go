package integration

import (
	"path/filepath"
	"reflect"
	"testing"

	"millrace/config"
)

// TestSeedOfTheSnapshot: the seed that places what is hashed, and that random features are drawn from, is the
// snapshot's wherever it is restored: a scorer whose file says another predicts what the learner does, never noise.
func TestSeedOfTheSnapshot(t *testing.T) {
	events := goldenEvents(t)
	for _, c := range []struct{ file, model string }{
		{"hashed.yaml", "logistic"}, {"rbf.yaml", "{type: svm, kernel: {type: rbf, features: 64}}"},
		{"rbf.yaml", "{type: svm, kernel: {type: laplace, features: 64}}"}, {"hashed.yaml", "tree"}, {"hashed.yaml", "{type: svm, kernel: polynomial}"},
		{"hashed.yaml", "auto"},
	} {
		t.Run(c.model, func(t *testing.T) {
			pipeline := func(seed uint64) *config.Pipeline {
				p := withModel(t, filepath.Join(goldenFolder, c.file), c.model)
				p.Model.Seed = seed
				return p
			}
			rest := events[goldenLearned : goldenLearned+20]
			learned := newPieces(t, pipeline(1))
			learned.learn(t, events[:goldenLearned])
			want := learned.predict(t, rest)
			s := learned.snapshot(pipeline(1))
			replica := newPieces(t, pipeline(2))
			if err := replica.scorer.Restore(s.Serving, nil); err != nil {
				t.Fatal(err)
			}
			if got := replica.predict(t, rest); !reflect.DeepEqual(got, want) {
				t.Errorf("built with seed 2, it predicts %v of what was learned with seed 1, not %v", got, want)
			}
			// A version from before there was a seed in the state has its spec's.
			served, err := pipeline(2).ServedBy(&s.Manifest)
			if err != nil || served.Model.Seed != 1 || served.FeatureSpec().Seed != 1 {
				t.Fatalf("the version's seed is 1, its replica's %d and %d (%v)", served.Model.Seed, served.FeatureSpec().Seed, err)
			}
		})
	}
}

// TestNoiseWithoutTheSeed: what the seed's tensor and the version's spec prevent. The golden snapshots have no tensor,
// so that replicas which are built with another seed are lost.
func TestNoiseWithoutTheSeed(t *testing.T) {
	events := goldenEvents(t)
	for _, name := range []string{"hashed", "rbf"} {
		file := filepath.Join(goldenFolder, name+".yaml")
		s, want := readGolden(t, file)
		p := goldenPipeline(t, file)
		p.Model.Seed = 99
		replica := newPieces(t, p)
		if err := replica.scorer.Restore(s.Serving, nil); err != nil {
			t.Fatal(err)
		}
		if got := replica.predict(t, events[goldenLearned:]); reflect.DeepEqual(got, want.Served) {
			t.Errorf("%s: the seed makes no difference, so the tests of it say nothing", name)
		}
	}
}
