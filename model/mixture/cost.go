package mixture

import (
	"millrace"
	"millrace/model"
)

const (
	// servingUnits is what serving an event may cost at most, from its bytes to its score, in units of
	// serving it by one 64-64 mlp.
	servingUnits = 3
)

// cost estimates what predicting, and predicting and learning, cost in nanoseconds of a common server
// core. It only depends on the spec and the view, never on a measurement at run time, so that every
// machine builds the same mixture. The constants are fitted to BenchmarkExperts, which shows how near
// they are: mostly within a factor of one and a half.
func cost(s model.Spec, target model.TargetSpec, shape millrace.ViewShape) (predict, learn float64) {
	if isTree(s) {
		predict, learn = treeCost(s, float64(shape.Width), target.Classes)
		trees := float64(max(s.Trees, 1))
		return trees * predict, trees * learn
	}
	outputs := float64(max(1, target.Classes))
	if target.Classes == 2 && s.Type != model.FamilyMLP {
		outputs = 1
	}
	if s.Type == model.FamilySVM {
		outputs *= float64(len(s.Rungs()))
	}
	first, dense, in := outputs, 0.0, 0.0
	var units, curves float64 // hidden units, and those whose activation is no relu
	for i, l := range s.Layers {
		if i == 0 {
			first = float64(l.Units)
		} else {
			dense += in * float64(l.Units)
		}
		in = float64(l.Units)
		units += in
		if l.Activation != model.ActivationReLU {
			curves += in
		}
	}
	dense += in * outputs
	var rows, touched float64 // of a sparse first layer: its rows, and the weights in them
	if shape.Sparse {
		rows = float64(shape.NonZeroMax)
		touched = rows * first
	} else {
		dense += float64(shape.Width) * first
	}
	predict = 40 + 0.2*units + 1.3*curves + read(dense) + 1.5*rows + 0.16*touched
	if target.Classes > 0 {
		predict += 30 + 1.5*float64(target.Classes)
	}
	if float64(shape.Width)*first > cacheFloats {
		predict += 4 * rows
		touched *= 3
	}
	learn = predict + 40 + 0.5*units
	write := writeCosts()[s.Optimizer.Type]
	if s.Batch > 1 {
		// A batch writes the weights once, but its sum at every event.
		return predict, learn + (0.1+write/float64(s.Batch))*dense + (0.7+write)*touched + 10*rows
	}
	return predict, learn + write*dense + (0.25+write)*touched + 6*rows
}

// read is the cost of reading dense weights: faster while they stay in the first-level cache.
func read(weights float64) float64 {
	const cached = 8192 // of 32 KiB
	return 0.02*min(weights, cached) + 0.06*max(0, weights-cached)
}

// cacheFloats is how many weights stay in a second-level cache.
const cacheFloats = 1 << 18

// writeCosts are the costs of an update a weight by rule; passive-aggressive machines have none.
func writeCosts() map[string]float64 {
	return map[string]float64{"": 0.1, model.RuleSGD: 0.1, model.RuleNormalized: 0.3, model.RuleAdaGrad: 0.65, model.RuleAdam: 0.4, model.RuleRMSprop: 0.38}
}

// treeCost is cost for one tree over columns. Naive Bayes, of a leaf that is adaptive, reads every class's
// distribution of every column; without it a prediction is two linear models, and learning counts the
// event's own class alone; without these it is the class shares.
func treeCost(s model.Spec, columns float64, classes int) (predict, learn float64) {
	k := float64(classes)
	each := columns * k
	histogram := s.Observer == model.ObserverHistogram
	switch {
	case classes == 0:
		return 50 + 4*columns, 200 + 70*columns
	case s.Leaf == model.LeafLinear && histogram:
		return 130 + 30*k + 1.5*each, 400 + 22*each
	case s.Leaf == model.LeafLinear:
		return 130 + 30*k + 1.5*each, 300 + 80*columns + 9*each
	case s.Leaf == model.LeafMajority && !histogram:
		return 110 + 9*k + 6*columns, 300 + 80*columns + 3*each
	case histogram:
		return 200 + 32*each, 300 + 70*each
	default:
		return 140 + 20*each, 300 + 33*each
	}
}

// usual is a view's shape with the non-zeros that an event is likely to have, instead of the most that it
// can have.
func usual(views millrace.Views, kind millrace.ViewKind) (millrace.ViewShape, error) {
	_, shape, err := views.View(kind)
	if shape.NonZeroUsual > 0 {
		shape.NonZeroMax = min(shape.NonZeroMax, shape.NonZeroUsual)
	}
	return shape, err
}

// servingMax is what the experts' predictions may cost so that an event is served within servingUnits,
// where one 64-64 mlp predicts at the cost given. Reading an event costs both the same; the mixture also
// has its views and its mixer.
func servingMax(predict float64, target model.TargetSpec, views millrace.Views, standard millrace.ViewShape) float64 {
	const (
		reading  = 35  // a column: decoding and the standard view
		products = 0.7 // a column of pairs
		levels   = 6   // a column of numbers
	)
	columns := float64(standard.NonZeroMax)
	once, _ := mixingCost(target.Classes)
	once += levels * columns
	if shape, err := usual(views, millrace.ViewPairs); err == nil {
		once += products * float64(shape.NonZeroMax)
	}
	return max(servingUnits*(predict+reading*columns)-reading*columns-once, predict)
}

// mixingCost is what the mixer adds to a prediction: once, and for each expert.
func mixingCost(classes int) (once, each float64) {
	if classes == 0 {
		return 40, 5
	}
	return 150 + 2*float64(classes), 10 + 0.6*float64(classes)
}
