package model

import (
	"errors"
	"fmt"
	"math"

	"millrace"
)

// ClassWeights says what the loss of each class is multiplied by, so that a rare class is learned as well as a
// frequent one: weights that are given, or balanced ones,
//
//	wᶜ = n / (K·nᶜ),
//
// of K classes of which c was seen nᶜ times among n events (King and Zeng 2001, "Logistic Regression in Rare Events
// Data", section 4.2; class_weight="balanced" of scikit-learn). On a stream the counts are those of the events before
// the one that is learned, each class counted once in advance, so that the first event of a class has a weight.
//
// A weight w is learned as ⌈w⌉ examples of weight w/⌈w⌉, each predicted anew, not as one whose gradient is w times as
// long: that would overshoot for rules of fixed steps and be normalised away by those that divide by the gradient's
// size. To be seen w times is what an importance of w means (Karampatziakis and Langford 2011, "Online Importance
// Weight Aware Updates").
//
// Weighted losses move the predictions: a model that learns with them predicts the probability of c as if the classes
// came in proportion to their weighted counts. That is what makes a rare class win at 0.5, and what spoils the
// log-loss. With Corrected the probabilities are brought back to the shares that the events have,
//
//	pᶜ ∝ qᶜ / wᶜ
//
// (Elkan 2001, "The Foundations of Cost-Sensitive Learning", theorem 2; Saerens, Latinne and Decaestecker 2002,
// equation 2.4): ranks stay, and so does the area under the ROC curve, while the rare class seldom passes 0.5.
type ClassWeights struct {
	Fixed    []float64 // a weight a class, above 0; nil without
	Balanced bool
	// Window makes balanced counts forget: about how many events they remember; 0 is all.
	Window int
	// Max bounds balanced weights; 0 is [ClassWeightMax].
	Max       float64
	Corrected bool
}

// ClassWeightMax is the default bound of balanced weights, and so of what one event costs: as much as that many. On
// streams with one positive event in a thousand, larger ones changed recall and the area under the ROC curve little.
const ClassWeightMax = 100

// weighted multiplies the losses of a model's classes.
type weighted struct {
	Model
	w      ClassWeights
	factor float64   // what counts are multiplied by before an event is added
	counts []float64 // events of each class, fading with Window; nil unless balanced
	role   millrace.Role
	shape  []int
	again  []float32 // what is predicted between the steps of one event
}

// Weighted returns m with its classes weighted, or m itself when nothing is asked for. The model must predict classes,
// as many as Fixed has weights.
func Weighted(m Model, w ClassWeights) Model {
	if w.Fixed == nil && !w.Balanced {
		return m
	}
	if w.Fixed != nil && len(w.Fixed) != m.Outputs() {
		panic(fmt.Sprintf("model: %d class weights for %d classes", len(w.Fixed), m.Outputs()))
	}
	if w.Max == 0 {
		w.Max = ClassWeightMax
	}
	out := &weighted{Model: m, w: w, factor: 1, role: millrace.Training, again: make([]float32, m.Outputs())}
	if w.Balanced {
		out.counts, out.shape = make([]float64, m.Outputs()), []int{m.Outputs()}
	}
	if w.Window > 0 {
		out.factor = 1 - 1/(float64(w.Window)+1)
	}
	if w.Corrected {
		out.role = millrace.Serving // scorers divide by the weights, too
	}
	return out
}

// Unwrap is the model that learns with the weights.
func (m *weighted) Unwrap() Model { return m.Model }

// total is the sum of the counts.
func (m *weighted) total() float64 {
	var n float64
	for _, v := range m.counts {
		n += v
	}
	return n
}

// of is the weight of a class when n events were counted in all.
func (m *weighted) of(class int, n float64) float64 {
	if m.w.Fixed != nil {
		return m.w.Fixed[class]
	}
	k := float64(len(m.counts))
	return math.Min((n+k)/(k*(m.counts[class]+1)), m.w.Max)
}

func (m *weighted) Predict(dst []float32, x millrace.Input, s Scratch) {
	m.Model.Predict(dst, x, s)
	if !m.w.Corrected {
		return
	}
	n := m.total()
	correct(dst, func(class int) float64 { return m.of(class, n) })
}

// correct brings probabilities back to the shares that the events have, given what each class weighs.
func correct[F float32 | float64](p []F, of func(class int) float64) {
	var sum float64
	for c, q := range p {
		sum += float64(q) / of(c)
	}
	for c, q := range p {
		p[c] = F(float32(float64(q) / of(c) / sum)) // as exact as predictions are, whoever holds them
	}
}

func (m *weighted) Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error {
	if !m.learns(y, weight) {
		return m.Model.Learn(x, y, weight, s)
	}
	part, steps := m.steps(y.Class, weight)
	err := m.learnSteps(x, y, part, steps, s)
	if err == nil || errors.Is(err, ErrSkipped) {
		m.count(y.Class)
	}
	return err
}

// learns reports whether there is something to learn, and something that the model takes.
func (m *weighted) learns(y millrace.Target, weight float32) bool {
	return y.Known && weight != 0 && y.Class >= 0 && int(y.Class) < m.Outputs()
}

// steps is in how many steps, of which weight, an event of a class is learned.
func (m *weighted) steps(class int32, weight float32) (part float32, steps int) {
	of := m.of(int(class), m.total())
	n := math.Ceil(of)
	return weight * float32(of/n), int(n)
}

func (m *weighted) learnSteps(x millrace.Input, y millrace.Target, weight float32, steps int, s Scratch) error {
	if stepped, ok := m.Model.(HasSteps); ok {
		return stepped.LearnSteps(x, y, weight, steps, s)
	}
	for i := range steps {
		if i > 0 {
			m.Model.Predict(m.again, x, s)
		}
		if err := m.Model.Learn(x, y, weight, s); err != nil {
			if i == 0 {
				return err
			}
			break // what was learned of it stays: the event weighs less
		}
	}
	return nil
}

// count takes an event's class into balanced counts.
func (m *weighted) count(class int32) {
	if m.counts == nil {
		return
	}
	if m.w.Window > 0 {
		for c := range m.counts {
			m.counts[c] *= m.factor
		}
	}
	m.counts[class]++
}

func (m *weighted) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	m.Model.State(visit)
	if m.counts != nil {
		visit("class_weights.counts", millrace.Tensor{Shape: m.shape, F64: m.counts}, m.role)
	}
}

func (m *weighted) Restored() error {
	for c, n := range m.counts {
		if !(n >= 0) || math.IsInf(n, 1) {
			return fmt.Errorf("checking restored class weights: %g events of class %d", n, c)
		}
	}
	return m.Model.Restored()
}
