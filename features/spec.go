// Package features turns events into vectors: it scales numbers, encodes categories and fills in
// what is missing. Its state (means, variances, vocabularies) is learned from the stream and goes
// into every snapshot, so that learner, scorer and evaluate see the same vectors for the same bytes.
package features

// Type is a feature's type in the event.
type Type string

// The types of features.
const (
	Number   Type = "number"
	Category Type = "category"
	Boolean  Type = "boolean"
)

// Column describes one feature, one raw column. In a pipeline file the columns are a mapping from
// name to column, and `amount: number` is short for `amount: {type: number}`.
type Column struct {
	Name    string  `yaml:",key" doc:"name of the feature"`
	Path    string  `yaml:"path" doc:"where the value stands in the event, dots between object keys; the name by default"`
	Type    Type    `yaml:"type,short" enum:"number|category|boolean" doc:"type of the value in the event"`
	Scale   string  `yaml:"scale" enum:"standard|none" doc:"how a number is scaled: standard (running mean and variance) or none"`
	Missing string  `yaml:"missing" enum:"zero|mean|indicator|reject" doc:"what an absent value becomes: zero after scaling, the running mean, zero and an indicator column, or a rejected event"`
	Nulls   string  `yaml:"nulls" enum:"zero|mean|indicator|reject" doc:"what a null becomes; as missing by default"`
	Encode  string  `yaml:"encode" enum:"onehot|hash" doc:"how a category is encoded: one column a value, learned up to cap, or hashed into 2^bits columns"`
	Cap     int     `yaml:"cap" doc:"values a category learns, in order of appearance; later ones share one column of a one-hot encoding"`
	Bits    int     `yaml:"bits" doc:"a hashed category has 2^bits columns"`
	Clip    float64 `yaml:"clip" doc:"scaled numbers are clipped to ±clip standard deviations"`
}

// Columns are a pipeline's features in order.
type Columns []Column

// SetDefaults fills in what a pipeline file may leave out.
func (c *Column) SetDefaults() {
	*c = Column{Scale: "standard", Missing: "zero", Encode: "onehot", Cap: 64, Bits: 18, Clip: 8}
}

// Spec is all that an Extractor is built from.
type Spec struct {
	Columns Columns
	Seed    uint64 // of the category hash
}
