package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"millrace/config"
)

// TestACheckpointOfAnotherLineageIsNotUsed: a model that was begun anew, behind what a former one has read, knows none
// of its ids and of what waited there. A checkpoint of the former one would tell it of them, though no position in it
// lies beyond the new head's.
func TestACheckpointOfAnotherLineageIsNotUsed(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 3000, 1)
	rest := slices.Clone(all[4000:])
	for _, s := range all[:200] { // sent once more: the former model would know their ids
		if s.topic == "loop.events" {
			s.at = all[len(all)-1].at + 1
			rest = append(rest, s)
		}
	}
	begun := func(t *testing.T) (*rig, map[string][]byte) {
		r := newKeyedRig(t, 1, "legit")
		r.pipeline.Label.Wait = 10 * time.Minute // twice the story: the log is not read faster
		directory := r.folderWith(nil)
		r.write(all[:2000])
		r.run(false, r.appliedAll)
		files := filesOf(t, directory)
		r.pipeline.State, r.pipeline.Events.Start = "", config.StartLatest
		r.anew()
		r.write(all[2000:4000])
		r.run(false, r.appliedAll)
		return r, map[string][]byte{newestCheckpoint: files[newestCheckpoint]}
	}
	whole, _ := begun(t)
	whole.write(rest)
	whole.run(false, whole.appliedAll)
	want := whole.head()

	r, files := begun(t)
	r.folderWith(files)
	told := &lines{}
	r.log = slog.New(told)
	r.write(rest)
	r.run(false, r.appliedAll)
	if len(told.with(notUsed, "another lineage")) != 1 || len(told.with(usedACheckpoint)) != 0 {
		t.Errorf("told %v", told.with("checkpoint"))
	}
	sameKeyed(t, r.head(), want)
}

// anew begins a new model in place of the one that is there, and ends at once.
func (r *rig) anew() {
	r.t.Helper()
	before, err := r.servers.store.Head(r.t.Context(), r.pipeline.Name)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(r.t.Context(), time.Minute)
	defer stop()
	p, err := open(ctx, Options{Config: r.pipeline, Learn: true, Fresh: true, Log: r.log}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer p.Close()
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for {
		head, err := r.servers.store.Head(ctx, r.pipeline.Name)
		if err != nil {
			r.t.Fatal(err)
		}
		if head.Origin != before.Origin {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		r.t.Fatal(err)
	}
}
