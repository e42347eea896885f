package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// command is a line that help or a document says to type.
type command struct{ from, line string }

// TestEveryExample runs every example of --help, of the README and of the documents, as a shell does, among files as
// they speak of. Servers at localhost are those of the test, and what goes on until Ctrl-C gets one.
func TestEveryExample(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process a line")
	}
	shop := newShop(t)
	seen := map[string]bool{}
	for _, c := range slices.Concat(helpExamples(), documentExamples(t)) {
		if seen[c.line] {
			continue
		}
		seen[c.line] = true
		if why := notRun(t, c); why != "" {
			t.Logf("%s: not run, %s: %s", c.from, why, c.line)
			continue
		}
		t.Run(c.from+": "+c.line, func(t *testing.T) { shop.try(t, c) })
	}
	if len(seen) < 70 {
		t.Errorf("only %d examples were found", len(seen))
	}
}

// TestEveryVerbHasAnExample: of its own, that begins with it.
func TestEveryVerbHasAnExample(t *testing.T) {
	each(newRoot(&app{}), func(c *cobra.Command) {
		if !strings.Contains(c.Example, c.CommandPath()) && c.Name() != "help" {
			t.Errorf("%s has no example of its own: %q", c.CommandPath(), c.Example)
		}
	})
}

func each(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, child := range c.Commands() {
		if child.Name() != "help" {
			each(child, do)
		}
	}
}

func helpExamples() (found []command) {
	each(newRoot(&app{}), func(c *cobra.Command) {
		for _, line := range strings.Split(c.Example, "\n") {
			if line = typed(line); line != "" {
				found = append(found, command{c.CommandPath() + " --help", line})
			}
		}
	})
	return found
}

var (
	remark = regexp.MustCompile(`\s+#.*$`)
	starts = regexp.MustCompile(`^(millrace|make|zcat|curl|cat) `)
)

// typed is what of a line is typed: without the remark at its end.
func typed(line string) string { return remark.ReplaceAllString(strings.TrimSpace(line), "") }

// documentExamples are the commands in indented and fenced lines.
func documentExamples(t *testing.T) (found []command) {
	t.Helper()
	root := os.DirFS("../..")
	names, err := fs.Glob(root, "docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"README.md", "examples/README.md", "deploy/README.md"}, names...) {
		text, err := fs.ReadFile(root, name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		fenced := false
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if (fenced || strings.HasPrefix(line, "    ")) && starts.MatchString(strings.TrimSpace(line)+" ") {
				found = append(found, command{name, typed(line)})
			}
		}
	}
	return found
}

// notRun says why a line is not run here; empty where it is.
func notRun(t *testing.T, c command) string {
	t.Helper()
	if target, found := strings.CutPrefix(c.line, "make "); found {
		makefile, err := os.ReadFile("../../Makefile")
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(target) {
			if !strings.ContainsAny(word, "='/") && !strings.Contains(string(makefile), "\n"+word+":") {
				t.Errorf("%s: %s: the Makefile has no target %s", c.from, c.line, word)
			}
		}
		return "it builds or tests for minutes, and the Makefile has it"
	}
	for part, why := range map[string]string{
		"elec22.jsonl":   "its data are a hundred megabytes and more",
		"elec88.jsonl":   "its data are a hundred megabytes and more",
		"examples/NAME":  "NAME stands for any",
		"windows.yaml":   "its pipeline file is described, and not kept",
		"--events 80000": "it takes long; fewer are written in another line",
		"reported.jsonl": "its data are those of a line that takes long",
		"127.0.0.1:8080": "its port may be taken; scorer/web has the same request",
		"| jq":           "jq may not be there; the rest is run by other lines",
		"--expert":       "it needs a mixture's snapshot; experts_test.go has it",
	} {
		if strings.Contains(c.line, part) {
			return why
		}
	}
	return ""
}

// shop is a folder with the files that examples speak of, beside a broker and a store that have three pipelines'
// versions.
type shop struct {
	dir   string
	to    *strings.Replacer // addresses and numbers of examples to those that are there
	files map[string]string
	redis string
}

const shopPipeline = `name: NAME
kafka: {brokers: ["KAFKA"]}
redis: {url: "redis://REDIS/0"}
events: {topic: TOPIC.events, id: id, time: time, unknown_topic: create}
features: {amount: {type: number, missing: mean}, country: {type: category, missing: zero}}
label: {path: outcome, classes: [legit, fraud], topic: TOPIC.labels, time: time, wait: 3d, assume: legit}
model: {type: logistic, optimizer: {type: sgd, rate: 0.1}}
snapshots: {every: 50ms, events: 50}
admin: 127.0.0.1:0
`

func newShop(t *testing.T) *shop {
	t.Helper()
	r := newRig(t)
	s := &shop{dir: t.TempDir(), files: shopFiles(t, r), redis: r.redis}
	for _, name := range []string{"bin", "logs", "days", "examples"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", asMillrace, self)
	if err := os.WriteFile(filepath.Join(s.dir, "bin", "millrace"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s.lay(t)
	file := func(name string) string { return filepath.Join(s.dir, name) }
	for _, name := range []string{"payments.yaml", "my.yaml"} {
		ok(t, "produce", "-c", file(name), file("data.csv"))
		ok(t, "produce", "-c", file(name), written(t, "bad.csv", "id,time,amount,outcome\nlast,2024-02-01T00:00:00Z,many,legit\n"))
		r.learn(file(name), learned(301), file(map[string]string{"payments.yaml": "bolder.yaml", "my.yaml": "my-bolder.yaml"}[name]))
	}
	ok(t, "train", "-c", file("payments.yaml"), "--out", file("trained"), file("data.csv"))
	trained, err := os.ReadFile(file("trained"))
	if err != nil {
		t.Fatal(err)
	}
	s.files["payments.millrace"] = string(trained)
	admin := start(t, written(t, "elsewhere.yaml", strings.NewReplacer("NAME", "elsewhere", "TOPIC", "elsewhere", "KAFKA", r.kafka, "REDIS", r.redis).Replace(shopPipeline)))
	s.to = strings.NewReplacer("localhost:9092", r.kafka, "localhost:6379", r.redis, "learner:9464", strings.TrimPrefix(admin, "http://"),
		".events/0/4711", ".events/0/300", " 41 ", " 2 ", " 42 ", " 3 ", "--rate 1000", "--rate 100000", "--rate 200", "--rate 2000 --events 200", "--rate 4000", "--rate 40000")
	return s
}

// shopFiles are rows of payments with everything that examples call them by, and pipeline files for them.
func shopFiles(t *testing.T, r *rig) map[string]string {
	t.Helper()
	data, labels := "id,time,amount,country,outcome,y\n", "id,time,outcome\n"
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 300 {
		amount, outcome := i*7%100, "legit"
		if amount > 70 {
			outcome = "fraud"
		}
		at = at.Add(time.Hour)
		data += fmt.Sprintf("tx-%d,%s,%d.5,%s,%s,%d\n", i, at.Format(time.RFC3339), amount, []string{"SE", "NO", "FI"}[i%3], outcome, amount/71)
		labels += fmt.Sprintf("tx-%d,%s,%s\n", i, at.Add(10*time.Minute).Format(time.RFC3339), outcome)
	}
	files := map[string]string{}
	for _, name := range []string{"data.csv", "payments.csv", "new.csv", "events.csv", "january.csv", "february.csv", "logs/2024-01.csv", "days/1.csv"} {
		files[name] = data
	}
	for _, name := range []string{"data.csv.gz", "history.csv.gz", "big.csv.gz"} {
		files[name] = gzipped(t, data)
	}
	files["new.jsonl.gz"] = gzipped(t, `{"id":"n-1","time":"2024-03-01T00:00:00Z","amount":12.5,"country":"SE"}`+"\n")
	files["export.txt"] = narrow(strings.ReplaceAll(strings.ReplaceAll(data, ",", "|"), "SE", "Malmö"))
	files["chargebacks.csv"], files["labels.csv"] = labels, labels
	files["wide.svm"] = sales(200).ranked()
	for _, name := range []string{"payments", "my", "bolder", "my-bolder", "late"} {
		pipeline, topic := name, strings.TrimSuffix(name, "-bolder")
		if name == "bolder" {
			pipeline, topic = "payments-bolder", "payments"
		}
		files[name+".yaml"] = strings.NewReplacer("NAME", pipeline, "TOPIC", topic, "KAFKA", r.kafka, "REDIS", r.redis).Replace(shopPipeline)
	}
	for _, name := range []string{"digits.csv", "digits.yaml", "elec.yaml", "elec-mlp.yaml", "payments.yaml"} {
		text, err := os.ReadFile("../../examples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files["examples/"+name] = string(text)
	}
	files["elec.csv"] = elecRows()
	return files
}

// elecRows are rows with the columns of the electricity data.
func elecRows() string {
	var b strings.Builder
	b.WriteString("date,day,period,nswprice,nswdemand,vicprice,vicdemand,transfer,y\n")
	for i := range 300 {
		fmt.Fprintf(&b, "%.5f,%d,%.5f,0.0%d,0.4%d,0.003%d,0.42,0.41,%s\n", float64(i)/1000, i/48%7+1, float64(i%48)/47, i*7%90+10, i%10, i%10,
			[]string{"0", "1"}[i*7%90/45])
	}
	return b.String()
}

// lay puts all files where they were, and takes others away, so that no example depends on the ones before it.
func (s *shop) lay(t *testing.T) {
	t.Helper()
	there, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range there {
		if _, ours := s.files[e.Name()]; !ours && !e.IsDir() {
			if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range s.files {
		path := filepath.Join(s.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	endless = regexp.MustCompile(`^millrace (run|learn|score|demo|status .*--watch)\b`)
	up      = regexp.MustCompile(`msg=running|learned `) // of status, what it says
	sent    = regexp.MustCompile(`all rows are sent|nothing was sent`)
	ends    = regexp.MustCompile(`--until-done|--events|--print-config`)
)

// try runs a line; it must succeed, and what has no end of its own must end well when it is interrupted.
func (s *shop) try(t *testing.T, c command) {
	t.Helper()
	s.lay(t)
	s.prepare(t, c)
	line := strings.TrimSuffix(s.to.Replace(c.line), "&")
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	if endless.MatchString(line) && !ends.MatchString(line) {
		line = "exec " + line
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"))
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if strings.HasPrefix(line, "exec ") {
		ready := up
		if strings.Contains(line, "--from") && !strings.Contains(line, "--loop") { // before, Ctrl-C interrupts
			ready = sent
		}
		for !ready.MatchString(out.String()) {
			select {
			case err := <-ended:
				t.Fatalf("it ended by itself: %v\n%s", err, out.String())
			case <-time.After(20 * time.Millisecond):
			}
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// prepare has a line find what its text speaks of.
func (s *shop) prepare(t *testing.T, c command) {
	t.Helper()
	edit := func(name string, change func(text string) string) {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(change(s.files[name])), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	has := func(part string) bool { return strings.Contains(c.line, part) }
	if c.from == "README.md" && has("bolder.yaml") { // its pipeline is my.yaml
		edit("bolder.yaml", func(string) string { return s.files["my-bolder.yaml"] })
	}
	if has("--challenger payments-bolder") {
		edit("payments.yaml", func(text string) string { return text + "challengers: [bolder.yaml]\n" })
	}
	if has("--data-dir") { // servers of its own
		for _, name := range []string{"payments.yaml", "my.yaml"} {
			edit(name, func(text string) string {
				return regexp.MustCompile(`(?m)^(kafka|redis): .*\n`).ReplaceAllString(text, "")
			})
		}
	}
	if has("snapshots import") || has("train -c") && !has("--out") { // for a model that has learned nothing yet
		edit("payments.yaml", func(text string) string { return strings.Replace(text, s.redis, newRig(t).redis, 1) })
	}
	if has("status -c") {
		start(t, filepath.Join(s.dir, strings.Fields(c.line)[3]))
	}
}
