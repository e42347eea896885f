package pipeline

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"millrace/consumers"
)

// TestJoinMemoryIsFull: a hundred thousand events wait where memory has room for a few thousand. The oldest become what
// missing says, under the name of why, and what waits then is joined after a restart.
func TestJoinMemoryIsFull(t *testing.T) {
	const n = 100_000
	t.Parallel()
	r := newKeyedRig(t, 1, "legit")
	r.pipeline.Join.Memory, r.pipeline.Label.Wait = 1<<20, 24*time.Hour
	r.pipeline.Snapshots.Events, r.pipeline.Snapshots.UnpublishedMax = 20_000, 40_000
	base := time.Now().Add(-time.Hour).Truncate(time.Second).UnixMilli()
	var all []stamped
	for i := range n {
		at := base + int64(i)/100
		all = append(all, stamped{"loop.events", 0, at, fmt.Sprintf(`{"id":"e%d","time":%d,"amount":%d,"card":"c%d"}`, i, at, i%9, i%7)})
	}
	r.write(all)
	r.run(false, r.appliedAll)
	before := r.head().Manifest
	crowded := before.Names["crowded"]
	waits := n - int(events(&before))
	if crowded < n*9/10 || waits < 1000 || before.Learned != crowded {
		t.Fatalf("%d are crowded out, %d wait, %d are learned: %v", crowded, waits, before.Learned, before.Names)
	}
	// The newest wait; labels of what was crowded out come last, and too late.
	var labels []stamped
	for i := n - 1; i >= n-waits-50; i-- {
		labels = append(labels, stamped{"loop.labels", 0, base + n/100, fmt.Sprintf(`{"id":"e%d","outcome":"fraud"}`, i)})
	}
	r.write(labels)
	r.run(false, r.appliedAll)
	after := r.head().Manifest
	delete(after.Names, "unmeasured")
	want := map[string]uint64{"crowded": crowded, "joined": uint64(waits), "label_joined": uint64(waits), "label_early": 50}
	if !maps.Equal(after.Names, want) || after.Learned != n {
		t.Errorf("%d are learned, %v, want %v", after.Learned, after.Names, want)
	}
}

// TestManyPartitions: two hundred partitions of events, and three of labels, keyed by nothing in common. Each event is
// learned once, over a crash, and most partitions are idle at any time.
func TestManyPartitions(t *testing.T) {
	const n, partitions = 2000, 200
	r := newKeyedRig(t, partitions, "drop")
	r.pipeline.Snapshots.Events, r.pipeline.Snapshots.UnpublishedMax = 1000, 3000
	if err := r.servers.cluster.EnsureTopic(t.Context(), consumers.TopicSpec{Name: "loop.labels", Partitions: 3}); err != nil {
		t.Fatal(err)
	}
	base := time.Now().Add(-time.Hour).Truncate(time.Second).UnixMilli()
	var all []stamped
	for i := range n {
		at := base + int64(i)*10
		all = append(all, stamped{"loop.events", int32(i * 7 % (partitions - 20)), at,
			fmt.Sprintf(`{"id":"e%d","time":%d,"amount":%d,"card":"c%d"}`, i, at, i%9, i%7)})
		all = append(all, stamped{"loop.labels", int32(i % 3), at + 3000, fmt.Sprintf(`{"id":"e%d","outcome":"fraud"}`, i)})
	}
	r.write(all)
	r.crash(500)
	r.run(false, r.appliedAll)
	m := r.head().Manifest
	delete(m.Names, "unmeasured")
	delete(m.Names, "label_early") // which partitions are at hand first may differ
	if want := map[string]uint64{"joined": n, "label_joined": n}; !maps.Equal(m.Names, want) || m.Learned != n {
		t.Errorf("%d learned, %v, want %v", m.Learned, m.Names, want)
	}
	if bounds, err := r.servers.cluster.Bounds(t.Context(), "loop.labels"); err != nil || len(bounds) != 3 {
		t.Errorf("%d partitions of labels, %v", len(bounds), err)
	}
}

// TestAPartitionAnHourAhead and one record of 2099, while a learner runs: neither holds the other partitions up, and
// every event is joined, or expired where event time has gone on to 2099 with all others at their ends.
func TestAPartitionAnHourAhead(t *testing.T) {
	const n = 600
	for _, far := range []bool{false, true} {
		t.Run(fmt.Sprintf("2099 %t", far), func(t *testing.T) {
			t.Parallel()
			r := newKeyedRig(t, 3, "drop")
			r.pipeline.Label.Wait = 3 * time.Hour
			base := time.Now().Add(-time.Minute).Truncate(time.Second)
			var all, labels []stamped
			for i := range n {
				at := base.Add(time.Duration(i) * 10 * time.Millisecond)
				switch {
				case i%3 == 1:
					at = at.Add(time.Hour)
				case far && i == 300:
					at = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
				}
				all = append(all, stamped{"loop.events", int32(i % 3), at.UnixMilli(),
					fmt.Sprintf(`{"id":"e%d","time":%d,"amount":1,"card":"c%d"}`, i, at.UnixMilli(), i%7)})
				labels = append(labels, stamped{"loop.labels", int32(i % 2), base.Add(10 * time.Second).UnixMilli(),
					fmt.Sprintf(`{"id":"e%d","outcome":"fraud"}`, i)})
			}
			r.write(all)
			r.run(false, r.appliedAll)
			r.write(labels)
			r.run(false, r.appliedAll)
			m := r.head().Manifest
			if m.Names["lost"] != 0 || m.Names["joined"]+m.Names["expired"] != n || (m.Names["expired"] > 0) != far || m.Names["joined"] < 50 {
				t.Errorf("%v", m.Names)
			}
		})
	}
}
