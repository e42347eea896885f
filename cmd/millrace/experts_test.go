package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/config"
	"millrace/model"
	"millrace/pipeline"
)

// fakeMixture is a model of experts.
type fakeMixture struct{ model.Model }

func (fakeMixture) Experts() []model.Expert {
	return []model.Expert{
		{ID: 1, Name: "logistic sgd", Spec: model.Spec{Type: "logistic"}, Loss: 0.31, Weight: 0.1, Active: true, Why: "in the first cast"},
		{ID: 2, Name: "old", Spec: model.Spec{Type: "svm"}, Loss: 0.9, Weight: 0.3, Born: 50, Parent: 1, Why: "worse than logistic sgd"},
		{ID: 7, Name: "mlp 8", Spec: model.Spec{Type: "mlp", Hidden: []int{8}, Seed: 3}, Loss: 0.2512, Weight: 0.6, Active: true, Born: 1000, Parent: 2, Why: "made from old"},
	}
}

func TestExpertsTable(t *testing.T) {
	p, err := config.Parse("p", []byte("name: p\nevents: e\nfeatures: {a: number}\nlabel: {path: \"y\", classes: [\"no\", \"yes\"]}\nmodel: logistic\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := expertRows(p, expertsOf(fakeMixture{}))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := printExperts(&b, rows); err != nil {
		t.Fatal(err)
	}
	want := `
EXPERT        ID  WEIGHT  LOSS    ACTIVE  BORN  PARENT  WHY
mlp 8         7   0.600   0.2512  yes     1000  2       made from old
logistic sgd  1   0.100   0.31    yes     0     –       in the first cast
old           2   0.300   0.9     no      50    1       worse than logistic sgd
`
	if b.String() != want {
		t.Errorf("got%s\nwant%s", b.String(), want)
	}
	if !strings.Contains(string(rows[0].Spec), `"layers":[{"activation":"tanh","units":8}]`) {
		t.Errorf("spec %s", rows[0].Spec)
	}
	if expertsOf(nil) != nil {
		t.Error("a model without experts has some")
	}
}

func TestChooseExpert(t *testing.T) {
	experts := expertsOf(fakeMixture{})
	for _, c := range []struct{ name, want string }{{"", "mlp 8"}, {"old", "old"}, {"1", "logistic sgd"}} {
		if e, err := chooseExpert(experts, c.name); err != nil || e.Name != c.want {
			t.Errorf("%q: %s, %v; want %s", c.name, e.Name, err, c.want)
		}
	}
	var usage config.UsageError
	if _, err := chooseExpert(experts, "new"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "mlp 8 (7), logistic sgd (1), old (2)") {
		t.Error(err)
	}
	if _, err := chooseExpert(nil, "new"); !errors.As(err, &usage) {
		t.Error(err)
	}
}

// TestExpertAlone: an expert's spec becomes a pipeline that is accepted.
func TestExpertAlone(t *testing.T) {
	p, err := config.Parse("p", []byte("name: p\nevents: e\nfeatures: {a: number}\nlabel: {path: \"y\", classes: [\"no\", \"yes\"]}\nmodel: logistic\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := chooseExpert(expertsOf(fakeMixture{}), "")
	if err != nil {
		t.Fatal(err)
	}
	file, differences, err := config.FromSpec(specAs(p, e.Spec), config.FileOptions{Name: expertPipeline("p", e)})
	if err != nil || len(differences) > 0 {
		t.Fatal(err, differences)
	}
	alone, err := config.Parse("alone", file, nil)
	if err != nil || alone.Name != "p-mlp-8" || alone.Model.Seed != 3 || len(alone.Model.Layers) != 1 || alone.Model.Layers[0].Units != 8 {
		t.Errorf("%v\n%s", err, file)
	}
}

// TestMixtureFromSnapshot: the experts of a version are shown as they were, and its best one becomes a pipeline.
func TestMixtureFromSnapshot(t *testing.T) {
	r := newRig(t)
	redis := "redis://" + r.redis + "/0"
	auto := written(t, "auto.yaml", ok(t, "init", "--from", digits, "--label", "y", "--model", "auto", "--redis", redis, "--name", "mixture"))
	ok(t, "train", "-c", auto, digits)
	if out := ok(t, "snapshots", "show", "1", "-c", auto); !strings.Contains(out, "\nEXPERT ") || !strings.Contains(out, " yes ") {
		t.Errorf("no experts in\n%s", out)
	}
	shown := decoded[struct{ Experts []expertRow }](t, "snapshots", "show", "1", "-c", auto).Experts
	if len(shown) < 3 || !shown[0].Active || shown[0].Weight < shown[1].Weight {
		t.Fatalf("experts %+v", shown)
	}
	for _, e := range shown {
		alone := written(t, "alone.yaml", ok(t, "init", "--from-snapshot", "mixture", "--redis", redis, "--expert", fmt.Sprint(e.ID)))
		p, err := pipeline.Load(alone)
		if err != nil {
			t.Fatal(err)
		}
		spec, _, _ := p.CanonicalSpec()
		if p.Name != "mixture-"+e.Name || !strings.Contains(string(spec), string(e.Spec)) {
			t.Errorf("pipeline %s has %s, not %s", p.Name, spec, e.Spec)
		}
	}
	best := ok(t, "init", "--from-snapshot", "mixture", "--redis", redis)
	if want := "# and as its model the expert " + shown[0].Name + " ("; !strings.Contains(best, want) {
		t.Errorf("no %q in\n%s", want, best)
	}
	if whole := ok(t, "init", "--from-snapshot", "mixture", "--redis", redis, "--expert", "auto"); !strings.Contains(whole, "name: mixture\n") || !strings.Contains(whole, "type: auto") {
		t.Errorf("the mixture as it was is\n%s", whole)
	}
}

// TestInitFromSnapshot: the pipeline of a snapshot file, and of a served version, takes the very snapshot.
func TestInitFromSnapshot(t *testing.T) {
	folder := t.TempDir()
	first := filepath.Join(folder, "first.yaml")
	save := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t)
	redis := "redis://" + r.redis + "/0"
	save(first, ok(t, "init", "--from", digits, "--label", "y", "--model", "mlp", "--redis", redis))
	trained := filepath.Join(folder, "digits.millrace")
	ok(t, "train", "-c", first, "--out", trained, digits)

	again := filepath.Join(folder, "again.yaml")
	text := ok(t, "init", "--from-snapshot", trained, "--redis", redis)
	save(again, text)
	if !strings.Contains(text, "which had learned 1797 events") || !strings.Contains(text, "name: digits\n") || !strings.Contains(text, redis) {
		t.Errorf("got\n%s", text)
	}
	ok(t, "check", "-c", again)
	ok(t, "snapshots", "import", trained, "-c", again)

	served := ok(t, "init", "--from-snapshot", "digits", "--redis", redis, "--name", "other", "--topic", "t", "--brokers", "localhost:9092")
	save(again, served)
	ok(t, "check", "-c", again)
	for _, want := range []string{"# The features, label and model of version 1 of digits", "name: other\n", "events: {topic: t}", "brokers: ['localhost:9092']"} {
		if !strings.Contains(served, want) {
			t.Errorf("no %q in\n%s", want, served)
		}
	}
	if out := ok(t, "snapshots", "show", "1", "-c", first); strings.Contains(out, "EXPERT") {
		t.Errorf("an mlp has experts:\n%s", out)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--from-snapshot", "nothing"}, exitUsage, "--redis"},
		{[]string{"--from-snapshot", "nothing", "--redis", redis}, exitFailed, "nothing"},
		{[]string{"--from-snapshot", trained, "--expert", "mlp"}, exitUsage, "not made of experts"},
		{[]string{"--from-snapshot", trained, "--label", "y"}, exitUsage, "--label"},
		{[]string{"--from-snapshot", trained, "--from", digits}, exitUsage, "one"},
		{[]string{"--from-snapshot", first}, exitFailed, "reading snapshot file"},
		{[]string{"--from", digits, "--expert", "mlp"}, exitUsage, "--from-snapshot"},
	} {
		if code, _, errOut := verb(t, append([]string{"init"}, c.args...)...); code != c.code || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit code %d, %q; want %d, %q", c.args, code, errOut, c.code, c.want)
		}
	}
}
