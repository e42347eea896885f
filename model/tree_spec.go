package model

import (
	"math"

	"millrace/model/tree"
)

// The words of trees, exported where others read them.
const (
	LeafMajority = "majority"
	LeafBayes    = "naive_bayes"
	LeafAdaptive = "adaptive"
	LeafMean     = "mean"
	LeafLinear   = "linear"

	ObserverGaussian  = "gaussian"
	ObserverHistogram = "histogram"

	driftNone  = "none"
	DriftADWIN = "adwin"
)

// histogramClasses is how many classes a histogram's bins are worth counting by: with more, the normal
// distribution of each class says as much in less space.
const histogramClasses = 4

// resolveTree fills in the defaults that do not depend on how many features there are. Grace, delta and
// tau are those that did well on streams of every kind at once: more eager than the literature's (200,
// 1e-7, 0.05), because leaves here start with what their parent knew and blend several predictors, so
// that an early split costs little.
func (s Spec) resolveTree(target TargetSpec) Spec {
	forest := s.Type == FamilyForest
	if s.Grace == 0 {
		s.Grace = 50
	}
	switch {
	case forest || target.Classes == 2:
		fill(&s.Delta, 1e-3)
	default:
		fill(&s.Delta, 0.01)
	}
	switch {
	case target.Classes == 2 || forest && target.Classes == 0:
		fill(&s.Tau, 0.05)
	case target.Classes > 2:
		fill(&s.Tau, 0.1)
	default:
		fill(&s.Tau, 0.2)
	}
	if s.Leaf == "" {
		s.Leaf = LeafAdaptive
	}
	if s.Observer == "" {
		s.Observer = ObserverHistogram
		if target.Classes > histogramClasses {
			s.Observer = ObserverGaussian
		}
	}
	if s.Drift == "" {
		s.Drift = DriftADWIN
	}
	if s.Depth == 0 {
		s.Depth = 20
	}
	if forest {
		if s.Trees == 0 {
			s.Trees = 10
		}
		fill(&s.Lambda, 6)
	}
	return s
}

func (s Spec) validateTree(c *checker, target TargetSpec) {
	c.between("grace", s.Grace, 1, 1<<30)
	c.positive("delta", s.Delta, 1)
	c.positive("tau", s.Tau, factorMax)
	c.between("depth", s.Depth, 1, tree.DepthMax)
	c.between("leaves", s.Leaves, 2, tree.LeavesMax)
	c.between("trees", s.Trees, 1, tree.TreesMax)
	c.between("subspace", s.Subspace, 1, math.MaxInt32)
	c.positive("lambda", s.Lambda, tree.LambdaMax)
	c.word("drift", s.Drift, driftNone, DriftADWIN)
	if target.Classes > 0 {
		c.word("leaf", s.Leaf, LeafMajority, LeafBayes, LeafLinear, LeafAdaptive)
		c.word("observer", s.Observer, ObserverGaussian, ObserverHistogram)
	} else {
		c.word("leaf", s.Leaf, LeafMean, LeafLinear, LeafAdaptive)
		c.word("observer", s.Observer, ObserverHistogram)
	}
}

// between checks that an optional integer is within bounds.
func (c *checker) between(path string, value, low, high int) {
	if value != 0 && (value < low || value > high) {
		c.add(path, "must be between %d and %d, not %d", low, high, value)
	}
}
