// Command soak runs a pipeline with embedded servers under a steady stream and tells how much memory it takes: `run` of
// an `auto` model, 25,000 events a second. It ends with code 1 when the process ever holds more than the bound.
//
//	go run ./integration/harness/cmd/soak -for 10m
//
// The machine must be able to learn that fast; what it falls short of is told.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"millrace/integration/harness"
)

type soak struct {
	length   time.Duration
	rate     int
	boundMiB int
	binary   string
	dir      string
}

func main() {
	var s soak
	flag.DurationVar(&s.length, "for", 10*time.Minute, "how long")
	flag.IntVar(&s.rate, "rate", 25_000, "events a second")
	flag.IntVar(&s.boundMiB, "bound", 512, "most resident memory in MiB")
	flag.StringVar(&s.binary, "binary", "", "the millrace binary; built from this tree by default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

const pipelineFile = `name: soak
events: {topic: soak.events}
features: {a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number}
label: {path: y, classes: [0, 1]}
model: auto
admin: 127.0.0.1:0
`

// rows of the file that is sent again and again: more than the embedded log keeps.
const rows = 500_000

func (s *soak) run(ctx context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "millrace-soak-"); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(s.dir)
	if s.binary == "" {
		s.binary = filepath.Join(s.dir, "millrace")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./cmd/millrace").CombinedOutput(); err != nil {
			return fmt.Errorf("building the binary: %w: %s", err, out)
		}
	}
	file, data := filepath.Join(s.dir, "soak.yaml"), filepath.Join(s.dir, "soak.csv")
	if err := errors.Join(os.WriteFile(file, []byte(pipelineFile), 0o600), writeRows(data)); err != nil {
		return err
	}
	running, err := harness.StartProcess(harness.Command{Path: s.binary, Args: []string{"run", "-c", file},
		Stdout: filepath.Join(s.dir, "out.log"), Stderr: filepath.Join(s.dir, "run.log")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Stop(30*time.Second)) }()
	broker, err := s.broker(ctx, running)
	if err != nil {
		return err
	}
	return s.watch(ctx, running, file, data, broker)
}

// broker waits for the line that names the embedded broker's address.
func (s *soak) broker(ctx context.Context, running *harness.Process) (string, error) {
	const mark = `msg="embedded Kafka listens" address=`
	for {
		log, err := os.ReadFile(filepath.Join(s.dir, "run.log"))
		if err != nil {
			return "", fmt.Errorf("reading the log: %w", err)
		}
		if _, rest, ok := strings.Cut(string(log), mark); ok && strings.Contains(rest, "\n") {
			return strings.Fields(rest)[0], nil
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-running.Exited():
			return "", fmt.Errorf("run ended: %s", running.LogTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// watch sends rows until the time is up, and looks at the process's memory each second.
func (s *soak) watch(ctx context.Context, running *harness.Process, file, data, broker string) error {
	sending, stop := context.WithTimeout(ctx, s.length)
	defer stop()
	sent := make(chan error, 1)
	go func() { sent <- s.send(sending, file, data, broker) }()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	began, peak := time.Now(), 0
	for second := 1; ; second++ {
		select {
		case err := <-sent:
			fmt.Printf("%6s  peak %d MiB resident, the bound is %d\n", time.Since(began).Round(time.Second), peak, s.boundMiB)
			if err == nil && peak > s.boundMiB {
				err = fmt.Errorf("%d MiB resident, more than %d", peak, s.boundMiB)
			}
			return err
		case <-running.Exited():
			return fmt.Errorf("run ended: %s", running.LogTail())
		case <-ticker.C:
		}
		now, err := residentMiB(running.Pid())
		if err != nil {
			return err
		}
		peak = max(peak, now)
		if second%30 == 0 {
			fmt.Printf("%6s  %d MiB resident, peak %d\n", time.Since(began).Round(time.Second), now, peak)
		}
	}
}

// send sends the file again and again. It returns nil when ctx ends.
func (s *soak) send(ctx context.Context, file, data, broker string) error {
	for ctx.Err() == nil {
		out, err := exec.CommandContext(ctx, s.binary, "produce", "-c", file, data, "--brokers", broker, "--rate", strconv.Itoa(s.rate)).CombinedOutput()
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("sending rows: %w: %s", err, out)
		}
	}
	return nil
}

// writeRows writes a stream that is worth learning: two classes, eight numbers, and a drift in its middle.
func writeRows(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "a,b,c,d,e,f,g,h,y")
	random := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		var x [8]float64
		for j := range x {
			x[j] = random.NormFloat64()
			fmt.Fprintf(w, "%.4f,", x[j])
		}
		y, sign := 0, 1.0
		if i > rows/2 {
			sign = -1
		}
		if x[0]+sign*x[1]*x[2]+0.5*x[3]+0.3*random.NormFloat64() > 0 {
			y = 1
		}
		fmt.Fprintln(w, y)
	}
	return w.Flush()
}

// residentMiB reads a process's resident memory.
func residentMiB(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			return kib >> 10, err
		}
	}
	return 0, errors.New("the kernel does not tell resident memory")
}
