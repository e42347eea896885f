package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
	"millrace/offline"
	"millrace/pipeline/status"
	"millrace/snapshot"
	"millrace/store"
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

// TestEvaluateIsTheStreamWithLateLabels: what evaluate makes of two files is what a learner makes of the topics that
// produce fills from them, to the last bit: the figures, what became of every event and label, and the weights.
func TestEvaluateIsTheStreamWithLateLabels(t *testing.T) {
	r := newRig(t)
	file := written(t, "late.yaml", lateConfig+fmt.Sprintf("kafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n", r.kafka, r.redis))
	events, labels := lateFiles(t, 3000)
	produced := decoded[struct{ Events, Labels uint64 }](t, "produce", "-c", file, events, "--labels", labels)
	if produced.Events != 3000 || produced.Labels < 2500 {
		t.Fatalf("%+v", produced)
	}
	r.learn(file, func(status.Status) bool {
		var read int64
		for _, at := range r.head("late", false).Manifest.Positions {
			read += at.Offset
		}
		return read == int64(produced.Events+produced.Labels)
	})
	live := r.head("late", true)

	got := decoded[offline.Summary](t, "evaluate", "-c", file, events, "--labels", labels)
	if got.Events != 3000 || got.Labels != produced.Labels || got.LabelDelay == nil || got.Waiting == nil {
		t.Errorf("%+v", got)
	}
	for name, v := range map[string]*float64{"accuracy": got.Accuracy, "log_loss": got.LogLoss, "roc_auc": got.ROCAUC,
		"precision": got.Precision, "recall": got.Recall, "average_precision": got.AveragePrecision,
		"majority_log_loss": got.Baselines["majority"].LogLoss, "last_accuracy": got.Baselines["last"].Accuracy} {
		if v == nil || *v != live.Manifest.Metrics[name] {
			t.Errorf("%s is %v by evaluate, %v by the stream", name, v, live.Manifest.Metrics[name])
		}
	}
	if !maps.Equal(got.Names, live.Manifest.Names) {
		t.Errorf("evaluate names %v, the stream %v", got.Names, live.Manifest.Names)
	}
	for _, name := range []string{"joined", "expired_learned", "duplicate", "label_early", "label_unmatched", "label_rejected"} {
		if got.Names[name] == 0 {
			t.Errorf("nothing is %s: %v", name, got.Names)
		}
	}
	out := filepath.Join(t.TempDir(), "late.millrace")
	ok(t, "train", "-c", file, events, "--labels", labels, "--out", out)
	trained, err := snapshot.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(trained.Serving, live.Serving) || trained.Manifest.Learned != live.Manifest.Learned {
		t.Errorf("trained on the files it has learned %d, the stream %d; the weights are the same: %t", trained.Manifest.Learned,
			live.Manifest.Learned, bytes.Equal(trained.Serving, live.Serving))
	}
}

// head is the model's newest version, empty while there is none.
func (r *rig) head(model string, training bool) millrace.Snapshot {
	r.t.Helper()
	spec := store.Spec{}
	spec.SetDefaults()
	spec.URL = "redis://" + r.redis + "/0"
	st, err := store.Open(spec, store.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer st.Close()
	head, err := st.Head(r.t.Context(), model)
	if err != nil {
		return millrace.Snapshot{}
	}
	s, err := st.Load(r.t.Context(), model, head, training)
	if err != nil {
		return millrace.Snapshot{}
	}
	return s
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
	if len(rows) != 501 || rows[0] != "row,id,time,p_legit,p_fraud,label" || !strings.HasPrefix(rows[1], "1,e0,2025-10-09T") {
		t.Errorf("%d rows of predictions: %s, %s", len(rows), rows[0], rows[1])
	}
	if out := ok(t, "compare", "-c", file, events, "--labels", labels); !strings.Contains(out, "  events: joined ") {
		t.Errorf("compare does not tell of labels: %s", out)
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

// TestStreamGoesOnFromTrainedFiles: a learner with windows and late labels begins with a model that files trained.
func TestStreamGoesOnFromTrainedFiles(t *testing.T) {
	r := newRig(t)
	file := written(t, "late.yaml", lateConfig+fmt.Sprintf("kafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n", r.kafka, r.redis))
	events, labels := lateFiles(t, 600)
	ok(t, "train", "-c", file, events, "--labels", labels, "--epochs", "2")
	trained := r.head("late", false).Manifest
	if trained.Learned < 1000 || trained.Keyed != nil {
		t.Fatalf("trained %d, %+v", trained.Learned, trained.Keyed)
	}
	produced := decoded[struct{ Events, Labels uint64 }](t, "produce", "-c", file, events, "--labels", labels)
	r.learn(file, func(status.Status) bool {
		var read int64
		for _, at := range r.head("late", false).Manifest.Positions {
			read += at.Offset
		}
		return read == int64(produced.Events+produced.Labels)
	})
	live := r.head("late", true).Manifest
	if live.Keyed == nil || live.Learned <= trained.Learned+400 || live.Names["joined"] == 0 {
		t.Errorf("after training %d events it has learned %d: %v", trained.Learned, live.Learned, live.Names)
	}
}
