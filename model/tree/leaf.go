package tree

import "math"

// work is the working memory of one tree's prediction.
type work struct {
	leaf  int32
	parts [expertCount][]float64 // what each expert predicts
	blend []float64              // their blend
	share [expertCount]float64   // each one's weight in it
	// Naive Bayes: log-likelihoods by class, and the product of those that are still to be added.
	logs, product []float64
}

func newWork(p *plan) *work {
	n := max(p.Classes, 1)
	w := &work{blend: make([]float64, n), logs: make([]float64, n), product: make([]float64, n)}
	for e := range w.parts {
		w.parts[e] = make([]float64, n)
	}
	return w
}

const (
	// fade is what an expert's score keeps of its past an event: about 100 events count.
	fade = 0.99
	// recentRate is the rate of the recent shares and mean: about 50 events count.
	recentRate = 0.02
	// probabilityMin bounds from below what an expert says of any class, before the blend.
	probabilityMin = 1e-3
)

// predict fills w with what leaf n says of x, whose standardised values are z.
func (t *arena) predict(w *work, n int32, x []float32, z []float64) {
	w.leaf = n
	if t.Classes > 0 {
		t.predictClasses(w, n, x, z)
	} else {
		t.predictNumber(w, n, z)
	}
}

func (t *arena) predictClasses(w *work, n int32, x []float32, z []float64) {
	k := float64(t.Classes)
	if t.experts[expertConstant] {
		stats, p := t.statsOf(n), w.parts[expertConstant]
		total := 1.0
		for _, v := range stats {
			total += v
		}
		for c, v := range stats {
			p[c] = (v + 1/k) / total
		}
	}
	if t.experts[expertRecent] {
		for c, v := range t.recentOf(n) {
			w.parts[expertRecent][c] = (1-recentRate)*v + recentRate/k
		}
	}
	if t.experts[expertLinear] {
		size := t.outputs * t.row
		weights := t.linearOf(n)
		t.predictLinear(w.parts[expertLinear], weights[:size], z)
		t.predictLinear(w.parts[expertFast], weights[size:], z)
	}
	bayes := t.experts[expertBayes]
	if bayes {
		bayes = t.predictBayes(w, n, x)
	}
	t.weigh(w, n, bayes)
	sum := 0.0
	for c := range w.blend {
		p := 0.0
		for e, share := range w.share {
			if share > 0 {
				p += share * w.parts[e][c]
			}
		}
		w.blend[c] = p
		sum += p
	}
	for c := range w.blend {
		w.blend[c] /= sum
	}
}

// weigh sets each expert's weight: the exponential of its faded log-likelihood, as in the Bayesian
// mixture of experts that come and go (Herbster and Warmuth, Tracking the best expert, 1998, with fading
// in place of a fixed share).
func (t *arena) weigh(w *work, n int32, bayes bool) {
	score := t.scoreOf(n)
	best := math.Inf(-1)
	for e, on := range t.experts {
		if on && (e != expertBayes || bayes) {
			best = max(best, score[e])
		}
	}
	sum := 0.0
	for e, on := range t.experts {
		w.share[e] = 0
		if on && (e != expertBayes || bayes) {
			w.share[e] = math.Exp(score[e] - best)
			sum += w.share[e]
		}
	}
	if sum == 0 { // naive Bayes is wanted alone and has no observers
		copy(w.parts[expertConstant], w.parts[expertBayes])
		w.share[expertBayes], sum = 1, 1
	}
	for e := range w.share {
		w.share[e] /= sum
	}
}

// predictLinear is softmax of the leaf's linear model; with two classes, the logistic function.
func (t *arena) predictLinear(p []float64, weights []float32, z []float64) {
	if t.outputs == 1 {
		m := dot(weights, z)
		p[1] = 1 / (1 + math.Exp(-m))
		p[0] = 1 / (1 + math.Exp(m))
		return
	}
	most := math.Inf(-1)
	for c := range p {
		p[c] = dot(weights[c*t.row:(c+1)*t.row], z)
		most = max(most, p[c])
	}
	softmax(p, most)
}

func softmax(p []float64, most float64) {
	sum := 0.0
	for c, v := range p {
		p[c] = math.Exp(v - most)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
}

// dot is w·z plus the bias, which is w's last entry.
func dot(w []float32, z []float64) float64 {
	s := float64(w[len(z)])
	w = w[:len(z)]
	for i, v := range z {
		s += float64(w[i]) * v
	}
	return s
}

// predictBayes is naive Bayes from the leaf's observers (Gama et al. 2003), its likelihoods to the power
// of the tree's temper: features that say the same are counted once for each, and the power, learned by
// the log-loss, takes that back. Without observers it is the class shares, and false.
func (t *arena) predictBayes(w *work, n int32, x []float32) bool {
	p, stats := w.parts[expertBayes], t.statsOf(n)
	total := 0.0
	for _, v := range stats {
		total += v
	}
	slot := t.slot[n]
	if slot == 0 {
		for c, v := range stats {
			p[c] = (v + 1/float64(t.Classes)) / (total + 1)
		}
		return false
	}
	t.likelihoods(w, slot-1, x)
	most := math.Inf(-1)
	for c, v := range stats {
		p[c] = math.Log((v+1/float64(t.Classes))/(total+1)) + t.temper[0]*w.logs[c]
		most = max(most, p[c])
	}
	softmax(p, most)
	return true
}

// likelihoods sets w.logs to the log-likelihoods of x by class, from a slot's observers.
func (t *arena) likelihoods(w *work, slot int32, x []float32) {
	clear(w.logs)
	for c := range w.product {
		w.product[c] = 1
	}
	features, blocks := t.observed(slot)
	for i, f := range features {
		v := x[f]
		if v != v {
			continue
		}
		block := blocks[i*t.block : (i+1)*t.block]
		if t.gaussian(int(f)) {
			gaussianLikelihood(w.logs, block, bounded(v))
			continue
		}
		t.likelihood(w.product, block, int(f), bounded(v))
		// A logarithm of a product of several takes less time than several.
		if i%productMax == productMax-1 {
			w.flush()
		}
	}
	w.flush()
}

// productMax is how many factors are multiplied before their logarithm is taken.
const productMax = 12

func (w *work) flush() {
	for c, v := range w.product {
		if v != 1 {
			w.logs[c] += math.Log(v)
			w.product[c] = 1
		}
	}
}

// bounded keeps values that were at the end of float32 from sums of squares that overflow.
func bounded(v float32) float64 { return min(max(float64(v), -valueMax), valueMax) }

func (t *arena) predictNumber(w *work, n int32, z []float64) {
	mean := t.statsOf(n)[1]
	w.parts[expertConstant][0] = mean
	recent := t.recentOf(n)[0]
	w.parts[expertRecent][0] = recent
	if t.experts[expertLinear] {
		v := dot(t.linearOf(n), z)
		// A line through a few points of a leaf goes anywhere outside them.
		w.parts[expertLinear][0] = min(max(v, recent-reach), recent+reach)
	}
	score := t.scoreOf(n)
	sum := 0.0
	for e, on := range t.experts {
		w.share[e] = 0
		if on {
			// The inverse fourth power of the squared error: nearly the best alone.
			s := score[e] + 1e-9
			w.share[e] = 1 / (s * s * s * s)
			sum += w.share[e]
		}
	}
	w.blend[0] = 0
	for e := range w.share {
		if w.share[e] > 0 {
			w.share[e] /= sum
			w.blend[0] += w.share[e] * w.parts[e][0]
		}
	}
}

// reach is how far, in standard deviations of the target, a linear leaf may predict from its mean.
const reach = 4

// adapt lets leaf n learn from an example: everything but observers. w holds what it predicted. weight
// is the example's; step the same in units of a mean weight of 1.
func (t *arena) adapt(w *work, n int32, z []float64, y target, weight, step float64) {
	if t.Classes > 0 {
		t.adaptClasses(w, n, z, y, weight, step)
	} else {
		t.adaptNumber(w, n, z, y, weight, step)
	}
}

func (t *arena) adaptClasses(w *work, n int32, z []float64, to target, weight, step float64) {
	class := to.class
	score := t.scoreOf(n)
	best := math.Inf(-1)
	for e, on := range t.experts {
		if !on {
			continue
		}
		p := w.parts[e][class]
		if e == expertBayes && w.share[e] == 0 {
			p = w.blend[class] // asleep: it neither gains nor loses
		}
		score[e] = fade*score[e] + math.Log(max(p, probabilityMin))
		best = max(best, score[e])
	}
	for e, on := range t.experts {
		if on {
			score[e] = max(score[e]-best, -30)
		}
	}
	if t.experts[expertLinear] && !to.wild {
		size := t.outputs * t.row
		weights, norm := t.linearOf(n), 1+squares(z)
		t.stepClasses(w.parts[expertLinear], weights[:size], z, class, min(linearRate*step, linearRateMax)/norm)
		t.stepClasses(w.parts[expertFast], weights[size:], z, class, min(fastRate*step, linearRateMax)/norm)
	}
	if t.experts[expertBayes] && t.slot[n] != 0 {
		t.stepTemper(w, class)
	}
	rate := min(recentRate*step, 0.5)
	r := t.recentOf(n)
	for c := range r {
		r[c] -= rate * r[c]
	}
	r[class] += rate
	t.statsOf(n)[class] += weight
}

// stepClasses is one step of SGD on the cross-entropy of the leaf's linear model, normalised by the
// input's squared norm so that one rate serves any number of features.
func (t *arena) stepClasses(p []float64, weights []float32, z []float64, class int, rate float64) {
	if t.outputs == 1 {
		g := p[1]
		if class == 1 {
			g = -p[0]
		}
		descend(weights, z, rate*g)
		return
	}
	for c, g := range p {
		if c == class {
			g--
		}
		descend(weights[c*t.row:(c+1)*t.row], z, rate*g)
	}
}

const (
	linearRate    = 0.5
	fastRate      = 4
	linearRateMax = 8
	weightsMax    = 1e6
)

// descend subtracts by times (z, 1) from w.
func descend(w []float32, z []float64, by float64) {
	w[len(z)] = float32(min(max(float64(w[len(z)])-by, -weightsMax), weightsMax))
	w = w[:len(z)]
	for i, v := range z {
		w[i] = float32(min(max(float64(w[i])-by*v, -weightsMax), weightsMax))
	}
}

func squares(z []float64) float64 {
	s := 0.0
	for _, v := range z {
		s += v * v
	}
	return s
}

// stepTemper is one step of AdaGrad on naive Bayes' log-loss by its temper.
func (t *arena) stepTemper(w *work, class int) {
	g := -w.logs[class]
	for c, p := range w.parts[expertBayes] {
		g += p * w.logs[c]
	}
	if g == 0 {
		return
	}
	t.temper[1] += g * g
	t.temper[0] = min(max(t.temper[0]-temperRate*g/math.Sqrt(t.temper[1]), temperMin), 2)
}

const (
	temperRate = 0.05
	temperMin  = 0.01
)

func (t *arena) adaptNumber(w *work, n int32, z []float64, to target, weight, step float64) {
	y := to.value
	score := t.scoreOf(n)
	for e, on := range t.experts {
		if on {
			d := y - w.parts[e][0]
			score[e] += (1 - fadeNumber) * (min(d*d, 16) - score[e])
		}
	}
	if t.experts[expertLinear] && !to.wild {
		d := min(max(dot(t.linearOf(n), z)-y, -targetReach), targetReach)
		rate := min(numberRate*step, 1) / (1 + squares(z))
		descend(t.linearOf(n), z, rate*d)
	}
	s := t.statsOf(n)
	s[0] += weight
	d := y - s[1]
	s[1] += d * (weight / s[0])
	s[2] += weight * d * (y - s[1])
	r := t.recentOf(n)
	rate := min(max(recentRate*step, step*weight/s[0]), 1)
	r[0] += rate * (y - r[0])
}

const (
	fadeNumber  = 0.98
	numberRate  = 0.4
	targetReach = 30
)
