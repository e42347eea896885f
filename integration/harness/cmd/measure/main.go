// Command measure takes the figures of docs/BENCHMARKS.md that need real servers: it starts a real Kafka and a real
// Redis, produces elec.csv's rows into Kafka with the given binary, and watches that binary learn or score them.
//
//	go run ./integration/harness/cmd/measure -binary bin/millrace -data elec.csv throughput
//	go run ./integration/harness/cmd/measure -binary bin/millrace -data elec.csv latency
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"millrace/integration/harness"
)

const pipeline = `
name: measured
kafka: {brokers: ["%s"]}
redis: {url: "%s"}
events: {topic: measured.events, partitions: %d}
features: {date: number, day: %s, period: number, nswprice: number, nswdemand: number, vicprice: number, vicdemand: number, transfer: number%s}
label: {path: "y", classes: [0, 1]}
model: {type: logistic, optimizer: {type: sgd, rate: 0.2}}
snapshots: 1s
admin: 127.0.0.1:0
`

// windows are what -windows adds: counts and sums of a key, here the day of the week, and of the whole topic.
const windows = ", n: {type: window, key: day, over: 1m, stat: count}, price: {type: window, key: day, of: nswprice, over: 10s, stat: [sum, mean]}" +
	", all: {type: window, over: 10s, stat: count}"

func main() {
	m := &measurement{}
	flag.StringVar(&m.binary, "binary", "bin/millrace", "the millrace binary")
	flag.StringVar(&m.data, "data", "elec.csv", "Elec2 as CSV: date, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, y")
	flag.IntVar(&m.events, "events", 0, "events: 8,000,000 for throughput and 30,000 for latency by default")
	flag.IntVar(&m.rate, "rate", 1000, "latency: events a second")
	flag.IntVar(&m.partitions, "partitions", 4, "partitions of the events topic")
	flag.BoolVar(&m.windows, "windows", false, "with windows by key and time, and the tables that they take")
	flag.Parse()
	what := map[string]func(context.Context) error{"throughput": m.throughput, "latency": m.latency}[flag.Arg(0)]
	if what == nil {
		fmt.Fprintln(os.Stderr, "usage: measure [flags] throughput|latency")
		os.Exit(2)
	}
	if err := m.run(what); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

type measurement struct {
	binary, data             string
	events, rate, partitions int
	windows                  bool

	dir, file string
}

// run starts the servers around a measurement.
func (m *measurement) run(what func(context.Context) error) (err error) {
	ctx := context.Background()
	if m.dir, err = os.MkdirTemp("", "millrace-measure-"); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(m.dir)) }()
	kafka, err := harness.StartKafka(ctx, m.dir, harness.KafkaOptions{AsServed: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kafka.Stop()) }()
	redis, err := harness.StartRedis(ctx, m.dir, harness.RedisOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.Stop()) }()
	m.file = filepath.Join(m.dir, "measured.yaml")
	day, further := "number", ""
	if m.windows {
		day, further = "category", windows
	}
	text := fmt.Sprintf(pipeline, kafka.Addr(), redis.URL(), m.partitions, day, further)
	if err := os.WriteFile(m.file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing the pipeline file: %w", err)
	}
	return what(ctx)
}

func (m *measurement) produce(ctx context.Context, events, rate int) error {
	cmd := exec.CommandContext(ctx, m.binary, "produce", "-c", m.file, m.data, "--loop", "--events", strconv.Itoa(events), "--rate", strconv.Itoa(rate))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("producing: %w", err)
	}
	return nil
}

// start runs a verb and finds its admin address in its log.
func (m *measurement) start(ctx context.Context, verb string) (*harness.Process, string, error) {
	log := filepath.Join(m.dir, verb+".log")
	p, err := harness.StartProcess(harness.Command{Path: m.binary, Args: []string{verb, "-c", m.file}, Stdout: log, Stderr: log})
	if err != nil {
		return nil, "", err
	}
	address := regexp.MustCompile(`admin=(http://\S+)`)
	for ctx.Err() == nil {
		text, err := os.ReadFile(log)
		if err != nil {
			return p, "", err
		}
		if found := address.FindSubmatch(text); found != nil {
			return p, string(found[1]) + "/metrics", nil
		}
		select {
		case <-p.Exited():
			return p, "", fmt.Errorf("%s ended early:\n%s", verb, p.LogTail())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return p, "", ctx.Err()
}

// throughput lets a learner catch up with a full topic and prints its rate in every second.
func (m *measurement) throughput(ctx context.Context) error {
	events := m.events
	if events == 0 {
		events = 8_000_000
	}
	if err := m.produce(ctx, events, 0); err != nil {
		return err
	}
	p, url, err := m.start(ctx, "learn")
	if err != nil {
		return err
	}
	var rates []float64
	began, last, at := time.Now(), 0.0, time.Now()
	for last < float64(events) {
		time.Sleep(time.Second)
		samples, err := scrape(ctx, url)
		if err != nil {
			return err
		}
		now := time.Now()
		learned := samples["millrace_learned_events_total"]
		rate := (learned - last) / now.Sub(at).Seconds()
		last, at = learned, now
		if learned < float64(events) { // the last second is a part of one
			rates = append(rates, rate)
		}
		fmt.Printf("%10.0f learned  %9.0f events/s  %6.1f MB resident  %5.1f s CPU\n", learned, rate,
			samples["process_resident_memory_bytes"]/1e6, samples["process_cpu_seconds_total"])
	}
	slices.Sort(rates)
	fmt.Printf("\n%d events in %.1f s: %.0f events/s; median second %.0f, slowest %.0f\n", events, at.Sub(began).Seconds(),
		float64(events)/at.Sub(began).Seconds(), stat.Quantile(0.5, stat.Empirical, rates, nil), rates[0])
	return p.Stop(20 * time.Second)
}

// latency produces at a steady rate into a running learner and scorer and prints quantiles of the time from a record's
// timestamp until its score is acknowledged.
func (m *measurement) latency(ctx context.Context) error {
	events := m.events
	if events == 0 {
		events = 30 * m.rate
	}
	if err := m.produce(ctx, 2000, 0); err != nil { // something to learn before the first score
		return err
	}
	p, url, err := m.start(ctx, "run")
	if err != nil {
		return err
	}
	// The broker's code is compiled as it runs, on the same two cores: a quick stretch warms it up, a second one lets
	// it settle, and neither is counted.
	for _, rate := range []int{4 * m.rate, m.rate} {
		if err := m.produce(ctx, 10*rate, rate); err != nil {
			return err
		}
	}
	before, err := scrape(ctx, url)
	if err != nil {
		return err
	}
	if err := m.produce(ctx, events, m.rate); err != nil {
		return err
	}
	time.Sleep(time.Second)
	after, err := scrape(ctx, url)
	if err != nil {
		return err
	}
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		low, high := quantile(q, before, after)
		fmt.Printf("p%-5v between %.2f and %.2f ms\n", 100*q, 1000*low, 1000*high)
	}
	return p.Stop(20 * time.Second)
}

// scrape reads all samples; labels but le are dropped, which is right for one pipeline's totals.
func scrape(ctx context.Context, url string) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking for metrics: %w", err)
	}
	defer response.Body.Close()
	le := regexp.MustCompile(`le="([^"]*)"`)
	samples := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if brace := strings.LastIndex(lines.Text(), "} "); brace >= 0 {
			name, value, ok = lines.Text()[:brace+1], lines.Text()[brace+2:], true
		}
		v, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil {
			continue
		}
		base, _, _ := strings.Cut(name, "{")
		if found := le.FindStringSubmatch(name); found != nil {
			base += " " + found[1]
		}
		samples[base] += v
	}
	return samples, nil
}

// quantile finds the bucket of the event-to-score histogram that holds quantile q of what came between two scrapes.
func quantile(q float64, before, after map[string]float64) (low, high float64) {
	const prefix = "millrace_event_to_score_seconds_bucket "
	var bounds []float64
	for name := range after {
		if text, ok := strings.CutPrefix(name, prefix); ok {
			if b, err := strconv.ParseFloat(text, 64); err == nil {
				bounds = append(bounds, b)
			}
		}
	}
	slices.Sort(bounds)
	count := func(b float64) float64 {
		name := prefix + strconv.FormatFloat(b, 'g', -1, 64)
		if math.IsInf(b, 1) {
			name = prefix + "+Inf"
		}
		return after[name] - before[name]
	}
	target := q * count(math.Inf(1))
	for _, b := range bounds {
		if count(b) >= target {
			return low, b
		}
		low = b
	}
	return low, math.Inf(1)
}
