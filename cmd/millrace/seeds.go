package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"millrace"
	"text/tabwriter"

	"millrace/config"
	"millrace/offline"
)

// evaluateSeeds learns the file with several seeds side by side.
func (a *app) evaluateSeeds(ctx context.Context, p *config.Pipeline, data offline.Data, seeds int) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	progress, finish := a.progress("evaluating")
	s, first, err := offline.Seeds(ctx, p, data, seeds, progress)
	finish()
	if err != nil && !interrupted(err) {
		return err
	}
	a.tellMissing(first)
	if asJSON {
		return cmp.Or(json.NewEncoder(a.out).Encode(s), err)
	}
	a.tellRejected(first)
	return cmp.Or(printSeeds(a.out, s), err)
}

func printSeeds(w io.Writer, s offline.SeedSummary) error {
	fmt.Fprintf(w, "%s: %s, %s with %s%s\n\n", s.Name, millrace.Counted(s.Events, "event"), s.Family, millrace.Counted(len(s.Seeds), "seed"), soFar(s.Interrupted))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	format := newErrorFormat(s.Baselines, 5)
	names, head := []string{"majority", "last"}, "\taccuracy\tlog-loss\t"
	if s.Mean.MAE != nil {
		names, head = []string{"mean", "last"}, "\tMAE\tRMSE\t"
	}
	fmt.Fprintln(t, head)
	for _, r := range s.Seeds {
		fmt.Fprintf(t, "seed %d\t%s\n", r.Seed, row(r.Losses, format))
	}
	fmt.Fprintln(t, "mean\t"+row(s.Mean, format))
	fmt.Fprintln(t, "standard deviation\t"+row(s.Deviation, format))
	for _, n := range names {
		fmt.Fprintln(t, "baseline "+n+"\t"+row(s.Baselines[n], format))
	}
	return t.Flush()
}
