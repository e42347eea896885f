// Command millrace learns from Kafka streams one event at a time and scores them while it learns.
// Each verb has a file of its own with its flags and what it prints; package pipeline does the work.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/offline"
	"millrace/pipeline"
)

// Exit codes are stable: scripts branch on them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2   // wrong command line or pipeline file
	exitSignal = 128 // and the signal's number, as shells say it: 130 for Ctrl-C
)

// app is what every verb shares.
type app struct {
	in        io.Reader
	out, err  io.Writer
	logLevel  string
	logFormat string
	output    string
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errOut io.Writer) int {
	ctx, stop := signalContext(errOut)
	defer stop()
	return execute(ctx, args, &app{in: os.Stdin, out: out, err: errOut})
}

// execute runs a command line, and returns its exit code.
func execute(ctx context.Context, args []string, a *app) int {
	root, errOut := newRoot(a), a.err
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if by := signalOf(ctx); by != 0 && errors.Is(err, context.Canceled) {
		if !interrupted(err) {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(errOut, "millrace:", err)
		return exitSignal + int(by)
	}
	var problems config.Errors
	if errors.As(err, &problems) {
		fmt.Fprintln(errOut, problems) // file:line:column first, so that editors find the place
	} else {
		fmt.Fprintln(errOut, "millrace:", err)
	}
	var usage config.UsageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// signalKey is where a context keeps the signal that ended it: not as its cause, which other packages return in place
// of context.Canceled.
type signalKey struct{}

// interruptible is a context that a signal ends; 0 is no signal.
func interruptible(parent context.Context) (context.Context, func(syscall.Signal)) {
	by := new(atomic.Int32)
	ctx, cancel := context.WithCancel(context.WithValue(parent, signalKey{}, by))
	return ctx, func(s syscall.Signal) {
		by.CompareAndSwap(0, int32(s))
		cancel()
	}
}

// signalOf is the signal that ended a context, 0 for none.
func signalOf(ctx context.Context) syscall.Signal {
	by, ok := ctx.Value(signalKey{}).(*atomic.Int32)
	if !ok {
		return 0
	}
	return syscall.Signal(by.Load())
}

// interrupted reports whether a verb was called off when it had figures to show.
func interrupted(err error) bool { return errors.As(err, new(*offline.InterruptedError)) }

// soFar marks figures that are of a part.
func soFar(interrupted bool) string {
	if interrupted {
		return " (interrupted: so far)"
	}
	return ""
}

// patience is how long the process may take from the first signal on: a little longer than a pipeline may, so that
// whatever hangs, in whichever verb, does not hold the process.
const patience = pipeline.ShutdownTimeout + 2*time.Second

// signalContext ends with the first interrupt or termination, which lets work drain; the second one
// exits at once.
func signalContext(errOut io.Writer) (context.Context, func()) {
	ctx, cancel := interruptible(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			cancel(number)
		case <-done:
			return
		}
		select {
		case s := <-signals:
			fmt.Fprintf(errOut, "millrace: second signal (%s), exiting at once\n", s)
			os.Exit(exitFailed)
		case <-time.After(patience):
			fmt.Fprintf(errOut, "millrace: not stopped %s after the signal, exiting\n", patience)
			os.Exit(exitFailed)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(0)
	}
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "millrace",
		Short: "Learn from Kafka streams, one event at a time, and score them in real time",
		Long: `Millrace learns from every event of a Kafka topic as it comes, snapshots its model to Redis, and
scores events with the newest snapshot. One YAML file describes a pipeline.`,
		Example: `  millrace demo                              # the whole loop on an embedded broker and store
  millrace init data.csv > my.yaml           # a pipeline file from your data
  millrace run my.yaml                       # learn and score`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noVerb,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("version") {
				return a.printVersion()
			}
			return cmd.Help()
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.logLevel, "log-level", "info", "least level that is logged: debug, info, warn, error")
	f.StringVar(&a.logFormat, "log-format", "text", "log lines as text or json")
	f.StringVarP(&a.output, "output", "o", "text", "results as text or json")
	root.Flags().BoolP("version", "v", false, "print the version")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		_, logErr := a.logger()
		_, outputErr := a.json()
		return cmp.Or(logErr, outputErr) // wrong everywhere, also for verbs that would not use it
	}
	root.SetFlagErrorFunc(flagFault)
	root.AddCommand(a.demo(), a.initFile(), a.check(), a.schema(), a.run(), a.learn(), a.score(),
		a.produce(), a.predict(), a.explain(), a.status(), a.dead(), a.train(), a.evaluate(), a.compare(), a.snapshots(), a.completion(), a.version())
	root.SetHelpCommand(help(root))
	root.CompletionOptions.DisableDefaultCmd = true // completion is a verb with an example
	a.complete(root)
	a.takePipelineFiles(root)
	return root
}

// logger writes structured lines to standard error.
func (a *app) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, config.Usagef("--log-level: %q is none of debug, info, warn, error", a.logLevel)
	}
	o := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(a.err, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.err, o)), nil
	}
	return nil, config.Usagef("--log-format: %q is neither text nor json", a.logFormat)
}

// json reports whether results are to be printed as JSON.
func (a *app) json() (bool, error) {
	switch a.output {
	case "text":
		return false, nil
	case "json":
		return true, nil
	}
	return false, config.Usagef("--output: %q is neither text nor json", a.output)
}
