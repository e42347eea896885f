package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"millrace"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/pipeline"
)

func (a *app) check() *cobra.Command {
	var file string
	var o pipeline.CheckOptions
	cmd := &cobra.Command{
		Use:   "check -c FILE",
		Short: "Check a pipeline file, and with --connect its brokers and Redis",
		Long: `Report every mistake of a pipeline file with file, line and column. With --connect, also do once what run does at the
brokers and Redis: reach them, try the store's commands and scripts on keys of their own, load the head and the served
version and compare them with the file. What would fail or lose snapshots is said. Whether topics may be written cannot
be found out without writing to them. With --rate it says what waits for labels will take at so many events a second.`,
		Example: "  millrace check -c payments.yaml --connect\n  millrace check -c payments.yaml --rate 50",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := pipeline.Load(file)
			if err != nil {
				return err
			}
			if o.Rate < 0 || math.IsInf(o.Rate, 0) || math.IsNaN(o.Rate) {
				return config.Usagef("--rate is a number of events a second, found %v", o.Rate)
			}
			if o.Log, err = a.logger(); err != nil {
				return err
			}
			found, err := pipeline.Check(cmd.Context(), p, file, o)
			if err != nil {
				return err
			}
			if err := pipeline.CheckFileTimes(p); p.LateLabels() && err != nil {
				found.Warnings = append(found.Warnings, "evaluate, train and produce will refuse a file of labels: "+err.Error())
			}
			return a.printChecked(file, &found)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "pipeline file")
	cmd.Flags().BoolVar(&o.Connect, "connect", false, "reach the brokers and Redis too")
	cmd.Flags().Float64Var(&o.Rate, "rate", 0, "events a second, to say what those take that wait for their label; with --connect the topic's by default")
	return reading(cmd)
}

func (a *app) printChecked(file string, found *pipeline.Checked) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(found)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: pipeline %s, %s, model %s: ok\n", file, found.Pipeline, millrace.Counted(found.Features, "feature"), found.Model)
	fmt.Fprintf(&b, "a version has %s; the store holds at most about %s of them\n", byteText(found.Snapshot), byteText(found.Held))
	for _, s := range found.Shares {
		fmt.Fprintf(&b, "of it about %s for %s, which has %s\n", byteText(s.Bytes), s.Feature, millrace.Counted(s.Columns, "column"))
	}
	for _, t := range found.Windows {
		if t.Key == "" {
			fmt.Fprintf(&b, "windows of the whole topic take %s\n", byteText(int64(t.KeyBytes)))
			continue
		}
		fmt.Fprintf(&b, "windows of %s take %d bytes a key in use, at most %s for %s\n", t.Key, t.KeyBytes,
			byteText(int64(t.KeyBytes)*int64(t.Keys)), millrace.Counted(t.Keys, "key"))
	}
	if w := found.Waits; w != nil {
		fmt.Fprintf(&b, "at %.4g events a second %.0f wait for their label, at most; each takes about %d bytes, all %s of %s\n", w.Rate, w.Events,
			w.Each, byteText(int64(w.Bytes)), byteText(w.Room))
		if w.Disk > 0 {
			fmt.Fprintf(&b, "of that room %s are on disk; finding what is there takes %s of memory more\n", byteText(w.Disk), byteText(w.Finding))
		}
	}
	if found.Kafka != "" {
		fmt.Fprintf(&b, "Kafka: %s\nRedis: %s\n", found.Kafka, found.Redis)
	}
	for _, w := range found.Warnings {
		fmt.Fprintln(&b, "warning:", w)
	}
	_, err = a.out.Write(b.Bytes())
	return err
}
