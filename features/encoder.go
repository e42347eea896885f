package features

import (
	"math"

	"millrace"
)

// encoder makes the columns of all features of one type and holds what they learn. check, checkSources and size
// know nothing but the pipeline file, which may be wrong; all else follows after add. For an event extract and raw
// come before observe: they see what earlier events left, change nothing and may run on many goroutines at once.
//
// A new type of feature is a file with its encoder, an entry in types below, and a constant in spec.go.
type encoder interface {
	// check reports the mistakes of a column that only its type can make.
	check(c *Column, report report)
	// checkSources reports what of the other features that column i is made from is missing or unfit.
	checkSources(s Columns, i int, report report)
	// size is what column i takes of the standard view.
	size(s Columns, i int) size
	// add compiles a feature. An encoder numbers its features in the order in which they are added.
	add(p place)
	// reseed takes the seeds of hashes, one a field.
	reseed(seeds []uint64)
	// extract sets the features' columns of a standard view that has zeros there, or appends to a sparse one.
	extract(dst *millrace.Vector, e *millrace.Event)
	// raw sets the features' columns of the raw view, which has one a field: NaN for what is no single number.
	raw(dst []float32, e *millrace.Event)
	// observe learns from e. What it did is all in the tensors that state visits.
	observe(e *millrace.Event)
	// state visits what was learned, in a fixed order.
	state(visit visit)
	// restored checks the state that was copied in and derives from it what is not in a snapshot. Its errors wrap
	// millrace.ErrCorrupt.
	restored() error
	// names says what feeds the k-th of a feature's value columns, see FeatureName.
	names(field, k int) []string
}

// types is the table of feature types. A sparse standard view has their columns in this order; a cross multiplies
// what stands there already, so it is the last.
func types() [11]typed {
	return [...]typed{
		{Number, func() encoder { return &numbers{} }},
		{Boolean, func() encoder { return &numbers{} }},
		{Window, func() encoder { return &windows{} }},
		{Ratio, func() encoder { return &ratios{} }},
		{Since, func() encoder { return &sinces{} }},
		{Category, func() encoder { return &categories{} }},
		{Time, func() encoder { return &times{} }},
		{Lag, func() encoder { return &lags{} }},
		{Text, func() encoder { return &texts{} }},
		{Bag, func() encoder { return &bags{} }},
		{Cross, func() encoder { return &crosses{} }},
	}
}

type typed struct {
	name Type
	new  func() encoder
}

// encoder returns an empty encoder of the type, nil when there is no such type.
func (t Type) encoder() encoder {
	for _, known := range types() {
		if known.name == t {
			return known.new()
		}
	}
	return nil
}

type (
	report func(path, format string, args ...any) // path is relative to the column
	visit  func(name string, t millrace.Tensor, role millrace.Role)
)

// size is what a feature takes of the standard view.
type size struct {
	values   int  // columns that hold values; its indicators come after them
	nonZeros int  // entries of a sparse view at most
	sparse   bool // too wide for a dense view, whatever the others are
	numeric  bool // its values are numbers whose squares say something
	single   bool // at most one of its columns is not zero
	loose    int  // columns that are zero in most events, nobody says in how many
}

// size is what column i takes of the standard view; of an unknown type one column.
func (s Columns) size(i int) size {
	if enc := s[i].Type.encoder(); enc != nil {
		return enc.size(s, i)
	}
	return size{values: 1, nonZeros: 1}
}

// width is how many columns of the standard view column i takes, its indicators included.
func (s Columns) width(i int) int { return s.size(i).values + s[i].indicators() }

// atMost keeps what a spec asks for from overflowing; Validate reports what is out of bounds.
func atMost(n, most int) int { return max(0, min(n, most)) }

// place is all that an encoder is told of a feature that it compiles.
type place struct {
	*Column
	block // its own
	size  size
	field int
	fills [2]fill

	columns Columns
	blocks  []block                      // of all features
	sparse  bool                         // the standard view is
	naming  func(column uint32) []string // names of a standard column
}

// fill says what a value that is not there becomes.
type fill struct {
	mean      bool
	indicator int // column that becomes 1, or -1
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

// put sets a column of a standard view, dense or sparse.
func put(dst *millrace.Vector, column int, v float32) {
	if dst.Dense != nil {
		dst.Dense[column] = v
	} else if v != 0 {
		dst.Index, dst.Value = append(dst.Index, uint32(column)), append(dst.Value, v)
	}
}

// putMissing sets the indicator of a value that is not there, if it has one.
func putMissing(dst *millrace.Vector, f *millrace.Field, fills *[2]fill) {
	if column := fills[f.Presence].indicator; column >= 0 {
		put(dst, column, 1)
	}
}

// plain is embedded by encoders, which then write only what they do of checking, hashing and learning.
type plain struct{}

func (plain) check(*Column, report)             {}
func (plain) checkSources(Columns, int, report) {}
func (plain) reseed([]uint64)                   {}
func (plain) observe(*millrace.Event)           {}
func (plain) state(visit)                       {}
func (plain) restored() error                   { return nil }

// noNumber stands in the raw view for what is no single number.
func noNumber() float32 { return float32(math.NaN()) }
