package learner

import (
	"errors"
	"math"
	"slices"

	"millrace"
	"millrace/elementary"
)

// fadeFactor is the weight that the fading window gives to each older event: it remembers about
// 1/(1-fadeFactor) = 1,000 events, enough to see a drift within seconds and few enough to forget
// the time before it (Gama, Sebastião, Rodrigues 2013, "On evaluating stream learning algorithms",
// section 4.2, the prequential error with fading factors).
const fadeFactor = 0.999

// probabilityFloor bounds the log-loss of one event at 34.5, so that a single sure mistake does not
// hide everything else.
const probabilityFloor = 1e-15

// Progressive is progressive validation (predict first, then learn): losses of the model and of two
// baselines, over all events and over a fading window. For classes the baselines are the majority
// class (whose log-loss is that of the running class shares) and the last label; for numbers the
// running mean and the last label. It counts only predictions made before their event was learned.
type Progressive struct {
	classes int
	sums    []float64    // see the sum… indices: all-time sums, then fading sums
	counts  []uint64     // [0] events; then one a class
	last    []float64    // [0] the last label: a class or a value; [1] running mean
	binary  *twoClasses  // for two classes, else nil
	relied  *reliability // for classes, else nil
	covered *coverage    // with intervals, else nil
	delays  byDelay      // where labels come later
}

// Indices into one half of sums.
const (
	sumWeight  = iota // Σ 1, or Σ fade^k
	sumLoss           // log-loss, or squared error
	sumHit            // correct predictions, or absolute error
	sumMajLoss        // the same for the majority or mean baseline …
	sumMajHit
	sumLastLoss // … and for the last label
	sumLastHit
	sumsLen
)

// NewProgressive returns metrics for classes, or for numbers when classes is 0.
func NewProgressive(classes int) *Progressive {
	p := &Progressive{
		classes: classes,
		sums:    make([]float64, 2*sumsLen),
		counts:  make([]uint64, 1+classes),
		last:    make([]float64, 2),
		delays:  newByDelay(),
	}
	if classes == 2 {
		p.binary = newTwoClasses()
	}
	if classes > 0 {
		p.relied = newReliability()
	}
	return p
}

// State is Training only: a scorer needs no losses.
func (p *Progressive) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("sums", millrace.Tensor{Shape: []int{2, sumsLen}, F64: p.sums}, millrace.Training)
	visit("counts", millrace.Tensor{Shape: []int{len(p.counts)}, U64: p.counts}, millrace.Training)
	visit("last", millrace.Tensor{Shape: []int{2}, F64: p.last}, millrace.Training)
	p.delays.state(visit)
	if p.binary != nil {
		p.binary.state(visit)
	}
	if p.relied != nil {
		p.relied.state(visit)
	}
	if p.covered != nil {
		p.covered.state(visit)
	}
}

// Restored checks that metrics of the restored sums are finite: sums of losses are never negative, and
// a root of one would be no number.
func (p *Progressive) Restored() error {
	for _, v := range slices.Concat(p.sums, p.delays) {
		if !(v >= 0) || math.IsInf(v, 1) {
			return errors.New("a progressive sum is negative or not finite")
		}
	}
	for _, v := range p.last {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("a progressive label is not finite")
		}
	}
	if p.binary != nil {
		if err := p.binary.restored(); err != nil {
			return err
		}
	}
	if p.relied != nil {
		if err := p.relied.restored(); err != nil {
			return err
		}
	}
	if p.covered != nil {
		return p.covered.restored()
	}
	return nil
}

// Events is the number of events counted.
func (p *Progressive) Events() uint64 { return p.counts[0] }

// Reset forgets all events, in place.
func (p *Progressive) Reset() {
	clear(p.sums)
	clear(p.counts)
	clear(p.last)
	clear(p.delays)
	if p.binary != nil {
		p.binary.reset()
	}
	if p.relied != nil {
		p.relied.reset()
	}
	if p.covered != nil {
		clear(p.covered.sums)
	}
}

// Add counts one prediction against its label. prediction holds one probability a class, or one value in the user's
// units.
func (p *Progressive) Add(prediction []float64, y millrace.Label) {
	var d [sumsLen]float64
	d[sumWeight] = 1
	if p.classes > 0 {
		p.addClass(&d, prediction, int(y.Class))
	} else {
		p.addNumber(&d, prediction[0], y.Value)
	}
	all, fading := p.sums[:sumsLen], p.sums[sumsLen:]
	for i, v := range d {
		all[i] += v
		fading[i] = fading[i]*fadeFactor + v
	}
	p.counts[0]++
}

func (p *Progressive) addClass(d *[sumsLen]float64, prediction []float64, class int) {
	d[sumLoss] = -elementary.Log(max(prediction[class], probabilityFloor))
	best := argMax(prediction)
	d[sumHit] = float64(one(best == class))
	// Shares with one event of every class in advance (Laplace), so that the first event has a loss.
	share := (float64(p.counts[1+class]) + 1) / (float64(p.counts[0]) + float64(p.classes))
	d[sumMajLoss] = -elementary.Log(share)
	d[sumMajHit] = float64(one(p.majority() == class))
	if p.counts[0] > 0 {
		d[sumLastHit] = float64(one(int(p.last[0]) == class))
	}
	p.counts[1+class]++
	p.last[0] = float64(class)
	if p.binary != nil {
		positive := p.binary.positive
		logOdds := elementary.Log(prediction[positive] / prediction[1-positive])
		p.binary.add(logOdds, class, best)
		p.relied.add(prediction[positive], logOdds, one(class == positive))
		return
	}
	p.relied.add(prediction[best], elementary.Log(prediction[best]/(1-prediction[best])), one(best == class))
}

func (p *Progressive) addNumber(d *[sumsLen]float64, prediction, value float64) {
	if p.counts[0] == 0 {
		// Nothing is known before the first label, so nobody is charged for it: with labels around a million
		// the model's guess of zero would weigh on its figures for ever.
		prediction, p.last[0], p.last[1] = value, value, value
	}
	for i, guess := range [3]float64{prediction, p.last[1], p.last[0]} {
		e := clampError(guess - value)
		d[sumLoss+2*i] = e * e
		d[sumHit+2*i] = math.Abs(e)
	}
	p.last[1] += clampError(value-p.last[1]) / float64(p.counts[0]+1)
	p.last[0] = value
}

// clampError keeps squared errors summable: labels may be as large as a float64 goes.
func clampError(e float64) float64 {
	const errorMax = 1e140 // its square, summed over 2⁶⁴ events, still fits a float64
	return max(-errorMax, min(errorMax, e))
}

func (p *Progressive) majority() int {
	best := 0
	for c := 1; c < p.classes; c++ {
		if p.counts[1+c] > p.counts[1+best] {
			best = c
		}
	}
	return best
}

// one is 1 for what is true, without a branch: whether a prediction was right is what the processor cannot predict.
func one(is bool) (i int) {
	if is {
		i = 1
	}
	return i
}

// argMax is the index of the largest value, the first of equals.
func argMax(v []float64) int {
	best := 0
	for i := 1; i < len(v); i++ {
		if v[i] > v[best] {
			best = i
		}
	}
	return best
}

// Losses are the metrics of one predictor over one window. LogLoss and Accuracy are for classes, MAE
// and RMSE (in the label's units) for numbers.
type Losses struct {
	LogLoss, Accuracy float64
	MAE, RMSE         float64
}

// Window selects what metrics are taken over.
type Window int

// All is every event so far; Fading forgets all but about the last thousand.
const (
	All Window = iota
	Fading
)

func (w Window) String() string { return [...]string{"all", "fading"}[w] }

// Report returns the metrics of the model and of both baselines over a window; all zero before the
// first event. The last-label baseline has no log-loss, as it is always sure.
func (p *Progressive) Report(w Window) (model, majority, last Losses) {
	s := p.sums[int(w)*sumsLen : (int(w)+1)*sumsLen]
	return p.losses(s, sumLoss), p.losses(s, sumMajLoss), p.losses(s, sumLastLoss)
}

func (p *Progressive) losses(s []float64, at int) Losses {
	n := s[sumWeight]
	if n == 0 {
		return Losses{}
	}
	if p.classes > 0 {
		return Losses{LogLoss: s[at] / n, Accuracy: s[at+1] / n}
	}
	return Losses{MAE: s[at+1] / n, RMSE: math.Sqrt(s[at] / n)}
}

// Binary returns the figures of two classes over a window; ok is false for more classes and for numbers.
func (p *Progressive) Binary(w Window) (b Binary, ok bool) {
	if p.binary == nil {
		return b, false
	}
	return p.binary.report(w), true
}

// Calibration returns how far probabilities are from shares over a window, of which the fading one remembers about ten
// thousand events; ok is false for numbers and before the first event.
func (p *Progressive) Calibration(w Window) (c Calibration, ok bool) {
	if p.relied == nil {
		return c, false
	}
	return p.relied.report(w)
}

// Figures are all of a model's over one window.
type Figures struct {
	Losses
	Binary      *Binary      // of two classes
	Calibration *Calibration // of classes
	Coverage    *Coverage    // with intervals
}

// Figures returns the model's figures over a window.
func (p *Progressive) Figures(w Window) (f Figures) {
	f.Losses, _, _ = p.Report(w)
	if b, ok := p.Binary(w); ok {
		f.Binary = &b
	}
	if c, ok := p.Calibration(w); ok {
		f.Calibration = &c
	}
	if c, ok := p.Coverage(w); ok {
		f.Coverage = &c
	}
	return f
}

// ClassCounts are the labels seen, one a class; it must not be changed.
func (p *Progressive) ClassCounts() []uint64 { return p.counts[1:] }

// Metrics is the report under stable names, for manifests and summaries.
func (p *Progressive) Metrics() map[string]float64 {
	m := map[string]float64{}
	for _, w := range []Window{All, Fading} {
		model, majority, last := p.Report(w)
		suffix := ""
		if w == Fading {
			suffix = "_fading"
		}
		if c, ok := p.Coverage(w); ok {
			m["coverage"+suffix], m["interval_width"+suffix], m["unbounded"+suffix] = c.Held, c.Width, c.Unbounded
		}
		if p.classes > 0 {
			m["accuracy"+suffix] = model.Accuracy
			m["log_loss"+suffix] = model.LogLoss
			m["majority_accuracy"+suffix] = majority.Accuracy
			m["majority_log_loss"+suffix] = majority.LogLoss
			m["last_accuracy"+suffix] = last.Accuracy
			if b, ok := p.Binary(w); ok {
				m["precision"+suffix], m["recall"+suffix], m["roc_auc"+suffix] = b.Precision, b.Recall, b.ROCAUC
				m["average_precision"+suffix] = b.AveragePrecision
			}
			if c, ok := p.Calibration(w); ok {
				m["ece"+suffix], m["ece_expected"+suffix] = c.ECE, c.Expected
			}
			continue
		}
		m["mae"+suffix], m["rmse"+suffix] = model.MAE, model.RMSE
		m["mean_mae"+suffix], m["mean_rmse"+suffix] = majority.MAE, majority.RMSE
		m["last_mae"+suffix], m["last_rmse"+suffix] = last.MAE, last.RMSE
	}
	return m
}
