package pipeline

import (
	"context"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"millrace/config"
	"millrace/consumers"
	"millrace/join"
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
	if err := r.historyWhen(n, past, func(int) {}); err != nil {
		r.t.Fatal(err)
	}
}

// historyWhen is history that tells of every row, by its number, before it is written.
func (r *rig) historyWhen(n uint64, past bool, next func(row int)) error {
	for _, topic := range readTopics(r.pipeline) {
		if err := r.servers.cluster.EnsureTopic(r.t.Context(), consumers.TopicSpec{Name: topic, Partitions: r.pipeline.Events.Partitions}); err != nil {
			return err
		}
	}
	g := payments.New(3)
	at := int64(0)
	if past {
		at = time.Now().Add(-time.Hour).UnixMilli()
	}
	var value []byte
	row := 0
	rows := func(context.Context) (Row, error) {
		next(row)
		row++
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
	_, err := produceRows(r.t.Context(), r.servers.cluster, r.pipeline, rows, Produce{Events: n})
	return err
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

// TestKilledWhileTopicsFill: a learner is killed again and again while history is loaded at full speed, each time when
// some of it is still to come. It comes to the counts of one that was never killed.
func TestKilledWhileTopicsFill(t *testing.T) {
	t.Parallel() // some of it waits for a partition to be idle
	// Each part has more rows than produce may hold back, and than are learned before the next kill.
	const kills, within, part = 3, 1000, heldRowsMax + 1500
	const n = (kills + 1) * part
	filled := newPaymentsRig(t, 1)
	filled.history(n, true)
	filled.run(false, filled.appliedAll)
	want := filled.head().Manifest

	r := newPaymentsRig(t, 1)
	r.pipeline.Snapshots.Events = 200
	killed, loaded := make(chan struct{}, kills), make(chan error, 1)
	go func() {
		loaded <- r.historyWhen(n, true, func(row int) {
			if row > 0 && row%part == 0 && row <= kills*part { // what follows comes behind a kill
				select {
				case <-killed:
				case <-t.Context().Done():
				}
			}
		})
	}()
	rng := rand.New(rand.NewPCG(8, 9))
	for range kills {
		r.crash(r.applied() + 1 + rng.Uint64N(within))
		killed <- struct{}{}
	}
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	r.run(false, r.appliedAll)
	got := r.head().Manifest
	unmeasured := got.Names[string(join.NameUnmeasured)] // what was predicted of events that wait is not in the log
	for _, name := range []join.Name{join.NameLabelEarly, join.NameUnmeasured} {
		delete(got.Names, string(name))
		delete(want.Names, string(name))
	}
	if !maps.Equal(got.Names, want.Names) || got.Applied != want.Applied || got.Learned != want.Learned {
		t.Errorf("%d applied and %d learned, they became %v, want %d, %d and %v", got.Applied, got.Learned, got.Names,
			want.Applied, want.Learned, want.Names)
	}
	if unmeasured == 0 || want.Names["joined"] < n/25 || want.Names["expired_learned"] < n/2 {
		t.Errorf("%d waited when the learner was killed; never killed they became %v", unmeasured, want.Names)
	}
}
