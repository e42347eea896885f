package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// buildDirEnv names the folder that a test binary's Main made for what its tests build.
const buildDirEnv = "MILLRACE_TEST_BUILD_DIR"

// Main runs a package's tests with a folder that the millrace binary is built into once for all of them. A package
// without it works too and builds once a test:
//
//	func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "millrace-build-")
	if err == nil {
		err = os.Setenv(buildDirEnv, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "preparing tests:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	return m.Run()
}

// Build returns the path of the millrace binary, built from this tree, or the one that MILLRACE_TEST_BINARY names.
func Build(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("MILLRACE_TEST_BINARY"); path != "" {
		return path
	}
	dir := os.Getenv(buildDirEnv)
	if dir == "" {
		dir = t.TempDir()
	}
	path, err := build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build(ctx context.Context, dir string) (string, error) {
	root, err := RepoRoot()
	if err != nil {
		return "", err
	}
	// Parallel tests ask at once; the first builds and the others wait.
	unlock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(dir, "millrace")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/millrace")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building millrace: %w\n%s", err, out)
	}
	return path, nil
}

// Run is a running or ended millrace.
type Run struct {
	*Process
	stdout, stderr string // files
}

// Start builds the binary where needed and starts it with args. At the test's end it is killed if it still runs, and
// its output is shown if the test failed.
func Start(t testing.TB, args ...string) *Run {
	t.Helper()
	return StartCommand(t, Command{Path: Build(t), Args: args})
}

// StartCommand is Start with an environment or a working directory; c.Stdout and c.Stderr are chosen by the harness.
func StartCommand(t testing.TB, c Command) *Run {
	t.Helper()
	dir := t.TempDir()
	r := &Run{stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr")}
	c.Stdout, c.Stderr = r.stdout, r.stderr
	p, err := StartProcess(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Process = p
	t.Cleanup(func() {
		if err := r.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s %s: exit code %d\n%s", r.Name(), strings.Join(c.Args, " "), r.ExitCode(), r.LogTail())
		}
	})
	return r
}

// Stdout returns what it has written to standard output so far.
func (r *Run) Stdout() string { return readOutput(r.stdout) }

// Stderr returns what it has written to standard error so far.
func (r *Run) Stderr() string { return readOutput(r.stderr) }

func readOutput(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		// The harness made the file; without it there is nothing that a test could go on with.
		panic(err)
	}
	return string(text)
}

// Terminate sends SIGTERM, waits for the end at most timeout, and returns the exit code.
func (r *Run) Terminate(timeout time.Duration) (int, error) {
	if err := r.Signal(syscall.SIGTERM); err != nil {
		return -1, err
	}
	return r.WaitExit(timeout)
}

// WaitExit waits for the end at most timeout and returns the exit code.
func (r *Run) WaitExit(timeout time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return r.Wait(ctx)
}

// WaitOutput waits until standard output or standard error contains text. It gives up after timeout, or when the
// process ends without having written it.
func (r *Run) WaitOutput(text string, timeout time.Duration) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	seen := func() bool { return strings.Contains(r.Stdout(), text) || strings.Contains(r.Stderr(), text) }
	for !seen() {
		select {
		case <-r.Exited():
			if seen() {
				return nil
			}
			return fmt.Errorf("waiting for %q: %s ended with code %d", text, r.Name(), r.ExitCode())
		case <-deadline.C:
			return fmt.Errorf("waiting for %q: %w after %s", text, errNotWritten, timeout)
		case <-tick.C:
		}
	}
	return nil
}

var errNotWritten = errors.New("not written")
