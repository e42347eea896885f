package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/scorer"
)

// goldenFolder has snapshots that an earlier release left behind, with what it predicted; see
// integration/golden_test.go.
const (
	goldenFolder  = "../integration/testdata/golden"
	goldenLearned = 120
)

// TestUpgrade: scorers are upgraded first, and each file may say another seed by then. A version of the release before
// is published, served by this release's scorer and resumed from by its learner, and both predict what that release
// did.
func TestUpgrade(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(goldenFolder, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	events := bytes.Split(bytes.TrimSpace(data), []byte("\n"))[goldenLearned:]
	for _, name := range []string{"hashed", "rbf", "weighted", "auto"} {
		t.Run(name, func(t *testing.T) { upgrade(t, name, events) })
	}
}

func upgrade(t *testing.T, name string, events [][]byte) {
	t.Helper()
	var want struct{ Served, Resumed [][]float32 }
	data, err := os.ReadFile(filepath.Join(goldenFolder, name+".json"))
	if err == nil {
		err = json.Unmarshal(data, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 1)
	p := r.load(filepath.Join(goldenFolder, name+".yaml"))
	p.Kafka, p.Redis, p.Events.UnknownTopic = r.pipeline.Kafka, r.pipeline.Redis, "create"
	s, err := ReadSnapshot(p, filepath.Join(goldenFolder, name+".millrace"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(t.Context(), r.servers.store.Store, p, &s, millrace.CauseTrained, false); err != nil {
		t.Fatal(err)
	}

	reseeded := *p
	reseeded.Model.Seed = 4711
	r.pipeline = &reseeded
	e := r.open()
	scoring, err := newScorer(e, scorer.NewMetrics(prometheus.NewRegistry(), p.Label.Classes, time.Now))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- scoring.Run(ctx) }()
	select {
	case <-scoring.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the scorer takes no version of the release before")
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	session, score := scoring.NewSession(nil), millrace.Score{}
	for i, event := range events {
		if err := session.Score(&millrace.Record{Value: event}, &score); err != nil {
			t.Fatal(err)
		}
		checkNear(t, "served", i, score.Probabilities, want.Served[i])
	}

	if _, err := openLearning(t.Context(), e, Options{}); err == nil {
		t.Error("a learner with another seed goes on")
	}
	r.pipeline = p
	l, err := openLearning(t.Context(), r.open(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	event := l.learned.Decoder.NewEvent()
	for i, value := range events {
		if err := l.learned.Decoder.Decode(&millrace.Record{Value: value}, event); err != nil {
			t.Fatal(err)
		}
		prediction, err := l.learned.Trainer.Predict(event)
		if err != nil {
			t.Fatal(err)
		}
		checkNear(t, "resumed", i, prediction, want.Resumed[i])
		if err := l.learned.Trainer.Apply(event); err != nil {
			t.Fatal(err)
		}
	}
}

// checkNear compares to rounding: processors add in different orders.
func checkNear[T float32 | float64](t *testing.T, what string, event int, got []T, want []float32) {
	t.Helper()
	for c, v := range want {
		if math.Abs(float64(got[c])-float64(v)) > 1e-3 {
			t.Fatalf("%s: event %d is predicted as %v, the release before had %v", what, event, got, want)
		}
	}
}
