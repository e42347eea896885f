package pipeline

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// inState begins a life of the learner with a state folder that holds the given copy of a version; nil is none. Every
// life has a folder of its own, as one that was killed within this process keeps its lock.
func (r *rig) inState(version []byte) (file string) {
	r.t.Helper()
	r.pipeline.State = filepath.Join(r.t.TempDir(), "state")
	file = filepath.Join(r.pipeline.State, "loop", "newest.millrace")
	if version == nil {
		return file
	}
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, version, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return file
}

// TestStateFolderIsAShortcut: whatever has become of the state folder between two lives of a learner, it goes on from
// the head, and comes to what a learner does that never stopped.
func TestStateFolderIsAShortcut(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 4000, 1)
	whole := newKeyedRig(t, 1, "legit")
	whole.write(all)
	whole.run(false, whole.appliedAll)
	want := whole.head()
	for _, c := range []struct {
		name   string
		become func(r *rig, older, newer []byte) []byte
	}{
		{"kept", func(_ *rig, _, newer []byte) []byte { return newer }},
		{"deleted", func(*rig, []byte, []byte) []byte { return nil }},
		{"replaced by an older copy", func(_ *rig, older, _ []byte) []byte { return older }},
		{"broken", func(_ *rig, _, newer []byte) []byte { return newer[:len(newer)/2] }},
		{"ahead of a store that lost everything", func(r *rig, _, newer []byte) []byte {
			r.redis("FLUSHALL")
			return newer
		}},
		{"of a branch that a rollback left", func(r *rig, _, newer []byte) []byte {
			versions, err := r.servers.store.List(r.t.Context(), "loop")
			if err != nil || len(versions) < 3 {
				r.t.Fatalf("versions %v, %v", versions, err)
			}
			if _, err := r.rollback(versions[2].Head.Seq, r.pipeline); err != nil {
				r.t.Error(err)
			}
			return newer
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newKeyedRig(t, 1, "legit")
			r.write(all)
			var copies [2][]byte
			for i := range copies {
				file := r.inState(copies[0])
				r.crash(r.applied() + 1200) // of 8000
				var err error
				if copies[i], err = os.ReadFile(file); err != nil {
					t.Fatal(err)
				}
			}
			if bytes.Equal(copies[0], copies[1]) {
				t.Fatal("the copy was not replaced")
			}
			r.inState(c.become(r, copies[0], copies[1]))
			r.run(false, r.appliedAll)
			sameKeyed(t, r.head(), want)
			if m := r.head().Manifest; m.Names["lost"] != 0 {
				t.Errorf("lost %d", m.Names["lost"])
			}
		})
	}
}

// TestRollbackWhileEventsWait: a person goes back while a learner runs and events wait. The learner reloads, makes its
// state by key again, and comes to the same as before.
func TestRollbackWhileEventsWait(t *testing.T) {
	r, before := learnedLate(t, 1500)
	want := r.head()
	if waits := 1500 - events(&before); waits < 20 {
		t.Fatalf("only %d events wait", waits)
	}
	versions, err := r.servers.store.List(t.Context(), "loop")
	if err != nil || len(versions) < 3 {
		t.Fatalf("versions %v, %v", versions, err)
	}
	var learners atomic.Int32
	r.onLearning = func(*learning) { learners.Add(1) }
	rolled := false
	r.run(false, func(p *Pipeline) bool {
		if !rolled && learners.Load() == 1 {
			rolled = true
			if _, err := r.rollback(versions[2].Head.Seq, r.pipeline); err != nil {
				t.Error(err)
			}
		}
		return learners.Load() > 1 && r.appliedAll(p)
	})
	if !rolled {
		t.Fatal("nothing was rolled back")
	}
	sameKeyed(t, r.head(), want)
}

// TestFencedWhileRebuilding: a second learner takes the model while the first makes its state by key again. The first
// publishes nothing, and the second comes to what one alone does.
func TestFencedWhileRebuilding(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 1500, 1)
	whole := newKeyedRig(t, 1, "drop")
	whole.write(all)
	whole.run(false, whole.appliedAll)

	r := newKeyedRig(t, 1, "drop")
	r.write(all)
	r.crash(1000)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var opened []*Pipeline
	for range 2 {
		p, err := open(ctx, Options{Config: r.pipeline, Learn: true, Log: r.log}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		opened = append(opened, p)
	}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- opened[0].Run(ctx) }() // both read the log again
	go func() { second <- opened[1].Run(ctx) }()
	if err := <-first; err == nil || !strings.Contains(err.Error(), "fenced") && !strings.Contains(err.Error(), "another learner") {
		t.Errorf("the first learner ended with %v", err)
	}
	for !r.appliedAll(nil) && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-second; err != nil {
		t.Error(err)
	}
	sameKeyed(t, r.head(), whole.head())
}

// TestChallengersJoinToo: a challenger has windows of its own, joins the same labels, and waits as long as its own file
// says. It comes to what it does alone.
func TestChallengersJoinToo(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 1000, 1)
	alone := newKeyedRig(t, 1, "legit")
	alone.write(all)
	alone.run(false, alone.appliedAll)
	want := alone.head()

	r := newKeyedRig(t, 1, "drop")
	rival := newKeyedRig(t, 1, "legit").pipeline
	rival.Name, rival.Kafka, rival.Redis = "rival", r.pipeline.Kafka, r.pipeline.Redis
	r.challengers = append(r.challengers, rival)
	r.write(all)
	both := func(*Pipeline) bool {
		for _, model := range []string{"loop", "rival"} {
			h, err := r.servers.store.Head(t.Context(), model)
			if err != nil {
				return false
			}
			v, err := r.servers.store.Load(t.Context(), model, h, false)
			if err != nil || !r.atEnd(&v.Manifest) {
				return false
			}
		}
		return true
	}
	r.run(false, both)
	r.run(false, both) // also after a restart
	champion, got := r.head().Manifest, r.headOf("rival")
	if champion.Names["expired"] == 0 || champion.Names["expired_learned"] != 0 || got.Manifest.Names["expired_learned"] == 0 {
		t.Errorf("champion %v, challenger %v", champion.Names, got.Manifest.Names)
	}
	sameSpec := got.Manifest.SchemaHash == want.Manifest.SchemaHash
	if !sameSpec || got.Manifest.Learned != want.Manifest.Learned || got.Manifest.Keyed.Now != want.Manifest.Keyed.Now {
		t.Errorf("the challenger %+v, alone %+v", got.Manifest, want.Manifest)
	}
	x, y := learnedTensors(t, got.Training), learnedTensors(t, want.Training)
	for name, data := range y {
		if !bytes.Equal(x[name], data) {
			t.Errorf("%s of the challenger differs", name)
		}
	}
}
