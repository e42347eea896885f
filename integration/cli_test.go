//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace/integration/harness"
)

func TestHelp(t *testing.T) {
	verbs := []string{"", "demo", "init", "check", "schema", "run", "learn", "score", "produce", "predict", "train", "evaluate",
		"compare", "snapshots", "snapshots list", "snapshots show", "snapshots rollback", "version"}
	for _, name := range verbs {
		e := verb(t, append(strings.Fields(name), "--help")...)
		if e.code != 0 || !strings.Contains(e.stdout, "Examples:\n  millrace "+name) || e.stderr != "" {
			t.Errorf("millrace %s --help: exit code %d, want 0 and an example\n%s%s", name, e.code, e.stdout, e.stderr)
		}
	}
}

// Scripts branch on exit codes: 1 is what went wrong, 2 what was asked wrongly.
func TestExitCodes(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "codes", learns: example(t, "digits")})
	data := digits(t)
	tests := []struct {
		code int
		args []string
	}{
		{0, []string{"version"}},
		{0, []string{"check", "-c", p.file}},
		{0, []string{"snapshots", "list", "-c", p.file}},
		{1, []string{"snapshots", "show", "99", "-c", p.file}},
		{1, []string{"snapshots", "rollback", "99", "-c", p.file}},
		{1, []string{"init", "--topic", "codes.absent", "--brokers", p.spec.kafka}},
		{2, []string{"fly"}},
		{2, []string{"snapshots", "fly"}},
		{2, []string{"check", "--fly"}},
		{2, []string{"check"}},
		{2, []string{"check", "-c", p.file, "extra"}},
		{2, []string{"check", "-c", filepath.Join(t.TempDir(), "absent.yaml")}},
		{2, []string{"check", "-c", p.file, "--output", "xml"}},
		{2, []string{"version", "--output", "xml"}},
		{2, []string{"run", "-c", p.file, "--log-level", "loud"}},
		{2, []string{"evaluate", "-c", p.file}},
		{2, []string{"evaluate", "-c", p.file, filepath.Join(t.TempDir(), "absent.csv")}},
		{2, []string{"evaluate", "-c", p.file, "--label", "y", data}},
		{2, []string{"train", "-c", p.file, "--epochs", "0", data}},
		{2, []string{"produce", "-c", p.file}},
		{2, []string{"produce", "-c", p.file, "--rate", "-1", data}},
		{2, []string{"snapshots", "show", "newest", "-c", p.file}},
		{2, []string{"init"}},
		{2, []string{"demo", "--rate", "-1"}},
	}
	for _, test := range tests {
		e := verb(t, test.args...)
		if e.code != test.code {
			t.Errorf("millrace %s: exit code %d, want %d\n%s", strings.Join(test.args, " "), e.code, test.code, e.stderr)
		}
		if said := strings.Contains(e.stderr, "millrace: "); said != (test.code != 0) {
			t.Errorf("millrace %s says\n%s", strings.Join(test.args, " "), e.stderr)
		}
	}
}

// Every verb that prints a result prints it as one JSON value on standard output when asked, and nothing else there.
func TestOutputJSON(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "output", learns: example(t, "digits")})
	data := digits(t)
	steps := []struct {
		args []string
		want map[string]any // some of the fields
	}{
		{[]string{"version"}, map[string]any{"go": nil, "profile": nil}},
		{[]string{"schema"}, map[string]any{"$defs": nil}},
		{[]string{"check", "-c", p.file, "--connect"}, map[string]any{"pipeline": "output", "features": 64.0, "redis": "reached"}},
		{[]string{"evaluate", "-c", p.file, data}, map[string]any{"events": 1797.0, "learned": 1797.0, "rejected": 0.0, "accuracy": nil,
			"log_loss": nil, "baselines": nil, "events_per_second": nil}},
		{[]string{"evaluate", "--model", "logistic", "--label", "y", data}, map[string]any{"learned": 1797.0, "accuracy": nil}},
		{[]string{"produce", "-c", p.file, data, "--events", "50"}, map[string]any{"events": 50.0, "topic": "output.events"}},
		{[]string{"train", "-c", p.file, data, "--epochs", "2"}, map[string]any{"learned": 1797.0, "snapshot": "version 1 of output"}},
		{[]string{"snapshots", "show", "1", "-c", p.file}, map[string]any{"seq": 1.0, "cause": "trained"}},
		{[]string{"snapshots", "rollback", "1", "-c", p.file}, map[string]any{"seq": 2.0, "cause": "rollback"}},
		{[]string{"demo", "--events", "500", "--rate", "0"}, map[string]any{"events": 500.0, "learned": nil, "rejected": 0.0,
			"labels": nil, "names": nil, "waiting": nil, "scores": 500.0, "snapshots": nil, "accuracy": nil, "log_loss": nil, "baselines": nil, "events_per_second": nil}},
	}
	for _, step := range steps {
		name := "millrace " + strings.Join(step.args, " ")
		got := decoded[map[string]any](t, must(t, append(step.args, "--output", "json")...))
		for field, want := range step.want {
			v, ok := got[field]
			if !ok || want != nil && v != want {
				t.Errorf("%s: %s is %v, want %v", name, field, v, want)
			}
		}
	}
	if versions := p.versions(); len(versions) != 2 || !versions[0].IsHead || !versions[0].IsServed {
		t.Errorf("versions %+v, want two, the newest one head and served", versions)
	}
}

// init writes a file that check accepts, and that learns better than guessing, from each data set that is there.
func TestInitFromFiles(t *testing.T) {
	files := []string{digits(t)}
	for _, name := range []string{"elec.csv", "sea.csv", "letter.csv", "bikes.csv", "a9at.svm"} {
		if path, ok := dataFile(t, name); ok {
			files = append(files, path)
		} else {
			t.Logf("%s is absent: not tried", name)
		}
	}
	for _, data := range files {
		t.Run(filepath.Base(data), func(t *testing.T) {
			t.Parallel()
			file := writeFile(t, "inferred.yaml", must(t, "init", "--from", data, "--label", "y").stdout)
			must(t, "check", "-c", file)
			checkBeatsGuessing(t, must(t, "evaluate", "-c", file, data, "--output", "json"))
		})
	}
}

func checkBeatsGuessing(t *testing.T, e ended) {
	t.Helper()
	type losses struct{ Accuracy, MAE float64 }
	got := decoded[struct {
		losses
		Baselines map[string]losses
	}](t, e)
	if mean, ok := got.Baselines["mean"]; ok {
		if got.MAE >= mean.MAE {
			t.Errorf("mean absolute error %g, the mean's %g", got.MAE, mean.MAE)
		}
		return
	}
	if guess := got.Baselines["majority"].Accuracy; got.Accuracy <= guess {
		t.Errorf("accuracy %g, the majority's %g", got.Accuracy, guess)
	}
}

func TestInitFromTopic(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "init-topic", learns: example(t, "digits"), partitions: 2})
	p.produce(digits(t))
	file := writeFile(t, "inferred.yaml", must(t, "init", "--topic", p.spec.topic, "--brokers", p.spec.kafka,
		"--redis", p.spec.redis, "--label", "y").stdout)
	must(t, "check", "-c", file, "--connect")
	checkBeatsGuessing(t, must(t, "evaluate", "-c", file, digits(t), "--output", "json"))
}

// A model trained from a file is served as it is, and a learner goes on from it with all of the topic.
func TestTrainThenLearn(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "trained", learns: example(t, "digits")})
	data := digits(t)
	e := must(t, "train", "-c", p.file, "--epochs", "3", data)
	if strings.Contains(e.stderr, "\r") || !strings.Contains(e.stdout, "version 1 of trained") {
		t.Errorf("train says %q and %q, want plain lines that name the version", e.stdout, e.stderr)
	}
	rows := p.produce(data)
	s := p.running("run")
	p.waitApplied(s)
	p.waitScored(s)
	s.terminate()
	v, _ := p.head()
	if m := v.Manifest; m.Learned != 4*rows || m.Metrics["accuracy"] < 0.95 {
		t.Errorf("learned %d events with accuracy %.3f, want %d and, having seen each before, at least 0.95", m.Learned,
			m.Metrics["accuracy"], 4*rows)
	}
	if positions := v.Manifest.Positions; len(positions) != 1 || positions[0].Offset != int64(rows) {
		t.Errorf("positions are %v, want one at %d", positions, rows)
	}
	p.checkScores(nil)
}

// The first signal waits for what a frozen Redis will not take; the second one ends at once, and nothing is lost by it.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	redis := harness.NewRedis(t, harness.RedisOptions{Own: true})
	p := newPipeline(t, pipelineSpec{name: "signals", learns: example(t, "digits"), redis: redis.URL()})
	s := p.running("learn")
	p.produce(digits(t), "--events", "500")
	p.waitApplied(s)
	if err := redis.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.produce(digits(t), "--events", "500")
	s.waitMetric(1000, "millrace_learned_events_total")
	if err := s.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitOutput("not published", patience); err != nil {
		t.Fatal(err)
	}
	s.alive()
	began := time.Now()
	code, err := s.Terminate(patience)
	if err != nil || code != 1 || !strings.Contains(s.Stderr(), "second signal") {
		t.Errorf("after the second signal: exit code %d, %v, want 1\n%s", code, err, s.Stderr())
	}
	// Waiting for the last snapshot takes 20 s; at once is far less.
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the second signal took %s", took)
	}
	if err := redis.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.learnAll()
	p.checkExact(0)
}

// When Redis does not come back before the deadline, the exit code says that the last snapshot is missing. Its events
// are read again, so each still counts once.
func TestNoTimeForTheLastSnapshot(t *testing.T) {
	t.Parallel() // it waits for most of its time
	redis := harness.NewRedis(t, harness.RedisOptions{Own: true})
	p := newPipeline(t, pipelineSpec{name: "too-late", learns: example(t, "digits"), redis: redis.URL()})
	s := p.running("learn")
	p.produce(digits(t), "--events", "500")
	p.waitApplied(s)
	if err := redis.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.produce(digits(t), "--events", "500")
	s.waitMetric(1000, "millrace_learned_events_total")
	began := time.Now()
	code, err := s.Terminate(patience)
	if err != nil || code != 1 || !strings.Contains(lastLine(s.Stderr()), "a restart reads its events again") {
		t.Errorf("without its last snapshot: exit code %d, %v, want 1\n%s", code, err, s.Stderr())
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the end took %s, and may take 20 s", took)
	}
	if err := redis.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.learnAll()
	p.checkExact(0)
}

// A stage that still waits, for a server or for the topic, answers on its admin address and ends cleanly.
func TestWaitingStages(t *testing.T) {
	for _, name := range []string{"run", "learn", "score"} {
		p := newPipeline(t, pipelineSpec{name: "waiting-" + name, learns: example(t, "digits")})
		p.rewriteEvents("{topic: waiting.absent, unknown_topic: wait}")
		address := closed(t)
		s := &stage{Run: harness.Start(t, name, "-c", p.file, "--admin", address), t: t, admin: "http://" + address}
		waitFor(t, name+" to wait for the topic", func() (bool, string) {
			s.alive()
			return strings.Contains(s.Stderr(), "waiting for"), s.Stderr()
		})
		if status := s.get("/healthz"); status != 200 {
			t.Errorf("%s: /healthz answers %d, want 200", name, status)
		}
		if status := s.get("/readyz"); status != 503 {
			t.Errorf("%s: /readyz answers %d, want 503", name, status)
		}
		s.terminate()

		p = newPipeline(t, pipelineSpec{name: "unreached-" + name, learns: example(t, "digits"), kafka: closed(t)})
		s = p.start(name)
		if err := s.WaitOutput("level=WARN", patience); err != nil {
			t.Fatal(err)
		}
		s.terminate()
	}
}

// Logs are JSON lines when asked.
func TestLogFormatJSON(t *testing.T) {
	e := must(t, "demo", "--events", "100", "--rate", "0", "--output", "json", "--log-format", "json")
	for i, line := range strings.Split(strings.TrimSpace(e.stderr), "\n") {
		var entry struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Msg == "" {
			t.Errorf("line %s of the log: %v: %s", strconv.Itoa(i+1), err, line)
		}
	}
}

// The README's way for a file of one's own: init, run and produce, and there are scores that name the rows.
func TestOwnData(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("id,colour,size,ripe\n")
	for i := range 600 {
		colour, ripe := []string{"red", "green"}[i%2], []string{"yes", "no"}[i%2]
		fmt.Fprintf(&rows, "apple-%d,%s,%d,%s\n", i, colour, i%7, ripe)
	}
	data := writeFile(t, "apples.csv", rows.String())
	p := newPipeline(t, pipelineSpec{name: "apples", learns: example(t, "digits")})
	text := must(t, "init", "--from", data, "--brokers", p.spec.kafka, "--redis", p.spec.redis, "--label", "ripe").stdout
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := p.start("run")
	if err := s.WaitOutput("topic does not exist yet", patience); err != nil {
		t.Fatal(err)
	}
	p.produce(data, "--rate", "200")
	p.waitApplied(s)
	p.waitScored(s)
	s.terminate()
	if m := p.checkExact(0); m.Metrics["accuracy_fading"] < 0.9 {
		t.Errorf("accuracy %.3f on what colour tells, want at least 0.9", m.Metrics["accuracy_fading"])
	}
	named := 0
	for _, r := range p.read(p.scores()) {
		var s struct{ ID, Class string }
		if err := json.Unmarshal(r.Value, &s); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(s.ID, "apple-") && s.ID == string(r.Key) && (s.Class == "yes" || s.Class == "no") {
			named++
		}
	}
	// Scoring starts when the learner has found the topic, which is after some rows.
	if named < 300 {
		t.Errorf("%d of 600 rows have a score with their id, their key and a class, want most", named)
	}
}
