package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/payments"
	"millrace/pipeline"
)

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
	if len(f.brokers) > 0 {
		p.Kafka.Mode, p.Kafka.Brokers = "external", f.brokers
	}
	if p.Kafka.Mode == "embedded" {
		return config.Usagef("%s embeds its broker in the running process: name that with --brokers HOST:PORT, as run prints it", f.config)
	}
	rows, progress, closeRows, err := a.openRows(p, f, args)
	if err != nil {
		return err
	}
	defer closeRows()
	n, took, err := pipeline.ProduceTo(ctx, p, log, rows, pipeline.Produce{Rate: f.rate, Events: f.events, Progress: progress})
	if err != nil {
		return err
	}
	elapsed := took.Seconds()
	if asJSON {
		return json.NewEncoder(a.out).Encode(map[string]any{"events": n, "topic": p.Events.Topic, "events_per_second": float64(n) / elapsed})
	}
	_, err = fmt.Fprintf(a.out, "%d events written to %s in %.1f s\n", n, p.Events.Topic, elapsed)
	return err
}

// openRows opens the file or the generator.
func (a *app) openRows(p *config.Pipeline, f produceFlags, args []string) (pipeline.Rows, func(uint64), func(), error) {
	if f.generate != "" {
		if f.generate != "payments" {
			return nil, nil, nil, config.Usagef("--generate: %q is not known: payments is", f.generate)
		}
		return generated(payments.New(f.seed)), func(uint64) {}, func() {}, nil
	}
	rows, err := pipeline.OpenRows(p, args[0], f.loop, func(fault string) { fmt.Fprintln(a.err, "left out:", fault) })
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
		_ = rows.Close() // a file that was only read
	}, nil
}

func generated(g *payments.Generator) pipeline.Rows {
	var value []byte
	return func(context.Context) ([]byte, []byte, error) {
		value = g.Next(value[:0])
		return g.Key(), value, nil
	}
}

func checkRate(rate float64) error {
	if !(rate >= 0) || math.IsInf(rate, 1) { // NaN is neither
		return config.Usagef("--rate: %g is no rate: give events a second, 0 for as fast as it goes", rate)
	}
	return nil
}
