package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"millrace"
	"millrace/store"
)

// TestVersionsWithWindows: list and show tell what a version with state by key has behind it, and rollback asks Kafka
// whether that can be made again, unless told not to.
func TestVersionsWithWindows(t *testing.T) {
	r := newRig(t)
	plain := r.file("loop", "distance_km")
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), "features:\n", "features:\n  all_1m: {type: window, over: 1m, stat: count}\n", 1)
	file := written(t, "windows.yaml", text)
	away := written(t, "away.yaml", strings.Replace(text, r.kafka, "127.0.0.1:1", 1))
	r.produce(file, 700)
	r.learn(file, learned(700))
	if out := ok(t, "snapshots", "list", "-c", file); !strings.Contains(out, "APPLIED") || !strings.Contains(out, "700") {
		t.Errorf("listed\n%s", out)
	}
	versions := decoded[[]store.Version](t, "snapshots", "list", "-c", file)
	old := versions[1].Head.Seq
	if out := ok(t, "snapshots", "show", fmt.Sprint(versions[0].Head.Seq), "-c", file); !strings.Contains(out, "700 records, labels and expiries") ||
		!strings.Contains(out, "labelled") || !strings.Contains(out, "rebuilt from") || !strings.Contains(out, "loop.events/0 at 0") {
		t.Errorf("shown\n%s", out)
	}
	code, _, errOut := verb(t, "snapshots", "rollback", fmt.Sprint(old), "-c", away)
	if code != exitFailed || !strings.Contains(errOut, "127.0.0.1:1") || !strings.Contains(errOut, "--force") {
		t.Errorf("with Kafka away: %d %s", code, errOut)
	}
	if back := decoded[millrace.Head](t, "snapshots", "rollback", fmt.Sprint(old), "-c", away, "--brokers", r.kafka); back.Cause != millrace.CauseRollback {
		t.Errorf("with the broker named: %+v", back)
	}
	if back := decoded[millrace.Head](t, "snapshots", "rollback", fmt.Sprint(versions[0].Head.Seq), "-c", away, "--force"); back.Candidate != versions[0].Head.Candidate {
		t.Errorf("with force: %+v", back)
	}
}
