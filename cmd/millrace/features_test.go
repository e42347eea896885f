package main

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

// TestWideFilesNeedNoPipeline: a LIBSVM file of 40,000 columns and 40 classes is read as one bag and learned from.
func TestWideFilesNeedNoPipeline(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for range 2500 {
		class := r.IntN(40)
		fmt.Fprint(&b, class)
		for k := range 150 {
			// Each class has columns of its own among every 266.
			index := k*266 + r.IntN(266)
			if r.IntN(3) == 0 {
				index = k*266 + class*6 + r.IntN(6)
			}
			fmt.Fprintf(&b, " %d:%.3f", index+1, 0.001+r.Float64())
		}
		b.WriteByte('\n')
	}
	path := written(t, "wide.svm", b.String())
	s := decoded[summary](t, "evaluate", path, "--label", "y", "--model", "logistic")
	if s.Events != 2500 || s.Learned != 2500 || *s.Accuracy < 0.5 || *s.LogLoss > 0.7**s.Baselines["majority"].LogLoss {
		t.Errorf("%+v, accuracy %v, log-loss %v", s, *s.Accuracy, *s.LogLoss)
	}
	if out := ok(t, "init", "--from", path); !strings.Contains(out, "  x: {type: bag, indices: 39901}") {
		t.Errorf("init writes\n%s", out)
	}
}

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
		l, err := newLearned(p)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		event := l.decoder.NewEvent()
		next := func() *millrace.Event {
			text := fmt.Sprintf(`{"amount":%d,"card":"c%d","known":%t,"remark":"word %d and word %d","basket":{"a%d":%d,"7":0.5},"at":%d,"y":%d}`,
				r.IntN(9), r.IntN(40), r.IntN(2) == 0, r.IntN(50), r.IntN(50), r.IntN(30), r.IntN(5), 1_700_000_000+r.IntN(1e7), r.IntN(2))
			if err := l.decoder.Decode(&millrace.Record{Value: []byte(text)}, event); err != nil {
				t.Fatal(err)
			}
			return event
		}
		for range 500 {
			if err := l.trainer.Apply(next()); err != nil {
				t.Fatal(err)
			}
		}
		replica, err := newReplica(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := replica.Layout.Restore(l.snapshot(manifest(p, "")).Serving, nil); err != nil {
			t.Fatal(err)
		}
		x := replica.Extractor.(*features.Extractor)
		ours, theirs := l.extractor.NewInput(), x.NewInput()
		scratch, one, other := replica.Model.NewScratch(), make([]float32, 2), make([]float32, 2)
		for range 100 {
			e := next()
			if err := l.extractor.Extract(ours, e); err != nil {
				t.Fatal(err)
			}
			if err := x.Extract(theirs, e); err != nil {
				t.Fatal(err)
			}
			l.model.Predict(one, ours, l.model.NewScratch())
			replica.Model.Predict(other, theirs, scratch)
			if !reflect.DeepEqual(ours, theirs) || !reflect.DeepEqual(one, other) {
				t.Fatalf("%s: %v and %v, predicting %v and %v", view, ours, theirs, one, other)
			}
		}
	}
}

// TestEvaluateMissing: a feature that no event has a value of is said, as a misspelt name is no fault of an event. Features
// made of others are none of the events' own.
func TestEvaluateMissing(t *testing.T) {
	data := written(t, "d.jsonl", strings.Repeat(`{"a":1,"b":"x","y":"p"}`+"\n"+`{"a":2,"b":"z","y":"q"}`+"\n", 20))
	file := func(b string) string {
		return written(t, "m.yaml", "name: m\nevents: e\nfeatures:\n  ab: {type: cross, of: [a, b]}\n  a: number\n  b: {type: category, path: "+b+"}\n"+
			"label: {path: \"y\", classes: [p, q]}\nmodel: logistic\n")
	}
	if code, _, errOut := verb(t, "evaluate", "-c", file("bb"), data); code != 0 || errOut != "in no event: b\n" {
		t.Errorf("misspelt: %d, %q", code, errOut)
	}
	if code, _, errOut := verb(t, "evaluate", "-c", file("b"), data); code != 0 || errOut != "" {
		t.Errorf("well spelt: %d, %q", code, errOut)
	}
}
