package quality

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"millrace/config/infer"
	"millrace/model/calibration"
	"millrace/offline"
)

const (
	// calibrationFrom is how many events a stream has whose calibration is held to its bound.
	calibrationFrom = 10_000
	// CalibrationOff is how far off probabilities may be of type auto, beyond chance, with calibrate: auto.
	CalibrationOff = 0.01
	// CalibrationCost is what calibrate: auto may cost over a whole stream, whatever the family, in nats.
	CalibrationCost = 3
)

// Calibrations tells what calibrate: auto makes of the probabilities of families.
type Calibrations struct {
	Families []string
	Out      io.Writer // each stream's row, as soon as it is known

	rows []row
	// Short are the figures that do not keep the bounds.
	Short []string
}

// Run learns every stream of classes by every family, with calibration and without.
func (c *Calibrations) Run(ctx context.Context, streams []Stream) error {
	for _, s := range streams {
		contenders, err := c.contend(ctx, s)
		if err != nil {
			return err
		}
		if len(contenders) == 0 {
			continue // numbers
		}
		if err := Race(ctx, s, contenders); err != nil {
			return err
		}
		name, _, _ := strings.Cut(filepath.Base(s.Name), ".")
		var cells []string
		for i := 0; i < len(contenders); i += 2 {
			without, with := contenders[i], contenders[i+1]
			if without.Err != nil || with.Err != nil {
				cells = append(cells, " – ")
				continue
			}
			cells = append(cells, c.cell(s.Name, without.Name, without.Summary(), with.Summary()))
		}
		c.rows = append(c.rows, row{name: name, cells: strings.Join(cells, "|")})
		fmt.Fprintf(c.Out, "| %s |%s|\n", name, strings.Join(cells, "|"))
	}
	return nil
}

// contend makes two contenders a family: without calibration, and with it. There are none where the label is a number.
func (c *Calibrations) contend(ctx context.Context, s Stream) ([]*offline.Contender, error) {
	r, base, err := infers(ctx, s)
	if err != nil || base.Target().Classes == 0 {
		return nil, err
	}
	var contenders []*offline.Contender
	for _, family := range c.Families {
		for _, by := range []string{calibration.None, calibration.Auto} {
			p := *base
			p.Model = infer.ModelSpec(named(family, true), r.Sparse)
			p.Model.Calibrate = by
			contenders = append(contenders, offline.NewContender(named(family, true), &p, offline.Data{Events: s.Path}))
		}
	}
	return contenders, nil
}

// cell is the log-loss and how far off probabilities are, beyond chance, without calibration and with it; what does not
// keep its bound is bold.
func (c *Calibrations) cell(stream, family string, without, with offline.Summary) string {
	before, after := *without.LogLoss, *with.LogLoss
	loss, off := short(before, 4)+" → "+short(after, 4), func(s offline.Summary) string {
		if s.ECE == nil {
			return "–"
		}
		return short(*s.ECE-*s.ECEExpected, 3)
	}
	offs := off(without) + " → " + off(with)
	if cost := (after - before) * float64(with.Events); cost > CalibrationCost {
		c.Short = append(c.Short, fmt.Sprintf("%s on %s: calibration costs %.1f nats", family, stream, cost))
		loss = "**" + loss + "**"
	}
	if family == Families()[0] && with.Events >= calibrationFrom && with.ECE != nil && *with.ECE-*with.ECEExpected > CalibrationOff {
		c.Short = append(c.Short, fmt.Sprintf("%s on %s: probabilities are %.4f off beyond chance", family, stream, *with.ECE-*with.ECEExpected))
		offs = "**" + offs + "**"
	}
	return " " + loss + "; " + offs + " "
}

// short writes a figure without the 0 before the point.
func short(v float64, digits int) string {
	text := strings.Replace(strconv.FormatFloat(v, 'f', digits, 64), "-", "−", 1)
	whole, part, _ := strings.Cut(text, ".")
	switch {
	case strings.TrimPrefix(whole, "−") != "0":
		return text
	case strings.Trim(part, "0") == "":
		return "." + part // not −.000
	}
	return strings.TrimSuffix(whole, "0") + "." + part
}

// Table is what was measured as Markdown. Rows of streams that were not measured stay as they were in the old one.
func (c *Calibrations) Table(old string) string {
	rows := rowsOf(old, 0)
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.name == "" }) // the header
	for _, r := range c.rows {
		at := slices.IndexFunc(rows, func(old row) bool { return old.name == r.name })
		if at < 0 {
			rows = append(rows, r)
			continue
		}
		rows[at] = r
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString("| |")
	for _, family := range c.Families {
		b.WriteString(" " + named(family, true) + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(c.Families)) + "\n")
	for _, r := range rows {
		b.WriteString("| " + r.name + " |" + r.cells + "|\n")
	}
	return b.String()
}
