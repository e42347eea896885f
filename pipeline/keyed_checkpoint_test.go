package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace"
	"millrace/store/folder"
)

// lines are what a pipeline has told, one line each.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, text)
	return nil
}

// with are the lines with all the words in them.
func (l *lines) with(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			found = append(found, line)
		}
	}
	return found
}

// folderWith begins a life of the learner with a state folder that holds the given files.
func (r *rig) folderWith(files map[string][]byte) (directory string) {
	r.t.Helper()
	r.pipeline.State = filepath.Join(r.t.TempDir(), "state")
	directory = filepath.Join(r.pipeline.State, "loop")
	err := os.MkdirAll(directory, 0o700)
	for name, data := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(directory, name), data, 0o600))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return directory
}

// filesOf are those of a folder, but its lock.
func filesOf(t *testing.T, directory string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if e.Name() == "lock" {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(directory, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

const (
	newestCheckpoint = "keyed.checkpoint"
	beforeCheckpoint = "keyed.before.checkpoint"
	usedACheckpoint  = "state by key was made from a checkpoint"
	notUsed          = "a checkpoint of state by key is not used"
)

// stops are two lives of a learner that end cleanly, with what is in the state folder after each, and the head in the
// store after the first.
func (r *rig) stops(at uint64) (first, second map[string][]byte, head string) {
	r.t.Helper()
	files := map[string][]byte{}
	for i := range uint64(2) {
		directory := r.folderWith(files)
		r.run(false, func(*Pipeline) bool { return r.applied() >= (i+1)*at })
		files = filesOf(r.t, directory)
		if files[newestCheckpoint] == nil {
			r.t.Fatalf("a clean stop leaves %v", slices.Collect(maps.Keys(files)))
		}
		if i == 0 {
			first, head = files, r.redis("GET", "millrace:{loop}:head")
		}
	}
	return first, files, head
}

// TestCheckpointsAreAShortcut: whatever has become of the checkpoints between two lives of a learner, it goes on from
// the head, and comes to what a learner does that never stopped. What cannot be used is told of, with the reason.
func TestCheckpointsAreAShortcut(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 4000, 1)
	// Of nearly seven: from wherever a life ends all of the log would be read again, so an older checkpoint helps.
	const wait = 6*time.Minute + 30*time.Second
	whole := newKeyedRig(t, 1, "legit")
	whole.pipeline.Label.Wait = wait
	whole.write(all)
	whole.run(false, whole.appliedAll)
	want := whole.head()
	for _, c := range []struct {
		name   string
		become func(r *rig, first, second map[string][]byte, head string) map[string][]byte
		used   string // the file, empty for none
		told   string // why another is not
	}{
		{"kept", func(_ *rig, _, second map[string][]byte, _ string) map[string][]byte { return second }, newestCheckpoint, ""},
		{"deleted", func(*rig, map[string][]byte, map[string][]byte, string) map[string][]byte { return nil }, "", ""},
		{"older copies", func(_ *rig, first, _ map[string][]byte, _ string) map[string][]byte { return first }, newestCheckpoint, ""},
		{"broken", func(_ *rig, _, second map[string][]byte, _ string) map[string][]byte {
			second[newestCheckpoint][len(second[newestCheckpoint])-2000] ^= 1
			return second
		}, beforeCheckpoint, "a checksum is wrong"},
		{"cut off", func(_ *rig, _, second map[string][]byte, _ string) map[string][]byte {
			second[newestCheckpoint] = second[newestCheckpoint][:len(second[newestCheckpoint])-5]
			return second
		}, beforeCheckpoint, "it ends early"},
		{"of another release", func(_ *rig, _, second map[string][]byte, _ string) map[string][]byte {
			second[newestCheckpoint] = bytes.Replace(second[newestCheckpoint], []byte("checkpoint 1"), []byte("checkpoint 2"), 1)
			return second
		}, beforeCheckpoint, "another release"},
		{"ahead of the head", func(r *rig, first, second map[string][]byte, head string) map[string][]byte {
			r.redis("SET", "millrace:{loop}:head", head) // as before the flip
			r.redis("SET", "millrace:{loop}:served", head)
			second["newest.millrace"] = first["newest.millrace"]
			return second
		}, beforeCheckpoint, "ahead of the head"},
		{"of a store that lost everything", func(r *rig, _, second map[string][]byte, _ string) map[string][]byte {
			r.redis("FLUSHALL")
			return second
		}, newestCheckpoint, ""},
		{"of a branch that a rollback left", func(r *rig, _, second map[string][]byte, _ string) map[string][]byte {
			r.goBack(2)
			return second
		}, beforeCheckpoint, "of a branch"},
		{"of other settings", func(r *rig, _, second map[string][]byte, _ string) map[string][]byte {
			r.pipeline.Label.Early += time.Nanosecond // which changes nothing but the words
			return second
		}, "", "other settings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newKeyedRig(t, 1, "legit")
			r.pipeline.Label.Wait = wait
			r.write(all)
			first, second, head := r.stops(1500)
			told := &lines{}
			r.log = slog.New(told)
			r.folderWith(c.become(r, first, second, head))
			r.run(false, r.appliedAll)
			sameKeyed(t, r.head(), want)
			if m := r.head().Manifest; m.Names["lost"]+m.Names["label_lost"] != 0 {
				t.Errorf("lost %v", m.Names)
			}
			used := told.with(usedACheckpoint)
			if c.used == "" && len(used) > 0 || c.used != "" && (len(used) != 1 || !strings.Contains(used[0], "/"+c.used+" ")) {
				t.Errorf("used %v, want %q", used, c.used)
			}
			if c.told != "" && len(told.with(notUsed, c.told)) == 0 {
				t.Errorf("not told of %q: %v", c.told, told.with(notUsed))
			}
		})
	}
}

// goBack has a person roll back by so many versions.
func (r *rig) goBack(versions int) {
	r.t.Helper()
	all, err := r.servers.store.List(r.t.Context(), "loop")
	if err != nil || len(all) <= versions {
		r.t.Fatalf("versions %v, %v", all, err)
	}
	if _, err := r.rollback(all[versions].Head.Seq, r.pipeline); err != nil {
		r.t.Fatal(err)
	}
}

// TestACheckpointSparesReadingTheLog: after a clean stop nothing is read again, and nothing is unmeasured; after a
// crash no more than what came since the newest checkpoint.
func TestACheckpointSparesReadingTheLog(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 6000, 1)
	const wait = 5 * time.Minute // of ten
	whole := newKeyedRig(t, 1, "legit")
	whole.pipeline.Label.Wait = wait
	whole.write(all)
	whole.run(false, whole.appliedAll)
	want := whole.head()

	r := newKeyedRig(t, 1, "legit")
	r.pipeline.Label.Wait = wait
	r.write(all)
	directory := r.folderWith(nil)
	r.run(false, func(*Pipeline) bool { return r.applied() >= 2000 })
	told := &lines{}
	r.log = slog.New(told)
	r.run(false, func(*Pipeline) bool { return r.applied() >= 4000 })
	if again := told.with("state by key is made again"); len(told.with(usedACheckpoint)) != 1 || len(again) > 0 {
		t.Errorf("after a clean stop: %v, %v", told.with(usedACheckpoint), again)
	}
	r.folderWith(filesOf(t, directory)) // the killed one keeps its lock
	r.crash(r.applied() + 1200)
	left := filesOf(t, filepath.Join(r.pipeline.State, "loop"))
	r.folderWith(left)
	told = &lines{}
	r.log = slog.New(told)
	before := r.head().Manifest
	r.run(false, r.appliedAll)
	again := told.with("state by key is made again")
	var read int
	if len(again) != 1 || len(told.with(usedACheckpoint)) != 1 {
		t.Fatalf("after a crash: %v, %v", told.with(usedACheckpoint), again)
	}
	if _, err := fmt.Sscanf(again[0], "state by key is made again records=%d", &read); err != nil {
		t.Fatal(err)
	}
	fromLog := 0
	for i, p := range before.Positions {
		fromLog += int(p.Offset - before.Keyed.Rebuild[i].Offset)
	}
	if read == 0 || read > fromLog/2 {
		t.Errorf("%d records were read again, %d without a checkpoint", read, fromLog)
	}
	got := r.head()
	unmeasured := got.Manifest.Names["unmeasured"]
	sameKeyed(t, got, want)
	if unmeasured > uint64(read) {
		t.Errorf("%d are unmeasured", unmeasured)
	}
}

// TestAnOldCheckpointIsNotUsed: where the log is read again from a later place than a checkpoint's, that is left alone.
func TestAnOldCheckpointIsNotUsed(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 6000, 1)
	whole := newKeyedRig(t, 1, "legit")
	whole.write(all)
	whole.run(false, whole.appliedAll)

	r := newKeyedRig(t, 1, "legit")
	r.write(all)
	directory := r.folderWith(nil)
	r.run(false, func(*Pipeline) bool { return r.applied() >= 2000 })
	r.folderWith(filesOf(t, directory))
	r.crash(r.applied() + 3000) // events wait for a tenth of that
	r.folderWith(filesOf(t, filepath.Join(r.pipeline.State, "loop")))
	told := &lines{}
	r.log = slog.New(told)
	r.run(false, r.appliedAll)
	if len(told.with(usedACheckpoint)) != 0 || len(told.with(notUsed, "the log alone")) != 1 {
		t.Errorf("%v", told.with("checkpoint"))
	}
	sameKeyed(t, r.head(), whole.head())
}

// TestCheckpointsBetweenStarts: they are written while the learner goes on, at most two are kept, and manifests name
// those of their ancestors.
func TestCheckpointsBetweenStarts(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 3000, 1)
	r := newKeyedRig(t, 1, "legit")
	r.pipeline.Snapshots.Checkpoints = time.Millisecond
	r.write(all)
	directory := r.folderWith(nil)
	told := &lines{}
	r.log = slog.New(told)
	r.run(false, r.appliedAll)
	if n := len(told.with("a checkpoint of state by key is written")); n < 3 {
		t.Errorf("%d were written", n)
	}
	f, err := folder.Open(r.pipeline.State, "loop", func(path string, what error) { t.Errorf("%s: %v", path, what) })
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept := f.Checkpoints(func(path string, err error) { t.Errorf("%s: %v", path, err) })
	head, err := r.servers.store.Head(t.Context(), "loop")
	if err != nil || len(kept) != 2 || kept[0].Digest != head.Digest {
		t.Fatalf("%d checkpoints of %s in %s, %v", len(kept), directory, head.Digest, err)
	}
	// The one before the head's may have been written after the head was taken, and is not named then.
	if named := r.head().Manifest.Keyed.Checkpoints; len(named) != millrace.CheckpointsMax {
		t.Errorf("the head names %v", named)
	}
	r.pipeline.Snapshots.CheckpointBytesMax = 100
	r.log = slog.New(told)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r.write(all[:100])
	r.run(false, r.appliedAll)
	if len(told.with("no checkpoint of state by key")) == 0 {
		t.Error("one that is too large was not told of")
	}
}
