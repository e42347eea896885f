//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace/integration/harness"
)

// ended is a verb that has run to its end.
type ended struct {
	code           int
	stdout, stderr string
}

// verb runs millrace to its end.
func verb(t *testing.T, args ...string) ended {
	t.Helper()
	run := harness.Start(t, args...)
	code, err := run.WaitExit(patience)
	if err != nil {
		t.Fatalf("millrace %s: %v", strings.Join(args, " "), err)
	}
	return ended{code, run.Stdout(), run.Stderr()}
}

// must runs millrace to its end and fails the test unless it did what it should.
func must(t *testing.T, args ...string) ended {
	t.Helper()
	e := verb(t, args...)
	if e.code != 0 {
		t.Fatalf("millrace %s: exit code %d\n%s%s", strings.Join(args, " "), e.code, e.stdout, e.stderr)
	}
	return e
}

// decoded reads a verb's JSON result.
func decoded[T any](t *testing.T, e ended) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(e.stdout), &v); err != nil {
		t.Fatalf("the result is no JSON of its kind: %v\n%s", err, e.stdout)
	}
	return v
}

// produce writes a data file to the events topic and returns how many events that were.
func (p *pipeline) produce(data string, args ...string) uint64 {
	p.t.Helper()
	return p.producing(data, args...).end()
}

// stage is a running learn, score or run.
type stage struct {
	*harness.Run
	t     *testing.T
	admin string
}

// start starts a stage without waiting for it.
func (p *pipeline) start(name string, args ...string) *stage {
	p.t.Helper()
	return &stage{t: p.t, Run: harness.Start(p.t, append([]string{name, "-c", p.file, "--admin", "127.0.0.1:0"}, args...)...)}
}

// running starts a stage and waits until it does its work.
func (p *pipeline) running(name string, args ...string) *stage {
	p.t.Helper()
	s := p.start(name, args...)
	if err := s.WaitOutput("msg=running", patience); err != nil {
		p.t.Fatal(err)
	}
	found := regexp.MustCompile(`admin=(http://\S+)`).FindStringSubmatch(s.Stderr())
	if found == nil {
		p.t.Fatalf("no admin address in\n%s", s.Stderr())
	}
	s.admin = found[1]
	return s
}

// terminate ends a stage with SIGTERM, which must be clean.
func (s *stage) terminate() {
	s.t.Helper()
	code, err := s.Terminate(patience)
	if err != nil || code != 0 {
		s.t.Fatalf("after SIGTERM: exit code %d, %v\n%s", code, err, s.Stderr())
	}
}

// alive fails the test when the stage has ended.
func (s *stage) alive() {
	s.t.Helper()
	select {
	case <-s.Exited():
		s.t.Fatalf("%s ended with code %d\n%s", s.Name(), s.ExitCode(), s.Stderr())
	default:
	}
}

// metric is the sum of a metric's series whose labels contain all of the given texts.
func (s *stage) metric(name string, labels ...string) float64 {
	s.t.Helper()
	response, err := http.Get(s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		family, set, _ := strings.Cut(series, "{")
		without := slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(set, l) })
		if family != name || without {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		sum += v
	}
	return sum
}

// get returns the status of a page of the admin address.
func (s *stage) get(path string) int {
	s.t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(s.admin + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// waitMetric waits until a metric is at least n.
func (s *stage) waitMetric(n float64, name string, labels ...string) {
	s.t.Helper()
	waitFor(s.t, fmt.Sprintf("%s of at least %g", name, n), func() (bool, string) {
		s.alive()
		v := s.metric(name, labels...)
		return v >= n, fmt.Sprintf("it is %g", v)
	})
}

// production is a running produce.
type production struct {
	*harness.Run
	t *testing.T
}

// producing starts writing a data file to the events topic.
func (p *pipeline) producing(data string, args ...string) production {
	p.t.Helper()
	args = append([]string{"produce", "-c", p.file, data, "--output", "json"}, args...)
	return production{harness.Start(p.t, args...), p.t}
}

// end waits for the file's end and returns how many events were written.
func (r production) end() uint64 {
	r.t.Helper()
	code, err := r.WaitExit(patience)
	if err != nil || code != 0 {
		r.t.Fatalf("producing: exit code %d, %v\n%s", code, err, r.Stderr())
	}
	return decoded[struct{ Events uint64 }](r.t, ended{stdout: r.Stdout()}).Events
}

// stop ends an endless production and returns how many events were written.
func (r production) stop() uint64 {
	r.t.Helper()
	if err := r.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	return r.end()
}
