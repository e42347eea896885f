// Command with-servers starts a real Kafka and a real Redis, runs a command with MILLRACE_TEST_KAFKA and
// MILLRACE_TEST_REDIS naming them, stops them, and ends with the command's exit code. A server that the environment
// names already is used as it is.
//
//	go run ./integration/harness/cmd/with-servers -- go test -tags integration ./consumers/...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"millrace/integration/harness"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: with-servers [--] command [argument …]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "with-servers:", err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (code int, err error) {
	dir, err := os.MkdirTemp("", "millrace-servers-")
	if err != nil {
		return 1, fmt.Errorf("making a folder for the servers: %w", err)
	}
	defer os.RemoveAll(dir)

	began := time.Now()
	kafka, err := harness.StartKafka(ctx, dir, harness.KafkaOptions{})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, end(kafka)) }()
	redis, err := harness.StartRedis(ctx, dir, harness.RedisOptions{})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, end(redis)) }()
	fmt.Fprintf(os.Stderr, "with-servers: Kafka on %s and Redis on %s are ready after %.1f s\n",
		kafka.Addr(), redis.Addr(), time.Since(began).Seconds())

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "MILLRACE_TEST_KAFKA="+kafka.Addr(), "MILLRACE_TEST_REDIS="+redis.Addr())
	// An interrupt reaches the command from the terminal too; either way it may finish what it prints.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, fmt.Errorf("running %s: %w", args[0], err)
	}
	return 0, nil
}

// end kills a server that was started here: its data is thrown away, so there is nothing to wait for.
func end(s interface {
	External() bool
	Kill() error
}) error {
	if s.External() {
		return nil
	}
	return s.Kill()
}
