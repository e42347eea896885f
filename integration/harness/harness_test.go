package harness

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcessEnds(t *testing.T) {
	tests := []struct {
		name   string
		script string
		end    func(*Process) error
		code   int
	}{
		{"by itself", "exit 7", func(p *Process) error { _, err := p.Wait(t.Context()); return err }, 7},
		{"killed", "exec sleep 60", (*Process).Kill, -1},
		{"stopped", "exec sleep 60", func(p *Process) error { return p.Stop(10 * time.Second) }, -1},
		{"killed after its end", "exit 3", func(p *Process) error { <-p.Exited(); return p.Kill() }, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := StartProcess(Command{Path: "/bin/sh", Args: []string{"-c", test.script}})
			if err != nil {
				t.Fatal(err)
			}
			if err := test.end(p); err != nil {
				t.Fatal(err)
			}
			if code := p.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
		})
	}
}

// A child that ignores SIGTERM, and what it started, are gone after Stop, and the error says that it was killed.
func TestStopKillsTheGroup(t *testing.T) {
	run := StartCommand(t, Command{Path: "/bin/sh", Args: []string{"-c", `trap "" TERM; sleep 60 & echo $!; wait; wait`}})
	if err := run.WaitOutput("\n", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	err := run.Stop(50 * time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("Stop returns %v, want an error that says it was killed", err)
	}
	grandchild, err := os.FindProcess(atoi(t, strings.TrimSpace(run.Stdout())))
	if err != nil {
		t.Fatal(err)
	}
	// The grandchild is init's to reap now, which takes a moment; a zombie still takes signals but no longer runs.
	deadline := time.Now().Add(10 * time.Second)
	for grandchild.Signal(syscall.Signal(0)) == nil && !isZombie(grandchild.Pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlives its group", grandchild.Pid)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestStartCommandKeepsOutputApart(t *testing.T) {
	run := StartCommand(t, Command{Path: "/bin/sh", Args: []string{"-c", "echo out $A; echo err >&2; exit 4"}, Env: []string{"A=b"}})
	code, err := run.WaitExit(10 * time.Second)
	if err != nil || code != 4 {
		t.Fatalf("exit code %d, %v, want 4", code, err)
	}
	if run.Stdout() != "out b\n" || run.Stderr() != "err\n" {
		t.Errorf("stdout %q, stderr %q", run.Stdout(), run.Stderr())
	}
	if err := run.WaitOutput("never", time.Minute); err == nil || !strings.Contains(err.Error(), "ended with code 4") {
		t.Errorf("WaitOutput of an ended process returns %v", err)
	}
}

func TestWaitReadyShowsTheLogOfAServerThatDies(t *testing.T) {
	s := server{
		command: Command{Path: "/bin/sh", Args: []string{"-c", "echo no such disk; exit 1"}, Stdout: t.TempDir() + "/log"},
		ping:    func(context.Context) error { return os.ErrNotExist },
	}
	err := s.start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such disk") {
		t.Errorf("start returns %v, want an error with the log", err)
	}
}

func TestExternalServersAreLeftAlone(t *testing.T) {
	var s server
	if err := s.Stop(); err != nil {
		t.Errorf("Stop returns %v, want nil", err)
	}
	if err := s.Kill(); !errors.Is(err, ErrExternal) {
		t.Errorf("Kill returns %v, want ErrExternal", err)
	}
	if err := s.Restart(t.Context()); !errors.Is(err, ErrExternal) {
		t.Errorf("Restart returns %v, want ErrExternal", err)
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func isZombie(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(status), ") Z ")
}
