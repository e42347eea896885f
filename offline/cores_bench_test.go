package offline

import (
	"fmt"
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
	runs [][]time.Duration
}

func (w *stopwatch) Run(n int, f func(i int)) {
	parts := make([]time.Duration, n)
	for i := range n {
		start := busyFor(w.b)
		f(i)
		parts[i] = busyFor(w.b) - start
	}
	w.runs = append(w.runs, parts)
}

// on is how long all parts take on so many cores, each part on the first core that is free.
func (w *stopwatch) on(cores int) (total time.Duration) {
	for _, parts := range w.runs {
		busy := make([]time.Duration, cores)
		for _, part := range parts {
			busy[slices.Index(busy, slices.Min(busy))] += part
		}
		total += slices.Max(busy)
	}
	return total
}

// most is the part that takes longest, over all runs of so many parts, and what all take together.
func (w *stopwatch) most(parts func(n int) bool) (longest, total time.Duration) {
	var sums []time.Duration
	for _, run := range w.runs {
		for i := range run {
			if !parts(len(run)) {
				break
			}
			if i == len(sums) {
				sums = append(sums, 0)
			}
			sums[i] += run[i]
			total += run[i]
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
		r := &race{data: data, slots: make(chan struct{}, 1)}
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
		for at, ended := &(chunk{}), false; !ended; at.reset() {
			start := busyFor(b)
			if ended, err = l.fill(b.Context(), at); err != nil {
				b.Fatal(err)
			}
			decoded := busyFor(b)
			c.learn(at.slots)
			decoding, learning = decoding+decoded-start, learning+busyFor(b)-decoded
		}
		_ = reading.Wait()
		l.close()
		all := w.on(1)
		dearest, experts := w.most(func(n int) bool { return n > 2 })
		mixer, mixers := w.most(func(n int) bool { return n == 2 })
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
