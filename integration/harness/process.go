package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// logTailMax is how much of a log an error message shows: enough for a Java stack trace.
const logTailMax = 4 << 10

// Command says what a Process runs.
type Command struct {
	Path   string
	Args   []string
	Env    []string // added to this process's environment
	Dir    string   // working directory; this process's when empty
	Stdout string   // file that standard output is appended to
	Stderr string   // file for standard error; Stdout's when empty
}

// Process is a running command in a process group of its own. Its methods may be called from any goroutine.
type Process struct {
	command Command
	pid     int
	exited  chan struct{}
	state   *os.ProcessState // set before exited is closed
}

// StartProcess starts a command. It lives until it ends by itself, or Stop or Kill is called, or this process ends.
func StartProcess(c Command) (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.SysProcAttr = processAttributes()
	out, err := appendTo(c.Stdout)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if c.Stderr != "" {
		errOut, err := appendTo(c.Stderr)
		if err != nil {
			return nil, fmt.Errorf("starting %s: %w", c.Path, err)
		}
		defer errOut.Close()
		cmd.Stderr = errOut
	}
	p := &Process{command: c, exited: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(cmd, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	return p, nil
}

// run starts the command and reaps it. The kernel's promise to kill a child with its parent is bound to the thread that
// started it, so that thread stays with this goroutine for as long as the child lives.
func (p *Process) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	// The exit code stands in the state; a pipe cannot fail, because output goes to files.
	_ = cmd.Wait()
	p.state = cmd.ProcessState
	close(p.exited)
}

func appendTo(path string) (*os.File, error) {
	if path == "" {
		path = os.DevNull
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}

// Name returns the command's base name, for messages.
func (p *Process) Name() string { return filepath.Base(p.command.Path) }

// Pid returns the process id, which is also its group's.
func (p *Process) Pid() int { return p.pid }

// Exited returns a channel that is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode returns the exit code of an ended process, -1 when a signal ended it or it still runs.
func (p *Process) ExitCode() int {
	select {
	case <-p.exited:
		return p.state.ExitCode()
	default:
		return -1
	}
}

// Wait waits until the process ends and returns its exit code, or ctx's error.
func (p *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.exited:
		return p.state.ExitCode(), nil
	case <-ctx.Done():
		return -1, fmt.Errorf("waiting for %s to end: %w", p.Name(), ctx.Err())
	}
}

// Signal sends a signal to the process alone. Signalling an ended process is no error.
func (p *Process) Signal(s syscall.Signal) error { return p.signal(p.pid, s) }

// Kill ends the process and all of its group with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.signal(-p.pid, syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// Stop asks the process to end with SIGTERM, waits, and kills its group after grace. The error says that it had to be
// killed; the process is gone in any case.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return nil
	case <-timer.C:
		if err := p.Kill(); err != nil {
			return err
		}
		return fmt.Errorf("stopping %s: it did not end within %s and was killed", p.Name(), grace)
	}
}

func (p *Process) signal(pid int, s syscall.Signal) error {
	select {
	case <-p.exited:
		// Its id may be another process's by now.
		return nil
	default:
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("sending %s to %s: %w", s, p.Name(), err)
	}
	return nil
}

// LogTail returns the end of what the process wrote, for error messages.
func (p *Process) LogTail() string {
	path := p.command.Stderr
	if path == "" {
		path = p.command.Stdout
	}
	log, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if len(log) > logTailMax {
		log = log[len(log)-logTailMax:]
	}
	return fmt.Sprintf("--- end of %s\n%s", path, log)
}
