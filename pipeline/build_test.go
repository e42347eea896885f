package pipeline

import (
	"testing"

	"millrace"
	"millrace/config"
	"millrace/learner"
)

// TestBuildAssumes: what the file assumes reaches the stream and the model's losses.
func TestBuildAssumes(t *testing.T) {
	first := func(setting string) (float64, *Pieces) {
		p, err := config.Parse("p.yaml", []byte("name: p\nevents: {topic: e, id: id}\nfeatures: {a: number}\n"+
			"label: {path: y, classes: [n, p], topic: l"+setting+"}\nmodel: logistic\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := Build(p)
		if err != nil {
			t.Fatal(err)
		}
		e, rec := pieces.Decoder.NewEvent(), millrace.Record{Topic: "e", Value: []byte(`{"id":"1","a":3}`)}
		if err := pieces.Decoder.Decode(&rec, e); err != nil {
			t.Fatal(err)
		}
		if outcome, why := pieces.Stream.Event(e, &rec); outcome != learner.Waiting {
			t.Fatal(outcome, why)
		}
		prediction, err := pieces.Trainer.Predict(e)
		if err != nil {
			t.Fatal(err)
		}
		return prediction[1], pieces
	}
	if p, _ := first(""); p != 0.5 {
		t.Errorf("an event that waits changed the weights: %v", p)
	}
	p, pieces := first(", assume: n")
	if p >= 0.5 || pieces.Stream.Assume != (millrace.Label{Known: true}) {
		t.Errorf("an event that is assumed to be n leaves %v, and the stream assumes %+v", p, pieces.Stream.Assume)
	}
}
