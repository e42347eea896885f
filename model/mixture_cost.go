package model

import (
	"fmt"
	"strconv"
	"strings"

	"millrace"
)

const (
	// servingUnits is what predicting may cost at most, in predictions of one 64-64 mlp.
	servingUnits = 3
	// budgetDefault and budgetMax are learning costs in the same units of learning.
	budgetDefault = "4x"
	budgetMax     = 1000
	// mixtureBytesMax bounds the experts' state: a snapshot's blob holds it whole, and takes 256 MiB.
	mixtureBytesMax = 192 << 20
)

// cost estimates what predicting, and predicting and learning, cost in nanoseconds of a common server
// core. It only depends on the spec and the view, never on a measurement at run time, so that every
// machine builds the same mixture. BenchmarkExperts shows how near it is: within a factor of two.
func cost(s Spec, target TargetSpec, shape millrace.ViewShape) (predict, learn float64) {
	in, out := float64(shape.Width), float64(max(1, target.Classes))
	if s.Type == familyTree {
		return treeCost(in, target.Classes)
	}
	gather, scatter, rows := 0.0, 0.0, 0.0 // of a sparse input
	if shape.Sparse {
		in, rows = float64(shape.NonZeroMax), float64(shape.NonZeroMax)
		gather, scatter = 3, 15
	}
	if target.Classes == 2 && s.Type != familyMLP {
		out = 1
	}
	if s.Type == familySVM {
		out *= float64(len(s.rungs()))
	}
	var weights, units float64
	first := out
	for i, l := range s.Layers {
		if i == 0 {
			first = float64(l.Units)
		}
		weights += in * float64(l.Units)
		units += float64(l.Units)
		in = float64(l.Units)
	}
	weights += in * out
	predict = 25 + 15*out + 0.5*units + 0.06*weights + rows*(gather+0.1*first)
	update := 0.07
	switch s.Optimizer.Type {
	case ruleAdaGrad:
		update = 0.8
	case ruleAdam:
		update = 0.5
	case ruleRMSprop:
		update = 0.45
	}
	learn = predict + 60 + 1.5*units + 5*out + rows*(scatter+0.1*first)
	if s.Batch > 1 {
		return predict, learn + (0.19+update/float64(s.Batch))*weights
	}
	return predict, learn + (0.07+update)*weights
}

// treeCost is cost for one tree over columns.
func treeCost(columns float64, classes int) (predict, learn float64) {
	each := 33.0 // of a class's normal distribution of a column
	switch {
	case classes == 0:
		each = 60
	case classes <= histogramClasses:
		each = 140 // of a histogram
	}
	learn = 500 + each*columns*float64(max(1, classes))
	return 0.4 * learn, learn
}

// parseBudget reads "4x".
func parseBudget(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "x")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(v > 0 && v <= budgetMax) {
		return 0, fmt.Errorf("must be a number of 64-64 mlps up to %dx, as 4x, not %q", budgetMax, text)
	}
	return v, nil
}

func (s Spec) resolveAuto() Spec {
	if s.Budget == "" {
		s.Budget = budgetDefault
	}
	return s
}

func (s Spec) validateAuto(c *checker) {
	if s.Budget == "" {
		return
	}
	if _, err := parseBudget(s.Budget); err != nil {
		c.add("budget", "%s", err)
	}
}
