package offline

import (
	"cmp"
	"math"
	"slices"

	"millrace/features"
)

// groupDepth bounds how finely a number is cut: into two to the power of it pieces.
const groupDepth = 6

// groups gives every row of a feature a group: of equal texts, of numbers between two cuts that the first half of the
// rows suggests, or of what is there and what is not.
func (s *suspects) groups(f int) []uint64 {
	const absent = math.MaxUint64
	cells := s.cells[f]
	out := make([]uint64, len(cells))
	var cuts []float64
	if numeric(s.columns[f].Type) {
		cuts = s.cuts(f)
	}
	for i, c := range cells {
		switch {
		case !c.present:
			out[i] = absent
		case s.columns[f].Type == features.Category:
			out[i] = c.text
		default:
			at, _ := slices.BinarySearch(cuts, c.number)
			out[i] = uint64(at)
		}
	}
	return out
}

func numeric(t features.Type) bool { return t == features.Number || t == features.Boolean }

// half is how many rows are learned from; the others are for measuring.
func (s *suspects) half() int { return len(s.labels) / 2 }

// tellsClass is the share of rows whose class is the most frequent one of their group, and whether that is a leak.
func (s *suspects) tellsClass(f int) (float64, bool) {
	half := s.half()
	usual := commonest(s.labels[:half])
	byGroup := map[uint64][]float64{}
	groups := s.groups(f)
	for i, g := range groups[:half] {
		byGroup[g] = append(byGroup[g], s.labels[i])
	}
	classOf := make(map[uint64]float64, len(byGroup))
	for g, labels := range byGroup {
		classOf[g] = commonest(labels)
	}
	right, usualRight := 0, 0
	for i := half; i < len(groups); i++ {
		class, ok := classOf[groups[i]]
		if !ok {
			class = usual
		}
		if class == s.labels[i] {
			right++
		}
		if usual == s.labels[i] {
			usualRight++
		}
	}
	rest := len(groups) - half
	others := rest - usualRight
	return float64(right) / float64(rest), others >= leakOthersLeast && float64(rest-right) <= leakRest*float64(others)
}

// commonest is the label that most have, the smallest of equally frequent ones.
func commonest(labels []float64) float64 {
	counts := map[float64]int{}
	best := math.Inf(1)
	for _, l := range labels {
		counts[l]++
	}
	for l, n := range counts {
		if n > counts[best] || n == counts[best] && l < best {
			best = l
		}
	}
	return best
}

// tellsNumber is the share of the label's variance that the mean of its group explains, or a line through the feature,
// whichever is more, and whether that is a leak.
func (s *suspects) tellsNumber(f int) (float64, bool) {
	half := s.half()
	groups := s.groups(f)
	var all mean
	byGroup := map[uint64]*mean{}
	var x, xx, xy mean // of a line
	for i, g := range groups[:half] {
		y := s.labels[i]
		all.add(y)
		if byGroup[g] == nil {
			byGroup[g] = &mean{}
		}
		byGroup[g].add(y)
		v := s.cells[f][i].number
		x.add(v)
		xx.add(v * v)
		xy.add(v * y)
	}
	slope := 0.0
	if spread := xx.at() - x.at()*x.at(); numeric(s.columns[f].Type) && spread > 0 {
		slope = (xy.at() - x.at()*all.at()) / spread
	}
	var grouped, line, around, later mean // squared errors
	for i := half; i < len(groups); i++ {
		later.add(s.labels[i])
	}
	for i := half; i < len(groups); i++ {
		y, guess := s.labels[i], all.at()
		if m := byGroup[groups[i]]; m != nil {
			guess = m.at()
		}
		grouped.add((y - guess) * (y - guess))
		off := y - all.at() - slope*(s.cells[f][i].number-x.at())
		line.add(off * off)
		around.add((y - later.at()) * (y - later.at()))
	}
	if around.at() <= 0 {
		return 0, false
	}
	explained := 1 - min(grouped.at(), line.at())/around.at()
	return explained, explained >= 1-leakSpread
}

// mean is a running mean.
type mean struct{ n, sum float64 }

func (m *mean) add(x float64) { m.n++; m.sum += x }
func (m *mean) at() float64   { return m.sum / max(m.n, 1) }

// cuts are where the number is best cut to tell the labels of the first half of the rows apart.
func (s *suspects) cuts(f int) []float64 {
	rows := make([]int, 0, s.half())
	for i := range s.half() {
		if s.cells[f][i].present {
			rows = append(rows, i)
		}
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(s.cells[f][a].number, s.cells[f][b].number) })
	var cuts []float64
	s.cut(f, rows, groupDepth, &cuts)
	slices.Sort(cuts)
	return cuts
}

// cut divides rows that are in the order of the number where their labels differ most, and both parts again.
func (s *suspects) cut(f int, rows []int, depth int, cuts *[]float64) {
	if depth == 0 || len(rows) < 2 {
		return
	}
	left, right := s.newPurity(), s.newPurity()
	for _, i := range rows {
		right.add(s.labels[i], 1)
	}
	whole := right.score()
	best, at := whole, -1
	for k, i := range rows[:len(rows)-1] {
		left.add(s.labels[i], 1)
		right.add(s.labels[i], -1)
		if s.cells[f][i].number == s.cells[f][rows[k+1]].number {
			continue
		}
		if score := left.score() + right.score(); score > best {
			best, at = score, k
		}
	}
	if at < 0 || best-whole <= 1e-9*math.Abs(whole) {
		return
	}
	*cuts = append(*cuts, s.cells[f][rows[at]].number) // a group is what is at most its cut
	s.cut(f, rows[:at+1], depth-1, cuts)
	s.cut(f, rows[at+1:], depth-1, cuts)
}

// purity is how alike labels are, as what is larger the more alike they are: of classes the sum of squared counts by
// their number (Gini), of numbers their squared sum by their number (what their mean explains).
type purity struct {
	counts     []float64 // by class; nil where labels are numbers
	squares, n float64
	sum        float64
}

func (s *suspects) newPurity() *purity { return &purity{counts: make([]float64, s.classes)} }

func (p *purity) add(label, times float64) {
	p.n += times
	if len(p.counts) == 0 {
		p.sum += times * label
		return
	}
	c := &p.counts[int(label)]
	p.squares += 2*times**c + 1 // (c ± 1)² − c²
	*c += times
}

func (p *purity) score() float64 {
	if p.n <= 0 {
		return 0
	}
	if len(p.counts) == 0 {
		return p.sum * p.sum / p.n
	}
	return p.squares / p.n
}
