package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"millrace/config"
	"millrace/pipeline/status"
)

// seedsMax bounds how many models learn side by side.
const seedsMax = 1000

// seedSummary is what evaluate prints of several seeds.
type seedSummary struct {
	Name      string                   `json:"name"`
	Family    string                   `json:"family"`
	Events    uint64                   `json:"events"`
	Seeds     []seedResult             `json:"seeds"`
	Mean      status.Losses            `json:"mean"`
	Deviation status.Losses            `json:"standard_deviation"` // of the sample
	Baselines map[string]status.Losses `json:"baselines"`
}

// seedResult is one seed's figures.
type seedResult struct {
	Seed     uint64 `json:"seed"`
	Learned  uint64 `json:"learned"`
	Rejected uint64 `json:"rejected"`
	status.Losses
}

// evaluateSeeds learns the file with several seeds side by side.
func (a *app) evaluateSeeds(ctx context.Context, p *config.Pipeline, data string, seeds int) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	contenders := make([]*contender, seeds)
	for i := range contenders {
		other := *p
		other.Model.Seed += uint64(i)
		contenders[i] = newContender(strconv.FormatUint(other.Model.Seed, 10), &other)
		if contenders[i].err != nil {
			return contenders[i].err
		}
	}
	if err := a.race(ctx, data, "evaluating", contenders); err != nil {
		return err
	}
	first := &contenders[0].pass
	if first.Learned == 0 {
		return noneLearned(data, first)
	}
	s := newSeedSummary(p, contenders)
	if asJSON {
		return json.NewEncoder(a.out).Encode(s)
	}
	if first.First != "" {
		fmt.Fprintf(a.err, "rejected: %s; the first: %s\n", first.reasons(), first.First)
	}
	return s.print(a.out)
}

func newSeedSummary(p *config.Pipeline, contenders []*contender) seedSummary {
	s := seedSummary{Name: p.Name, Family: p.Model.Type, Events: contenders[0].pass.Events}
	all := make([]status.Losses, len(contenders))
	for i, c := range contenders {
		figures := newSummary(c.pieces.Trainer.Progressive, p.Target().Classes)
		all[i], s.Baselines = figures.Losses, figures.Baselines
		s.Seeds = append(s.Seeds, seedResult{Seed: c.pipeline.Model.Seed, Learned: c.pass.Learned, Rejected: c.pass.rejected(), Losses: all[i]})
	}
	for _, f := range []struct {
		of              func(status.Losses) *float64
		mean, deviation **float64
	}{
		{func(l status.Losses) *float64 { return l.Accuracy }, &s.Mean.Accuracy, &s.Deviation.Accuracy},
		{func(l status.Losses) *float64 { return l.LogLoss }, &s.Mean.LogLoss, &s.Deviation.LogLoss},
		{func(l status.Losses) *float64 { return l.MAE }, &s.Mean.MAE, &s.Deviation.MAE},
		{func(l status.Losses) *float64 { return l.RMSE }, &s.Mean.RMSE, &s.Deviation.RMSE},
	} {
		if f.of(all[0]) == nil {
			continue
		}
		values := make([]float64, len(all))
		for i := range all {
			values[i] = *f.of(all[i])
		}
		mean, deviation := meanAndDeviation(values)
		*f.mean, *f.deviation = &mean, &deviation
	}
	return s
}

// meanAndDeviation are the mean and the sample's standard deviation of two values or more.
func meanAndDeviation(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(values)-1))
}

func (s seedSummary) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %d events, %s with %d seeds\n\n", s.Name, s.Events, s.Family, len(s.Seeds))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	format := errorFormat(s.Baselines, 5)
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
