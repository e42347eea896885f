package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/offline"
)

// lateConfig has windows, and labels that come later: the sixth of all events that has none is learned as legit.
const lateConfig = `
name: late
events: {topic: late.events, id: id, time: time, unknown_topic: create}
features:
  amount: {type: number, missing: indicator}
  card: {type: category, cap: 32}
  spent_1h: {type: window, key: card, of: amount, over: 1h, stat: [count, sum, std]}
  idle: {type: window, key: card, over: 1d, stat: since}
  amount_vs: {type: ratio, of: [amount, spent_1h.sum]}
label: {topic: late.labels, path: outcome, id: of, time: known, classes: [legit, fraud], wait: 3h, early: 10m, missing: legit}
model: {type: mlp, hidden: [8], optimizer: adam}
snapshots: {every: 50ms, events: 500, keep: 5}
scores: {topic: late.scores}
admin: 127.0.0.1:0
`

// lateFiles are events about a minute apart, some told of late, and their labels, hours later, in another file.
func lateFiles(t *testing.T, n int) (events, labels string) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	var e, l strings.Builder
	e.WriteString("id,time,amount,card\n")
	now := int64(1_760_000_000)
	for i := range n {
		now += int64(random.IntN(120))
		at := now
		if random.IntN(20) == 0 {
			at -= int64(random.IntN(1800)) // a time that goes back
		}
		id := i
		if random.IntN(40) == 0 {
			id = max(0, i-5) // an id that was there
		}
		fmt.Fprintf(&e, "e%d,%d,%d.%02d,c%d\n", id, at, random.IntN(200), random.IntN(100), random.IntN(30))
		class := []string{"legit", "legit", "fraud"}[random.IntN(3)]
		known := at + int64(random.IntN(4*3600)) - 500
		switch random.IntN(12) {
		case 0: // never
			continue
		case 1:
			fmt.Fprintf(&l, `{"of":"e%d","outcome":"odd","known":%d}`+"\n", i, known)
		case 2:
			fmt.Fprintf(&l, `{"of":"x%d","outcome":"legit","known":%d}`+"\n", i, known)
		}
		fmt.Fprintf(&l, `{"of":"e%d","outcome":%q,"known":%d}`+"\n", i, class, known)
	}
	return written(t, "events.csv", e.String()), written(t, "labels.jsonl", l.String())
}

// TestEvaluateTellsOfLabels: what the verb prints of labels that come later.
func TestEvaluateTellsOfLabels(t *testing.T) {
	file := written(t, "late.yaml", lateConfig)
	events, labels := lateFiles(t, 500)
	code, out, errOut := verb(t, "evaluate", "-c", file, events, "--labels", labels)
	if code != exitDone || !strings.Contains(out, "labels that came later: ") || !strings.Contains(out, "  events: joined ") ||
		!strings.Contains(out, "waiting at the end ") || !strings.Contains(out, "average precision ") {
		t.Errorf("%d: %s", code, out)
	}
	if !strings.Contains(errOut, "labels rejected: unknown_class ") || !strings.Contains(errOut, "labels.jsonl:") {
		t.Errorf("of labels that cannot be used: %s", errOut)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--label-delay", "soon"}, "--label-delay: \"soon\" is no delay"},
		{[]string{"--label-delay", "1d", "--labels", labels}, "leave out --labels or --label-delay"},
		{[]string{"--labels", "none.csv"}, "opening labels"},
		{[]string{"--predictions", "p.csv", "--seeds", "2"}, "--predictions are those of one seed"},
	} {
		if code, _, errOut := verb(t, append([]string{"evaluate", "-c", file, events}, c.args...)...); code != exitUsage || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: %d, %s", c.args, code, errOut)
		}
	}
	predictions := filepath.Join(t.TempDir(), "p.csv")
	ok(t, "evaluate", "-c", file, events, "--labels", labels, "--predictions", predictions)
	text, err := os.ReadFile(predictions)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(rows) != 501 || rows[0] != "row,id,time,p_legit,p_fraud" || !strings.HasPrefix(rows[1], "1,e0,2025-10-09T") {
		t.Errorf("%d rows of predictions: %s, %s", len(rows), rows[0], rows[1])
	}
	compared := decoded[offline.Comparison](t, "compare", "-c", file, events, "--labels", labels)
	evaluated := decoded[offline.Summary](t, "evaluate", "-c", file, events, "--labels", labels)
	if *compared.Models[0].LogLoss != *evaluated.LogLoss {
		t.Errorf("compare says %v, evaluate %v", *compared.Models[0].LogLoss, *evaluated.LogLoss)
	}
}

// TestGeneratedFiles: payments in a file are those of the topic, with labels in a second file where they come later.
func TestGeneratedFiles(t *testing.T) {
	file := written(t, "late.yaml", lateConfig)
	out := filepath.Join(t.TempDir(), "p.jsonl")
	plain := decoded[struct{ Events uint64 }](t, "produce", "--generate", "payments", "--seed", "7", "--events", "2000", "--out", out)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Events != 2000 || !bytes.Equal(text, paymentRows(2000)) {
		t.Errorf("%+v: the file is not the payments of that seed", plain)
	}
	late := decoded[struct {
		Events, Labels uint64
		File           string `json:"labels_file"`
	}](t, "produce", "-c", file, "--generate", "payments", "--events", "2000", "--out", out)
	labels, err := os.ReadFile(late.File)
	if err != nil {
		t.Fatal(err)
	}
	if late.Events != 2000 || late.Labels == 0 || uint64(bytes.Count(labels, []byte("\n"))) != late.Labels || filepath.Base(late.File) != "p.labels.jsonl" {
		t.Errorf("%+v", late)
	}
	if code, _, errOut := verb(t, "produce", "-c", file, "--generate", "payments", "--out", out); code != exitUsage || !strings.Contains(errOut, "--events N") {
		t.Errorf("without an end: %d, %s", code, errOut)
	}
}
