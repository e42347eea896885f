package hard

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Row is what a trial came to.
type Row struct {
	Trial     *Trial
	Standings []Standing
}

// Report measures groups, and tells how the families stood them.
type Report struct {
	Runner Runner
	Out    io.Writer
	// Short are the families that fell short of a bound, and where.
	Short []string
	// Trials is how many were measured.
	Trials int
}

// Run measures the trials of a group whose names have one of the words, all where there are none, and prints each as
// soon as it is known.
func (r *Report) Run(ctx context.Context, g Group, words []string) ([]Row, error) {
	var rows []Row
	for i := range g.Trials {
		t := &g.Trials[i]
		if !picked(t.Name, words) {
			continue
		}
		standings, err := r.Runner.Run(ctx, t)
		if err != nil {
			return rows, err
		}
		if len(rows) == 0 {
			fmt.Fprintf(r.Out, "%s\n", g.Name)
		}
		row := Row{Trial: t, Standings: standings}
		rows = append(rows, row)
		r.Trials++
		if err := r.print(&row); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func picked(name string, words []string) bool {
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	return len(words) == 0
}

func (r *Report) print(row *Row) error {
	t := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "  %s, rows %d to %d: %s\n", row.Trial.Name, row.Trial.From, row.Trial.To, row.Trial.Bound())
	for i := range row.Standings {
		s := &row.Standings[i]
		if s.Err == nil {
			fmt.Fprintf(t, "    %s\t%s", s.Family, figures(s))
		} else {
			fmt.Fprintf(t, "    %s\t", s.Family)
		}
		if short := row.Trial.Short(s); short != "" {
			fmt.Fprintf(t, "\t!! %s", short)
			r.Short = append(r.Short, fmt.Sprintf("%s, %s: %s", s.Family, row.Trial.Name, short))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing a trial: %w", err)
	}
	return nil
}

func figures(s *Standing) string {
	text := fmt.Sprintf("x%.3f\t%.4g -> %.4g", s.Ratio(), s.Clean.Loss, s.Spoilt.Loss)
	if s.Classes() {
		text += fmt.Sprintf("\taccuracy %.4f -> %.4f", s.Clean.Accuracy, s.Spoilt.Accuracy)
	}
	return text
}

// Markdown is a table of rows: ratios of losses, with the change of the accuracy where the label is a class. What falls
// short is bold. Where all rows are of one stream, the first says what was lost on it as it was.
func Markdown(g *Group, rows []Row) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |", g.Name)
	for i := range rows[0].Standings {
		family := rows[0].Standings[i].Family
		if family == "linear" || family == "logistic" {
			family = "logistic or linear"
		}
		fmt.Fprintf(&b, " %s |", family)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(rows[0].Standings)) + "\n")
	if rows[0].Trial.Clean == rows[len(rows)-1].Trial.Clean {
		b.WriteString(cleanRow(&rows[0]))
	}
	for i := range rows {
		row := &rows[i]
		fmt.Fprintf(&b, "| %s |", row.Trial.Name)
		for j := range row.Standings {
			fmt.Fprintf(&b, " %s |", cell(row.Trial, &row.Standings[j]))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func cleanRow(first *Row) string {
	var b strings.Builder
	what := "mean absolute error"
	if first.Standings[0].Classes() {
		what = "log-loss"
	}
	fmt.Fprintf(&b, "| as it was: %s |", what)
	for i := range first.Standings {
		fmt.Fprintf(&b, " %.3f |", first.Standings[i].Clean.Loss)
	}
	b.WriteByte('\n')
	return b.String()
}

func cell(t *Trial, s *Standing) string {
	if s.Err != nil {
		return "–"
	}
	text := fmt.Sprintf("%.2f", s.Ratio())
	switch {
	case t.Least > 0:
		text = fmt.Sprintf("accuracy %.3f", s.Spoilt.Accuracy)
	case s.Classes():
		text += strings.ReplaceAll(fmt.Sprintf(" (%+.4f)", s.Spoilt.Accuracy-s.Clean.Accuracy), "-", "−")
	}
	if t.Short(s) != "" {
		return "**" + text + "**"
	}
	return text
}
