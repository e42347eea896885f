package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"millrace/pipeline/status"
)

// comparison is what compare prints.
type comparison struct {
	Name      string                   `json:"name"`
	Events    uint64                   `json:"events"`
	Models    []comparedModel          `json:"models"` // the best by log-loss or RMSE first, those that could not be built last
	Baselines map[string]status.Losses `json:"baselines"`
	// Best names the best model by column, the first of equals.
	Best map[string]string `json:"best"`

	classes bool
}

// comparedModel is one row.
type comparedModel struct {
	Name     string `json:"name"`
	Family   string `json:"family"`
	Learned  uint64 `json:"learned"`
	Rejected uint64 `json:"rejected"`
	status.Losses
	EventsPerSecond float64 `json:"events_per_second,omitempty"` // of the model alone
	StateBytes      int64   `json:"state_bytes,omitempty"`
	Error           string  `json:"error,omitempty"` // why it could not be built
}

// newComparison orders the results of a race. At least one contender was built.
func newComparison(name string, contenders []*contender) comparison {
	r := comparison{Name: name, Best: map[string]string{}}
	for _, c := range contenders {
		m := comparedModel{Name: c.name, Family: c.pipeline.Model.Type}
		if c.err != nil {
			m.Error = c.err.Error()
			r.Models = append(r.Models, m)
			continue
		}
		r.classes = c.pipeline.Target().Classes > 0
		s := newSummary(c.pieces.Trainer.Progressive, c.pipeline.Target().Classes)
		m.Learned, m.Rejected, m.Losses = c.pass.Learned, c.pass.rejected(), s.Losses
		m.EventsPerSecond, m.StateBytes = c.eventsPerSecond(), c.stateBytes()
		r.Events = max(r.Events, c.pass.Events)
		if r.Baselines == nil {
			r.Baselines = s.Baselines // the same for all, as all have the same labels
		}
		r.Models = append(r.Models, m)
	}
	slices.SortStableFunc(r.Models, func(a, b comparedModel) int {
		if a.Error == "" && b.Error == "" {
			return cmp.Compare(r.order(a), r.order(b))
		}
		return cmp.Compare(min(len(a.Error), 1), min(len(b.Error), 1)) // the failed ones last, in their order
	})
	for _, c := range r.columns() {
		r.Best[c.key] = c.best(r.Models)
	}
	return r
}

// order is what models are sorted by.
func (r *comparison) order(m comparedModel) float64 {
	if r.classes {
		return *m.LogLoss
	}
	return *m.RMSE
}

// column is one column of the table.
type column struct {
	key, head string
	value     func(comparedModel) float64
	text      func(comparedModel) string
	most      bool // the largest is the best
}

// best names the best model of the column.
func (c column) best(models []comparedModel) string {
	name, best := "", 0.0
	for _, m := range models {
		if m.Error != "" {
			continue
		}
		v := c.value(m)
		if c.most {
			v = -v
		}
		if name == "" || v < best {
			name, best = m.Name, v
		}
	}
	return name
}

func (r *comparison) columns() []column {
	number := func(key, head, format string, most bool, value func(comparedModel) float64) column {
		return column{key, head, value, func(m comparedModel) string { return fmt.Sprintf(format, value(m)) }, most}
	}
	columns := make([]column, 0, 4)
	if r.classes {
		columns = append(columns, number("accuracy", "accuracy", "%.4f", true, func(m comparedModel) float64 { return *m.Accuracy }),
			number("log_loss", "log-loss", "%.4f", false, func(m comparedModel) float64 { return *m.LogLoss }))
	} else {
		columns = append(columns, number("mae", "MAE", r.errorFormat(), false, func(m comparedModel) float64 { return *m.MAE }),
			number("rmse", "RMSE", r.errorFormat(), false, func(m comparedModel) float64 { return *m.RMSE }))
	}
	return append(columns,
		number("events_per_second", "events/s", "%.0f", true, func(m comparedModel) float64 { return m.EventsPerSecond }),
		column{"state_bytes", "state", func(m comparedModel) float64 { return float64(m.StateBytes) },
			func(m comparedModel) string { return byteText(m.StateBytes) }, false})
}

// errorFormat writes errors of numbers with equal decimals, four digits of the baseline's.
func (r *comparison) errorFormat() string {
	return errorFormat(r.Baselines, 4)
}

// errorFormat writes errors of numbers with equal decimals, so that they stand in line: as many digits of the baseline's.
func errorFormat(baselines map[string]status.Losses, digits int) string {
	size := 1.0
	if b, ok := baselines["mean"]; ok && *b.RMSE > 0 {
		size = *b.RMSE
	}
	return fmt.Sprintf("%%.%df", min(max(digits-1-int(math.Floor(math.Log10(size))), 0), 12))
}

// print writes the table. Numbers stand in line, so that what is not marked ends in a space.
func (r *comparison) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %d events\n\n", r.Name, r.Events)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	columns := r.columns()
	for _, c := range columns {
		fmt.Fprintf(t, "\t%s ", c.head)
	}
	rejected := slices.ContainsFunc(r.Models, func(m comparedModel) bool { return m.Rejected > 0 })
	if rejected {
		fmt.Fprint(t, "\trejected ")
	}
	fmt.Fprintln(t, "\t")
	for _, m := range r.Models {
		if m.Error != "" {
			continue
		}
		fmt.Fprint(t, m.Name)
		for _, c := range columns {
			mark := " "
			if r.Best[c.key] == m.Name {
				mark = "*"
			}
			fmt.Fprintf(t, "\t%s%s", c.text(m), mark)
		}
		if rejected {
			fmt.Fprintf(t, "\t%d ", m.Rejected)
		}
		fmt.Fprintln(t, "\t")
	}
	first := "mean"
	if r.classes {
		first = "majority"
	}
	for _, name := range []string{first, "last"} {
		fmt.Fprintf(t, "baseline %s\t%s\n", name, r.baselineRow(r.Baselines[name]))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprint(w, "\n* the best model of its column\n")
	for _, m := range r.Models {
		if m.Error != "" {
			fmt.Fprintf(w, "not compared: %s: %s\n", m.Name, m.Error)
		}
	}
	return nil
}

// baselineRow is row with the space that stands for a mark.
func (r *comparison) baselineRow(l status.Losses) string {
	switch {
	case !r.classes:
		return fmt.Sprintf(r.errorFormat()+" \t"+r.errorFormat()+" \t", *l.MAE, *l.RMSE)
	case l.LogLoss == nil:
		return fmt.Sprintf("%.4f \t– \t", *l.Accuracy)
	}
	return fmt.Sprintf("%.4f \t%.4f \t", *l.Accuracy, *l.LogLoss)
}
