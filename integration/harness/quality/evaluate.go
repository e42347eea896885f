package quality

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"gonum.org/v1/gonum/stat"

	"millrace/config"
	"millrace/config/infer"
	"millrace/model"
	"millrace/offline"
	"millrace/pipeline/status"
)

// Result is how a family learned a stream.
type Result struct {
	Family string // by its name for the label's kind
	Seeds  int
	First  Figure  // of the first seed
	Median Figure  // of all seeds, each loss by itself
	Spread float64 // standard deviation of the loss over the seeds, as a share of the median; 0 for one seed
	// Baselines are those of the stream; PerSecond and StateBytes those of the first seed.
	Baselines  map[string]status.Losses
	PerSecond  float64
	StateBytes int64
	Err        error // why there is nothing else
}

// Figures are a result's, by their keys.
func (r *Result) Figures(stream string) map[Key]Figure {
	all := map[Key]Figure{{Stream: stream, Family: r.Family, Seeds: 1}: r.First}
	if r.Seeds > 1 {
		all[Key{Stream: stream, Family: r.Family, Seeds: r.Seeds}] = r.Median
	}
	return all
}

// Evaluator measures families on a stream, in their order.
type Evaluator func(ctx context.Context, s Stream, families []string, seeds int) ([]Result, error)

// Evaluate does as the verb evaluate does, in this process: the pipeline is inferred for each family, every row is
// predicted before it is learned. All families and seeds learn side by side, on all cores.
func Evaluate(ctx context.Context, s Stream, families []string, seeds int) ([]Result, error) {
	contenders, err := Contend(ctx, s, families, seeds)
	if err != nil {
		return nil, err
	}
	if err := Race(ctx, s, contenders); err != nil {
		return nil, err
	}
	var results []Result
	for _, family := range families {
		var summaries []offline.Summary
		r := Result{Seeds: 1}
		for _, c := range contenders {
			if asked(c.Name) != family {
				continue
			}
			r.Family, r.Err = c.Name, errors.Join(r.Err, c.Err)
			if c.Err == nil {
				summaries = append(summaries, c.Summary())
			}
			if len(summaries) == 1 && r.PerSecond == 0 {
				r.PerSecond, r.StateBytes = c.EventsPerSecond(), c.StateBytes()
			}
		}
		if r.Err == nil {
			r.summarise(summaries)
		}
		results = append(results, r)
	}
	return results, nil
}

// Race lets contenders learn the stream side by side.
func Race(ctx context.Context, s Stream, contenders []*offline.Contender) error {
	err := offline.Race(ctx, offline.Data{Events: s.Path}, contenders, func(int64) func(int64) { return func(int64) {} })
	if err != nil {
		return fmt.Errorf("learning %s: %w", s.Name, err)
	}
	return nil
}

// Contend makes a contender a family and seed, for the pipeline that is inferred from the stream, as the verb compare
// does. One that cannot learn the stream says why.
func Contend(ctx context.Context, s Stream, families []string, seeds int) ([]*offline.Contender, error) {
	r, base, err := infers(ctx, s)
	if err != nil {
		return nil, err
	}
	var contenders []*offline.Contender
	for _, family := range families {
		family = named(family, base.Target().Classes > 0)
		for seed := range runs(family, seeds) {
			p := *base
			p.Model = infer.ModelSpec(family, r.Sparse)
			p.Model.Seed = base.Model.Seed + uint64(seed)
			contenders = append(contenders, offline.NewContender(family, &p, offline.Data{Events: s.Path}))
		}
	}
	return contenders, nil
}

func infers(ctx context.Context, s Stream) (*infer.Result, *config.Pipeline, error) {
	r, p, err := offline.Inferred(ctx, offline.Data{Events: s.Path}, infer.Options{Label: s.Label, Model: model.FamilyAuto, ScanAll: true})
	if err != nil {
		return nil, nil, fmt.Errorf("inferring a pipeline for %s: %w", s.Name, err)
	}
	return r, p, nil
}

// summarise takes a result's figures from those of its seeds.
func (r *Result) summarise(seeds []offline.Summary) {
	first := seeds[0]
	r.Seeds, r.Baselines = len(seeds), first.Baselines
	r.First = Figure{Events: first.Events, Losses: only(first.Losses)}
	r.Median.Events = first.Events
	parts := []func(*status.Losses) **float64{
		func(l *status.Losses) **float64 { return &l.Accuracy }, func(l *status.Losses) **float64 { return &l.LogLoss },
		func(l *status.Losses) **float64 { return &l.MAE }, func(l *status.Losses) **float64 { return &l.RMSE },
	}
	for _, part := range parts {
		if *part(&first.Losses) == nil {
			continue
		}
		values := make([]float64, len(seeds))
		for i := range seeds {
			values[i] = **part(&seeds[i].Losses)
		}
		middle := Median(values)
		*part(&r.Median.Losses) = &middle
	}
	if len(seeds) > 1 {
		all := make([]float64, len(seeds))
		for i := range seeds {
			f := Figure{Losses: seeds[i].Losses}
			all[i] = f.Loss()
		}
		r.Spread = stat.StdDev(all, nil) / r.Median.Loss()
	}
}

// only keeps the losses that every label has.
func only(l status.Losses) status.Losses {
	return status.Losses{Accuracy: l.Accuracy, LogLoss: l.LogLoss, MAE: l.MAE, RMSE: l.RMSE}
}

// ByBinary has a binary of another build evaluate, a seed at a time, so that what it does is known from before this
// package was.
func ByBinary(path string) Evaluator {
	return func(ctx context.Context, s Stream, families []string, seeds int) ([]Result, error) {
		_, p, err := infers(ctx, s)
		if err != nil {
			return nil, err
		}
		classes := p.Target().Classes > 0
		results := make([]Result, len(families))
		for i, family := range families {
			r := &results[i]
			r.Family, r.Seeds = named(family, classes), 1
			var summaries []offline.Summary
			for seed := range runs(family, seeds) {
				summary, err := evaluateBy(ctx, path, s, r.Family, seed)
				r.Err = errors.Join(r.Err, err)
				summaries = append(summaries, summary)
			}
			if r.Err == nil {
				r.PerSecond = summaries[0].EventsPerSecond
				r.summarise(summaries)
			}
		}
		return results, nil
	}
}

// evaluateBy lets the binary infer a pipeline, or, where it finds none for the stream, gives it this tree's.
func evaluateBy(ctx context.Context, path string, s Stream, family string, seed int) (offline.Summary, error) {
	var summary offline.Summary
	out, err := outputOf(ctx, path, "evaluate", "--output", "json", "--seed", strconv.Itoa(seed), "--model", family, "--label", s.Label, s.Path)
	if err != nil && ctx.Err() == nil {
		var file string
		if file, err = pipelineFor(ctx, s, family); err == nil {
			out, err = outputOf(ctx, path, "evaluate", "--output", "json", "--seed", strconv.Itoa(seed), "-c", file, s.Path)
			err = errors.Join(err, os.Remove(file))
		}
	}
	if err != nil {
		return summary, fmt.Errorf("evaluating %s on %s: %w", family, s.Name, err)
	}
	if err := json.Unmarshal(out, &summary); err != nil {
		return summary, fmt.Errorf("reading what %s said of %s: %w", path, s.Name, err)
	}
	if summary.LogLoss == nil && summary.RMSE == nil {
		return summary, fmt.Errorf("%s said nothing of how it learned %s", path, s.Name)
	}
	return summary, nil
}

func outputOf(ctx context.Context, path string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, path, args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return out, err
}

// pipelineFor writes the pipeline that this tree infers from the stream to a temporary file.
func pipelineFor(ctx context.Context, s Stream, family string) (string, error) {
	r, err := offline.Infer(ctx, offline.Data{Events: s.Path}, infer.Options{Label: s.Label, Model: family, ScanAll: true})
	if err != nil {
		return "", fmt.Errorf("inferring a pipeline: %w", err)
	}
	file, err := os.CreateTemp("", "millrace-quality-*.yaml")
	if err != nil {
		return "", fmt.Errorf("writing a pipeline: %w", err)
	}
	_, err = file.Write(r.YAML)
	return file.Name(), errors.Join(err, file.Close())
}
