package pipeline

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
)

// TestResumeWithWidthsOfBefore: a pipeline file that leaves widths to be chosen goes on from a version that has others,
// bit for bit and with the version's, whoever builds from it: learner, scorer, check, import and rollback.
func TestResumeWithWidthsOfBefore(t *testing.T) {
	r := newRig(t, 1)
	file := func(bits string) *config.Pipeline {
		t.Helper()
		text := fmt.Sprintf("name: w\nevents: w.events\nfeatures: {a: {type: text%s}}\nlabel: {path: \"y\", classes: [n, p]}\nmodel: {type: auto, budget: 1x}\n", bits)
		p, err := config.Parse("w.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		p.Kafka, p.Redis, p.Events.UnknownTopic = r.pipeline.Kafka, r.pipeline.Redis, "create"
		return p
	}
	before, left := file(", bits: 11"), file("")
	if left.Features[0].Bits == 11 {
		t.Fatal("the widths are the same")
	}
	pieces, err := Build(before)
	if err != nil {
		t.Fatal(err)
	}
	event := pieces.Decoder.NewEvent()
	for i := range 50 {
		value := fmt.Appendf(nil, `{"a":"the %dth of %d words","y":"%s"}`, i, i%7, []string{"n", "p"}[i%2])
		if err := pieces.Decoder.Decode(&millrace.Record{Value: value}, event); err != nil {
			t.Fatal(err)
		}
		if err := pieces.Trainer.Apply(event); err != nil {
			t.Fatal(err)
		}
	}
	s := pieces.Snapshot(Manifest(before, ""))
	if _, err := Publish(t.Context(), r.servers.store.Store, left, &s, millrace.CauseTrained, false); err != nil {
		t.Fatal(err)
	}

	r.pipeline = left
	if _, err := Check(t.Context(), left, "w.yaml", CheckOptions{Connect: true, Log: r.log}); err != nil {
		t.Errorf("checking: %v", err)
	}
	l, err := openLearning(t.Context(), r.open(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := l.learned.Snapshot(l.from)
	if !bytes.Equal(now.Serving, s.Serving) || !bytes.Equal(now.Training, s.Training) || string(now.Manifest.Spec) != string(s.Manifest.Spec) {
		t.Errorf("what is gone on with is not the version: its spec is\n%s\nof\n%s", now.Manifest.Spec, s.Manifest.Spec)
	}
	if _, err := replicaOf(left, &s.Manifest); err != nil {
		t.Errorf("serving: %v", err)
	}
	r.pipeline = file(", bits: 12")
	if _, err := openLearning(t.Context(), r.open(), Options{}); err == nil || !strings.Contains(err.Error(), "features.a.bits: 11 in the snapshot, 12 in the pipeline") {
		t.Errorf("a file with other widths: %v", err)
	}
}
