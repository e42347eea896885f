package offline

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"millrace/config"
)

// TestPositiveChangesNothingLearned: which class is the positive one changes what figures are of, and neither a weight
// nor a loss, of any family and with weighted classes.
func TestPositiveChangesNothingLearned(t *testing.T) {
	data := rows()[:1200]
	path := written(t, append(bytes.Join(data, []byte("\n")), '\n'))
	for _, model := range []string{"logistic", "{type: svm, seed: 3}", "{type: auto, budget: 1x}"} {
		text := strings.Replace(raceConfig, "model: {type: mlp, hidden: [8], optimizer: adam, batch: 3}", "model: "+model, 1)
		text = strings.Replace(text, "[legit, fraud]", "[legit, fraud], class_weights: {mode: balanced, probabilities: corrected}", 1)
		train := func(more string) (Summary, []byte) {
			p, err := config.Parse("p.yaml", []byte(strings.Replace(text, "outcome,", "outcome, "+more, 1)), nil)
			if err != nil {
				t.Fatal(err)
			}
			s, snap, err := Train(context.Background(), p, Data{Events: path}, 1, func(int) Progress { return unseen })
			if err != nil {
				t.Fatal(err)
			}
			return s, slices.Concat(snap.Serving, snap.Training)
		}
		last, same := train("")
		_, explicit := train("positive: fraud,")
		first, other := train("positive: legit,")
		if !bytes.Equal(same, explicit) || !bytes.Equal(same, other) {
			t.Errorf("%s: weights differ", model)
		}
		if *last.LogLoss != *first.LogLoss || *last.Accuracy != *first.Accuracy || *last.Precision == *first.Precision {
			t.Errorf("%s: %v and %v, precision %v and %v", model, *last.LogLoss, *first.LogLoss, *last.Precision, *first.Precision)
		}
		if last.Positive != "fraud" || first.Positive != "legit" {
			t.Errorf("%s: positive %q and %q", model, last.Positive, first.Positive)
		}
	}
}
