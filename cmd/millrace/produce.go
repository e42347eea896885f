package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/decode"
	"millrace/files"
	"millrace/payments"
)

// produceBytes bounds records on their way; then reading the file pauses.
const produceBytes = 32 << 20

type produceFlags struct {
	config   string
	brokers  []string
	rate     float64
	loop     bool
	generate string
	seed     uint64
	events   uint64
}

func (a *app) produce() *cobra.Command {
	var f produceFlags
	cmd := &cobra.Command{
		Use:   "produce -c FILE DATA | --generate payments",
		Short: "Write a file's rows to the events topic as JSON, with the key",
		Long: `Write the rows of a CSV, JSON-lines or LIBSVM file to the pipeline's events topic, keyed by the events.key
path (the id by default). Rows that cannot be read are reported and left out. With --generate payments, the
demo's payments are written in place of a file.`,
		Example: `  millrace produce -c payments.yaml data.csv --rate 1000
  millrace produce -c payments.yaml --generate payments --rate 200`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.generate != "" {
				return exactly(0, "no data file with --generate")(cmd, args)
			}
			return exactly(1, "one data file")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkRate(f.rate); err != nil {
				return err
			}
			return a.produceAll(cmd.Context(), f, args)
		},
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "pipeline file")
	cmd.Flags().StringSliceVar(&f.brokers, "brokers", nil, "Kafka addresses in place of the pipeline file's, as that of a running embedded broker")
	cmd.Flags().Float64Var(&f.rate, "rate", 0, "events a second; 0 is as fast as it goes")
	cmd.Flags().BoolVar(&f.loop, "loop", false, "start again at the end of the file")
	cmd.Flags().StringVar(&f.generate, "generate", "", "generate events in place of a file: payments")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of --generate")
	cmd.Flags().Uint64Var(&f.events, "events", 0, "stop after this many events; 0 is no bound")
	return cmd
}

// rowSource gives the next event's key and value, valid until the next call; io.EOF ends it.
type rowSource func(ctx context.Context) (key, value []byte, err error)

func (a *app) produceAll(ctx context.Context, f produceFlags, args []string) error {
	p, err := loadPipeline(f.config)
	if err != nil {
		return err
	}
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	log, err := a.logger()
	if err != nil {
		return err
	}
	if len(f.brokers) > 0 {
		p.Kafka.Mode, p.Kafka.Brokers = "external", f.brokers
	}
	if p.Kafka.Mode == "embedded" {
		return usagef("%s embeds its broker in the running process: name that with --brokers HOST:PORT, as run prints it", f.config)
	}
	rows, progress, closeRows, err := a.openRows(p, f, args)
	if err != nil {
		return err
	}
	defer closeRows()
	e := newEnvironment(p, log)
	if err := e.openKafka(ctx, environmentOptions{}); err != nil {
		return err
	}
	defer e.Close()
	if err := e.cluster.EnsureTopic(ctx, consumers.TopicSpec{Name: p.Events.Topic, Partitions: p.Events.Partitions}); err != nil {
		return fmt.Errorf("creating topic %s: %w", p.Events.Topic, err)
	}
	start := time.Now()
	n, err := produceRows(ctx, e.cluster, p.Events.Topic, rows, f.rate, f.events, progress)
	if err != nil {
		return err
	}
	elapsed := time.Since(start).Seconds()
	if asJSON {
		return json.NewEncoder(a.out).Encode(map[string]any{"events": n, "topic": p.Events.Topic, "events_per_second": float64(n) / elapsed})
	}
	_, err = fmt.Fprintf(a.out, "%d events written to %s in %.1f s\n", n, p.Events.Topic, elapsed)
	return err
}

// openRows opens the file or the generator.
func (a *app) openRows(p *config.Pipeline, f produceFlags, args []string) (rowSource, func(uint64), func(), error) {
	if f.generate != "" {
		if f.generate != "payments" {
			return nil, nil, nil, usagef("--generate: %q is not known: payments is", f.generate)
		}
		return generated(payments.New(f.seed)), func(uint64) {}, func() {}, nil
	}
	o := fileOptions(p)
	o.Loop = f.loop
	src, err := files.Open(args[0], o)
	if err != nil {
		return nil, nil, nil, usageError{err}
	}
	keys, err := newKeyReader(p.Events.Key)
	if err != nil {
		return nil, nil, nil, errors.Join(err, src.Close())
	}
	total := src.Size()
	if f.loop {
		total = -1
	}
	bar := a.newProgress(total, "producing", true)
	rows := &fileRows{src: src, keys: keys, report: func(fault string) { fmt.Fprintln(a.err, "left out:", fault) }}
	return rows.next, func(uint64) { bar.set(src.Read()) }, func() {
		bar.finish()
		_ = src.Close() // a file that was only read
	}, nil
}

func generated(g *payments.Generator) rowSource {
	var value []byte
	return func(context.Context) ([]byte, []byte, error) {
		value = g.Next(value[:0])
		return g.Key(), value, nil
	}
}

// fileRows gives a file's good rows one at a time.
type fileRows struct {
	src    *files.Source
	keys   *keyReader
	batch  *millrace.Batch
	at     int
	report func(fault string)
}

func (r *fileRows) next(ctx context.Context) ([]byte, []byte, error) {
	for {
		if r.batch == nil || r.at == len(r.batch.Records) {
			if r.batch != nil {
				r.batch.Release()
			}
			var err error
			if r.batch, err = r.src.Next(ctx); err != nil {
				r.batch = nil
				return nil, nil, err
			}
			r.at = 0
			continue
		}
		rec := &r.batch.Records[r.at]
		r.at++
		if fault := headerOf(rec, files.FaultHeader); fault != "" {
			r.report(fault)
			continue
		}
		return r.keys.key(rec), rec.Value, nil
	}
}

func headerOf(rec *millrace.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// keyReader reads the value at one path as a record key.
type keyReader struct {
	decoder *decode.Decoder
	event   *millrace.Event
}

func newKeyReader(path string) (*keyReader, error) {
	if path == "" {
		return &keyReader{}, nil
	}
	var limits decode.Limits
	limits.SetDefaults()
	d, err := decode.New(decode.Spec{ID: path, Label: decode.LabelSpec{Path: path, Type: "number"}, Limits: limits})
	if err != nil {
		return nil, fmt.Errorf("compiling events.key: %w", err)
	}
	return &keyReader{decoder: d, event: d.NewEvent()}, nil
}

// key is nil when the record has none: Kafka then spreads such records over partitions.
func (k *keyReader) key(rec *millrace.Record) []byte {
	if k.decoder == nil || k.decoder.Decode(rec, k.event) != nil || k.event.ID == nil {
		return nil
	}
	return k.event.ID
}

// produceRows writes rows at a rate until they end, ctx ends or n are written, and waits for their
// acknowledgement.
func produceRows(ctx context.Context, c *consumers.Cluster, topic string, rows rowSource, rate float64, n uint64, progress func(uint64)) (uint64, error) {
	producer := consumers.NewProducer(c, consumers.ProducerOptions{BufferBytes: produceBytes})
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- producer.Run(around) }()
	written, err := sendRows(ctx, producer, topic, rows, rate, n, progress)
	flush, cancel := context.WithTimeout(around, shutdownTimeout)
	flushErr := producer.Flush(flush)
	cancel()
	stop()
	runErr := <-ran
	if errors.Is(runErr, context.Canceled) {
		runErr = nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // an interrupt ends the rows; what was written must still be acknowledged
	}
	return written, errors.Join(err, flushErr, runErr)
}

func sendRows(ctx context.Context, producer *consumers.Producer, topic string, rows rowSource, rate float64, n uint64, progress func(uint64)) (uint64, error) {
	start := time.Now()
	var written uint64
	for n == 0 || written < n {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		if err := pace(ctx, start, written, rate); err != nil {
			return written, err
		}
		key, value, err := rows(ctx)
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, fmt.Errorf("reading rows: %w", err)
		}
		rec := millrace.Record{Topic: topic, Partition: -1, Time: time.Now().UnixMilli(), Key: key, Value: value}
		if err := producer.Send(ctx, rec, nil); err != nil {
			return written, fmt.Errorf("writing to %s: %w", topic, err)
		}
		if written++; written%1024 == 0 {
			progress(written)
		}
	}
	return written, nil
}

func checkRate(rate float64) error {
	if !(rate >= 0) || math.IsInf(rate, 1) { // NaN is neither
		return usagef("--rate: %g is no rate: give events a second, 0 for as fast as it goes", rate)
	}
	return nil
}

// pace sleeps until event n is due. At high rates the sleep's granularity makes small bursts.
func pace(ctx context.Context, start time.Time, n uint64, rate float64) error {
	if rate <= 0 {
		return nil
	}
	wait := time.Duration(float64(n)/rate*float64(time.Second)) - time.Since(start)
	if wait <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}
