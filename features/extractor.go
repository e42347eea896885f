package features

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"millrace"
)

// DenseMax is the widest standard view that is dense. A row of 1,024 float32 is 4 KiB: it stays in
// the first-level cache, and clearing it costs less than indirection through indices would.
const DenseMax = 1024

// Extractor turns events into views. Extract reads its state, Observe is the only method that
// changes it; any number of goroutines may Extract at once, none while another runs Observe, View or
// copies into State's tensors.
type Extractor struct {
	columns    Columns
	numerics   []numeric
	categories []category
	rejecting  []rejecting
	standard   millrace.ViewShape
	blanks     bool // the standard view has columns that not every event writes

	// Learned, one entry a numeric: how many values were seen, their mean and their sum of squared
	// deviations from it (Welford 1962, as in Knuth, TAOCP 2, 4.2.2 (15) and (16)).
	count, mean, m2 []float64
	words           vocabulary
	more            more // lags and bags learn, too
	hasMore         bool // there are such

	scales []scale // derived from the moments: see scale.refresh

	seed   uint64
	blocks []block // of the standard view, one a feature
	views  []millrace.ViewKind
	base   int     // the standard view's place in views, -1 while it is not compiled
	others bool    // another view than the standard one is compiled
	levels *levels // nil until the view is compiled
	pairs  *pairs  // likewise
}

var (
	_ millrace.Views    = (*Extractor)(nil)
	_ millrace.Stateful = (*Extractor)(nil)
)

// numeric is a number or a boolean: one column, and perhaps indicators.
type numeric struct {
	field  int
	column int // in the standard view
	kind   scaling
	clip   float64
	fills  [2]fill // by Presence: Absent, Null
	blanks [2]bool // the same: whether the raw view says 0 rather than NaN
}

// category is a categorical feature: a range of columns, and perhaps indicators.
type category struct {
	field  int
	column int // the first of its range in the standard view
	hashed bool
	mask   uint64 // hashed: 2^bits - 1
	seed   uint64 // of its values' hashes; differs from feature to feature
	fills  [2]fill
}

// fill says what a value that is not there becomes.
type fill struct {
	mean      bool
	indicator int // column that becomes 1, or -1
}

// rejecting is a feature whose absence or null refuses the event. The rejections are made once and
// shared: nobody changes them.
type rejecting struct {
	field      int
	rejections [2]*millrace.Rejection // by Presence; nil where it is allowed
}

// New builds an extractor without learned state. It refuses a spec with violations.
func New(spec Spec) (*Extractor, error) {
	if found := spec.Validate(); len(found) > 0 {
		lines := make([]string, len(found))
		for i, v := range found {
			lines[i] = v.Path + ": " + v.Message
		}
		return nil, fmt.Errorf("compiling features: %s", strings.Join(lines, "; "))
	}
	x := &Extractor{columns: append(Columns(nil), spec.Columns...), seed: spec.Seed, base: -1}
	widths := x.columns.widths()
	sparse := x.columns.sparse(widths)
	// Every category has a vocabulary, hashed ones too: the raw view and explanations read it.
	caps := []int{}
	column, nonZeroMax := 0, 0
	// Each feature has a range of columns of its own, hashed ones as well, so that values of two features
	// never collide; WidthMax bounds the sum.
	for i, c := range x.columns {
		end := column + widths[i]
		fills := c.fills(end - c.indicators())
		x.blocks = append(x.blocks, block{first: column, values: end - c.indicators(), end: end,
			numeric: c.Type == Number || c.Type == Bag || c.Type == Lag,
			single:  c.Type == Number || c.Type == Boolean || c.Type == Category})
		switch c.Type {
		case Category:
			x.categories = append(x.categories, category{
				field: i, column: column, hashed: c.Encode == encodeHash, mask: 1<<c.Bits - 1,
				seed: hash64(spec.Seed, []byte(c.Name)), fills: fills,
			})
			caps = append(caps, c.Cap)
		case Number, Boolean:
			x.numerics = append(x.numerics, numeric{
				field: i, column: column, kind: c.scaling(sparse), clip: c.Clip, fills: fills, blanks: c.blanks()})
		default:
			x.addMore(i, fills)
		}
		if r, ok := c.rejecting(i); ok {
			x.rejecting = append(x.rejecting, r)
		}
		column = end
		nonZeroMax += x.columns.nonZeros(i)
	}
	x.addCrosses(widths)
	x.hasMore = x.more.any()
	x.standard = millrace.ViewShape{Width: column, Sparse: sparse, NonZeroMax: nonZeroMax, NonZeroUsual: x.columns.usual(widths)}
	if !sparse {
		x.standard.NonZeroMax = column
	}
	x.blanks = column > len(x.numerics)
	x.count = make([]float64, len(x.numerics))
	x.mean = make([]float64, len(x.numerics))
	x.m2 = make([]float64, len(x.numerics))
	x.scales = make([]scale, len(x.numerics))
	x.words = newVocabulary(caps)
	x.refresh()
	return x, nil
}

// usual guesses how many non-zeros of the standard view an event has. Numbers that are taken as they are
// come from LIBSVM's format, as bags do, where most are left out; nobody says how many. The square root of
// the columns is of the right size for the sets that are published in it.
func (c Columns) usual(widths []int) int {
	n, loose := 0, 0
	for i := range c {
		switch {
		case c[i].Type == Number && c[i].Scale == scaleNone:
			loose++
		case c[i].Type == Bag || c[i].Type == Text:
			loose += widths[i]
		default:
			n++
		}
	}
	return max(1, n+int(math.Ceil(math.Sqrt(float64(loose)))))
}

// blanks says, by Presence, what of a number that is not there is a zero: where numbers are taken as they
// are and zero is the policy, leaving them out is how zeros are written, as in LIBSVM's format.
func (c Column) blanks() [2]bool {
	if c.Type != Number || c.Scale != scaleNone {
		return [2]bool{}
	}
	nulls := c.Nulls
	if nulls == "" {
		nulls = c.Missing
	}
	return [2]bool{c.Missing == policyZero, nulls == policyZero}
}

// fills compiles the policies; indicator is the column of the feature's first indicator.
func (c Column) fills(indicator int) [2]fill {
	f := [2]fill{{indicator: -1}, {indicator: -1}}
	f[millrace.Absent].mean = c.Missing == policyMean
	f[millrace.Null].mean = c.nulls() == policyMean
	if c.Missing == policyIndicator {
		f[millrace.Absent].indicator = indicator
	}
	if c.nulls() == policyIndicator {
		f[millrace.Null].indicator = indicator + c.indicators() - 1
	}
	return f
}

func (c Column) rejecting(field int) (rejecting, bool) {
	r := rejecting{field: field}
	if c.Derived() {
		return r, false
	}
	if c.Missing == policyReject {
		r.rejections[millrace.Absent] = &millrace.Rejection{Reason: millrace.ReasonMissingFeature, Path: c.EventPath(),
			Detail: fmt.Sprintf("feature %s is absent; a %s belongs there", c.Name, c.Type)}
	}
	if c.nulls() == policyReject {
		r.rejections[millrace.Null] = &millrace.Rejection{Reason: millrace.ReasonMissingFeature, Path: c.EventPath(),
			Detail: fmt.Sprintf("feature %s is null; a %s belongs there", c.Name, c.Type)}
	}
	return r, r.rejections != [2]*millrace.Rejection{}
}

// View compiles a view, before the first NewInput; asking twice for one kind gives one view. Levels have
// state of their own, which State visits from then on: ask for all views before a snapshot is planned.
// Levels and pairs are made from the standard view, which is compiled with them.
func (x *Extractor) View(kind millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	shape := x.standard
	switch kind {
	case millrace.ViewStandard:
		x.compile(kind)
	case millrace.ViewRaw:
		x.compile(kind)
		shape = millrace.ViewShape{Width: len(x.columns), NonZeroMax: len(x.columns), Levels: x.rawLevels()}
	case millrace.ViewLevels:
		x.compile(millrace.ViewStandard)
		if x.compile(kind) {
			x.levels = x.newLevels()
		}
		shape = x.levels.shape(x.standard)
	case millrace.ViewPairs:
		x.compile(millrace.ViewStandard)
		if x.compile(kind) {
			x.pairs = x.newPairs()
		}
		shape = x.pairs.shape
	default:
		return 0, millrace.ViewShape{}, fmt.Errorf("compiling view %q: there are only %s, %s, %s and %s",
			kind, millrace.ViewRaw, millrace.ViewStandard, millrace.ViewLevels, millrace.ViewPairs)
	}
	return millrace.ViewID(slices.Index(x.views, kind)), shape, nil
}

// compile enters a view, and reports whether it is new.
func (x *Extractor) compile(kind millrace.ViewKind) bool {
	if slices.Contains(x.views, kind) {
		return false
	}
	if kind == millrace.ViewStandard {
		x.base = len(x.views)
	} else {
		x.others = true
	}
	x.views = append(x.views, kind)
	return true
}

// rawLevels are how many values each category's vocabulary holds, 0 for what is no category; nil without
// categories.
func (x *Extractor) rawLevels() []int {
	if len(x.categories) == 0 {
		return nil
	}
	all := make([]int, len(x.columns))
	for i := range x.categories {
		all[x.categories[i].field] = x.words.words[i].cap
	}
	return all
}

// NewInput returns buffers for every compiled view; one Input serves one goroutine.
func (x *Extractor) NewInput() millrace.Input {
	in := make(millrace.Input, len(x.views))
	for id, kind := range x.views {
		_, shape, _ := x.View(kind) // it is compiled
		if shape.Sparse {
			in[id].Index = make([]uint32, 0, shape.NonZeroMax)
			in[id].Value = make([]float32, 0, shape.NonZeroMax)
		} else {
			in[id].Dense = make([]float32, shape.Width)
		}
	}
	return in
}

// Extract writes every compiled view of e into dst, which comes from NewInput, with the state that
// earlier events left. It changes no state and allocates nothing. The error is a *millrace.Rejection
// when a value is missing whose policy is reject; dst is then unchanged. e has one field a column.
func (x *Extractor) Extract(dst millrace.Input, e *millrace.Event) error {
	for i := range x.rejecting {
		r := &x.rejecting[i]
		if p := e.Fields[r.field].Presence; p != millrace.Present && r.rejections[p] != nil {
			return r.rejections[p]
		}
	}
	var standard *millrace.Vector
	if x.base >= 0 { // first, because levels and pairs are made from it
		standard = &dst[x.base]
		if x.standard.Sparse {
			x.extractSparse(standard, e)
		} else {
			x.extractDense(standard.Dense, e)
		}
		if x.hasMore {
			x.extractMore(standard, e)
		}
	}
	if !x.others {
		return nil
	}
	for id, kind := range x.views {
		switch kind {
		case millrace.ViewRaw:
			x.extractRaw(dst[id].Dense, e)
		case millrace.ViewLevels:
			x.levels.extract(&dst[id], standard, e)
		case millrace.ViewPairs:
			if x.pairs.shape.Sparse {
				x.pairs.sparse(x, &dst[id], standard)
			} else {
				x.pairs.dense(dst[id].Dense, standard.Dense)
			}
		}
	}
	return nil
}

// extractRaw fills the raw view: dst has one column a feature.
func (x *Extractor) extractRaw(dst []float32, e *millrace.Event) {
	nan := float32(math.NaN())
	for i := range x.numerics {
		n := &x.numerics[i]
		f := &e.Fields[n.field]
		dst[n.field] = nan
		switch {
		case f.Presence == millrace.Present:
			dst[n.field] = float32(clip(f.Number, math.MaxFloat32))
		case n.blanks[f.Presence]:
			dst[n.field] = 0
		}
	}
	for i := range x.categories {
		c := &x.categories[i]
		f := &e.Fields[c.field]
		dst[c.field] = nan
		if f.Presence == millrace.Present {
			dst[c.field] = float32(x.words.find(i, hash64(c.seed, f.Text)))
		}
	}
	if x.hasMore {
		x.more.extractRaw(dst, e)
	}
}
