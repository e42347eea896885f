package features

// Type is a feature's type in the event.
type Type string

// The types of features.
const (
	Number   Type = "number"
	Category Type = "category"
	Boolean  Type = "boolean"
	Text     Type = "text"  // words and their neighbours, hashed
	Bag      Type = "bag"   // an object of numbers, or an array of strings: a sparse vector
	Time     Type = "time"  // where a time stands in the day, the week and the year
	Cross    Type = "cross" // the products of two other features
	Lag      Type = "lag"   // earlier values of a number or of the label, by key
)

// Column describes one feature, one raw column. In a pipeline file the columns are a mapping from
// name to column, and `amount: number` is short for `amount: {type: number}`.
type Column struct {
	Name    string  `yaml:",key" doc:"name of the feature"`
	Path    string  `yaml:"path" of:"number|category|boolean|text|bag|time" hash:"schema" doc:"where the value stands in the event, dots between object keys; the name by default"`
	Type    Type    `yaml:"type,short" enum:"number|category|boolean|text|bag|time|cross|lag" hash:"schema" doc:"type of the value in the event"`
	Scale   string  `yaml:"scale" enum:"standard|none" of:"number|bag|lag" hash:"schema" doc:"how a number is scaled: standard (running mean and variance; for a bag each entry by its largest magnitude so far) or none"`
	Missing string  `yaml:"missing" enum:"zero|mean|indicator|reject" of:"number|category|boolean|text|bag|time" hash:"schema" doc:"what an absent value becomes: zero after scaling, the running mean, zero and an indicator column, or a rejected event"`
	Nulls   string  `yaml:"nulls" enum:"zero|mean|indicator|reject" of:"number|category|boolean|text|bag|time" hash:"schema" doc:"what a null becomes; as missing by default"`
	Encode  string  `yaml:"encode" enum:"onehot|hash" of:"category" hash:"schema" doc:"how a category is encoded: one column a value, learned up to cap, or hashed into 2^bits columns"`
	Cap     int     `yaml:"cap" of:"category if encode!=hash" hash:"schema" doc:"values a category learns, in order of appearance; later ones share one column of a one-hot encoding"`
	Bits    int     `yaml:"bits" of:"category if encode=hash|text|bag if !indices|cross" hash:"schema" doc:"a hashed category, text, bag or cross has 2^bits columns"`
	Clip    float64 `yaml:"clip" of:"number if scale!=none|lag if scale!=none" hash:"schema" doc:"scaled numbers are clipped to ±clip standard deviations"`

	Ngrams  int      `yaml:"ngrams" of:"text" hash:"schema" doc:"longest run of words that is a feature of its own"`
	Indices int      `yaml:"indices" of:"bag" hash:"schema" doc:"keys are whole numbers below this, with a column each; 0 hashes all keys"`
	Entries int      `yaml:"entries" of:"bag" hash:"schema" doc:"most entries of an event; more reject it"`
	Parts   []string `yaml:"parts" enum:"hour|weekday|month" of:"time" hash:"schema" doc:"what of it, in UTC, each as sine and cosine; all by default"`
	Of      []string `yaml:"of" of:"cross|lag" hash:"schema" doc:"of a cross the two features whose products it has; of a lag the one number, or label, whose earlier values it has"`
	Key     string   `yaml:"key" of:"lag" hash:"schema" doc:"the category that tells whose earlier values"`
	Steps   []int    `yaml:"steps" of:"lag" hash:"schema" doc:"how many events of the same key back, as [1, 24]"`
	Keys    int      `yaml:"keys" of:"lag" hash:"schema" doc:"keys that are remembered; of those that share a place the one longest without an event gives way"`
}

// Columns are a pipeline's features in order.
type Columns []Column

// SetDefaults fills in what a pipeline file may leave out.
func (c *Column) SetDefaults() {
	*c = Column{Scale: "standard", Missing: "zero", Encode: "onehot", Cap: 64, Bits: 18, Clip: 8,
		Ngrams: 1, Entries: 4096, Keys: 10_000}
}

// Derived reports whether the column has no value in the event but is made from other columns.
func (c Column) Derived() bool { return c.Type == Cross || c.Type == Lag }

// Spec is all that an Extractor is built from.
type Spec struct {
	Columns Columns
	Seed    uint64 // of the category hash
}
