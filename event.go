package millrace

// NumberMax is the largest magnitude of a number that is learned: the square of it times 10²⁷ values is still a finite
// float64. Features beyond it count as that, labels beyond it are refused.
const NumberMax = 1e140

// Presence tells absent, null and present values apart.
type Presence uint8

// The zero value is Absent: the path is not in the event.
const (
	Absent  Presence = iota
	Null             // the path holds a JSON null
	Present          // the path holds a value of the feature's type
)

// Field is one raw column of one event.
type Field struct {
	Presence Presence
	Count    uint16  // of a bag: how many of the event's entries are its own, see Event.Bag
	First    uint32  // of a bag: the first of them
	Number   float64 // of a number, always finite; of a boolean 0 or 1; of a time Unix milliseconds
	Text     []byte  // of a category or text; aliases the record or the decoder's buffer
}

// Entry is one entry of a bag. A key that is a whole number below 2^32, written without sign or leading
// zeros, is that number; any other key is a hash of its text with the top bit set. Value is finite.
type Entry struct {
	Key   uint64
	Value float64
}

// Event is a decoded record: one Field a feature, in the pipeline's order. It is reused from record
// to record; its byte slices are valid until the next Decode into it or the batch's Release.
type Event struct {
	ID       []byte // plain text; nil when the pipeline names no id path or the event has none
	IDNumber bool   // the id was written as a number
	Time     int64  // Unix milliseconds; the event's own time, or its record's when it has none
	Fields   []Field
	Label    Label
	// Entries are those of all bags, one bag after the other.
	Entries []Entry
	// Located is where state by key has its keys. Decoders empty it.
	Located Located
	// Scratch is where a decoder keeps unescaped text that Fields alias. It belongs to the event, so
	// that events from one decoder can be in flight at once; nobody else writes it.
	Scratch []byte
}

// PlacesMax is how many places an event remembers: pipelines with windows of more keys look for the others anew.
const PlacesMax = 4

// Located is what tables by key have found out of an event, so that they look for its keys once and not at each step.
// Only they write it. It holds for as long as the event's fields are as they were.
type Located struct {
	By     any  // the tables that looked; nil for none
	Before bool // they looked before the event's turn came, and nobody has used it
	At     [PlacesMax]Place
}

// Place is where a table has a key.
type Place struct {
	Hash  uint64
	Entry uint32 // where it stood when it was looked for, if it was there
}

// CapTime makes the event's time at most its record's: nothing happened after it was told of. Wherever windows are
// filled or observed, this comes first.
func (e *Event) CapTime(rec *Record) { e.Time = min(e.Time, rec.Time) }

// Bag returns the entries of a field of the event that is a bag. They are valid as its texts are.
func (e *Event) Bag(f *Field) []Entry { return e.Entries[f.First:][:f.Count] }

// Label is an event's target as decoded. A fault in it never prevents scoring, so it is kept here
// instead of failing the event.
type Label struct {
	Known bool
	Class int32   // index into the pipeline's classes
	Value float64 // for numeric targets, in the user's units
	// Weight multiplies the loss of an event that is Weighted: it is finite and not negative. Other events
	// count once, so that a zero Label is an ordinary one.
	Weight   float32
	Weighted bool
	Delay    Delay // how it is told when it is learned; decoders leave it alone
	Fault    *Rejection
}

// Delay is how a label is told that is not known when its event is learned first.
type Delay uint8

// The delays.
const (
	Told      Delay = iota // it was known: nothing was learned before
	Assumed                // nobody knows yet; it may be corrected
	Corrected              // the event was learned as the other class before
)

// Importance is what the event's loss is multiplied by.
func (l Label) Importance() float32 {
	if l.Weighted {
		return l.Weight
	}
	return 1
}

// Target is what a model learns from.
type Target struct {
	Class int32
	Value float64
	Known bool
	Delay Delay
}

// Vector is one view of one event. A dense view fills Dense; a sparse view fills Index (strictly
// ascending is not promised, repeats add up) and Value, of equal length.
type Vector struct {
	Dense []float32
	Index []uint32
	Value []float32
	// Wild says that a number of the event is none that its column has: a raw view holds the column's centre in its
	// place, others a value at the edge of what is usual, and what is learned from the event would be learned of that.
	Wild bool
}

// ViewID names a compiled view: an index into [Input].
type ViewID int

// Input holds one event's views, indexed by ViewID.
type Input []Vector

// ViewKind is what a family of models wants to see of an event.
type ViewKind string

const (
	// ViewRaw is dense, one column a feature: numbers as they are, booleans 0 or 1, categories the
	// index in their learned vocabulary, times where they stand in their first part (hour 13.5), the
	// first step of lags, and NaN for what is missing and for texts, bags and crosses. A missing number is
	// 0 where leaving it out is how zeros are written: no scaling, and zero as the policy. Trees split on it.
	ViewRaw ViewKind = "raw"
	// ViewStandard is what linear models and MLPs take: scaled numbers, booleans, one-hot or hashed
	// categories, missing-value policies applied. Every value is finite.
	ViewStandard ViewKind = "standard"
	// ViewLevels is sparse: the standard view, and one column a level of every number that has only
	// had small integers so far (hours, weekdays, grades), which may matter one by one.
	ViewLevels ViewKind = "levels"
	// ViewPairs is the standard view with the products of all pairs of its columns, squares included.
	// It is dense and exact while that is small; of wider views only the first 64 non-zeros of an event
	// are multiplied, exactly up to 723 columns and hashed beyond.
	ViewPairs ViewKind = "pairs"
)

// ViewShape is a compiled view's size: Width columns; a Sparse view fills Index and Value with at
// most NonZeroMax entries, and is likely to have about NonZeroUsual.
type ViewShape struct {
	Width        int
	Sparse       bool
	NonZeroMax   int
	NonZeroUsual int
	// Levels are a raw view's: 0 for a number, and for a category how many values its vocabulary holds. They
	// are nil when there are only numbers, and in other views.
	Levels []int
}

// Views compiles the views that models ask for. Asking twice for one kind gives one view.
type Views interface {
	View(kind ViewKind) (ViewID, ViewShape, error)
}
