package features

import (
	"cmp"
	"math"
	"time"
)

// Type is a feature's type in the event.
type Type string

// The types of features.
const (
	Number   Type = "number"
	Category Type = "category"
	Boolean  Type = "boolean"
	Text     Type = "text"   // words and their neighbours, hashed
	Bag      Type = "bag"    // an object of numbers, or an array of strings: a sparse vector
	Time     Type = "time"   // where a time stands in the day, the week and the year
	Cross    Type = "cross"  // the products of two other features
	Lag      Type = "lag"    // earlier values of a number or of the label, by key
	Window   Type = "window" // a statistic of a key's events of the last minutes, hours or days
	Ratio    Type = "ratio"  // a number, or a window's statistic, divided by another
	Since    Type = "since"  // seconds from another time of the event's to the event
)

// The statistics of a window.
const (
	StatCount    = "count"    // events; with `of` those that have a value there
	StatSum      = "sum"      // of the values
	StatMean     = "mean"     // of the values
	StatMin      = "min"      // of the values
	StatMax      = "max"      // of the values
	StatStd      = "std"      // standard deviation of the values, of all of them (divided by n)
	StatDistinct = "distinct" // different values of a category
	StatLast     = "last"     // the value with the latest event time
	StatFirst    = "first"    // the value with the earliest event time
	StatSince    = "since"    // seconds since the latest event, never negative
)

// Column describes one feature, one raw column. In a pipeline file the columns are a mapping from
// name to column, and `amount: number` is short for `amount: {type: number}`.
type Column struct {
	Name    string   `yaml:",key" doc:"name of the feature"`
	Path    string   `yaml:"path" of:"number|category|boolean|text|bag|time" hash:"schema" doc:"where the value stands in the event, dots between object keys; the name by default"`
	Type    Type     `yaml:"type,short" enum:"number|category|boolean|text|bag|time|cross|lag|window|ratio|since" hash:"schema" doc:"type of the value in the event"`
	Scale   string   `yaml:"scale" enum:"standard|none" of:"number|bag|lag|window|ratio|since" hash:"schema" doc:"how a number is scaled: standard (running mean and variance; for a bag each entry by its largest magnitude so far) or none"`
	Format  string   `yaml:"format" enum:"us|eu|duration|ymd|dmy|mdy|yyyymmdd" of:"number|time|since" hash:"schema" doc:"how numbers in texts are written: us (1,234.50, $ 1,200, (1,200), 12.5 %), eu (1.234,50, 1 234,5, 1.200 €), duration (1h30m, 00:12:30, PT5M, as seconds), without it as JSON has them; or in which order the dates of times are: dmy (31.12.2024), mdy (12/31/2024), yyyymmdd (numbers as 20241231), without it ymd, years first"`
	Unit    []string `yaml:"unit" also:"one" of:"number" hash:"schema" doc:"what stands before or behind a number in texts, as kg, or its spellings, as [year, years]; a number without it counts as one with it, and one with another unit rejects the event"`
	Missing string   `yaml:"missing" enum:"zero|mean|indicator|reject" of:"number|category|boolean|text|bag|time|window|ratio|since" hash:"schema" doc:"what an absent value becomes: zero after scaling, the running mean, zero and an indicator column, or a rejected event"`
	Nulls   string   `yaml:"nulls" enum:"zero|mean|indicator|reject" of:"number|category|boolean|text|bag|time|since" hash:"schema" doc:"what a null becomes; as missing by default"`
	Encode  string   `yaml:"encode" enum:"onehot|hash" of:"category" hash:"schema" doc:"how a category is encoded: one column a value, learned up to cap, or hashed into 2^bits columns"`
	Cap     int      `yaml:"cap" of:"category if encode!=hash" hash:"schema" doc:"values a category learns, in order of appearance; later ones share one column of a one-hot encoding"`
	Bits    int      `yaml:"bits" of:"category if encode=hash|text|bag if !indices|cross" hash:"schema" doc:"a hashed category, text, bag or cross has 2^bits columns; left out, as many as the model has room for, 2^18 at most"`
	Clip    float64  `yaml:"clip" of:"number if scale!=none|lag if scale!=none|window if scale!=none|ratio if scale!=none|since if scale!=none" hash:"schema" doc:"scaled numbers are clipped to ±clip standard deviations"`

	// Gaps are texts that are no value, beside those that never are among numbers.
	Gaps []string `yaml:"missing.values" of:"number|category|boolean|text|time|since" hash:"schema" doc:"texts that count as no value, as [N, -]; among numbers, booleans and times NA, N/A, n/a, NaN, nan, null, NULL, ? and an empty text always do"`

	Min     *float64 `yaml:"min" of:"number" hash:"schema" doc:"the least that the number can be; without it any"`
	Max     *float64 `yaml:"max" of:"number" hash:"schema" doc:"the most that the number can be; without it any"`
	Outside string   `yaml:"outside" enum:"reject|clip" of:"number" hash:"schema" doc:"what becomes of numbers outside min and max: the event is rejected (default), or the bound counts"`

	Reason string `yaml:"reason" hash:"none" doc:"what people are told where the feature is among the reasons of a score"`

	Zone     string         `yaml:"zone" of:"time|since" hash:"schema" doc:"zone of times that name none, and of a time's parts, as Europe/Berlin; UTC by default"`
	Location *time.Location `json:"-"` // what Zone names, from whoever may read a zone database; nil for UTC

	Ngrams  int      `yaml:"ngrams" of:"text" hash:"schema" doc:"longest run of words that is a feature of its own"`
	Indices int      `yaml:"indices" of:"bag" hash:"schema" doc:"keys are whole numbers below this, with a column each; 0 hashes all keys"`
	Entries int      `yaml:"entries" of:"bag" hash:"schema" doc:"most entries of an event; more reject it"`
	Parts   []string `yaml:"parts" enum:"hour|weekday|month" of:"time" hash:"schema" doc:"what of it, in its zone, each as sine and cosine; all by default"`
	Of      []string `yaml:"of" also:"one" of:"cross|lag|window|ratio|since" hash:"schema" doc:"of a cross the two features whose products it has; of a lag the one number, or label, whose earlier values it has; of a window the number, boolean or category that it is about; of a ratio the number above and the number below; of since a feature of type time, or the path of a time"`
	Key     string   `yaml:"key" of:"lag|window" hash:"schema" doc:"the category that tells whose earlier values, or whose events; a window without one is of the whole topic"`
	Steps   []int    `yaml:"steps" of:"lag" hash:"schema" doc:"how many events of the same key back, as [1, 24]"`
	Keys    int      `yaml:"keys" of:"lag|window if key" hash:"schema" doc:"keys that are remembered, 10000 of a lag and 1000000 of a window by default; of those that share a place the one longest without an event gives way"`

	Over  time.Duration `yaml:"over" of:"window" hash:"schema" doc:"how long a window is, in event time, as 1h or 7d"`
	Stat  []string      `yaml:"stat" also:"one" enum:"count|sum|mean|min|max|std|distinct|last|first|since" of:"window" hash:"schema" doc:"what a window says of the events in it; several make a feature each, as spent.sum and spent.mean"`
	entry string        // of one statistic of a window that has several: the window's name

	Panes int `yaml:"panes" of:"window" hash:"schema" doc:"parts that a window's length is divided into, 12 by default: its beginning is as exact as one of them is long"`
}

// Columns are a pipeline's features in order.
type Columns []Column

// SetDefaults fills in what a pipeline file may leave out, but for what depends on the type: see Resolve.
func (c *Column) SetDefaults() {
	*c = Column{Scale: "standard", Missing: "zero", Encode: "onehot", Cap: 64, Bits: 18, Clip: 8,
		Ngrams: 1, Entries: 4096}
}

// Resolve fills in the defaults that depend on the type, where the column has zeros.
func (c *Column) Resolve() {
	switch c.Type {
	case Lag:
		c.Keys = cmp.Or(c.Keys, 10_000)
	case Window:
		c.Keys, c.Panes = cmp.Or(c.Keys, 1_000_000), cmp.Or(c.Panes, 12)
	}
}

// Width is how many columns of the standard view the features have together.
func (s Columns) Width() int {
	width, columns := 0, s.Expand()
	for i := range columns {
		width = min(width+columns.width(i), math.MaxInt32)
	}
	return width
}

// Widths are how many columns of the standard view each feature has, a window with all its statistics.
func (s Columns) Widths() []int {
	columns, origin := s.expand()
	widths := make([]int, len(s))
	for i := range columns {
		widths[origin[i]] = min(widths[origin[i]]+columns.width(i), math.MaxInt32)
	}
	return widths
}

// Derived reports whether the column has no value in the event but is made from other columns, of this event or of
// earlier ones.
func (c Column) Derived() bool {
	return c.Type == Cross || c.Type == Lag || c.Type == Window || c.Type == Ratio
}

// TimeSource is the column that says where the time that column i reads stands and how it reads: of a column of type
// since the time that it names, or itself with what it names as the path; of any other itself.
func (s Columns) TimeSource(i int) Column {
	c := s[i]
	if c.Type != Since || len(c.Of) == 0 {
		return c
	}
	if j := s.find(c.Of[0]); j >= 0 && s[j].Type == Time {
		return s[j]
	}
	return c
}

// numeric reports whether the type's values are numbers to every view.
func (t Type) numeric() bool { return t == Number || t == Window || t == Ratio || t == Since }

// Spec is all that an Extractor is built from.
type Spec struct {
	Columns Columns
	Seed    uint64 // of the category hash
}
