package decode

import (
	"time"

	"millrace"
	"millrace/features"
)

// LabelSpec says where the target stands and what it is; a bare string is its path. With a topic, labels come later, in
// records of their own, and an event that carries none waits for it.
type LabelSpec struct {
	Path    string   `yaml:"path,short" hash:"training" doc:"where the label stands in the event"`
	Type    string   `yaml:"type" enum:"class|number" hash:"schema" doc:"class or number; class when classes are given"`
	Classes []string `yaml:"classes" hash:"schema" doc:"the classes, in order; with two, the last one is the positive one, unless positive says otherwise"`
	// What differs in blanks around it is one class anyway, unless two are named so.
	IgnoreCase bool `yaml:"ignore_case" hash:"training" doc:"classes that differ in upper and lower case alone are one: YES and yes"`
	// It names outputs and figures, and changes nothing that is learned: that goes by the order of the classes.
	Positive string   `yaml:"positive" also:"class" hash:"schema" doc:"of two classes, the one that a score is the probability of, and that precision, recall and the areas under both curves are of; the last one by default"`
	Format   string   `yaml:"format" enum:"us|eu|duration" hash:"training" doc:"of a label that is a number: how it is written in texts, as format of a feature"`
	Unit     []string `yaml:"unit" also:"one" hash:"training" doc:"of a label that is a number: what stands beside it, as unit of a feature"`
	// A weight of 0 is for events that are to be predicted and validated, but not learned.
	Weight     string   `yaml:"weight" hash:"training" doc:"path of a number, 0 or more, that multiplies the event's loss; without it an event counts once"`
	WeightMax  float64  `yaml:"weight_max" hash:"training" doc:"larger weights count as this one; 10000 by default"`
	Min        *float64 `yaml:"min" hash:"training" doc:"of a label that is a number, the least that it can be; none by default"`
	Max        *float64 `yaml:"max" hash:"training" doc:"of a label that is a number, the most that it can be; none by default"`
	Outside    string   `yaml:"outside" enum:"reject|clip" hash:"training" doc:"a label below min or above max. reject: it is a dead letter; clip: it counts as min or max. reject by default"`
	Unlabelled string   `yaml:"unlabelled" enum:"count|reject" hash:"none" doc:"an event without a label, or with null there. count: it is scored and counted, and not learned; reject: it also goes to the dead letters. count by default"`
	// Of labels that come later. Only what decides what is learned is remembered.
	Topic        string           `yaml:"topic" hash:"none" doc:"topic of labels that come later than their events; without it labels come with the events"`
	ID           string           `yaml:"id" hash:"none" doc:"in a label record, path of the event's id, or $key, which takes the record's key; events.id by default"`
	Time         TimeSpec         `yaml:"time" hash:"none" doc:"in a label record, path of the time when the outcome was known, or how it reads as well; the record's time by default"`
	Wait         time.Duration    `yaml:"wait" hash:"none" doc:"event time that an event waits for its label"`
	Missing      MissingSpec      `yaml:"missing" doc:"what an event was whose label did not come: drop, a class or a number"`
	Assume       string           `yaml:"assume" also:"class" hash:"training" doc:"of two classes, the one that an event is learned as at once, until its label says the other; none by default"`
	Early        time.Duration    `yaml:"early" hash:"none" doc:"how long a label waits for its event"`
	DeadLetters  string           `yaml:"dead_letters" hash:"none" doc:"topic of the labels that cannot be used; <topic>.dead by default"`
	ClassWeights ClassWeightsSpec `yaml:"class_weights" doc:"what the loss of each class is multiplied by: a number a class, or balanced"`
}

// What becomes of events without a label.
const (
	UnlabelledCount  = "count"
	UnlabelledReject = "reject"
)

// What becomes of labels outside min and max.
const (
	OutsideReject = "reject"
	OutsideClip   = "clip"
)

// ClassWeightsSpec multiplies the loss of every event by a weight of its class; a bare list is weights, a bare word
// the mode. See model.ClassWeights for what they do.
type ClassWeightsSpec struct {
	Mode          string    `yaml:"mode,short" enum:"given|balanced" hash:"training; schema if probabilities=corrected" doc:"given: the weights stand here; balanced: events / (classes x events of the class), from the events so far"`
	Weights       []float64 `yaml:"weights,list" of:"given" hash:"training; schema if probabilities=corrected" doc:"a weight a class, in the order of the classes"`
	Window        int       `yaml:"window" of:"balanced" hash:"training" doc:"about how many events the counts remember; all by default"`
	Max           float64   `yaml:"max" of:"balanced" hash:"training; schema if probabilities=corrected" doc:"largest weight; 100 by default"`
	Probabilities string    `yaml:"probabilities" enum:"weighted|corrected" hash:"training; schema if probabilities=corrected" doc:"weighted: as learned, so that a rare class is predicted more often; corrected: divided by the weights, as shares of the events are"`
}

// Limits bound what one event may cost.
type Limits struct {
	Event millrace.Bytes `yaml:"event" hash:"training" doc:"largest event; Kafka records over 16 MiB in a large batch are never read whole"`
	Depth int            `yaml:"depth" hash:"training" doc:"deepest nesting of objects and arrays"`
	Text  millrace.Bytes `yaml:"text" hash:"training" doc:"longest category or id"`
}

// SetDefaults fills in the limits that a pipeline file may leave out. 1 MiB is Kafka's own default
// for a record; 32 levels and 1 KiB are far beyond what features need.
func (l *Limits) SetDefaults() { *l = Limits{Event: 1 << 20, Depth: 32, Text: 1 << 10} }

// Spec is all that a Decoder is compiled from.
type Spec struct {
	ID      string   // path of the event's id; empty for none
	Time    TimeSpec // the event's time; without a path it is the record's timestamp
	Columns features.Columns
	Label   LabelSpec
	Limits  Limits
	// LabelRecord is set for records of the topic of labels, whose label and id must be there: see
	// [LabelSpec.LabelRecordSpec]. Their ID may be KeyID.
	LabelRecord bool
}
