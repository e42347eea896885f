package family

import (
	"fmt"
	"math"

	"millrace"
	"millrace/model"
	"millrace/model/tree"
)

// treeBytes is about how much state one tree has when its size is not given.
const (
	treeBytes     = 3 << 20
	treeLeavesMin = 16
	treeLeavesMax = 512
	// treeBlobMax is the most that either blob of a snapshot may hold (snapshot.BlobBytesMax), less its
	// header and what else goes into it.
	treeBlobMax = 240 << 20
)

func treeConfig(s model.Spec, target model.TargetSpec, shape millrace.ViewShape) tree.Config {
	width := shape.Width
	c := tree.Config{
		Classes: target.Classes, Width: width, Levels: shape.Levels,
		Grace: float64(s.Grace), Delta: s.Delta, Tau: s.Tau, Drift: s.Drift == model.DriftADWIN,
		Depth: s.Depth, Leaves: s.Leaves, Trees: s.Trees, Subspace: min(s.Subspace, width), Lambda: s.Lambda, Seed: s.Seed,
	}
	switch s.Leaf {
	case model.LeafMajority, model.LeafMean:
		c.Leaf = tree.Constant
	case model.LeafBayes:
		c.Leaf = tree.Bayes
	case model.LeafLinear:
		c.Leaf = tree.Linear
	}
	if s.Observer == model.ObserverGaussian {
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
func subspace(width int, target model.TargetSpec) int {
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

// treeModel makes trees a model.Model.
type treeModel struct {
	trees *tree.Trees
	views []millrace.ViewID
	view  millrace.ViewID
	// labels are what recent labels were, of numbers: what predictions are held within. Trees go by moments of their
	// own.
	labels  model.Moments
	extent  extent
	tensors []treeTensor // of labels; none for classes
}

type treeTensor struct {
	name   string
	tensor millrace.Tensor
	role   millrace.Role
}

// heldFrom is the weight of labels from which on predictions are held within them. Snapshots of before know of none,
// and a few labels are no limits of what a tree has learned from many.
const heldFrom = 32

func newTree(s model.Spec, target model.TargetSpec, views millrace.Views) (model.Model, error) {
	view, shape, err := model.ViewOf(views, millrace.ViewRaw)
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
	m := &treeModel{trees: trees, view: view, views: []millrace.ViewID{view}}
	if target.Classes == 0 {
		m.labels = model.NewMoments()
		m.labels.Visit("labels", func(name string, t millrace.Tensor, role millrace.Role) {
			t.Added = true
			m.tensors = append(m.tensors, treeTensor{name, t, role})
		})
		m.extent = newExtent()
		m.tensors = append(m.tensors, treeTensor{"labels.extent", millrace.Tensor{Shape: []int{extentLen}, F64: m.extent, Added: true}, millrace.Serving})
	}
	return m, nil
}

func (m *treeModel) Views() []millrace.ViewID { return m.views }

func (m *treeModel) Outputs() int { return m.trees.Outputs() }

func (m *treeModel) NewScratch() model.Scratch { return m.trees.NewWork() }

func (m *treeModel) Predict(dst []float32, x millrace.Input, s model.Scratch) {
	m.trees.Predict(dst, x[m.view].Dense, s.(*tree.Work))
}

// Value is what trees predict of a number, in the label's units, held within what recent labels allow: as they usually
// are, or farther out where trees have learned them there.
func (m *treeModel) Value(prediction float32) float64 {
	v := m.trees.Value(prediction)
	if m.labels.Weight() < heldFrom {
		return v
	}
	least, most := m.extent.limits()
	return m.labels.HeldWith(v, least, most)
}

func (m *treeModel) Learn(x millrace.Input, y millrace.Target, weight float32, s model.Scratch) error {
	learn := m.trees.Learn
	if x[m.view].Wild {
		learn = m.trees.LearnWild
	}
	if err := learn(x[m.view].Dense, y, weight, s.(*tree.Work)); err != nil {
		return err
	}
	if len(m.tensors) > 0 && weight > 0 {
		m.labels.Commit(y.Value, min(float64(weight), tree.WeightMax))
		m.extent.observe(s.(*tree.Work).Learned())
	}
	return nil
}

func (m *treeModel) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	m.trees.State(visit)
	for i := range m.tensors {
		visit(m.tensors[i].name, m.tensors[i].tensor, m.tensors[i].role)
	}
}

func (m *treeModel) Restored() error {
	if err := m.trees.Restored(); err != nil {
		return err
	}
	if len(m.tensors) == 0 {
		return nil
	}
	if err := m.labels.Restored(); err != nil {
		return fmt.Errorf("checking recent labels: %w", err)
	}
	if err := m.extent.restored(); err != nil {
		return fmt.Errorf("checking recent labels: %w", err)
	}
	return nil
}

// Norms of trees: their size, the number of leaves, stands for weights; there is no gradient.
func (m *treeModel) Norms() (weights, gradient float64) { return float64(m.trees.Leaves()), 0 }
