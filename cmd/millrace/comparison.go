package main

import (
	"fmt"
	"io"
	"math"
	"millrace"
	"slices"
	"strconv"
	"text/tabwriter"

	"millrace/offline"
	"millrace/pipeline/status"
)

// print writes the table. Numbers stand in line, so that what is not marked ends in a space.
func printComparison(w io.Writer, r offline.Comparison) error {
	fmt.Fprintf(w, "%s: %s%s\n\n", r.Name, millrace.Counted(r.Events, "event"), soFar(r.Interrupted))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	errors := newErrorFormat(r.Baselines, 4)
	columns := offline.Columns(r.Classes())
	for _, c := range columns {
		fmt.Fprintf(t, "\t%s ", columnHead(c.Key))
	}
	rejected := slices.ContainsFunc(r.Models, func(m offline.Compared) bool { return m.Rejected > 0 })
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
			if r.Best[c.Key] == m.Name {
				mark = "*"
			}
			fmt.Fprintf(t, "\t%s%s", columnText(c, m, errors), mark)
		}
		if rejected {
			fmt.Fprintf(t, "\t%d ", m.Rejected)
		}
		fmt.Fprintln(t, "\t")
	}
	first := "mean"
	if r.Classes() {
		first = "majority"
	}
	for _, name := range []string{first, "last"} {
		fmt.Fprintf(t, "baseline %s\t%s\n", name, baselineRow(r.Baselines[name], errors))
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

// columnHead is what stands above a column.
func columnHead(key string) string {
	heads := map[string]string{"accuracy": "accuracy", "log_loss": "log-loss", "mae": "MAE", "rmse": "RMSE",
		"events_per_second": "events/s", "state_bytes": "state"}
	return heads[key]
}

// columnText is a model's figure in a column; errors writes errors of numbers.
func columnText(c offline.Column, m offline.Compared, errors errorFormat) string {
	switch c.Key {
	case "accuracy", "log_loss":
		return fmt.Sprintf("%.4f", c.Value(m))
	case "mae", "rmse":
		return errors.text(c.Value(m))
	case "state_bytes":
		return byteText(m.StateBytes)
	}
	return fmt.Sprintf("%.0f", c.Value(m))
}

// baselineRow is row with the space that stands for a mark.
func baselineRow(l status.Losses, errors errorFormat) string {
	switch {
	case l.MAE != nil:
		return errors.text(*l.MAE) + " \t" + errors.text(*l.RMSE) + " \t"
	case l.LogLoss == nil:
		return fmt.Sprintf("%.4f \t– \t", *l.Accuracy)
	}
	return fmt.Sprintf("%.4f \t%.4f \t", *l.Accuracy, *l.LogLoss)
}

// wideError is the least error of numbers that is written with an exponent: more digits than these nobody reads.
const wideError = 1e12

// errorFormat writes errors of numbers.
type errorFormat struct{ digits, decimals int }

// newErrorFormat writes errors with equal decimals, so that they stand in line: as many digits of the baseline's.
func newErrorFormat(baselines map[string]status.Losses, digits int) errorFormat {
	size := 1.0
	if b, ok := baselines["mean"]; ok && *b.RMSE > 0 {
		size = *b.RMSE
	}
	return errorFormat{digits, min(max(digits-1-int(math.Floor(math.Log10(size))), 0), 12)}
}

// text is an error as it is written.
func (f errorFormat) text(size float64) string {
	if size >= wideError {
		return strconv.FormatFloat(size, 'e', f.digits-1, 64)
	}
	return strconv.FormatFloat(size, 'f', f.decimals, 64)
}
