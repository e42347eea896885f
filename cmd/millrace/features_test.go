package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"millrace/offline"
	"millrace/pipeline"
)

// TestWideFilesNeedNoPipeline: a LIBSVM file of 40,000 columns and 40 classes is read as one bag and learned from.
func TestWideFilesNeedNoPipeline(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for range 2500 {
		class := r.IntN(40)
		fmt.Fprint(&b, class)
		for k := range 150 {
			// Each class has columns of its own among every 266.
			index := k*266 + r.IntN(266)
			if r.IntN(3) == 0 {
				index = k*266 + class*6 + r.IntN(6)
			}
			fmt.Fprintf(&b, " %d:%.3f", index+1, 0.001+r.Float64())
		}
		b.WriteByte('\n')
	}
	path := written(t, "wide.svm", b.String())
	s := decoded[offline.Summary](t, "evaluate", path, "--label", "y", "--model", "logistic")
	if s.Events != 2500 || s.Learned != 2500 || *s.Accuracy < 0.5 || *s.LogLoss > 0.7**s.Baselines["majority"].LogLoss {
		t.Errorf("%+v, accuracy %v, log-loss %v", s, *s.Accuracy, *s.LogLoss)
	}
	if out := ok(t, "init", "--from", path); !strings.Contains(out, "  x: {type: bag, indices: 39901}") {
		t.Errorf("init writes\n%s", out)
	}
}

// TestEvaluateMissing: a feature that no event has a value of is said, as a misspelt name is no fault of an event.
// Features made of others are none of the events' own.
func TestEvaluateMissing(t *testing.T) {
	data := written(t, "d.jsonl", strings.Repeat(`{"a":1,"b":"x","y":"p"}`+"\n"+`{"a":2,"b":"z","y":"q"}`+"\n", 20))
	file := func(b string) string {
		return written(t, "m.yaml", "name: m\nevents: e\nfeatures:\n  ab: {type: cross, of: [a, b]}\n  a: number\n  b: {type: category, path: "+b+"}\n"+
			"label: {path: \"y\", classes: [p, q]}\nmodel: logistic\n")
	}
	if code, _, errOut := verb(t, "evaluate", "-c", file("bb"), data); code != 0 || errOut != "in no event: b\n" {
		t.Errorf("misspelt: %d, %q", code, errOut)
	}
	for _, args := range [][]string{{"evaluate", "-c", file("bb"), data, "--seeds", "2"}, {"compare", "-c", file("bb"), "-c", file("bb"), data}} {
		if code, _, errOut := verb(t, args...); code != 0 || errOut != "in no event: b\n" {
			t.Errorf("%s, misspelt: %d, %q", args[0], code, errOut)
		}
	}
	if code, _, errOut := verb(t, "evaluate", "-c", file("b"), data); code != 0 || errOut != "" {
		t.Errorf("well spelt: %d, %q", code, errOut)
	}
}

// TestCheckSaysWhatWindowsTake: bytes a key, and what is the most of it.
func TestCheckSaysWhatWindowsTake(t *testing.T) {
	file := written(t, "w.yaml", `name: w
events: e
features:
  amount: number
  card: category
  spent: {type: window, key: card, of: amount, over: 1h, stat: [count, sum], keys: 100000}
  all: {type: window, over: 1m, stat: count}
  vs: {type: ratio, of: [amount, spent.sum]}
label: {path: y, classes: [n, p]}
model: logistic
`)
	out := ok(t, "check", "-c", file)
	if !strings.Contains(out, "windows of card take 272 bytes a key in use, at most 34.0 MiB for 131072 keys\n") ||
		!strings.Contains(out, "windows of the whole topic take 0.1 KiB\n") {
		t.Errorf("check says\n%s", out)
	}
	found := decoded[pipeline.Checked](t, "check", "-c", file)
	if len(found.Windows) != 2 || found.Windows[0] != (pipeline.Table{Key: "card", KeyBytes: 272, Keys: 1 << 17}) {
		t.Errorf("%+v", found)
	}
}

// TestCheckSaysWhatWaitsTake: at a rate, and that there is no room for it.
func TestCheckSaysWhatWaitsTake(t *testing.T) {
	file := written(t, "late.yaml", lateConfig)
	out := ok(t, "check", "-c", file, "--rate", "50")
	if !strings.Contains(out, "at 50 events a second 540000 wait for their label, at most; each takes about ") || strings.Contains(out, "warning:") {
		t.Errorf("check says\n%s", out)
	}
	out = ok(t, "check", "-c", file, "--rate", "5000")
	if !strings.Contains(out, "warning: at 5000 events a second") || !strings.Contains(out, "of the 3h that label.wait says") {
		t.Errorf("check says\n%s", out)
	}
	if code, _, errOut := verb(t, "check", "-c", file, "--rate", "-1"); code != exitUsage || !strings.Contains(errOut, "--rate") {
		t.Errorf("a negative rate: %d, %q", code, errOut)
	}
}

// TestCheckSaysWhatFilesOfLabelsNeed: with the time of one of the two topics their files cannot be merged.
func TestCheckSaysWhatFilesOfLabelsNeed(t *testing.T) {
	for _, c := range []struct{ left, want string }{
		{", time: time", "events.time is not given: write events: {time: PATH}"},
		{", time: known", "label.time is not given: write label: {time: PATH}"},
		{"", ""},
	} {
		out := ok(t, "check", "-c", written(t, "late.yaml", strings.Replace(lateConfig, c.left, "", 1)))
		if !strings.Contains(out, c.want) || strings.Contains(out, "warning: evaluate, train and produce will refuse") != (c.want != "") {
			t.Errorf("without %q check says\n%s", c.left, out)
		}
	}
}

// TestInitSaysWhereLabelsOfTheirOwnGo: whoever names a label that is in another file is told where that is explained.
func TestInitSaysWhereLabelsOfTheirOwnGo(t *testing.T) {
	events, _ := lateFiles(t, 50)
	if code, _, errOut := verb(t, "init", "--from", events, "--label", "outcome"); code != exitUsage || !strings.Contains(errOut, "millrace init --help") {
		t.Errorf("%d, %q", code, errOut)
	}
	if out := ok(t, "init", "--help"); !strings.Contains(out, "docs/LABELS.md") {
		t.Errorf("help says\n%s", out)
	}
}
