// Package explain says why a score is what it is: by how much each feature of an event moved it away from what the
// model says of a usual event. The shares are Shapley values of the model as it stands, with one baseline (Sundararajan
// and Najmi, "The many Shapley values for model explanation", arXiv 1908.08474, baseline Shapley): for every set of
// features there is a prediction in which the others have their usual values, and a feature's share is the mean of what
// it adds to the sets that it may join, over all orders in which features may come.
//
// They are in log-odds where classes are predicted, for these add up, and in the user's units for numbers.
package explain

import (
	"errors"
	"math"

	"millrace"
	"millrace/features"
	"millrace/model"
)

// Method is how shares were found.
type Method string

// The methods.
const (
	Terms   Method = "terms"   // the score is a sum over the features: each one's share is its terms
	Exact   Method = "exact"   // every set of features that are not as usual was predicted
	Sampled Method = "sampled" // orders of features were drawn
)

const (
	// ExactMax is how many features that are not as usual are explained exactly: 2^10 predictions.
	ExactMax = 10
	// probabilityMin is how near to 0 and 1 probabilities count.
	probabilityMin = 1e-6
	// termsClose is how far a sum of terms may be from the score, as a share of their size: what float32 rounds. What
	// is farther off is at a bound.
	termsClose = 2e-5
)

// Options say what is predicted.
type Options struct {
	// Positive is the class that is explained where there are two; of more it is the predicted one.
	Positive int
}

// Explanation is why one score is what it is.
type Explanation struct {
	Class  int     // whose log-odds Score are; 0 for numbers
	Score  float64 // the score that is served, as log-odds, or the number: Base and all Shares, to float32
	Base   float64 // the score of the same event with all features as usual
	Shares []float64
	// Errors are the standard errors of the shares; all 0 unless they were Sampled.
	Errors      []float64
	Method      Method
	Evaluations int // predictions made
}

// Explainer explains the events of one model, whose state does not change while it is asked. It is for one goroutine.
type Explainer struct {
	x          *features.Extractor
	m          model.Model
	value      model.HasValue // of numbers, else nil
	o          Options
	players    []features.Player
	baselines  *features.Baselines
	usual      millrace.Event // what stands in the place of the event's features
	blend      *features.Blend
	input      millrace.Input
	other      millrace.Input // of the usual event, where terms are compared
	scratch    model.Scratch
	prediction []float32
	terms      model.HasTerms
	view       millrace.ViewID
	owners     []int32   // of each column of view; nil where the score has no terms
	active     []int     // players that are not as usual
	values     []float64 // exact: of each set of them
	sampler    sampler
}

// ErrNoTarget is the answer where a model that predicts classes has fewer than two.
var ErrNoTarget = errors.New("explaining takes two classes, or numbers")

// New returns an explainer of what m predicts from x's views, both as they are now: usual values are those of this
// moment, until Refresh.
func New(x *features.Extractor, m model.Model, classes int, o Options) (*Explainer, error) {
	if classes == 1 || o.Positive < 0 || classes > 0 && o.Positive >= classes {
		return nil, ErrNoTarget
	}
	e := &Explainer{x: x, m: m, o: o, players: x.Players(), blend: x.NewBlend(), input: x.NewInput(), scratch: m.NewScratch(),
		prediction: make([]float32, m.Outputs())}
	if classes == 0 {
		e.value = model.ValueOf(m)
	}
	if terms, ok := model.As[model.HasTerms](m); ok {
		if view, ok := terms.Terms(); ok {
			if e.view, e.owners = view, x.Owners(view); e.owners != nil {
				e.terms, e.other = terms, x.NewInput()
			}
		}
	}
	e.Refresh()
	return e, nil
}

// Refresh takes the usual values of now.
func (e *Explainer) Refresh() { e.baselines = e.x.Baselines() }

// Players are the features that shares are of, in their order.
func (e *Explainer) Players() []features.Player { return e.players }

// Usual is what stood in the place of the features of the event explained last: one field a column. It is valid until
// the next call.
func (e *Explainer) Usual() *millrace.Event { return &e.usual }

// Explain writes into dst why an event of a version has its score; the same event and version have the same reasons.
// Windows are filled in already. The error is the rejection of an event that cannot be scored.
func (e *Explainer) Explain(dst *Explanation, ev *millrace.Event, version uint64) error {
	if err := e.x.Check(ev); err != nil {
		return err //nolint:wrapcheck // a rejection is what it is
	}
	n := len(e.players)
	*dst = Explanation{Shares: sized(dst.Shares, n), Errors: sized(dst.Errors, n)}
	e.baselines.Of(&e.usual, ev)
	if e.terms != nil && e.addTerms(dst, ev) {
		return nil
	}
	e.blend.Begin(ev, &e.usual)
	e.predict(dst)
	dst.Class = e.explained()
	dst.Score = e.score(dst.Class)
	e.active = e.active[:0]
	for i := range e.players {
		if e.blend.Differs(i) {
			e.active = append(e.active, i)
		}
	}
	switch k := len(e.active); {
	case k == 0:
		dst.Base, dst.Method = dst.Score, Exact
	case k <= ExactMax:
		e.exact(dst)
	default:
		e.sample(dst, seedOf(ev, version))
	}
	return nil
}

// sized is s with n zeros.
func sized(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// predict predicts the blend.
func (e *Explainer) predict(dst *Explanation) {
	e.blend.Extract(e.input)
	e.m.Predict(e.prediction, e.input, e.scratch)
	dst.Evaluations++
}

// explained is whose log-odds the score of the latest prediction is.
func (e *Explainer) explained() int {
	switch len(e.prediction) {
	case 1:
		return 0
	case 2:
		return e.o.Positive
	}
	best := 0
	for i, p := range e.prediction {
		if p > e.prediction[best] {
			best = i
		}
	}
	return best
}

// score is what the latest prediction says: a number in the user's units, or a class's log-odds. The probabilities of
// the others are added up, as 1 less its own has no digits left where that is near 1.
func (e *Explainer) score(class int) float64 {
	if e.value != nil {
		return e.value.Value(e.prediction[0])
	}
	var rest float64
	for i, p := range e.prediction {
		if i != class {
			rest += float64(p)
		}
	}
	return math.Log(clipped(float64(e.prediction[class])) / clipped(rest))
}

// clipped is a probability within probabilityMin of neither end.
func clipped(p float64) float64 { return math.Max(probabilityMin, math.Min(1-probabilityMin, p)) }

// all takes the active players from one of the two events.
func (e *Explainer) all(usual bool) {
	for _, i := range e.active {
		e.blend.Take(i, usual)
	}
}

// addTerms explains a score that is a sum of terms, and reports whether it is: not where the score, or that of the
// usual event, is at a bound.
func (e *Explainer) addTerms(dst *Explanation, ev *millrace.Event) bool {
	e.x.ExtractChecked(e.input, ev)
	e.m.Predict(e.prediction, e.input, e.scratch)
	dst.Class = e.explained()
	dst.Score = e.score(dst.Class)
	e.x.ExtractChecked(e.other, &e.usual)
	e.m.Predict(e.prediction, e.other, e.scratch)
	dst.Base, dst.Method, dst.Evaluations = e.score(dst.Class), Terms, 2
	sign := 1.0
	if e.value == nil && dst.Class == 0 {
		sign = -1
	}
	sum, size := e.columns(dst, sign, &e.input[e.view])
	less, more := e.columns(dst, -sign, &e.other[e.view])
	apart := math.Abs(dst.Base + sum + less - dst.Score)
	if apart <= termsClose*(size+more+math.Abs(dst.Base)) {
		return true
	}
	clear(dst.Shares)
	return false
}

// columns adds sign times the terms of a vector to the shares of their features. It returns the sum and that of their
// magnitudes.
func (e *Explainer) columns(dst *Explanation, sign float64, v *millrace.Vector) (sum, size float64) {
	add := func(column int, value float32) {
		if value != 0 {
			z := sign * e.terms.Term(column, value)
			dst.Shares[e.owners[column]] += z
			sum, size = sum+z, size+math.Abs(z)
		}
	}
	for i, value := range v.Dense {
		add(i, value)
	}
	for i, column := range v.Index {
		add(int(column), v.Value[i])
	}
	return sum, size
}
