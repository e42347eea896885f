package model

import (
	"fmt"
	"math"

	"millrace"
	"millrace/model/tree"
)

// The words of trees.
const (
	leafMajority = "majority"
	leafBayes    = "naive_bayes"
	leafAdaptive = "adaptive"
	leafMean     = "mean"
	leafLinear   = "linear"

	observerGaussian  = "gaussian"
	observerHistogram = "histogram"

	driftNone  = "none"
	driftADWIN = "adwin"
)

// histogramClasses is how many classes a histogram's bins are worth counting by: with more, the normal
// distribution of each class says as much in less space.
const histogramClasses = 4

// resolveTree fills in the defaults that do not depend on how many features there are. Grace, delta and
// tau are those that did well on streams of every kind at once: more eager than the literature's (200,
// 1e-7, 0.05), because leaves here start with what their parent knew and blend several predictors, so
// that an early split costs little.
func (s Spec) resolveTree(target TargetSpec) Spec {
	forest := s.Type == familyForest
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
		s.Leaf = leafAdaptive
	}
	if s.Observer == "" {
		s.Observer = observerHistogram
		if target.Classes > histogramClasses {
			s.Observer = observerGaussian
		}
	}
	if s.Drift == "" {
		s.Drift = driftADWIN
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
	c.word("drift", s.Drift, driftNone, driftADWIN)
	if target.Classes > 0 {
		c.word("leaf", s.Leaf, leafMajority, leafBayes, leafLinear, leafAdaptive)
		c.word("observer", s.Observer, observerGaussian, observerHistogram)
	} else {
		c.word("leaf", s.Leaf, leafMean, leafLinear, leafAdaptive)
		c.word("observer", s.Observer, observerHistogram)
	}
}

// between checks that an optional integer is within bounds.
func (c *checker) between(path string, value, low, high int) {
	if value != 0 && (value < low || value > high) {
		c.add(path, "must be between %d and %d, not %d", low, high, value)
	}
}

// treeBytes is about how much state one tree has when its size is not given.
const (
	treeBytes     = 3 << 20
	treeLeavesMin = 16
	treeLeavesMax = 512
	// treeBlobMax is the most that either blob of a snapshot may hold (snapshot.BlobBytesMax), less its
	// header and what else goes into it.
	treeBlobMax = 240 << 20
)

func treeConfig(s Spec, target TargetSpec, shape millrace.ViewShape) tree.Config {
	width := shape.Width
	c := tree.Config{
		Classes: target.Classes, Width: width, Levels: shape.Levels,
		Grace: float64(s.Grace), Delta: s.Delta, Tau: s.Tau, Drift: s.Drift == driftADWIN,
		Depth: s.Depth, Leaves: s.Leaves, Trees: s.Trees, Subspace: min(s.Subspace, width), Lambda: s.Lambda, Seed: s.Seed,
	}
	switch s.Leaf {
	case leafMajority, leafMean:
		c.Leaf = tree.Constant
	case leafBayes:
		c.Leaf = tree.Bayes
	case leafLinear:
		c.Leaf = tree.Linear
	}
	if s.Observer == observerGaussian {
		c.Observer = tree.Gaussian
	}
	if c.Subspace == 0 {
		c.Subspace = width
		if c.Trees > 0 {
			c.Subspace = subspace(width, target)
		}
	}
	return c
}

// subspace is how many features a leaf of a forest looks at: √width + 1 for classes (Gomes et al. 2017);
// all for numbers, whose trees are weak without the few features that matter and differ enough by the
// Poisson weights.
func subspace(width int, target TargetSpec) int {
	if target.Classes == 0 {
		return width
	}
	return min(int(math.Sqrt(float64(width)))+1, width)
}

// sized gives trees without a size as many leaves as treeBytes hold.
func sized(c tree.Config) (tree.Config, error) {
	if c.Leaves > 0 {
		return c, nil
	}
	limit := int64(treeBytes) * int64(max(c.Trees, 1))
	for c.Leaves = treeLeavesMax; ; c.Leaves /= 2 {
		serving, training, err := c.Bytes()
		if err != nil || serving+training <= limit || c.Leaves == treeLeavesMin {
			return c, err
		}
	}
}

// treeModel makes trees a Model.
type treeModel struct {
	trees *tree.Trees
	views []millrace.ViewID
	view  millrace.ViewID
}

func newTree(s Spec, target TargetSpec, views millrace.Views) (Model, error) {
	view, shape, err := viewOf(views, millrace.ViewRaw)
	if err != nil {
		return nil, err
	}
	config, err := sized(treeConfig(s, target, shape))
	if err != nil {
		return nil, err
	}
	serving, training, err := config.Bytes()
	if err != nil {
		return nil, err
	}
	if serving > treeBlobMax || training > treeBlobMax {
		return nil, fmt.Errorf("the %s would hold %d MiB of state to predict and %d MiB more to learn, of at most %d MiB each: use fewer leaves or trees",
			s.Type, serving>>20, training>>20, treeBlobMax>>20)
	}
	trees, err := tree.New(config)
	if err != nil {
		return nil, err
	}
	return &treeModel{trees: trees, view: view, views: []millrace.ViewID{view}}, nil
}

func (m *treeModel) Views() []millrace.ViewID { return m.views }

func (m *treeModel) Outputs() int { return m.trees.Outputs() }

func (m *treeModel) NewScratch() Scratch { return m.trees.NewWork() }

func (m *treeModel) Predict(dst []float32, x millrace.Input, s Scratch) {
	m.trees.Predict(dst, x[m.view].Dense, s.(*tree.Work))
}

func (m *treeModel) Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error {
	return m.trees.Learn(x[m.view].Dense, y, weight, s.(*tree.Work))
}

func (m *treeModel) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	m.trees.State(visit)
}

func (m *treeModel) Restored() error { return m.trees.Restored() }

// Norms of trees: their size, the number of leaves, stands for weights; there is no gradient.
func (m *treeModel) Norms() (weights, gradient float64) { return float64(m.trees.Leaves()), 0 }
