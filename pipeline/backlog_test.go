package pipeline

import (
	"context"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"millrace/config"
	"millrace/consumers"
	"millrace/payments"
	"millrace/pipeline/status"
)

// newPaymentsRig is a rig of the demo's pipeline, with a small model.
func newPaymentsRig(t *testing.T, partitions int) *rig {
	t.Helper()
	r := newRig(t, partitions)
	text := strings.Replace(payments.Pipeline("", ""), "model: auto", "model: logistic", 1)
	text = strings.Replace(text, "snapshots: {every: 2s, keep: 20}", "snapshots: 50ms", 1)
	p, err := config.Parse("payments.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	p.Name, p.Admin, p.Events.Partitions = "loop", r.pipeline.Admin, partitions
	p.Kafka, p.Redis = r.pipeline.Kafka, r.pipeline.Redis
	r.pipeline = p
	return r
}

// history writes payments and the reports of their frauds as produce does: at full speed, of record times in the past,
// or of now.
func (r *rig) history(n uint64, past bool) {
	r.t.Helper()
	for _, topic := range readTopics(r.pipeline) {
		if err := r.servers.cluster.EnsureTopic(r.t.Context(), consumers.TopicSpec{Name: topic, Partitions: r.pipeline.Events.Partitions}); err != nil {
			r.t.Fatal(err)
		}
	}
	g := payments.New(3)
	at := int64(0)
	if past {
		at = time.Now().Add(-time.Hour).UnixMilli()
	}
	var value []byte
	rows := func(context.Context) (Row, error) {
		if past {
			at++
		}
		var ok bool
		if value, ok = g.NextLabel(value[:0]); ok {
			return Row{Key: g.LabelKey(), Value: value, Label: true, Time: at}, nil
		}
		value = g.NextUnlabelled(value[:0])
		return Row{Key: g.Key(), Value: value, Time: at}, nil
	}
	if _, err := produceRows(r.t.Context(), r.servers.cluster, r.pipeline, rows, Produce{Events: n}); err != nil {
		r.t.Fatal(err)
	}
}

// TestBacklogIntoARunningLearner: a learner runs and finds nothing, long enough to give up waiting for any partition,
// when history is loaded at full speed. It comes to the counts of one that started afterwards.
func TestBacklogIntoARunningLearner(t *testing.T) {
	const n = 6000
	for _, c := range []struct {
		name       string
		partitions int
		past       bool
	}{{"of now", 1, false}, {"of the past", 1, true}, {"partitions", 3, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // most of it waits for a partition to be idle
			filled := newPaymentsRig(t, c.partitions)
			filled.history(n, c.past)
			filled.run(false, filled.appliedAll)
			want := filled.head().Manifest

			r := newPaymentsRig(t, c.partitions)
			begun := false
			r.run(false, func(s *Pipeline) bool {
				if !begun {
					if s.Status().Learning.State != status.AtWork {
						return false
					}
					begun = true
					time.Sleep(1200 * time.Millisecond)
					r.history(n, c.past)
				}
				return r.appliedAll(s)
			})
			got := r.head().Manifest
			// Should loading stand still for a second, labels sent ahead come before their events, to no harm.
			delete(got.Names, "label_early")
			delete(want.Names, "label_early")
			if !maps.Equal(got.Names, want.Names) || got.Applied != want.Applied {
				t.Errorf("%d applied, they became %v, want %d and %v", got.Applied, got.Names, want.Applied, want.Names)
			}
			if want.Names["joined"] < n/25 || want.Names["label_unmatched"] > n/1000 {
				t.Errorf("filled before the start they became %v", want.Names)
			}
		})
	}
}
