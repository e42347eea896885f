package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verb runs a verb as a person does and returns its exit code and what it wrote.
func verb(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

// TestTrainedModelLearnsOn: train --out, import, learn on; and neither may push aside a model that has learned from its
// topic unless told to.
func TestTrainedModelLearnsOn(t *testing.T) {
	r := newRig(t, 1)
	dir := t.TempDir()
	data := filepath.Join(dir, "rows.jsonl")
	history := rows(800, false)
	if err := os.WriteFile(data, append(bytes.Join(history, []byte("\n")), '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(loopConfig, "PARTITIONS", "1") +
		fmt.Sprintf("kafka: {brokers: [%q]}\nredis: {url: %q}\n", r.pipeline.Kafka.Brokers[0], r.pipeline.Redis.URL)
	file := filepath.Join(dir, "loop.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "loop.millrace")
	if code, _, errOut := verb(t, "train", "-c", file, "--epochs", "2", "--out", out, data); code != exitDone {
		t.Fatalf("train: %d %s", code, errOut)
	}
	code, text, errOut := verb(t, "snapshots", "import", out, "-c", file, "--output", "json")
	var head struct {
		Seq   uint64
		Cause string
	}
	if err := json.Unmarshal([]byte(text), &head); code != exitDone || err != nil || head.Cause != "trained" {
		t.Fatalf("import: %d %s %s %v", code, text, errOut, err)
	}
	if served, err := r.servers.store.Served(context.Background(), "loop"); err != nil || served.Seq != head.Seq {
		t.Errorf("served %+v, %v; want version %d", served, err, head.Seq)
	}

	r.produce(rows(100, false))
	r.run(false, learnedAll(1600+100))
	if m := r.head().Manifest; m.Learned != 1700 {
		t.Errorf("learned %d, want the 1600 trained and 100 more", m.Learned)
	}
	if code, _, errOut := verb(t, "train", "-c", file, data); code != exitFailed || !strings.Contains(errOut, "--fresh") {
		t.Errorf("train over a learned model: %d %s", code, errOut)
	}
	if code, _, errOut := verb(t, "snapshots", "import", out, "-c", file); code != exitFailed || !strings.Contains(errOut, "--fresh") {
		t.Errorf("import over a learned model: %d %s", code, errOut)
	}
	if code, _, errOut := verb(t, "train", "-c", file, "--fresh", data); code != exitDone {
		t.Errorf("train --fresh: %d %s", code, errOut)
	}
}
