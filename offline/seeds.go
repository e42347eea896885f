package offline

import (
	"context"
	"errors"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"millrace/config"
	"millrace/pipeline/status"
)

// SeedsMax bounds how many models learn side by side.
const SeedsMax = 1000

// SeedSummary are the figures of several seeds.
type SeedSummary struct {
	Name      string                   `json:"name"`
	Family    string                   `json:"family"`
	Events    uint64                   `json:"events"`
	Seeds     []SeedResult             `json:"seeds"`
	Mean      status.Losses            `json:"mean"`
	Deviation status.Losses            `json:"standard_deviation"` // of the sample
	Baselines map[string]status.Losses `json:"baselines"`
	// Interrupted says that the figures are of the events so far, and there were more.
	Interrupted bool `json:"interrupted,omitempty"`
}

// SeedResult is one seed's figures.
type SeedResult struct {
	Seed     uint64 `json:"seed"`
	Learned  uint64 `json:"learned"`
	Rejected uint64 `json:"rejected"`
	status.Losses
}

// Seeds evaluates the data with so many seeds side by side, of which the pipeline's is the first. It also returns the
// first seed's pass, which says what every seed could not use. With an *InterruptedError both are of the events so far.
func Seeds(ctx context.Context, p *config.Pipeline, data Data, seeds int, progress Progress) (SeedSummary, *Pass, error) {
	contenders := make([]*Contender, seeds)
	for i := range contenders {
		other := *p
		other.Model.Seed += uint64(i)
		contenders[i] = NewContender(strconv.FormatUint(other.Model.Seed, 10), &other, data)
		if contenders[i].Err != nil {
			return SeedSummary{}, nil, contenders[i].Err
		}
	}
	err := Race(ctx, data, contenders, progress)
	if err != nil && !errors.As(err, new(*InterruptedError)) {
		return SeedSummary{}, nil, err
	}
	return newSeedSummary(p, contenders), &contenders[0].Pass, err
}

func newSeedSummary(p *config.Pipeline, contenders []*Contender) SeedSummary {
	s := SeedSummary{Name: p.Name, Family: p.Model.Type, Events: contenders[0].Pass.Events,
		Interrupted: contenders[0].Pass.Interrupted}
	all := make([]status.Losses, len(contenders))
	for i, c := range contenders {
		figures := newSummary(c.Pieces.Trainer.Progressive, p.Label)
		all[i], s.Baselines = figures.Losses, figures.Baselines
		s.Seeds = append(s.Seeds, SeedResult{Seed: c.Pipeline.Model.Seed, Learned: c.Pass.Learned, Rejected: c.Pass.Rejections(), Losses: all[i]})
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
		mean, deviation := stat.MeanStdDev(values, nil) // of the sample
		*f.mean, *f.deviation = &mean, &deviation
	}
	return s
}
