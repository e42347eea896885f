package millrace

import (
	"encoding/json"
	"time"
)

// BlobInfo describes one blob of a snapshot.
type BlobInfo struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hexadecimal
}

// Manifest describes a snapshot. Its JSON form is canonical: see package snapshot.
type Manifest struct {
	Format       int                `json:"format"`
	Model        string             `json:"model"`
	Epoch        uint64             `json:"epoch"`
	Seq          uint64             `json:"seq"`
	Parent       string             `json:"parent,omitempty"` // the candidate this one follows
	CreatedAt    time.Time          `json:"created_at"`
	Cluster      string             `json:"cluster"` // id of the Kafka cluster that positions speak of
	Positions    []Position         `json:"positions"`
	Learned      uint64             `json:"learned"`  // events that changed the weights
	Rejected     uint64             `json:"rejected"` // events that went to the dead letters
	Metrics      map[string]float64 `json:"metrics,omitempty"`
	Serving      BlobInfo           `json:"serving"`
	Training     BlobInfo           `json:"training"`
	Spec         json.RawMessage    `json:"spec"`          // canonical: features, label, model
	SchemaHash   string             `json:"schema_hash"`   // features, classes, shape; scorers compare it
	TrainingHash string             `json:"training_hash"` // rates, seed, limits; learners compare it
	Profile      string             `json:"profile"`       // numeric profile: architecture and kernels
	Signature    string             `json:"signature,omitempty"`
	Origin       string             `json:"origin,omitempty"` // the lineage's, as in Head; empty in versions from before there was one
	Began        Cause              `json:"began,omitempty"`  // how the lineage began, as in Head
	// Applied counts records, labels and expiries that were applied, whatever became of them: what snapshots are due
	// by. It is left out where every record that was applied is either learned or rejected.
	Applied uint64            `json:"applied,omitempty"`
	Names   map[string]uint64 `json:"names,omitempty"` // what became of events and labels, by name
	Keyed   *Keyed            `json:"keyed,omitempty"` // nil without keyed state; with it the format is 2
	// JoinedBy names the paths by which labels that come later find their events; empty where none do, and in versions
	// from before it was kept. What waits under one id is not found again under another.
	JoinedBy string `json:"joined_by,omitempty"`
}

// Steps is how much a version has behind it: what was applied, or what was learned and rejected where nothing else can
// happen to a record. It is 0 in the empty version that fixes where reading starts.
func (m *Manifest) Steps() uint64 {
	if m.Applied > 0 {
		return m.Applied
	}
	return m.Learned + m.Rejected
}

// Keyed says how a version's keyed state, windows and events that wait for their label, is made again from the log:
// records from the rebuild marks up to the positions are read once more and observed by it alone. Watermarks are Unix
// milliseconds, math.MinInt64 before the first event.
type Keyed struct {
	Rebuild   []Mark `json:"rebuild"`   // every partition of events and labels: where reading begins again
	Watermark int64  `json:"watermark"` // the topic's at the rebuild marks
	Now       int64  `json:"now"`       // the topic's at the positions
	Newest    []Mark `json:"newest"`    // the watermarks of the events' partitions at the positions; Offset is 0 there
	// Checkpoints are the digests of the versions before this one whose keyed state its learner has on its own disk, at
	// most CheckpointsMax, the oldest first. What is listed is an ancestor, whatever was rolled back or lost meanwhile.
	Checkpoints []string `json:"checkpoints,omitempty"`
}

// CheckpointsMax is how many checkpoints a learner keeps, and a manifest lists.
const CheckpointsMax = 2

// Mark is a place in a partition, with the partition's watermark there.
type Mark struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Watermark int64  `json:"watermark"`
}

// Snapshot is all learned state at one moment: a manifest and two blobs, each a valid safetensors
// file. Serving is all a scorer needs; Training is what a learner needs besides to go on. A scorer
// loads it with Training nil.
type Snapshot struct {
	Manifest Manifest
	Serving  []byte
	Training []byte
}

// Head is a pointer to a published candidate: what a learner resumes from, or what scorers serve.
// Heads are ordered by (Epoch, Seq); Seq rises with every flip, rollbacks included.
type Head struct {
	Seq       uint64 `json:"seq"`
	Epoch     uint64 `json:"epoch"`
	Owner     string `json:"owner"`
	Candidate string `json:"candidate"`
	Digest    string `json:"digest"` // SHA-256 of the candidate's canonical manifest
	Cause     Cause  `json:"cause"`
	By        string `json:"by"` // who or what flipped it
	// Origin is the random word of the head's lineage: of all versions that were learned on from one beginning. Began
	// says how that was. Both are empty in heads from before there were origins; such a lineage gets its origin from
	// the first learner that knows of them.
	Origin string `json:"origin,omitempty"`
	Began  Cause  `json:"began,omitempty"`
}

// Cause is why a pointer moved: a stable word in heads, logs and the history of versions. Words are never renamed.
type Cause string

// The causes, each with what it means.
const (
	CauseFirst    Cause = "first"    // an empty version that fixes where reading starts; it is not served
	CauseFresh    Cause = "fresh"    // the same, where a person asked for new weights
	CauseLearned  Cause = "learned"  // the learner went on
	CauseTrained  Cause = "trained"  // learned from files
	CauseImported Cause = "imported" // brought from a snapshot file
	CauseMigrated Cause = "migrated" // rewritten from a version with other settings
	CauseRestored Cause = "restored" // the store had lost it, and the learner put it back
	CauseRepaired Cause = "repaired" // the store had lost the pointer to it, and a person put that back
	CauseRollback Cause = "rollback" // a person went back to an older version
	CausePromoted Cause = "promoted" // a person chose a challenger's version, or one that was not served
)

// ByPerson reports whether a person moved the pointer while a learner may be running: it reloads then, and scorers say
// so.
func (c Cause) ByPerson() bool {
	return c == CauseRollback || c == CausePromoted || c == CauseRepaired
}

// Begins reports whether a version with this cause begins a lineage because a person wanted one. A lineage that begins
// with CauseFirst does so because there was none.
func (c Cause) Begins() bool {
	switch c {
	case CauseFresh, CauseTrained, CauseImported, CauseMigrated, CausePromoted:
		return true
	default:
		return false
	}
}

// Follows reports whether h may take the place of what is served: it goes on with the same lineage, or with one that a
// person began on purpose. Any other lineage began because the store had forgotten this one. Where one of the two has
// no origin nothing can be told, and the order of heads decides.
func (h Head) Follows(served Head) bool {
	return h.Origin == served.Origin || h.Origin == "" || served.Origin == "" || h.Began.Begins()
}

// Newer reports whether h comes after other in the order that scorers keep.
func (h Head) Newer(other Head) bool {
	if h.Epoch != other.Epoch {
		return h.Epoch > other.Epoch
	}
	return h.Seq > other.Seq
}

// Score is one prediction, as written to the scores topic. Fields the pipeline does not ask for are
// left out.
type Score struct {
	ID       []byte // the event's id; nil when it has none
	IDNumber bool   // the id was a number in the event, and is one here
	Model    string
	Version  uint64 // the Seq of the head that served it
	// Score is the predicted value for numbers, and the probability of the positive class
	// for two classes, of the predicted one for more.
	Score         float64
	Class         string // empty for numbers
	Probabilities []float32
	Time          int64 // Unix milliseconds, the event's time
	// Low and High are the interval of a number, where Interval is set; infinite where it has no bounds.
	Interval  bool
	Low, High float64
	Set       []bool // by class, whether it is in the set that holds the label; nil without sets
}
