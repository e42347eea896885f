package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// shapedFiles are events and labels in tables whose cells a caret delimits, which nobody would look for.
func shapedFiles(t *testing.T) (events, labels string) {
	t.Helper()
	rows, later := "id^time^amount^card^outcome\n", "id^time^outcome\n"
	for i := range 200 {
		class := []string{"legit", "fraud"}[i%2]
		rows += fmt.Sprintf("e%d^%d^%d,5^k%d^%s\n", i, 1000*i, i%2*50+i%7, i%3, class)
		later += fmt.Sprintf("e%d^%d^%s\n", i, 1000*i+500, class)
	}
	return written(t, "events.csv", rows), written(t, "labels.csv", later)
}

// TestEveryVerbReadsShapedFiles: the flags that say how files are written hold for every verb that reads some, and for
// files of labels as for files of events.
func TestEveryVerbReadsShapedFiles(t *testing.T) {
	r := newRig(t)
	events, labels := shapedFiles(t)
	const text = "name: %s\nevents: {topic: %s, id: id, time: time}\nfeatures: {card: category}\n" +
		"label: {path: outcome, classes: [legit, fraud]%s}\nmodel: logistic\nkafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n"
	at := written(t, "at.yaml", fmt.Sprintf(text, "at", "at", "", r.kafka, r.redis))
	late := written(t, "late.yaml", fmt.Sprintf(text, "late", "late", ", topic: late.labels, time: time", r.kafka, r.redis))
	for _, c := range []struct{ args, want string }{
		{"init --label outcome --from " + events, "card: category"},
		{"evaluate --label outcome " + events, "200 events, 200 learned"},
		{"evaluate -c " + at + " " + events, "200 events, 200 learned"},
		{"evaluate -c " + late + " " + events + " --labels " + labels, "labels: repeated 200"},
		{"compare --models logistic --label outcome " + events, "200 events"},
		{"train -c " + at + " --out " + t.TempDir() + "/at.millrace " + events, "200 learned"},
		{"produce -c " + at + " " + events, "200 events written"},
		{"produce -c " + late + " " + events + " --labels " + labels, "200 events written to late and 200 labels"},
	} {
		args := append(strings.Fields(c.args), "--delimiter", "^")
		if code, out, errOut := verb(t, args...); code != exitDone || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, %s%s; want %q", args, code, out, errOut, c.want)
		}
		args[len(args)-1] = "no"
		if code, _, errOut := verb(t, args...); code != exitUsage || !strings.Contains(errOut, `--delimiter: "no"`) {
			t.Errorf("%s: exit code %d, %s", args, code, errOut)
		}
	}
}

// TestStandardInput: it is a file like others, kept where it is read more than once, and nowhere else; several files
// are one stream.
func TestStandardInput(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	rows := "# by hand\na;b;y\n"
	for i := range 300 {
		rows += fmt.Sprintf("%d;k%d;%d\n", i%7, i%3, i%2)
	}
	file := written(t, "my.yaml", "name: my\nevents: {topic: my}\nfeatures: {a: number, b: category}\nlabel: {path: y, classes: [\"0\", \"1\"]}\nmodel: logistic\n")
	first, second := written(t, "1.csv", rows), written(t, "2.csv", strings.ReplaceAll(rows, ";", "|"))
	for _, c := range []struct {
		args, want string
		kept       bool
	}{
		{"init --from -", "name: stdin", true},
		{"evaluate --label y -", "300 events, 300 learned", true},
		{"evaluate -c " + file + " -", "300 events, 300 learned", false},
		{"evaluate -c " + file + " - --label-delay 10", "waiting at the end 10", true},
		{"train -c " + file + " --epochs 2 --out " + t.TempDir() + "/1 -", "300 learned", true},
		{"train -c " + file + " --out " + t.TempDir() + "/1 -", "300 learned", false},
		{"compare -c " + file + " --models tree -", "300 events", true},
		{"evaluate -c " + file + " " + first + " - " + second, "900 events, 900 learned", false},
		{"compare --label y --models logistic " + first + " " + second, "600 events", false},
	} {
		var out, errOut bytes.Buffer
		root := newRoot(&app{in: strings.NewReader(rows), out: &out, err: &errOut})
		root.SetArgs(strings.Fields(c.args))
		err := root.ExecuteContext(t.Context())
		if err != nil || !strings.Contains(out.String(), c.want) || strings.Contains(errOut.String(), "standard input is read more than once") != c.kept {
			t.Errorf("%s: %v, %s%s; want %q, kept %t", c.args, err, &out, &errOut, c.want, c.kept)
		}
		if strings.Contains(c.args, "evaluate") && !strings.Contains(errOut.String(), ": 1 comment line skipped") {
			t.Errorf("%s: it says %s", c.args, &errOut)
		}
	}
	for _, args := range []string{"evaluate - -", "evaluate -c " + file + " - --labels -", "train -c " + file, "evaluate nowhere*.csv"} {
		if code, _, errOut := verb(t, strings.Fields(args)...); code != exitUsage {
			t.Errorf("%s: exit code %d, %s", args, code, errOut)
		}
	}
}

// TestInitTellsFlagsOn: how a file is written stands in no pipeline file, so init says which flags other verbs take, in
// its report and in the file, as a shell reads them.
func TestInitTellsFlagsOn(t *testing.T) {
	events, _ := shapedFiles(t)
	out := filepath.Join(t.TempDir(), "my.yaml")
	const flags = "--delimiter='^' --encoding=latin1 --no-header=false"
	code, _, errOut := verb(t, "init", events, "--label", "outcome", "--out", out, "--delimiter", "^", "--encoding", "latin1", "--no-header=false")
	text, err := os.ReadFile(out)
	if told := strings.Join(strings.Fields(errOut), " "); code != 0 || err != nil || !strings.Contains(told, flags) ||
		!strings.Contains(string(text), "#   millrace evaluate -c FILE DATA "+flags+"\n") {
		t.Errorf("%d, %v: %s\n%s", code, err, errOut, text)
	}
	if code, out, errOut := verb(t, append([]string{"evaluate", "-c", out, events}, strings.Fields(strings.ReplaceAll(flags, "'", ""))...)...); code != 0 {
		t.Errorf("with these flags: %d, %s%s", code, out, errOut)
	}
	if r := decoded[initReport](t, "init", events, "--label", "outcome", "--delimiter", "^"); r.Flags != "--delimiter='^'" {
		t.Errorf("as JSON: %q", r.Flags)
	}
	if _, _, errOut := verb(t, "init", events, "--label", "outcome"); strings.Contains(errOut, "too: ") {
		t.Errorf("without flags it tells some: %s", errOut)
	}
	var f shapeFlags
	all := pflag.NewFlagSet("all", pflag.ContinueOnError)
	f.add(all)
	all.VisitAll(func(flag *pflag.Flag) {
		if err := all.Set(flag.Name, "true"); err != nil || !strings.Contains(f.typed(), "--"+flag.Name+"=true") {
			t.Errorf("--%s is not told of, %v: %s", flag.Name, err, f.typed())
		}
	})
	if got := shellWord("it's;"); got != `'it'\''s;'` {
		t.Errorf("a shell's word: %s", got)
	}
}
