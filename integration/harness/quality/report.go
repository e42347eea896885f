package quality

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// Report measures streams and tells how they stand beside earlier takes.
type Report struct {
	Families []string
	Seeds    int
	Takes    []*Take // what is compared with, as the file has them
	Evaluate Evaluator
	Out      io.Writer

	// Measured are the results by stream, in the order that they came in.
	Measured []Measured
	// Worse are the figures that are worse than in a take by more than the bound.
	Worse []string
	// Skipped are the streams that nothing could be evaluated on, and why.
	Skipped []string
	// Failed are the families that could not learn a stream that they once learned.
	Failed []string
}

// Measured is how families learned a stream.
type Measured struct {
	Stream  Stream
	Results []Result
}

// Run measures the streams one after the other, and prints each as soon as it is known. One that nothing can be learned
// from is skipped, and the others are measured.
func (r *Report) Run(ctx context.Context, streams []Stream) error {
	for _, s := range streams {
		results, err := r.Evaluate(ctx, s, r.Families, r.Seeds)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			fmt.Fprintf(r.Out, "%s: skipped: %v\n\n", s.Name, err)
			r.Skipped = append(r.Skipped, s.Name)
			continue
		}
		r.Measured = append(r.Measured, Measured{Stream: s, Results: results})
		if err := r.print(s, results); err != nil {
			return err
		}
	}
	return nil
}

func (r *Report) print(s Stream, results []Result) error {
	t := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	names := "accuracy\tlog-loss\t"
	if len(results) > 0 && results[0].First.Losses.RMSE != nil {
		names = "MAE\tRMSE\t"
	}
	head := fmt.Sprintf("%s\tseeds\t%s", s.Name, names)
	for _, take := range r.Takes {
		head += "to " + take.Name + "\t"
	}
	fmt.Fprintln(t, head)
	for i := range results {
		result := &results[i]
		if result.Err != nil {
			fmt.Fprintf(t, "%s\tnot learned\t\n", result.Family)
			r.fails(s, result)
			continue
		}
		fmt.Fprintf(t, "%s\t%d\t%s", result.Family, result.Seeds, losses(result.Median))
		for _, take := range r.Takes {
			fmt.Fprint(t, r.beside(take, s, result), "\t")
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// fails keeps what could be learned once and cannot be now, and says why it cannot.
func (r *Report) fails(s Stream, result *Result) {
	for _, take := range r.Takes {
		if _, ok := take.Figures[Key{Stream: s.Name, Family: result.Family, Seeds: 1}]; ok {
			r.Failed = append(r.Failed, fmt.Sprintf("%s on %s: %v", result.Family, s.Name, result.Err))
			return
		}
	}
	fmt.Fprintf(r.Out, "%s does not learn %s: %v\n", result.Family, s.Name, result.Err)
}

// beside is the ratio to a take as tables have it, marked when it is worse.
func (r *Report) beside(take *Take, s Stream, result *Result) string {
	k := Key{Stream: s.Name, Family: result.Family, Seeds: result.Seeds}
	standing := take.Against(k, result.Median)
	if standing.Why != "" {
		return standing.Why + "   "
	}
	if !standing.Worse {
		return fmt.Sprintf("x%.4f   ", standing.Ratio)
	}
	r.Worse = append(r.Worse, fmt.Sprintf("%s on %s: x%.4f to %s (%s)", result.Family, s.Name, standing.Ratio, take.Name, take.Commit))
	return fmt.Sprintf("x%.4f !!", standing.Ratio)
}

// losses are a figure's two cells.
func losses(f Figure) string {
	if f.Losses.RMSE != nil {
		return number(*f.Losses.MAE) + "\t" + number(*f.Losses.RMSE) + "\t"
	}
	return fmt.Sprintf("%.4f\t%.4f\t", *f.Losses.Accuracy, *f.Losses.LogLoss)
}

// number writes an error with four digits that tell something.
func number(v float64) string {
	size := math.Abs(v)
	switch {
	case size >= 1000 && size < 1e9:
		return fmt.Sprintf("%.0f", v)
	case size >= 100 && size < 1000:
		return fmt.Sprintf("%.1f", v)
	case size >= 10 && size < 100:
		return fmt.Sprintf("%.2f", v)
	case size >= 0.1 && size < 10:
		return fmt.Sprintf("%.4f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// Take is what was measured, as a take to compare with later.
func (r *Report) Take(name, commit string) *Take {
	t := &Take{Name: name, Commit: commit, Figures: map[Key]Figure{}}
	for i := range r.Measured {
		m := &r.Measured[i]
		for j := range m.Results {
			if m.Results[j].Err != nil {
				continue
			}
			for k, f := range m.Results[j].Figures(m.Stream.Name) {
				t.Figures[k] = f
			}
		}
	}
	return t
}

// Absent are the streams that takes know and that are not among those found.
func Absent(takes []*Take, found []Stream) []string {
	var absent []string
	seen := map[string]bool{}
	for _, s := range found {
		seen[s.Name] = true
	}
	for _, t := range takes {
		for _, k := range t.keys() {
			if !seen[k.Stream] {
				seen[k.Stream] = true
				absent = append(absent, k.Stream)
			}
		}
	}
	return absent
}

// Sentence joins what is listed for people; empty for nothing.
func Sentence(head string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	return head + ": " + strings.Join(items, ", ") + "\n"
}
