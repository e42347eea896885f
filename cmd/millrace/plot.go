package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"millrace/config"
	"millrace/learner"
	"millrace/offline"
)

// The size of a picture: two panels one above the other, with a legend beside each.
const (
	plotWidth   = 10 * vg.Inch
	plotHeight  = 7.5 * vg.Inch
	legendWidth = 2.4 * vg.Inch
	plotMargin  = 0.15 * vg.Inch
	plotDPI     = 144
	legendRunes = 22 // of a name that fit beside its line, with its loss
)

// burnIn is the share of the points at the left that may stand above the picture: the first losses, over few events,
// would squeeze all others into its lowest part.
const burnIn = 0.03

// palette are the colours of Okabe and Ito, Color Universal Design (2008), without black and yellow, in an order in
// which neighbours differ also for the colour-blind.
func palette() []color.RGBA {
	return []color.RGBA{
		{0x00, 0x72, 0xB2, 0xFF}, // blue
		{0xD5, 0x5E, 0x00, 0xFF}, // vermilion
		{0x00, 0x9E, 0x73, 0xFF}, // bluish green
		{0xCC, 0x79, 0xA7, 0xFF}, // reddish purple
		{0xE6, 0x9F, 0x00, 0xFF}, // orange
		{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
	}
}

// curveLine is one line of the picture.
type curveLine struct {
	name  string
	style draw.LineStyle
	// value reads the line's loss over a window off a point.
	value  func(p offline.CurvePoint, w learner.Window) float64
	points []offline.CurvePoint
}

// plotFormat is svg or png, by the file's ending.
func plotFormat(path string) (string, error) {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	if format != "svg" && format != "png" {
		return "", config.Usagef("--plot: %q ends neither in .svg nor in .png", path)
	}
	return format, nil
}

// plotPlace tries the place of a picture, before anything is learned for it; nil is none.
func plotPlace(path string) (*place, error) {
	if path == "" {
		return nil, nil
	}
	if _, err := plotFormat(path); err != nil {
		return nil, err
	}
	return replacing("plot", path)
}

// savePlot draws the contenders' losses over the events.
func savePlot(to *place, title string, contenders []*offline.Contender) error {
	format, err := plotFormat(to.path)
	if err != nil {
		return err
	}
	classes := contenders[0].Curve.Classes
	lines := curveLines(contenders, classes)
	loss := "RMSE"
	if classes {
		loss = "log-loss"
	}
	panels := []panel{
		{title + ": progressive " + loss + ", the last 1,000 events or so", loss, learner.Fading, lines},
		{title + ": progressive " + loss + ", all events so far", loss, learner.All, lines},
	}
	data, err := drawPanels(format, panels)
	if err != nil {
		return fmt.Errorf("drawing %s: %w", to.path, err)
	}
	return to.write(data)
}

// curveLines are the baselines, dashed, and then the contenders.
func curveLines(contenders []*offline.Contender, classes bool) []curveLine {
	grey := func(shade uint8, dash ...vg.Length) draw.LineStyle {
		return draw.LineStyle{Color: color.RGBA{shade, shade, shade, 0xFF}, Width: vg.Points(1.2), Dashes: dash}
	}
	points := contenders[0].Curve.Points
	first, names := "mean (baseline)", []string{"last label (baseline)"}
	if classes {
		first, names = "majority (baseline)", nil // always sure, the last label has no log-loss
	}
	lines := []curveLine{{first, grey(0x30, vg.Points(6), vg.Points(4)),
		func(p offline.CurvePoint, w learner.Window) float64 { return p.First[w] }, points}}
	for _, name := range names {
		lines = append(lines, curveLine{name, grey(0x80, vg.Points(2), vg.Points(3)),
			func(p offline.CurvePoint, w learner.Window) float64 { return p.Last[w] }, points})
	}
	colours := palette()
	for i, c := range contenders {
		style := draw.LineStyle{Color: colours[i%len(colours)], Width: vg.Points(1.6)}
		if round := i / len(colours); round > 0 { // colours come again: then the dashes differ
			style.Dashes = []vg.Length{vg.Points(float64(8 * round)), vg.Points(2)}
		}
		lines = append(lines, curveLine{c.Name, style,
			func(p offline.CurvePoint, w learner.Window) float64 { return p.Model[w] }, c.Curve.Points})
	}
	return lines
}

// panel is one plot of the picture.
type panel struct {
	title, loss string
	window      learner.Window
	lines       []curveLine
}

// drawPanels draws panels one above the other. Equal panels give equal bytes.
func drawPanels(format string, panels []panel) ([]byte, error) {
	var out bytes.Buffer
	var canvas vg.CanvasWriterTo = vgsvg.New(plotWidth, plotHeight)
	if format == "png" {
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(plotWidth, plotHeight), vgimg.UseDPI(plotDPI))}
	}
	whole := draw.New(canvas)
	whole.FillPolygon(color.White, []vg.Point{whole.Min, {X: whole.Max.X, Y: whole.Min.Y}, whole.Max, {X: whole.Min.X, Y: whole.Max.Y}})
	height := plotHeight / vg.Length(len(panels))
	for i, p := range panels {
		top := plotHeight - vg.Length(i)*height
		area := draw.Crop(whole, plotMargin, -plotMargin, top-height+plotMargin, top-plotHeight-plotMargin)
		if err := p.draw(area); err != nil {
			return nil, err
		}
	}
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	if format == "svg" {
		// Arial and Helvetica are as wide as Liberation Sans, which few machines have.
		return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"),
			[]byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")), nil
	}
	return out.Bytes(), nil
}

func (p *panel) draw(area draw.Canvas) error {
	g := plot.New()
	g.Title.Text = p.title
	g.X.Label.Text, g.Y.Label.Text = "events", p.loss
	g.Title.Padding = vg.Points(6)
	for _, style := range []*text.Style{&g.Title.TextStyle, &g.X.Label.TextStyle, &g.Y.Label.TextStyle, &g.X.Tick.Label, &g.Y.Tick.Label} {
		style.Font = sans(style.Font.Size)
	}
	g.Title.TextStyle.Font.Size = vg.Points(13)
	g.X.Tick.Marker, g.Y.Tick.Marker = plot.TickerFunc(ticks), plot.TickerFunc(ticks)
	grid := plotter.NewGrid()
	faint := draw.LineStyle{Color: color.RGBA{0xE4, 0xE4, 0xE4, 0xFF}, Width: vg.Points(0.6)}
	grid.Horizontal, grid.Vertical = faint, faint
	g.Add(grid)
	legend := plot.NewLegend()
	legend.TextStyle.Font = sans(vg.Points(11))
	legend.Top, legend.Left, legend.Padding = true, true, vg.Points(3)
	for _, l := range p.byLoss() {
		line, err := plotter.NewLine(l.xys(p.window))
		if err != nil {
			return err
		}
		line.LineStyle = l.style
		legend.Add(fmt.Sprintf("%s  %s", shortened(l.name, legendRunes), l.final(p.window)), line)
	}
	for _, l := range slices.Backward(p.byLoss()) { // the best last, so that none covers it
		line, err := plotter.NewLine(l.xys(p.window))
		if err != nil {
			return err
		}
		line.LineStyle = l.style
		g.Add(line)
	}
	g.X.Min, g.Y.Min = 0, 0
	g.Y.Max = p.top()
	if floor := p.floor(); floor > g.Y.Max/2 {
		g.Y.Min = floor - (g.Y.Max-floor)/10 // a low loss stands on zero; where all are high, differences matter
	}
	g.Draw(draw.Crop(area, 0, -legendWidth, 0, 0))
	legend.Draw(draw.Crop(area, plotWidth-2*plotMargin-legendWidth+vg.Points(14), 0, 0, -vg.Points(26)))
	return nil
}

// shortened is text of at most n runes.
func shortened(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

// byLoss is the lines in the order of their latest loss, as the legend has them.
func (p *panel) byLoss() []curveLine {
	lines := slices.Clone(p.lines)
	slices.SortStableFunc(lines, func(a, b curveLine) int { return cmp.Compare(a.last(p.window), b.last(p.window)) })
	return lines
}

// last is the line's latest loss.
func (l *curveLine) last(w learner.Window) float64 {
	if len(l.points) == 0 {
		return math.Inf(1)
	}
	return l.value(l.points[len(l.points)-1], w)
}

func (l *curveLine) final(w learner.Window) string {
	if len(l.points) == 0 {
		return "–"
	}
	return strings.TrimSuffix(fmt.Sprintf("%#.4g", l.last(w)), ".") // 0.2030 beside 0.2072
}

func (l *curveLine) xys(w learner.Window) plotter.XYs {
	xys := make(plotter.XYs, len(l.points))
	for i, p := range l.points {
		xys[i].X, xys[i].Y = float64(p.Events), l.value(p, w)
	}
	return xys
}

// settled are the points behind the first ones.
func (l *curveLine) settled() []offline.CurvePoint {
	return l.points[int(burnIn*float64(len(l.points))):]
}

// top is the upper end of the loss axis: all lines once they are settled, but none that is far worse than the first
// baseline, which would hide what is below it.
func (p *panel) top() float64 {
	const farWorse = 1.5
	top, limit := 0.0, 0.0
	for i := range p.lines {
		for _, point := range p.lines[i].settled() {
			v := p.lines[i].value(point, p.window)
			top = max(top, v)
			if i == 0 {
				limit = max(limit, farWorse*v)
			}
		}
	}
	if limit > 0 {
		top = min(top, limit)
	}
	if top == 0 {
		return 1 // no points, or no errors at all
	}
	return top * 1.02
}

// floor is the least loss of all lines.
func (p *panel) floor() float64 {
	floor := math.Inf(1)
	for i := range p.lines {
		for _, point := range p.lines[i].settled() {
			floor = min(floor, p.lines[i].value(point, p.window))
		}
	}
	if math.IsInf(floor, 1) {
		return 0
	}
	return floor
}

// ticks divide an axis at round numbers, with commas in large ones and equal decimals in all.
func ticks(least, most float64) []plot.Tick {
	const about = 5.0
	power := math.Pow10(int(math.Floor(math.Log10((most - least) / about))))
	step := power
	for _, round := range []float64{2, 5, 10} {
		if (most-least)/step > about+1 {
			step = round * power
		}
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var all []plot.Tick
	for i := math.Ceil(least/step - 1e-9); i*step <= most*(1+1e-9); i++ {
		at := i*step + 0 // -0 becomes 0
		label := withCommas(strconv.FormatFloat(at, 'f', decimals, 64))
		if most >= wideError {
			label = strconv.FormatFloat(at, 'g', 4, 64)
		}
		all = append(all, plot.Tick{Value: at, Label: label})
	}
	return all
}

// withCommas separates the thousands before a decimal point.
func withCommas(number string) string {
	whole, fraction, _ := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}
