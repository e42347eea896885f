package millrace

import (
	"errors"
	"fmt"
)

// Reason is a stable word for why an event was refused: a metric label and the millrace-reason
// header of dead letters. Words are never renamed.
type Reason string

// The reasons, each with what it means.
const (
	ReasonEmpty          Reason = "empty"            // no value: a tombstone or zero bytes
	ReasonTooLarge       Reason = "too_large"        // more bytes than limits.event
	ReasonTooDeep        Reason = "too_deep"         // nested deeper than limits.depth
	ReasonMalformed      Reason = "malformed_json"   // not JSON, or bytes after it
	ReasonMalformedRow   Reason = "malformed_row"    // a row of a file that is none, as one with other cells than the header has
	ReasonNotObject      Reason = "not_an_object"    // JSON, but no object
	ReasonDuplicateKey   Reason = "duplicate_key"    // one object names a key twice
	ReasonWrongType      Reason = "wrong_type"       // a value of another type than its feature's
	ReasonOutOfRange     Reason = "out_of_range"     // a number outside the min and max that the pipeline gives it
	ReasonNotFinite      Reason = "not_finite"       // a number beyond float64
	ReasonMissingFeature Reason = "missing_feature"  // missing, and its policy is reject
	ReasonTextTooLong    Reason = "text_too_long"    // a category or id longer than limits.text
	ReasonTooManyEntries Reason = "too_many_entries" // a bag with more entries than its feature allows
	ReasonMissingID      Reason = "missing_id"       // a label that does not say which event it is of
	ReasonBadID          Reason = "bad_id"           // an id that is neither string nor integer
	ReasonBadTime        Reason = "bad_time"         // a time that does not read as one
	ReasonMissingLabel   Reason = "missing_label"    // no label, or null, and label.unlabelled is reject
	ReasonBadLabel       Reason = "bad_label"        // a label of the wrong type
	ReasonUnknownClass   Reason = "unknown_class"    // a label outside the pipeline's classes
	ReasonBadWeight      Reason = "bad_weight"       // a weight that is no number, or below 0
	ReasonUpdateOverflow Reason = "update_overflow"  // learning it would leave a weight non-finite
	ReasonBadRecord      Reason = "malformed_record" // the Kafka record itself cannot be decoded
	ReasonBadBatch       Reason = "bad_batch"        // a batch of records with a right checksum that cannot be opened
)

// Rejection is the error of an event that cannot be used. It says what is wrong; the caller knows
// where (topic, partition, offset).
type Rejection struct {
	Reason Reason
	Path   string // of the value at fault; empty when it is the whole event
	Detail string // what was found and what would be right, for people
}

func (r *Rejection) Error() string {
	if r.Path == "" {
		return fmt.Sprintf("%s: %s", r.Reason, r.Detail)
	}
	return fmt.Sprintf("%s at %q: %s", r.Reason, r.Path, r.Detail)
}

// Violation is one mistake in a spec: Path names the field as the pipeline file spells it, relative
// to the spec ("optimizer.rate", "columns[2].scale"), and Message says what would be right.
type Violation struct {
	Path    string
	Message string
}

// Errors that callers branch on.
var (
	// ErrNoSnapshot: the store has no version of this model yet.
	ErrNoSnapshot = errors.New("no snapshot")
	// ErrFenced: another learner, or a person's flip, owns the model now. The writer must stop or
	// acquire anew.
	ErrFenced = errors.New("fenced: another writer owns the model")
	// ErrEpochLost: the store went back to an older epoch (a failover to a lagging replica).
	ErrEpochLost = errors.New("the store lost this writer's epoch")
	// ErrUpdateRefused: learning the event would have left a weight non-finite; nothing changed.
	ErrUpdateRefused = errors.New("update refused")
	// ErrIncompatible: a snapshot's features, classes or shape differ from the pipeline's.
	ErrIncompatible = errors.New("snapshot and pipeline differ")
	// ErrCorrupt: a snapshot fails its checksum, its format or its limits.
	ErrCorrupt = errors.New("corrupt snapshot")
)

// GapError reports a position that the log no longer, or not yet, holds: events between were lost,
// or the cluster or the topic is another one.
type GapError struct {
	Topic        string
	Partition    int32
	Position     int64 // where reading should have gone on
	Start, End   int64 // what the log holds: [Start, End)
	OtherCluster string
	// Was and Is are the identities of the topic that the position speaks of and of the one that has its name now: ids,
	// or else fingerprints. Both are empty unless the topic was deleted and made anew.
	Was, Is string
}

// Anew reports whether the topic was deleted and made anew, so that its offsets begin again.
func (e *GapError) Anew() bool { return e.Was != "" }

func (e *GapError) Error() string {
	if e.OtherCluster != "" {
		return fmt.Sprintf("the snapshot's positions belong to another Kafka cluster than %s", e.OtherCluster)
	}
	if e.Anew() {
		return fmt.Sprintf("%s/%d: the topic was deleted and made anew: position %d speaks of the one that was (%s), "+
			"the one that is (%s) holds offsets %d to %d", e.Topic, e.Partition, e.Position, e.Was, e.Is, e.Start, e.End)
	}
	return fmt.Sprintf("%s/%d: position %d is outside the log, which holds offsets %d to %d",
		e.Topic, e.Partition, e.Position, e.Start, e.End)
}
