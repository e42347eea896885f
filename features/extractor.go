// Package features turns events into vectors: it scales numbers, encodes categories and fills in
// what is missing. Its state (means, variances, vocabularies) is learned from the stream and goes
// into every snapshot, so that learner, scorer and evaluate see the same vectors for the same bytes.
//
// An Extractor has one encoder for each type of feature that its pipeline uses (encoder.go has the interface and the
// table of types, number.go, category.go, text.go, bag.go, clock.go, lag.go and cross.go an encoder each; windows and
// ratios are numbers, window.go and ratio.go say of which features they are made). They make
// the standard view and the raw one; levels.go and pairs.go make the other views from the standard one.
package features

import (
	"fmt"
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
	columns   Columns
	rejecting []rejecting
	bounded   []bounded
	ratios    []ratio
	// Nearly all features are numbers and categories, so these are called without an interface between.
	numbers    numbers
	categories categories
	others     []encoder // all further ones that the pipeline uses, in the order of types
	encoders   []encoder // the same ones, a field each

	players []Player

	standard millrace.ViewShape
	blanks   bool    // the standard view has columns that not every event writes
	beyond   bool    // more than numbers is learned
	blocks   []block // of the standard view, one a feature

	seed   []uint64 // [1] of all hashes: state, for what was learned under one means nothing under another
	seeded uint64   // the seed that hashes have, seed as it was before a restore
	views  []millrace.ViewKind
	base   int     // the standard view's place in views, -1 while it is not compiled
	beside bool    // another view than the standard one is compiled
	levels *levels // nil until the view is compiled
	pairs  *pairs  // likewise
}

var (
	_ millrace.Views    = (*Extractor)(nil)
	_ millrace.Stateful = (*Extractor)(nil)
)

// New builds an extractor without learned state. It refuses a spec with violations.
func New(spec Spec) (*Extractor, error) {
	if found := spec.Validate(); len(found) > 0 {
		lines := make([]string, len(found))
		for i, v := range found {
			lines[i] = v.Path + ": " + v.Message
		}
		return nil, fmt.Errorf("compiling features: %s", strings.Join(lines, "; "))
	}
	x := &Extractor{columns: spec.Columns.Expand(), base: -1}
	sizes := x.layOut()
	x.addFeatures(sizes)
	x.players = x.columns.players()
	x.seed = []uint64{spec.Seed}
	x.reseed()
	return x, nil
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
			x.levels, x.beyond = x.newLevels(), true
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
		x.beside = true
	}
	x.views = append(x.views, kind)
	return true
}

// rawLevels are how many values each category's vocabulary holds, 0 for what is no category; nil without
// categories.
func (x *Extractor) rawLevels() []int {
	if len(x.categories.all) == 0 {
		return nil
	}
	all := make([]int, len(x.columns))
	for i := range x.categories.all {
		all[x.categories.all[i].field] = x.categories.words.words[i].cap
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
// when a value is missing whose policy is reject, or outside its bounds; dst is then unchanged. e has one field a
// column; those of windows are filled in already (package keyed), those of ratios are filled in here, and numbers that
// are clipped to their bounds are so in e from here on.
func (x *Extractor) Extract(dst millrace.Input, e *millrace.Event) error {
	if len(x.rejecting)+len(x.bounded)+len(x.ratios) > 0 {
		if err := x.Check(e); err != nil {
			return err
		}
	}
	x.ExtractChecked(dst, e)
	return nil
}

// ExtractChecked is Extract for an event that Check has passed, or for what Baselines made of one.
func (x *Extractor) ExtractChecked(dst millrace.Input, e *millrace.Event) {
	var standard *millrace.Vector
	if x.base >= 0 { // first, because levels and pairs are made from it
		standard = &dst[x.base]
		standard.Wild = false
		if x.standard.Sparse {
			standard.Index, standard.Value = standard.Index[:0], standard.Value[:0]
			x.numbers.extract(standard, e)
			x.categories.extract(standard, e)
		} else {
			if x.blanks {
				clear(standard.Dense)
			}
			if len(x.numbers.all) > 0 {
				standard.Wild = x.numbers.dense(standard.Dense, e)
			}
			if len(x.categories.all) > 0 {
				x.categories.dense(standard.Dense, e)
			}
		}
		for _, enc := range x.others { // what is neither number nor category
			enc.extract(standard, e)
		}
	}
	if x.beside {
		x.extractBeside(dst, standard, e)
	}
}

// Check is the error that Extract would have, holds numbers within their bounds and fills in the fields of ratios as it
// does, without the rest of its work: for who reads events again that were learned before. Windows cannot refuse an
// event, so the answer is the same before they are filled.
func (x *Extractor) Check(e *millrace.Event) error {
	for i := range x.rejecting {
		r := &x.rejecting[i]
		if p := e.Fields[r.field].Presence; p != millrace.Present && r.rejections[p] != nil {
			return r.rejections[p]
		}
	}
	for i := range x.bounded {
		if err := x.bounded[i].hold(e); err != nil {
			return err
		}
	}
	for i := range x.ratios {
		x.ratios[i].fill(e)
	}
	return nil
}

// extractBeside writes all views but the standard one, which it is given.
func (x *Extractor) extractBeside(dst millrace.Input, standard *millrace.Vector, e *millrace.Event) {
	for id, kind := range x.views {
		switch kind {
		case millrace.ViewRaw:
			dst[id].Wild = x.extractRaw(dst[id].Dense, e)
		case millrace.ViewLevels:
			dst[id].Wild = standard.Wild
			x.levels.extract(&dst[id], standard, e)
		case millrace.ViewPairs:
			dst[id].Wild = standard.Wild
			if x.pairs.shape.Sparse {
				x.pairs.sparse(x, &dst[id], standard)
			} else {
				x.pairs.dense(dst[id].Dense, standard.Dense)
			}
		}
	}
}

// extractRaw fills the raw view: dst has one column a feature. It reports whether a number is wild.
func (x *Extractor) extractRaw(dst []float32, e *millrace.Event) (wild bool) {
	wild = x.numbers.see(dst, e)
	x.categories.raw(dst, e)
	for _, enc := range x.others {
		enc.raw(dst, e)
	}
	return wild
}

// Observe learns from e: moments of numbers, shares of booleans, values of categories and what other types need.
// Absent and null values leave no trace. It allocates nothing.
//
// What wild values and changes of unit do to numbers is said in package moments.
func (x *Extractor) Observe(e *millrace.Event) {
	if len(x.numbers.all) > 0 {
		x.numbers.observe(e)
	}
	if len(x.categories.all) > 0 {
		x.categories.observe(e)
	}
	for _, enc := range x.others {
		enc.observe(e)
	}
	if x.levels != nil {
		x.levels.observe(e)
	}
}
