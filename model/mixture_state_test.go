package model_test

import (
	"fmt"
	"testing"

	"millrace/model"
	"millrace/model/modeltest"
)

// TestMixtureReviewsLeaveSoundState: a snapshot may be taken after any event, so what a review leaves behind can be
// restored before the next event is learned, too.
func TestMixtureReviewsLeaveSoundState(t *testing.T) {
	for _, target := range []model.TargetSpec{{Classes: 2}, {Classes: 3}, {}} {
		for _, budget := range []string{"0.1x", "0.5x", "4x", "1000x"} {
			t.Run(fmt.Sprintf("%d-%s", target.Classes, budget), func(t *testing.T) {
				v := allViews{}
				m, other := newMixture(t, model.Spec{Budget: budget}, v, target), newMixture(t, model.Spec{Budget: budget}, v, target)
				const every = 1000
				all := mixExamples(16*every, v, target)
				for i := 0; i < len(all); i += every {
					learnAll(t, m, all[i:i+every])
					if err := modeltest.Copy(other, m); err != nil {
						t.Fatalf("after %d events: %v", i+every, err)
					}
				}
			})
		}
	}
}
