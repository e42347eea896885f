package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ordersFile is a file with something of everything: its classes are uneven, one column is always the same, one begins
// late, one says nothing.
func ordersFile(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("order_id,created,amount,country,late,fix,remark,outcome\n")
	for i := range 2000 {
		late, outcome := "", "ok"
		if i >= 1000 {
			late = fmt.Sprint(i % 7)
		}
		if i%100 == 0 {
			outcome = "fraud"
		}
		fmt.Fprintf(&b, "o-%d,2026-01-%02dT%02d:00:00Z,%d.5,%s,%s,7,note %d,%s\n",
			i, 1+i/100, i%24, i*i%301, []string{"SE", "NO", "FI"}[i%3], late, i, outcome)
	}
	return written(t, "orders.csv", b.String())
}

// TestInitReports: what was found stands on standard error, and the file alone on standard output.
func TestInitReports(t *testing.T) {
	data := ordersFile(t)
	code, out, report := verb(t, "init", "--from", data)
	if code != exitDone || !strings.HasPrefix(out, "# Pipeline orders") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for _, want := range []string{
		"orders.csv: 2,000 events looked at\n",
		"label outcome (class): ok 99 %, fraud 1.0 % (positive)\n",
		"events: id order_id, time created\n",
		"  country  category         3        –  SE\n",
		"left out:\n  remark: nearly every value is another one",
		"size: a version has ",
		"\ntry: 2,000 events in ",
		": auto accuracy 0.",
		"; baselines: majority accuracy 0.9",
		"warning: the label is a guess, because of its name",
		"warning: class fraud is rare (1.0 %): class_weights: balanced",
		"warning: late has values from event 1001 on only\n",
		"warning: fix has always the same value",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		}
	}
	if _, plain, errOut := verb(t, "init", "--from", data, "--no-try"); strings.Contains(errOut, "try:") || plain != out {
		t.Errorf("without a try:\n%s", errOut)
	}
	if code, quietOut, errOut := verb(t, "init", "--from", data, "-q"); code != exitDone || errOut != "" || quietOut != out {
		t.Errorf("quiet: exit code %d, standard error %q, another file: %t", code, errOut, quietOut != out)
	}
}

// TestInitWarns: what is measured on the first rows stands among the warnings, and keeps nobody from the file.
func TestInitWarns(t *testing.T) {
	var b strings.Builder
	b.WriteString("a,refund,y\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "%d,%s,%d\n", i*7919%101, []string{"none", "none", "full"}[i%3], i%3/2)
	}
	data := written(t, "leak.csv", b.String())
	code, out, report := verb(t, "init", "--from", data, "--label", "y")
	if code != exitDone || !strings.Contains(out, "refund: category") || !strings.Contains(report, "warning: refund alone tells y in 100 % of rows") {
		t.Errorf("a leak: exit code %d\n%s", code, report)
	}
	b.Reset()
	b.WriteString("a,y\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "%d,%d\n", i*7919%101, i*104729%97%2)
	}
	code, _, report = verb(t, "init", "--from", written(t, "noise.csv", b.String()), "--label", "y")
	if code != exitDone || !strings.Contains(report, "the model is no better than its baselines. Look at whether there are enough events yet") {
		t.Errorf("noise: exit code %d\n%s", code, report)
	}
}

// TestInitTopic: a topic's events are reported and tried as a file's are, and nothing of them is left behind.
func TestInitTopic(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := newRig(t)
	file := r.file("payments", "distance_km")
	r.produce(file, 1500)
	code, out, report := verb(t, "init", "--topic", "loop.events", "--brokers", r.kafka)
	for _, want := range []string{"loop.events: 1,500 events looked at", "\ntry: 1,500 events in ", "label outcome (class): legit 9"} {
		if code != exitDone || !strings.Contains(report, want) {
			t.Errorf("exit code %d, the report does not say %q:\n%s\n%s", code, want, report, out)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestInitOut: a file that is there is kept, one that was not written whole is not there.
func TestInitOut(t *testing.T) {
	data, folder := ordersFile(t), t.TempDir()
	path := filepath.Join(folder, "my.yaml")
	code, out, _ := verb(t, "init", "--from", data, "--out", path)
	text, err := os.ReadFile(path)
	if code != exitDone || out != "" || err != nil || !strings.HasPrefix(string(text), "# Pipeline orders") {
		t.Fatalf("exit code %d, standard output %q, %v: %s", code, out, err, text)
	}
	if code, _, errOut := verb(t, "init", "--from", data, "--out", path); code != exitUsage || !strings.Contains(errOut, "is not overwritten") {
		t.Errorf("again: exit code %d, %s", code, errOut)
	}
	if code, _, _ := verb(t, "init", "--from", data, "--label", "amuont", "--out", filepath.Join(folder, "other.yaml")); code != exitUsage {
		t.Errorf("an unknown label: exit code %d", code)
	}
	if code, _, errOut := verb(t, "init", "--from", data, "--out", filepath.Join(folder, "no", "my.yaml")); code != exitUsage || !strings.Contains(errOut, "--out") {
		t.Errorf("no such folder: exit code %d, %s", code, errOut)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("there are %v, %v, want my.yaml alone", files, err)
	}
	if again, err := os.ReadFile(path); err != nil || string(again) != string(text) {
		t.Error("the file that was there has changed")
	}
}

// TestInitLooksFar: fields that begin after the first 10,000 rows are found, unless less is to be looked at.
func TestInitLooksFar(t *testing.T) {
	var b strings.Builder
	for i := range 15_000 {
		late := ""
		if i >= 12_000 {
			late = `"late":1.5,`
		}
		fmt.Fprintf(&b, `{"a":%d,%s"y":%d}`+"\n", i*7919%101, late, i%2)
	}
	data := written(t, "late.jsonl", b.String())
	code, out, report := verb(t, "init", "--from", data)
	if code != exitDone || !strings.Contains(out, "  late: {type: number, missing: indicator}  # always 1.5 so far; missing in 80 %; values from event 12001 on only") || !strings.Contains(report, "late has values from event 12001 on only") {
		t.Errorf("exit code %d:\n%s%s", code, report, out)
	}
	code, out, report = verb(t, "init", "--from", data, "--look", "64KiB")
	if code != exitDone || strings.Contains(out, "late:") || !strings.Contains(report, "not all that there are") {
		t.Errorf("64 KiB: exit code %d:\n%s%s", code, report, out)
	}
	for _, args := range [][]string{{"--look", "much"}, {"--look", "0B"}} {
		if code, _, errOut := verb(t, append([]string{"init", "--from", data}, args...)...); code != exitUsage || !strings.Contains(errOut, "--look") {
			t.Errorf("%s: exit code %d, %s", args, code, errOut)
		}
	}
}

// TestInitJSON: everything is on standard output, the file itself where it goes nowhere else.
func TestInitJSON(t *testing.T) {
	data := ordersFile(t)
	code, out, errOut := verb(t, "init", "--from", data, "--output", "json")
	var r initReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDone || errOut != "" {
		t.Fatalf("exit code %d, %q, %v", code, errOut, err)
	}
	if plain := ok(t, "init", "--from", data, "-q"); r.File != plain || r.Out != "" {
		t.Errorf("the file in it is another one:\n%s", r.File)
	}
	if r.Rows != 2000 || r.Label.Path != "outcome" || len(r.Features) != 5 || r.Size.Version == 0 || len(r.LeftOut) != 1 {
		t.Errorf("%+v", r)
	}
	path := filepath.Join(t.TempDir(), "my.yaml")
	if r := decoded[initReport](t, "init", "--from", data, "--out", path); r.File != "" || r.Out != path {
		t.Errorf("with --out: %q, %q", r.Out, r.File)
	}
}

// TestInferredIsTold: who evaluates or compares without a pipeline file is told what was left out and guessed.
func TestInferredIsTold(t *testing.T) {
	data := ordersFile(t)
	for _, args := range [][]string{{"evaluate", data, "--model", "logistic"}, {"compare", data, "--models", "logistic"}} {
		code, _, errOut := verb(t, args...)
		if code != exitDone || !strings.HasPrefix(errOut, "label outcome: a guess, because") || !strings.Contains(errOut, "\nleft out: ") ||
			!strings.Contains(errOut, "remark (nearly every value is another one") || strings.Count(errOut, "\n") > 2 {
			t.Errorf("%s: exit code %d, %s", args[0], code, errOut)
		}
	}
	plain := written(t, "plain.csv", "a,y\n"+strings.Repeat("1,0\n2,1\n", 50))
	if code, _, errOut := verb(t, "evaluate", plain, "--label", "y", "--model", "logistic"); code != exitDone || errOut != "" {
		t.Errorf("nothing to tell: exit code %d, %q", code, errOut)
	}
}

// TestInitFitsSnapshots: versions that are too large for the store as often as by default are taken less often, which
// the file says, and check has nothing to add; the same with -q. The examples fit, too.
func TestInitFitsSnapshots(t *testing.T) {
	var b strings.Builder
	b.WriteString("who,y\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "w%d,%s\n", i*7%2500, []string{"n", "p"}[i%2])
	}
	data := written(t, "wide.csv", b.String())
	for _, more := range []string{"--no-try", "--quiet"} {
		code, out, report := verb(t, "init", data, "--label", "y", more)
		if code != exitDone || !strings.Contains(out, "\nsnapshots: {every: 30s, bytes_max: ") || strings.Contains(out, "snapshots every 5s") ||
			strings.Contains(report, "bytes_max") || !strings.Contains(out, "\n# Left at their defaults: scores to the topic") {
			t.Errorf("%s: %d\n%s\n%s", more, code, report, out)
		}
	}
	examples, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(examples) < 20 {
		t.Fatalf("%d examples: %v", len(examples), err)
	}
	for _, file := range examples {
		if code, out, errOut := verb(t, "check", "-c", file); code != exitDone || strings.Contains(out+errOut, "bytes_max") {
			t.Errorf("%s: %d, %s%s", file, code, out, errOut)
		}
	}
}
