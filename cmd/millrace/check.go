package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"millrace/pipeline"
)

func (a *app) check() *cobra.Command {
	var file string
	var connect bool
	cmd := &cobra.Command{
		Use:   "check -c FILE",
		Short: "Check a pipeline file, and with --connect its brokers and Redis",
		Long: `Report every mistake of a pipeline file with file, line and column. With --connect, also do once what run does at the
brokers and Redis: reach them, try the store's commands and scripts on keys of their own, load the head and the served
version and compare them with the file. What would fail or lose snapshots is said. Whether topics may be written cannot
be found out without writing to them.`,
		Example: "  millrace check -c payments.yaml --connect",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := pipeline.Load(file)
			if err != nil {
				return err
			}
			log, err := a.logger()
			if err != nil {
				return err
			}
			found, err := pipeline.Check(cmd.Context(), p, file, connect, log)
			if err != nil {
				return err
			}
			return a.printChecked(file, &found)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "pipeline file")
	cmd.Flags().BoolVar(&connect, "connect", false, "reach the brokers and Redis too")
	return cmd
}

func (a *app) printChecked(file string, found *pipeline.Checked) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(found)
	}
	fmt.Fprintf(a.out, "%s: pipeline %s, %d features, model %s: ok\n", file, found.Pipeline, found.Features, found.Model)
	fmt.Fprintf(a.out, "a version has %s; the store holds at most about %s of them\n", byteText(found.Snapshot), byteText(found.Held))
	for _, t := range found.Windows {
		if t.Key == "" {
			fmt.Fprintf(a.out, "windows of the whole topic take %s\n", byteText(int64(t.KeyBytes)))
			continue
		}
		fmt.Fprintf(a.out, "windows of %s take %d bytes a key in use, at most %s for %d keys\n", t.Key, t.KeyBytes,
			byteText(int64(t.KeyBytes)*int64(t.Keys)), t.Keys)
	}
	if found.Kafka != "" {
		fmt.Fprintf(a.out, "Kafka: %s\nRedis: %s\n", found.Kafka, found.Redis)
	}
	for _, w := range found.Warnings {
		fmt.Fprintln(a.out, "warning:", w)
	}
	return nil
}
