package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"millrace/store"
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
	r := newRig(t)
	dir := t.TempDir()
	data := written(t, "rows.jsonl", string(paymentRows(800)))
	file := r.file("loop", "distance_km")
	out := filepath.Join(dir, "loop.millrace")
	if code, _, errOut := verb(t, "train", "-c", file, "--epochs", "2", "--out", out, data); code != exitDone {
		t.Fatalf("train: %d %s", code, errOut)
	}
	code, text, errOut := verb(t, "snapshots", "import", out, "-c", file, "--output", "json")
	var head struct {
		Seq   uint64
		Cause string
	}
	if err := json.Unmarshal([]byte(text), &head); code != exitDone || err != nil || head.Cause != "imported" {
		t.Fatalf("import: %d %s %s %v", code, text, errOut, err)
	}
	versions := func() []store.Version { return decoded[[]store.Version](t, "snapshots", "list", "-c", file) }
	if v := versions()[0]; !v.IsServed || v.Head.Seq != head.Seq {
		t.Errorf("served is %+v; want version %d", v, head.Seq)
	}

	r.produce(file, 100)
	r.learn(file, learned(1600+100))
	if m := versions()[0].Manifest; m.Learned != 1700 {
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
