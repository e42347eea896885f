package main

import (
	"fmt"
	"millrace/pipeline/status"
	"path/filepath"
	"strings"
	"testing"
)

// TestStatusOfTheStore: of a file that no process of this machine runs, the versions in its Redis are told, and why
// there is nothing to tell where that has none, or is not there.
func TestStatusOfTheStore(t *testing.T) {
	r := newRig(t)
	file := r.file("loop", "distance_km")
	t.Setenv("MILLRACE_RUNTIME_DIR", filepath.Join(t.TempDir(), "runs"))
	if code, _, errOut := verb(t, "status", "-c", file); code != exitFailed || !strings.Contains(errOut, "no version of loop: start millrace run -c "+file) {
		t.Errorf("before any version: %d, %s", code, errOut)
	}
	r.produce(file, 300)
	r.learn(file, learned(300))
	all := decoded[[]told](t, "status", "-c", file)
	if len(all) != 1 || all[0].Store == nil || all[0].Process != nil || all[0].Status != nil {
		t.Fatalf("as JSON: %+v", all)
	}
	s := all[0].Store
	if s.Pipeline != "loop" || s.Versions == 0 || s.Owner == "" || s.Epoch == 0 || s.Head == nil || s.Head.Learned != 300 || s.Head.Version == 0 ||
		s.Head.By == "" || s.Head.Published.IsZero() || s.Head.Age < 0 || s.Served == nil || s.Served.Version != s.Head.Version {
		t.Errorf("the store tells %+v, head %+v, served %+v", s, s.Head, s.Served)
	}
	out := ok(t, "status", "-c", file)
	for _, want := range []string{"loop: no process of this machine runs it", fmt.Sprintf("head       version %d, ", s.Head.Version),
		fmt.Sprintf("served     version %d, ", s.Served.Version), "s old; 300 events learned, 0 rejected; ", "owner      " + s.Owner} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q: %s", want, out)
		}
	}
	away := written(t, "away.yaml", strings.Replace(loopConfig, "FEATURE", "distance_km", 1)+
		"kafka: {brokers: [\"127.0.0.1:1\"]}\nredis: {url: \"redis://127.0.0.1:1/0\"}\n")
	if code, _, errOut := verb(t, "status", "-c", away); code != exitFailed || !strings.Contains(errOut, "runs "+away) || !strings.Contains(errOut, "127.0.0.1:1") {
		t.Errorf("without a store: %d, %s", code, errOut)
	}
}

// TestCountsOneWindow: one key is no keys.
func TestCountsOneWindow(t *testing.T) {
	for n, want := range map[uint64]string{1: "1 key, 1.0 MiB, 1 event too late, 1 key evicted", 2: "2 keys, 1.0 MiB, 2 events too late, 2 keys evicted"} {
		text := strings.Join(learningText(&status.Learning{State: status.AtWork, Windows: &status.Windows{Keys: int(n), Bytes: 1 << 20, Late: n, Evicted: n}}, perSecond(0, rateEvery)), "\n")
		if !strings.HasSuffix(text, "  windows    "+want) {
			t.Errorf("%d: %s", n, text)
		}
	}
}
