package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"millrace"
	"time"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/payments"
	"millrace/pipeline"
)

type produceFlags struct {
	config   string
	brokers  []string
	generate string
	seed     uint64
	events   uint64
	out      string
	rowFlags
}

func (a *app) produce() *cobra.Command {
	var f produceFlags
	cmd := &cobra.Command{
		Use:   "produce -c FILE DATA... | --generate payments",
		Short: "Write a file's rows to the events topic as JSON, with the key",
		Long: `Write the rows of files (CSV, JSON lines, LIBSVM, …) to the pipeline's events topic, keyed by the events.key
path (the id by default). Rows that cannot be read are reported and left out. With --generate payments, the
demo's payments are written in place of a file; where the pipeline has a topic of labels, their frauds are reported there
minutes later.

With --labels FILE, its rows go to the topic of labels (label.topic). Rows of both files then get the record times that
they would have had, as far apart as the rows' own times (events.time and label.time, or row numbers in milliseconds
without both), so that the last one is of now; and the topics must keep records for so long. No event is sent before the labels before it
are acknowledged.`,
		Example: `  millrace produce -c payments.yaml data.csv --rate 1000
  millrace produce -c payments.yaml payments.csv --labels chargebacks.csv
  millrace produce -c payments.yaml --generate payments --rate 200
  millrace produce --generate payments --events 80000 --out payments.jsonl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.generate != "" {
				return exactly(0, "no data file with --generate")(cmd, args)
			}
			return someFiles(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			if f.out != "" {
				return a.generateFiles(cmd.Context(), f)
			}
			return a.produceAll(cmd.Context(), f, args)
		},
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "pipeline file")
	cmd.Flags().StringSliceVar(&f.brokers, "brokers", nil, "Kafka addresses in place of the pipeline file's; the embedded broker of a process of this machine is found without")
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&f.generate, "generate", "", "generate events in place of a file: payments")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of --generate")
	cmd.Flags().StringVar(&f.out, "out", "", "write what --generate makes to this file, as JSON lines, in place of the topic; labels that come later to one beside it")
	cmd.Flags().Uint64Var(&f.events, "events", 0, "stop after this many events; 0 is no bound")
	withoutConfig(cmd, "out")
	return cmd
}

// startPatience is for a run that was started a moment ago: it is found once its servers listen.
const startPatience = 10 * time.Second

func (a *app) produceAll(ctx context.Context, f produceFlags, args []string) error {
	p, err := pipeline.Load(f.config)
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
	if err := a.reachBroker(ctx, p, f.config, f.brokers, startPatience, log); err != nil {
		return err
	}
	rows, progress, closeRows, err := a.openRows(ctx, p, f, args)
	if err != nil {
		return err
	}
	defer closeRows()
	n, took, err := pipeline.ProduceTo(ctx, p, log, rows, pipeline.Produce{Rate: f.rate, Events: f.events, Progress: progress})
	if err != nil {
		return sentBefore(err, p, n)
	}
	elapsed := took.Seconds()
	calledOff := error(nil)
	if !f.endless() {
		calledOff = ctx.Err()
	}
	if asJSON {
		said := produced{Events: n.Events, Topic: p.Events.Topic, EventsPerSecond: float64(n.Events) / elapsed}
		if p.LateLabels() {
			said.Labels, said.LabelsTopic = &n.Labels, p.Label.Topic
		}
		return cmp.Or(json.NewEncoder(a.out).Encode(said), calledOff)
	}
	labels := ""
	if p.LateLabels() {
		labels = fmt.Sprintf(" and %s to %s", millrace.Counted(n.Labels, "label"), p.Label.Topic)
	}
	_, err = fmt.Fprintf(a.out, "%s written to %s%s in %.1f s%s\n", millrace.Counted(n.Events, "event"), p.Events.Topic, labels, elapsed,
		soFar(calledOff != nil))
	return cmp.Or(err, calledOff)
}

// endless reports whether only a signal ends it, which then is no interruption.
func (f *produceFlags) endless() bool { return f.events == 0 && (f.loop || f.generate != "") }

// sentBefore adds to an error of sending rows what the topics have of them all the same.
func sentBefore(err error, p *config.Pipeline, n pipeline.Written) error {
	if n == (pipeline.Written{}) {
		return err
	}
	labels := ""
	if p.LateLabels() {
		labels = fmt.Sprintf(" and %s to %s", millrace.Counted(n.Labels, "label"), p.Label.Topic)
	}
	return fmt.Errorf("%w\n%s written to %s%s and acknowledged all the same; sent again, they would be there twice", err,
		millrace.Counted(n.Events, "event"), p.Events.Topic, labels)
}

// produced is what was sent, as JSON.
type produced struct {
	Events          uint64  `json:"events"`
	Topic           string  `json:"topic"`
	EventsPerSecond float64 `json:"events_per_second"`
	Labels          *uint64 `json:"labels,omitempty"` // that come later
	LabelsTopic     string  `json:"labels_topic,omitempty"`
}

// openRows opens the file or the generator.
func (a *app) openRows(ctx context.Context, p *config.Pipeline, f produceFlags, args []string) (pipeline.Rows, func(uint64), func(), error) {
	if f.generate != "" {
		if f.generate != "payments" {
			return nil, nil, nil, config.Usagef("--generate: %q is not known: payments is", f.generate)
		}
		if f.labels != "" {
			return nil, nil, nil, config.Usagef("--labels: payments that are generated have labels of their own")
		}
		return generated(payments.New(f.seed), p.LateLabels()), func(uint64) {}, func() {}, nil
	}
	rows, err := f.open(ctx, a, p, args)
	if err != nil {
		return nil, nil, nil, err
	}
	total := rows.Size()
	if f.loop {
		total = -1
	}
	bar := a.newProgress(total, "producing", true)
	return rows.Next, func(uint64) { bar.set(rows.Read()) }, func() {
		bar.finish()
		a.closeRows(rows)
	}, nil
}

// generated are payments with their outcome; or, where labels come later, without it, and labels in their time.
func generated(g *payments.Generator, late bool) pipeline.Rows {
	var value []byte
	return func(context.Context) (pipeline.Row, error) {
		if !late {
			value = g.Next(value[:0])
			return pipeline.Row{Key: g.Key(), Value: value}, nil
		}
		var ok bool
		if value, ok = g.NextLabel(value[:0]); ok {
			return pipeline.Row{Key: g.LabelKey(), Value: value, Label: true}, nil
		}
		value = g.NextUnlabelled(value[:0])
		return pipeline.Row{Key: g.Key(), Value: value}, nil
	}
}

func checkRate(rate float64) error {
	if !(rate >= 0) || math.IsInf(rate, 1) { // NaN is neither
		return config.Usagef("--rate: %g is no rate: give events a second, 0 for as fast as it goes", rate)
	}
	return nil
}
