package model

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace/model/kernel"
)

// optimizer changes parameters by the gradient of the loss. One optimizer serves all parameters of
// a model; what it remembers of each stands in the parameter.
type optimizer struct {
	spec   OptimizerSpec // resolved
	l1, l2 float64
	k      *kernel.Set
	// steps counts the updates made, in a slice because State hands it out. At 1e6 updates a second a
	// uint64 lasts half a million years.
	steps []uint64
	// Of the update begun: the rate, and the scalars for weights (penalised) and biases (not).
	rate    float64
	weights kernel.Coefficients
	biases  kernel.Coefficients
	scaled  kernel.Coefficients // of the rows of a layer with a scale
	// reach bounds how far an update moves any weight, in rates, whatever the gradient; 0 for SGD,
	// where the gradient decides. See guard.
	reach float64
	norms []float64 // [1] normalized adaptive: N, the sum of the squared inputs in units of their largest
	// Adam's decays, as bias corrections want them.
	lnBeta1, lnBeta2 float64
	one              blas32.Vector // the factor of a gradient that is taken as it is
}

func newOptimizer(s Spec, k *kernel.Set) *optimizer {
	o := &optimizer{spec: s.Optimizer, l1: s.L1, l2: s.L2, k: k, steps: make([]uint64, 1), one: kernel.Vector([]float32{1})}
	if o.spec.Type == ruleNormalizedAdaptive {
		o.norms = make([]float64, 1)
	}
	c := kernel.Coefficients{Eps: float32(o.spec.Epsilon), Tiny: momentTiny}
	switch o.spec.Type {
	case RuleSGD, RuleNormalized, ruleImportanceAware:
		mu := float32(o.spec.Momentum)
		c.Mix1, c.Direct, c.Buffer = mu, 0, 1
		if o.spec.Nesterov {
			c.Direct, c.Buffer = 1, mu
		}
	case RuleAdaGrad, ruleNormalizedAdaptive:
		o.reach = 1 // s ≥ g², so |g|/√s ≤ 1
	case RuleRMSprop:
		c.Keep2, c.Mix2 = float32(o.spec.Rho), float32(1-o.spec.Rho)
		o.reach = 2 / math.Sqrt(1-o.spec.Rho) // v ≥ (1−ρ)g²
	case ruleAdadelta:
		c.Keep2, c.Mix2, c.Most = float32(o.spec.Rho), float32(1-o.spec.Rho), stepSquareMax
		// v ≥ (1−ρ)g² again, and √(u + ε) is bounded.
		o.reach = 2 * math.Sqrt((stepSquareMax+o.spec.Epsilon)/(1-o.spec.Rho))
	case ruleFTRL:
		// Without λ₁, w moves by g/((β + √n)/α + λ₂), as n ≥ g² by at most α; λ₁ only takes from |w|.
		o.reach = 1
		c.Inverse, c.Beta = 1/o.spec.Rate, o.spec.Beta
	case ruleCOCOB:
		// θ ≤ G, so weights stay within 1 + R/L of where they started: see guard.
		c.Alpha, c.Wealth = cocobAlpha, wealthMax
	default: // Adam, AMSGrad
		b1, b2 := o.spec.Beta1, o.spec.Beta2
		c.Mix1, c.Keep2, c.Mix2 = float32(1-b1), float32(b2), float32(1-b2)
		o.lnBeta1, o.lnBeta2 = math.Log(b1), math.Log(b2)
		// By Cauchy and Schwarz |m| ≤ (1−β₁)·√(v / ((1−β₂)(1−β₁²/β₂))); correcting the bias divides
		// by at least 1−β₁.
		o.reach = 2 / math.Sqrt((1-b2)*(1-b1*b1/b2))
	}
	o.weights, o.biases = c, c
	if o.spec.Type == ruleFTRL {
		o.weights.L1, o.weights.L2 = o.l1, o.l2
	} else {
		o.weights.Decay = float32(o.l2)
	}
	o.begin()
	return o
}

// memory says what a parameter must hold for a rule, besides its weights.
type memory struct{ first, second, third, square, sum, reward, trace bool }

func (s OptimizerSpec) remembers() memory {
	switch s.Type {
	case RuleSGD:
		return memory{first: s.Momentum > 0, trace: s.adaptive()}
	case RuleNormalized, ruleImportanceAware:
		return memory{}
	case RuleAdaGrad:
		return memory{square: true, trace: s.adaptive()}
	case ruleNormalizedAdaptive:
		return memory{square: true}
	case RuleRMSprop:
		return memory{second: true}
	case ruleAdadelta:
		return memory{second: true, third: true}
	case ruleAMSGrad:
		return memory{first: true, second: true, third: true}
	case ruleFTRL:
		return memory{square: true, sum: true}
	case ruleCOCOB:
		return memory{third: true, square: true, sum: true, reward: true}
	default:
		return memory{first: true, second: true}
	}
}

// scales reports that the L2 penalty only multiplies a weight that has no gradient, all by the same.
func (o *optimizer) scales() bool {
	plain := o.spec.Type == RuleSGD && o.spec.Momentum == 0 || o.spec.Type == RuleNormalized || o.spec.Type == ruleImportanceAware
	return plain && o.l2 > 0
}

// adam reports Adam's bias corrections.
func (o *optimizer) adam() bool { return o.spec.Type == RuleAdam || o.spec.Type == ruleAMSGrad }

// setRate changes the base rate from the next update on, a schedule applying to it as before. The rate
// is no part of the state: who changes it keeps it. A rate of SGD times its L2 penalty must stay below 1.
// FTRL, whose sums are in terms of its rate, COCOB, which has none, and a rate that adapts itself stay as
// they are.
func (o *optimizer) setRate(rate float64) {
	if o.spec.Type == ruleFTRL || o.spec.Type == ruleCOCOB || o.spec.adaptive() {
		return
	}
	o.spec.Rate = rate
	o.begin()
}

// begin computes the scalars of the next update from the count of those made, so that they are a
// function of the state alone.
func (o *optimizer) begin() {
	t := float64(o.steps[0])
	o.rate = o.spec.Rate
	switch s := o.spec.Schedule; s.Type {
	case scheduleInverseTime:
		o.rate /= power(1+s.Decay*t, s.Power)
	case ScheduleAdaptive:
		o.rate = gainMax // a bound, until an event says what it is
	}
	rate := o.rate
	if o.adam() {
		rate /= biasCorrection(o.lnBeta1, t+1)
		root := float32(1 / math.Sqrt(biasCorrection(o.lnBeta2, t+1)))
		o.weights.Root, o.biases.Root = root, root
	}
	o.weights.Rate, o.biases.Rate = float32(rate), float32(rate)
}

// biasCorrection is 1 − βᵗ for ln β, and exactly 1 once βᵗ is below 2⁻⁵³, half the distance from 1 to
// the float64 before it: the same bits at step 10⁸ as at any later one.
func biasCorrection(lnBeta, t float64) float64 {
	if t*lnBeta < -53*math.Ln2 {
		return 1
	}
	return -math.Expm1(t * lnBeta)
}

// power is x^p; p = 1, the common case, costs nothing.
func power(x, p float64) float64 {
	if p == 1 {
		return x
	}
	return math.Pow(x, p)
}

// constant reports that begin computes the same scalars for every update.
func (o *optimizer) constant() bool {
	return o.spec.Schedule.Type != scheduleInverseTime && !o.adam() && o.norms == nil
}

// Step moves p against the gradient x·dᵀ, which has as many entries as p. It is the update rule of the
// paper named at each kernel, with the L2 penalty as part of the gradient (as PyTorch's weight_decay,
// but never on biases), followed by the L1 penalty as a shrinkage toward zero that stops there (Duchi
// and Singer 2009, equation 19).
func (o *optimizer) Step(p *parameter, x, d []float32) {
	if p.penalised {
		o.apply(p, 0, len(p.w.Data), x, d, &o.weights, o.rate*o.l1)
		return
	}
	o.apply(p, 0, len(p.w.Data), x, d, &o.biases, 0)
}

// apply is Step for the entries [from, to) of p.
func (o *optimizer) apply(p *parameter, from, to int, x, d []float32, c *kernel.Coefficients, shrinkBy float64) {
	if len(d) == 1 {
		x, d = d, x // a column is a row of the transposed gradient, which the kernels walk faster
	}
	w := p.w.Data[from:to]
	if len(x)*len(d) != len(w) {
		panic("model: the gradient's shape differs from the parameter's")
	}
	switch o.spec.Type {
	case RuleSGD, RuleNormalized, ruleImportanceAware:
		if p.first == nil {
			o.k.SGD(w, x, d, c)
		} else {
			o.k.Momentum(w, p.first[from:to], x, d, c)
		}
	case RuleAdaGrad, ruleNormalizedAdaptive:
		o.k.AdaGrad(w, p.square[from:to], x, d, c)
	case RuleRMSprop:
		o.k.RMSprop(w, p.second[from:to], x, d, c)
	case ruleAMSGrad:
		o.k.AMSGrad(w, p.first[from:to], p.second[from:to], p.third[from:to], x, d, c)
	case ruleAdadelta:
		o.k.Adadelta(w, p.second[from:to], p.third[from:to], x, d, c)
	case ruleFTRL:
		o.k.FTRL(w, p.sum[from:to], p.square[from:to], x, d, c)
		return // its penalties are in the weights already
	case ruleCOCOB:
		var origin []float32
		if p.origin != nil {
			origin = p.origin[from:to]
		}
		o.k.COCOB(w, p.third[from:to], p.square[from:to], p.sum[from:to], p.reward[from:to], origin, x, d, c)
	default:
		o.k.Adam(w, p.first[from:to], p.second[from:to], x, d, c)
	}
	if shrinkBy > 0 {
		shrink(w, float32(shrinkBy))
	}
}

// shrink moves every weight toward zero by at most by.
func shrink(w []float32, by float32) {
	for i, v := range w {
		switch {
		case v > by:
			w[i] = v - by
		case v < -by:
			w[i] = v + by
		default:
			w[i] = 0
		}
	}
}

// momentTiny is where moments become exactly zero. Decaying moments of units that no longer learn
// would otherwise stay denormal for ever, and denormal arithmetic is up to a hundred times slower.
// A moment this small moves a weight by less than 1e-15 of the rate.
const momentTiny = 1e-30

const (
	// cocobAlpha holds the first bets back; it is the paper's constant.
	cocobAlpha = 100
	// wealthMax bounds COCOB's winnings in units of the largest gradient, and with them how far a weight
	// can be from where it started: further than any use on scaled features, and far from overflow.
	wealthMax = 1e6
	// stepSquareMax bounds Adadelta's average of squared steps: its steps set the size of the next ones, so
	// nothing else would.
	stepSquareMax = 1e12
)
