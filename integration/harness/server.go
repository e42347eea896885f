package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// ErrExternal is returned by Kill, Signal and Restart of a server that the environment named: it is not ours to end.
var ErrExternal = errors.New("the server was named by the environment and is not the harness's to stop")

const (
	// startAttempts is how often a first start is tried with other ports, should another process take one meanwhile.
	startAttempts = 3
	// readyTimeout is how long a server may take until it answers. Kafka needs 3 s on an idle machine of two cores; the
	// rest is for machines that build something meanwhile.
	readyTimeout = 90 * time.Second
	// pollInterval is how often a starting server is asked whether it is ready.
	pollInterval = 50 * time.Millisecond
	// pingTimeout bounds one question to a starting server, which may accept and then not answer.
	pingTimeout = 5 * time.Second
	// stopGrace is how long a server may take to end after SIGTERM. Kafka flushes its logs first.
	stopGrace = 20 * time.Second
)

// server is what Kafka, Redis and Prometheus have in common: a process that is ended and started again with the same
// command, so with the same ports and data. Its methods are for one goroutine at a time.
type server struct {
	command Command
	ping    func(context.Context) error
	process *Process // nil when the environment named the server
}

func (s *server) start(ctx context.Context) error {
	p, err := StartProcess(s.command)
	if err != nil {
		return err
	}
	s.process = p
	if err := s.waitReady(ctx); err != nil {
		return errors.Join(err, p.Kill())
	}
	return nil
}

// waitReady asks a starting server until it answers. It gives up when ctx ends, after readyTimeout, or as soon as the
// server's process is gone, and then shows the end of its log.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	p := s.process
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.Exited():
			return fmt.Errorf("waiting for %s: it ended with code %d\n%s", p.Name(), p.ExitCode(), p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w (last answer: %w)\n%s", p.Name(), ctx.Err(), err, p.LogTail())
		case <-tick.C:
		}
	}
}

// portTaken reports whether a server did not start because another process bound its port first.
func portTaken(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "address already in use")
}

// External reports whether the environment named this server, so that it cannot be stopped or restarted.
func (s *server) External() bool { return s.process == nil }

// LogPath returns the file with the server's log, which goes on over restarts; empty for an external server.
func (s *server) LogPath() string { return s.command.Stdout }

// Stop ends the server in order, so that it has written everything. Stopping an external server does nothing.
func (s *server) Stop() error {
	if s.External() {
		return nil
	}
	return s.process.Stop(stopGrace)
}

// Kill ends the server with SIGKILL and waits until it is gone.
func (s *server) Kill() error {
	if s.External() {
		return ErrExternal
	}
	return s.process.Kill()
}

// Signal sends a signal to the server: SIGSTOP makes it accept connections and answer nothing, until SIGCONT.
func (s *server) Signal(sig syscall.Signal) error {
	if s.External() {
		return ErrExternal
	}
	return s.process.Signal(sig)
}

// Restart starts a stopped or killed server again, with the same port and data, and waits until it answers.
func (s *server) Restart(ctx context.Context) error {
	if s.External() {
		return ErrExternal
	}
	select {
	case <-s.process.Exited():
		return s.start(ctx)
	default:
		return fmt.Errorf("restarting %s: it still runs; stop or kill it first", s.process.Name())
	}
}
