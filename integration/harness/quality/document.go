package quality

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Document writes anew what stands between <!-- NAME --> and <!-- end --> in a file; text makes it of what stood there.
func Document(path, name string, text func(old string) string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading a document: %w", err)
	}
	mark := "<!-- " + name + " -->\n"
	before, rest, begins := strings.Cut(string(data), mark)
	old, after, ends := strings.Cut(rest, "<!-- end -->")
	if !begins || !ends {
		return fmt.Errorf("%s has no place for tables: no line %q with a line <!-- end --> behind it", path, strings.TrimSpace(mark))
	}
	if err := os.WriteFile(path, []byte(before+mark+text(old)+"<!-- end -->"+after), 0o644); err != nil {
		return fmt.Errorf("writing a document: %w", err)
	}
	return nil
}

// Tables are what was measured as Markdown: figures, their ratios to the take, and how much of each is chance. Rows of
// streams that were not measured stay as they were in the old tables, and so does the last cell of the first one, which
// says what others came to.
func (r *Report) Tables(old, take string) string {
	i := slices.IndexFunc(r.Takes, func(t *Take) bool { return t.Name == take })
	columns := Families()
	columns[order(linearFamily)] = "logistic or linear"
	first := SeedsSentence(r.Seeds) + r.table(rowsOf(old, 0), columns, "best elsewhere, tuned", func(m *Measured) string { return m.figures() })
	if i < 0 {
		return first
	}
	ratios := "\nThe loss (log-loss, or RMSE) beside that of " + r.Takes[i].Commit + ", as a ratio; more than " +
		fmt.Sprintf("%.3f", Worse) + " is bold:\n\n" +
		r.table(rowsOf(old, 1), columns, "", func(m *Measured) string { return m.ratios(r.Takes[i]) })
	if r.Seeds < 2 {
		return first + ratios
	}
	return first + ratios + fmt.Sprintf("\nWhat of the loss is chance, as its standard deviation over %d seeds; "+
		"the other families have no randomness with these settings:\n\n", r.Seeds) +
		r.table(rowsOf(old, 2), chanceFamilies(), "", (*Measured).spreads)
}

// row is one of a table: the name of a stream, its cells, and the last of them.
type row struct{ name, cells, last string }

// rowsOf are those of the n-th table.
func rowsOf(old string, n int) []row {
	var rows []row
	inside, seen := false, 0
	for line := range strings.Lines(old) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if inside {
				seen++
			}
			inside = false
			continue
		}
		inside = true
		cells := strings.Split(strings.Trim(line, "|"), "|")
		name := strings.TrimSpace(cells[0])
		if seen != n || name == "stream" || strings.HasPrefix(name, "---") {
			continue
		}
		rows = append(rows, row{name, strings.Join(cells[1:], "|"), cells[len(cells)-1]})
	}
	return rows
}

// table has the rows in the order that they had, and new ones after them; more heads a last column that is kept.
func (r *Report) table(rows []row, columns []string, more string, cells func(*Measured) string) string {
	for i := range r.Measured {
		m := &r.Measured[i]
		name, _, _ := strings.Cut(filepath.Base(m.Stream.Name), ".")
		at := slices.IndexFunc(rows, func(old row) bool { return old.name == name })
		if at < 0 {
			at = len(rows)
			rows = append(rows, row{name: name, last: " "})
		}
		rows[at].cells = cells(m)
		if more != "" {
			rows[at].cells += "|" + rows[at].last
		}
	}
	if more != "" {
		columns = append(columns, more)
	}
	var b strings.Builder
	b.WriteString("| stream |")
	for _, c := range columns {
		b.WriteString(" " + c + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, r := range rows {
		b.WriteString("| " + r.name + " |" + r.cells + "|\n")
	}
	return b.String()
}

// figures are a stream's cells: accuracy and log-loss, or both errors, the best of each in bold.
func (m *Measured) figures() string {
	var all [2][]string
	for i := range m.Results {
		r := &m.Results[i]
		if r.Err != nil {
			all[0], all[1] = append(all[0], "–"), append(all[1], "–")
			continue
		}
		first, second, _ := strings.Cut(strings.TrimSuffix(losses(r.Median), "\t"), "\t")
		all[0], all[1] = append(all[0], first), append(all[1], second)
	}
	best := [2]string{m.best(func(f Figure) float64 {
		if f.Losses.Accuracy != nil {
			return -*f.Losses.Accuracy
		}
		return *f.Losses.MAE
	}, all[0]), m.best(Figure.Loss, all[1])}
	cells := make([]string, len(m.Results))
	for i := range cells {
		for j, part := range best {
			if all[j][i] == part {
				all[j][i] = "**" + part + "**"
			}
		}
		cells[i] = " " + all[0][i] + " / " + all[1][i] + " "
	}
	return strings.Join(cells, "|")
}

// best is the text of the least loss.
func (m *Measured) best(loss func(Figure) float64, texts []string) string {
	best := -1
	for i := range m.Results {
		if m.Results[i].Err == nil && (best < 0 || loss(m.Results[i].Median) < loss(m.Results[best].Median)) {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return texts[best]
}

// spreads are a stream's cells of what is chance.
func (m *Measured) spreads() string {
	var cells []string
	for i := range m.Results {
		r := &m.Results[i]
		switch {
		case !slices.Contains(chanceFamilies(), r.Family):
		case r.Err != nil:
			cells = append(cells, " – ")
		default:
			cells = append(cells, fmt.Sprintf(" %.2f %% ", 100*r.Spread))
		}
	}
	return strings.Join(cells, "|")
}

// ratios are a stream's cells beside a take.
func (m *Measured) ratios(t *Take) string {
	cells := make([]string, len(m.Results))
	for i := range m.Results {
		r := &m.Results[i]
		cells[i] = " – "
		if r.Err != nil {
			continue
		}
		s := t.Against(Key{Stream: m.Stream.Name, Family: r.Family, Seeds: r.Seeds}, r.Median)
		switch {
		case s.Why != "":
		case s.Worse:
			cells[i] = fmt.Sprintf(" **%.4f** ", s.Ratio)
		default:
			cells[i] = fmt.Sprintf(" %.4f ", s.Ratio)
		}
	}
	return strings.Join(cells, "|")
}
