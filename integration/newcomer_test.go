package integration

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"millrace/integration/harness"
)

// TestNewcomerWithoutServers types what the README says, in its order, on a machine where nothing runs.
func TestNewcomerWithoutServers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary and types the README")
	}
	newNewcomer(t, "", "").walk(t)
}

// newcomer follows the README in a folder of his own, with his own data.
type newcomer struct {
	dir          string
	kafka, redis string // addresses of servers, empty where none run
	http         string
	running      *exec.Cmd
	said         *output
}

func newNewcomer(t *testing.T, kafka, redis string) *newcomer {
	t.Helper()
	n := &newcomer{dir: t.TempDir(), kafka: kafka, redis: redis}
	bin := filepath.Join(n.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(harness.Build(t), filepath.Join(bin, "millrace")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("MILLRACE_RUNTIME_DIR", filepath.Join(n.dir, "runtime"))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.http = free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	rows, elec := "id,time,amount,country,y\n", "date,day,period,y\n"
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 2000 {
		y := "legit"
		if i*7%100 > 70 {
			y = "fraud"
		}
		at = at.Add(time.Minute)
		rows += fmt.Sprintf("tx-%d,%s,%d.5,%s,%s\n", i, at.Format(time.RFC3339), i*7%100, []string{"SE", "NO", "FI"}[i%3], y)
		elec += fmt.Sprintf("%.4f,%d,%d,%d\n", float64(i)/2000, i/48%7, i%48, i%48/24)
	}
	n.write(t, "data.csv", rows)
	n.write(t, "new.csv", "id,time,amount,country\nn-1,2024-03-01T00:00:00Z,80,SE\n")
	n.write(t, "bad.csv", "id,time,amount,country,y\nbad,2024-03-01T00:00:00Z,many,SE,legit\n")
	n.write(t, "elec.csv", elec)
	t.Cleanup(func() { n.interrupt(t) })
	return n
}

func (n *newcomer) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var readmeLine = regexp.MustCompile(`(?m)^ {4,}((?:millrace|curl) .*?)(?:\s+#.*)?$`)

// walk types the commands of the README's numbered steps, and prints how long each takes.
func (n *newcomer) walk(t *testing.T) {
	t.Helper()
	root, err := harness.RepoRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, steps, _ := strings.Cut(string(text), "## Use it on your data")
	steps, _, found := strings.Cut(steps, "\nTo start from history")
	lines := readmeLine.FindAllStringSubmatch(steps, -1)
	if !found || len(lines) < 15 {
		t.Fatalf("the README has %d commands in its steps", len(lines))
	}
	began := time.Now()
	for _, line := range lines {
		from := time.Now()
		typed := n.step(t, line[1])
		t.Logf("%6.2f s  %s", time.Since(from).Seconds(), typed)
	}
	t.Logf("%6.2f s in all", time.Since(began).Seconds())
}

// step types a line, with the addresses, places and versions that there are in place of the README's, and is what was
// typed.
func (n *newcomer) step(t *testing.T, line string) string {
	t.Helper()
	if n.kafka == "" { // as the README says, the file then embeds both
		line = strings.Replace(line, " --brokers localhost:9092 --redis redis://localhost:6379/0", "", 1)
	}
	line = strings.NewReplacer("localhost:9092", n.kafka, "localhost:6379", n.redis, "127.0.0.1:8080", n.http).Replace(line)
	switch {
	case strings.Contains(line, "dead show"):
		place := regexp.MustCompile(`my\.events/\d+/\d+`).FindString(n.until(t, "millrace dead list -c my.yaml", "wrong_type"))
		line = strings.Replace(line, "my.events/0/4711", place, 1)
	case strings.Contains(line, "rollback 41"):
		versions := regexp.MustCompile(`(?m)^(\d+) `).FindAllStringSubmatch(n.until(t, "millrace snapshots list -c my.yaml", "learned"), -1)
		line = strings.Replace(line, "41", versions[len(versions)-1][1], 1)
	case strings.HasPrefix(line, "curl"):
		if _, err := exec.LookPath("curl"); err != nil {
			return "(no curl) " + line
		}
	case strings.Contains(line, "predict "):
		n.until(t, "millrace snapshots list -c my.yaml", "learned") // what scores
	case strings.Contains(line, "--from-snapshot") && n.kafka == "":
		return "(embedded) " + line // it needs the address of a store
	case strings.Contains(line, "promote"):
		n.until(t, "millrace snapshots list -c bolder.yaml", "learned")
	case strings.Contains(line, "--until-done"):
		n.interrupt(t)
	}
	endless := strings.HasPrefix(line, "millrace run") && !strings.Contains(line, "--until-done")
	if endless {
		n.start(t, strings.TrimSuffix(line, " &"))
	} else {
		n.shell(t, line)
	}
	n.after(t, line, endless)
	return line
}

// after does what the README says in words.
func (n *newcomer) after(t *testing.T, line string, endless bool) {
	t.Helper()
	switch {
	case strings.HasPrefix(line, "millrace init --from "):
		file, err := os.ReadFile(filepath.Join(n.dir, "my.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(file) + fmt.Sprintf("\nscores: {http: %q}\nadmin: 127.0.0.1:0\nsnapshots: 200ms\n", n.http)
		n.write(t, "my.yaml", text)
		bolder := strings.Replace(text, "name: my\n", "name: my-bolder\n", 1)
		n.write(t, "bolder.yaml", strings.Replace(bolder, fmt.Sprintf("scores: {http: %q}\n", n.http), "", 1))
	case strings.Contains(line, "--until-done"): // it was another way to do the same; what follows needs a pipeline
		n.start(t, "millrace run -c my.yaml")
		n.shell(t, "millrace produce -c my.yaml data.csv")
		n.shell(t, "millrace produce -c my.yaml bad.csv")
	case endless && strings.Contains(line, "--challenger"):
		n.shell(t, "millrace produce -c my.yaml data.csv")
	}
}

// output is written to while it is read.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// ready is what a pipeline says that runs, or that waits for its topic, which produce creates.
var ready = regexp.MustCompile(`msg=running|a topic does not exist yet`)

// start runs a pipeline in place of the one that runs.
func (n *newcomer) start(t *testing.T, line string) {
	t.Helper()
	n.interrupt(t)
	n.said = &output{}
	n.running = exec.Command("sh", "-c", "exec "+line)
	n.running.Dir, n.running.Stdout, n.running.Stderr = n.dir, n.said, n.said
	if err := n.running.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !ready.MatchString(n.said.String()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not run:\n%s", line, n.said)
		}
	}
}

// interrupt ends what runs as Ctrl-C does.
func (n *newcomer) interrupt(t *testing.T) {
	t.Helper()
	if n.running == nil {
		return
	}
	if err := n.running.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if err := n.running.Wait(); err != nil {
		t.Errorf("the pipeline ended with %v:\n%s", err, n.said)
	}
	n.running = nil
}

// shell types a line that must succeed.
func (n *newcomer) shell(t *testing.T, line string) string {
	t.Helper()
	out, err := n.typed(t, line)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

func (n *newcomer) typed(t *testing.T, line string) (string, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = n.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// until types a line until it says what is waited for.
func (n *newcomer) until(t *testing.T, line, want string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		out, err := n.typed(t, line)
		if err == nil && strings.Contains(out, want) {
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v, without %q:\n%s", line, err, want, out)
		}
	}
}
