package pipeline

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/features"
)

// everyFeature is a pipeline with each type of feature.
const everyFeature = `name: p
events: e
features:
  amount: number
  card: category
  known: boolean
  remark: {type: text, ngrams: 2, bits: 10}
  basket: {type: bag, bits: 8}
  at: time
  amount_x_card: {type: cross, of: [amount, card]}
  before: {type: lag, of: [amount], key: card, steps: [1, 3], keys: 20}
  labels: {type: lag, of: [label], key: card, steps: [1], keys: 20}
label: {path: y, classes: [0, 1]}
model: {type: logistic, view: VIEW}
`

// TestOneFeaturePath: a scorer that restores a learner's snapshot makes the same vectors and predictions of the same
// bytes, bit for bit, whatever the features and the view.
func TestOneFeaturePath(t *testing.T) {
	for _, view := range []string{"standard", "levels", "pairs"} {
		p, err := config.Parse("p.yaml", []byte(strings.Replace(everyFeature, "VIEW", view, 1)), os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Build(p)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		event := l.Decoder.NewEvent()
		next := func() *millrace.Event {
			text := fmt.Sprintf(`{"amount":%d,"card":"c%d","known":%t,"remark":"word %d and word %d","basket":{"a%d":%d,"7":0.5},"at":%d,"y":%d}`,
				r.IntN(9), r.IntN(40), r.IntN(2) == 0, r.IntN(50), r.IntN(50), r.IntN(30), r.IntN(5), 1_700_000_000+r.IntN(1e7), r.IntN(2))
			if err := l.Decoder.Decode(&millrace.Record{Value: []byte(text)}, event); err != nil {
				t.Fatal(err)
			}
			return event
		}
		for range 500 {
			if err := l.Trainer.Apply(next()); err != nil {
				t.Fatal(err)
			}
		}
		replica, err := newReplica(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := replica.Layout.Restore(l.Snapshot(Manifest(p, "")).Serving, nil); err != nil {
			t.Fatal(err)
		}
		x := replica.Extractor.(*features.Extractor)
		ours, theirs := l.Extractor.NewInput(), x.NewInput()
		scratch, one, other := replica.Model.NewScratch(), make([]float32, 2), make([]float32, 2)
		for range 100 {
			e := next()
			if err := l.Extractor.Extract(ours, e); err != nil {
				t.Fatal(err)
			}
			if err := x.Extract(theirs, e); err != nil {
				t.Fatal(err)
			}
			l.Model.Predict(one, ours, l.Model.NewScratch())
			replica.Model.Predict(other, theirs, scratch)
			if !reflect.DeepEqual(ours, theirs) || !reflect.DeepEqual(one, other) {
				t.Fatalf("%s: %v and %v, predicting %v and %v", view, ours, theirs, one, other)
			}
		}
	}
}
