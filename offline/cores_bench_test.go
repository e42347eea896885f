package offline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const elecConfig = `
name: elec
events: {topic: elec.events}
features: {date: number, day: number, period: number, nswprice: number, nswdemand: number, vicprice: number, vicdemand: number,
  transfer: number}
label: {path: "y", classes: [0, 1]}
model: auto
`

// busyFor is the processor time of this thread.
func busyFor(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// stopwatch is a runner of one core that notes how long each part takes.
type stopwatch struct {
	b    *testing.B
	runs []timed
}

// timed is how long the parts of a run took, and those that followed them.
type timed struct{ leading, followers []time.Duration }

func (w *stopwatch) Run(n, followers int, f func(i int)) {
	parts := make([]time.Duration, n)
	for i := range n {
		start := busyFor(w.b)
		f(i)
		parts[i] = busyFor(w.b) - start
	}
	w.runs = append(w.runs, timed{parts[:n-followers], parts[n-followers:]})
}

// on is how long all parts take on so many cores, each part on the first core that is free. What follows is not done
// before all that it follows has begun as long ago as it takes, nor before a last piece of it that begins at their end.
func (w *stopwatch) on(cores int) (total time.Duration) {
	const piece = 12 // in a chunk of 100, told of every 8
	for _, run := range w.runs {
		busy := make([]time.Duration, cores)
		var begun, ended time.Duration
		for _, part := range run.leading {
			free := slices.Index(busy, slices.Min(busy))
			begun = busy[free]
			busy[free] += part
			ended = max(ended, busy[free])
		}
		for _, part := range run.followers {
			free := slices.Index(busy, slices.Min(busy))
			busy[free] = max(busy[free]+part, begun+part, ended+part/piece)
		}
		total += slices.Max(busy)
	}
	return total
}

// most is the part that takes longest, over all runs, and what all take together.
func (w *stopwatch) most(parts func(timed) []time.Duration) (longest, total time.Duration) {
	var sums []time.Duration
	for _, run := range w.runs {
		for i, part := range parts(run) {
			if i == len(sums) {
				sums = append(sums, 0)
			}
			sums[i] += part
			total += part
		}
	}
	return slices.Max(sums), total
}

// BenchmarkCores says what part of learning a file by auto is serial, and what that leaves of 2, 4, 8 and 16 cores. It
// takes processor time on one core, so that it says the same on a machine that is busy otherwise; waking the others is
// not in it. Reading and decoding go beside learning.
func BenchmarkCores(b *testing.B) {
	folder := os.Getenv("MILLRACE_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "data")
	}
	data := Data{Events: filepath.Join(folder, "elec.csv")}
	if _, err := os.Stat(data.Events); err != nil {
		b.Skip("no elec.csv; MILLRACE_DATA names the folder that has it")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p := parsedText(b, elecConfig)
	for b.Loop() {
		c := NewContender("elec", p, data)
		w := &stopwatch{b: b}
		r := &race{data: data, slots: make(chan struct{}, 1), progress: func(int64) {}}
		l, err := newLane(r, c)
		if err == nil {
			err = c.begin()
		}
		if err != nil {
			b.Fatal(err)
		}
		c.cores = w
		var reading errgroup.Group
		for _, f := range l.files {
			f.readAhead(b.Context(), &reading)
		}
		var decoding, learning time.Duration
		decoder := l.newWorker()
		for at := new(chunk); ; at.reset() {
			start := busyFor(b)
			n, err := l.fill(b.Context(), at)
			if err != nil && !errors.Is(err, io.EOF) {
				b.Fatal(err)
			}
			if n == 0 {
				break
			}
			decoder.decode(at)
			decoded := busyFor(b)
			c.learn(at.slots)
			decoding, learning = decoding+decoded-start, learning+busyFor(b)-decoded
		}
		_ = reading.Wait()
		l.close()
		all := w.on(1)
		dearest, experts := w.most(func(t timed) []time.Duration { return t.leading })
		mixer, mixers := w.most(func(t timed) []time.Duration { return t.followers })
		for unit, part := range map[string]time.Duration{"%experts": experts, "%dearest": dearest, "%mixers": mixers, "%mixer": mixer} {
			b.ReportMetric(100*part.Seconds()/learning.Seconds(), unit)
		}
		b.ReportMetric(100*(learning-all).Seconds()/learning.Seconds(), "%serial")
		b.ReportMetric(100*decoding.Seconds()/learning.Seconds(), "%decoding")
		b.ReportMetric(learning.Seconds()*1e6/float64(c.Pass.Events), "µs/event")
		for _, cores := range []int{2, 4, 8, 16} {
			took := max(learning-all+w.on(cores), (learning+decoding)/time.Duration(cores))
			b.ReportMetric((learning+decoding).Seconds()/took.Seconds(), fmt.Sprintf("×%d", cores))
		}
	}
}
