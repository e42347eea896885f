// Package tree holds decision trees that learn one event at a time: Hoeffding trees for classes and for
// numbers, alone (with branches that are replaced when the stream drifts) or as an adaptive random
// forest. It is pure: no I/O, no clock, no goroutines. All state lives in flat arrays that are allocated
// at construction, so a snapshot is a copy of them.
//
// Papers cited below: Domingos and Hulten, Mining high-speed data streams, KDD 2000 (VFDT); Gama, Rocha
// and Medas, Accurate decision trees for mining high-speed data streams, KDD 2003 (VFDTc); Holmes, Kirkby
// and Pfahringer, Stress-testing Hoeffding trees, PKDD 2005; Pfahringer, Holmes and Kirkby, Handling
// numeric attributes in Hoeffding trees, PAKDD 2008; Bifet and Gavaldà, Learning from time-changing data
// with adaptive windowing, SDM 2007 (ADWIN), and Adaptive learning from evolving data streams, IDA 2009
// (HAT); Ikonomovska, Gama and Džeroski, Learning model trees from evolving data streams, DMKD 2011
// (FIMT-DD); Gomes et al., Adaptive random forests for evolving data stream classification, Machine
// Learning 2017 (ARF), and Adaptive random forests for data stream regression, ESANN 2018 (ARF-Reg).
package tree

import (
	"fmt"

	"millrace/drift"
)

// Leaf says what a leaf predicts.
type Leaf uint8

// The kinds of leaves. Classes have Constant (the class shares), Bayes, Linear (softmax) and Adaptive;
// numbers have Constant (the mean), Linear and Adaptive.
const (
	Adaptive Leaf = iota // a blend of all, weighted by their recent losses in this leaf
	Constant
	Bayes
	Linear
)

// Observer says how a leaf remembers the values of a number.
type Observer uint8

// The observers of classes. Numbers always have histograms, and so have categories.
const (
	Histogram Observer = iota
	Gaussian
)

// Config describes a tree or a forest. Every field counts as it stands: package model fills in defaults.
type Config struct {
	Classes int   // classes, at least 2; 0 predicts numbers
	Width   int   // features of an input
	Levels  []int // nil, or one a feature: 0 for a number, else how many values the category has

	Grace    float64 // weight that a leaf sees between attempts to split
	Delta    float64 // probability that the chosen split is not the best
	Tau      float64 // Hoeffding bound below which a tie is split
	Leaf     Leaf
	Observer Observer
	Drift    bool
	Depth    int // largest depth of a leaf
	Leaves   int // leaves of a tree that have observers

	Trees    int     // 0 is one tree alone; else a forest of so many
	Subspace int     // features that a leaf observes, between 1 and Width
	Lambda   float64 // forest: mean of the Poisson weights
	Seed     uint64
}

// Limits of a Config.
const (
	DepthMax  = 64
	LeavesMax = 1 << 15
	TreesMax  = 256
	LambdaMax = 32
)

// plan is a Config compiled: sizes, and which parts there are. It never changes.
type plan struct {
	Config
	category []bool // by feature
	experts  [expertCount]bool
	stats    int // float64 a node: class weights, or weight, mean and sum of squares
	recent   int // float64 a node
	outputs  int // rows of a leaf's linear model
	row      int // weights a row, the last one the bias
	heads    int // linear models a leaf
	bins     int // of a histogram
	block    int // float64 a feature that a leaf observes
	nodes    int // capacity: a root and pairs of children
	forest   bool
	bayes    bool // observers predict, so a scorer needs them
	poisson  []float64
	logs     []float64 // n·log n of small whole numbers
}

// The experts of a leaf.
const (
	expertConstant = iota // all that the leaf has seen
	expertRecent          // what it has seen lately
	expertLinear          // a linear model
	expertFast            // another one, which learns faster
	expertBayes
	expertCount
)

func newPlan(c Config) (*plan, error) {
	p := &plan{Config: c, category: make([]bool, c.Width), forest: c.Trees > 0}
	switch {
	case c.Width < 1 || c.Classes < 0 || c.Classes == 1:
		return nil, fmt.Errorf("planning a tree of %d features and %d classes: there is nothing to split", c.Width, c.Classes)
	case c.Levels != nil && len(c.Levels) != c.Width:
		return nil, fmt.Errorf("planning a tree: %d levels for %d features", len(c.Levels), c.Width)
	case c.Depth < 1 || c.Depth > DepthMax || c.Leaves < 2 || c.Leaves > LeavesMax || c.Trees < 0 || c.Trees > TreesMax:
		return nil, fmt.Errorf("planning a tree of depth %d with %d leaves, %d times: too few or too many", c.Depth, c.Leaves, c.Trees)
	case c.Subspace < 1 || c.Subspace > c.Width:
		return nil, fmt.Errorf("planning a tree: a leaf cannot look at %d of %d features", c.Subspace, c.Width)
	case !(c.Grace > 0) || !(c.Delta > 0 && c.Delta < 1) || !(c.Tau >= 0):
		return nil, fmt.Errorf("planning a tree: grace %g, delta %g, tau %g", c.Grace, c.Delta, c.Tau)
	case p.forest && !(c.Lambda > 0 && c.Lambda <= LambdaMax):
		return nil, fmt.Errorf("planning a forest: lambda %g", c.Lambda)
	}
	categories := false
	for f, n := range c.Levels {
		p.category[f] = n > 0
		categories = categories || n > 0
	}
	p.shape(categories)
	p.choose()
	p.logs = make([]float64, logsMax)
	for n := range p.logs {
		p.logs[n] = xlogx(float64(n))
	}
	if p.forest {
		p.poisson = poissonTable(c.Lambda)
	}
	return p, nil
}

// shape sets the sizes of a node and of an observer.
func (p *plan) shape(categories bool) {
	p.stats, p.recent, p.outputs, p.row, p.heads = 3, 1, 1, p.Width+1, 1
	channels := 3
	if p.Classes > 0 {
		p.stats, p.recent, channels = p.Classes, p.Classes, p.Classes
		p.heads = 2
		if p.Classes > 2 {
			p.outputs = p.Classes
		}
	}
	histograms := p.Classes == 0 || p.Observer == Histogram
	if histograms || categories {
		p.bins = binsMax
		for p.bins > binsMin && p.histogramSize(channels)*p.Subspace*8 > observerBytes {
			p.bins /= 2
		}
		p.block = p.histogramSize(channels)
	}
	if !histograms {
		p.block = max(p.block, gaussianSize*p.Classes)
	}
	// Twice as many leaves as have observers: those that were taken theirs still predict.
	p.nodes = 4*p.Leaves - 1
}

// A histogram of the widest resolution has 64 bins, as many as a set of categories has bits; it is
// coarser when a leaf's observers would be larger than observerBytes.
const (
	binsMax       = 64
	binsMin       = 16
	observerBytes = 96 << 10
)

// logsMax is how many: most weights in a leaf are whole and below it.
const logsMax = 2048

// choose sets which experts a leaf has.
func (p *plan) choose() {
	switch p.Leaf {
	case Constant:
		p.experts[expertConstant] = true
	case Linear:
		p.experts[expertLinear], p.experts[expertFast] = true, p.Classes > 0
	case Bayes:
		p.experts[expertBayes] = true
	default:
		p.experts = [expertCount]bool{true, true, true, p.Classes > 0, p.Classes > 0}
	}
	p.bayes = p.experts[expertBayes]
}

// Bytes is the size of all state of what New makes, in bytes.
func (c Config) Bytes() (serving, training int64, err error) {
	p, err := newPlan(c)
	if err != nil {
		return 0, 0, err
	}
	// In float64, so that no product overflows.
	node := float64(nodeBytes + 8*(p.stats+p.recent+expertCount) + 4*p.heads*p.outputs*p.row)
	observers := float64(p.Leaves) * (4*float64(p.Subspace) + 8*float64(p.block)*float64(p.Subspace))
	s, t := float64(p.nodes)*node+tempers, float64(p.nodes)*24+8
	if p.bayes {
		s += observers
	} else {
		t += observers
	}
	if p.Drift && !p.forest {
		t += float64(p.nodes) * drift.ADWINBytes
	}
	if p.forest {
		background := 0.0
		if p.Drift {
			background = s + t
		}
		s, t = float64(p.Trees)*(s+quality), float64(p.Trees)*(t+background+2*drift.ADWINBytes+1+8*rivalLen)
	}
	const scalars = 32 // the target's moments and the form; steps, random and the share of wild examples
	t += float64(p.Width) * firstBytes()
	if p.Classes == 0 {
		t += levelBytes + firstBytes() + 8*firstValues
	}
	return int64(min(s+40*float64(p.Width)+scalars, 1<<60)), int64(min(t+scalars, 1<<60)), nil
}

const (
	// nodeBytes is what a node's fields of fixed size take.
	nodeBytes = 4 + 4 + 4 + 8 + 1 + 4 + 4 + 4
	tempers   = 2 * 8
	quality   = 8
	// levelBytes is what follows the level of a numeric label.
	levelBytes = 8*(levelCount+2*levelEvents+1+homeLen+tailLen) + 16
)

// firstBytes is what the first values of a column take.
func firstBytes() float64 {
	bytes := 0
	s := newScaler(1)
	s.spans = make([]float64, 2)
	for _, e := range s.list("") {
		bytes += 8 * (len(e.tensor.F64) + len(e.tensor.U64))
	}
	return float64(bytes)
}
