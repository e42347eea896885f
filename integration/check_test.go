//go:build integration

package integration

import (
	"os"
	"strings"
	"testing"

	"millrace/integration/harness"
)

// check --connect finds what would stop run: at Redis, in the store, and in the file against what is there.
func TestCheckConnect(t *testing.T) {
	redis := harness.NewRedis(t, harness.RedisOptions{Own: true})
	p := newPipeline(t, pipelineSpec{name: "check", learns: example(t, "elec"), redis: redis.URL()})
	check := func(code int, want ...string) {
		t.Helper()
		got := verb(t, "check", "-c", p.file, "--connect")
		if got.code != code {
			t.Errorf("exit code %d, want %d\n%s%s", got.code, code, got.stdout, got.stderr)
		}
		for _, w := range want {
			if !strings.Contains(got.stdout+got.stderr, w) {
				t.Errorf("%q is not in\n%s%s", w, got.stdout, got.stderr)
			}
		}
	}
	command := func(words ...string) {
		t.Helper()
		if answer, err := redis.Command(t.Context(), words...); err != nil || strings.HasPrefix(answer, "-") {
			t.Fatalf("%v: %s, %v", words, answer, err)
		}
	}
	check(0, "Redis: reached", "does not exist; run would create", "the store holds at most about")
	run := p.running("run")
	p.produce(elec(t))
	run.waitMetric(1000, "millrace_learned_events_total")
	run.terminate()
	check(0, "topic check.events has 1 partition")

	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	rewrite := func(from, to string) {
		t.Helper()
		changed := strings.Replace(string(text), from, to, 1)
		if changed == string(text) {
			t.Fatalf("%q is not in the file", from)
		}
		if err := os.WriteFile(p.file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("features:\n", "features:\n  another: number\n")
	check(1, "learners: ", "scorers: ", "features.another")
	if err := os.WriteFile(p.file, text, 0o600); err != nil {
		t.Fatal(err)
	}

	command("ACL", "SETUSER", "default", "-publish")
	check(1, "telling scorers of a version", "NOPERM")
	command("ACL", "SETUSER", "default", "+publish")
	check(0)

	head, _ := p.head()
	prefix := "millrace:{check}:"
	command("DEL", prefix+"c:"+head.Candidate+":training")
	check(1, "learners: ", "training blob", "gone")
	command("DEL", prefix+"head")
	check(1, "lost the head", "snapshots repair")
}
