// Package status is what a running pipeline says of itself: plain data, for whoever shows it. The terminal view, the
// admin server, JSON output and whatever comes later read the same struct, and none of them reaches into a stage.
package status

import (
	"math"
	"strings"
)

// Status is a pipeline at one moment. Counts may lag behind each other by a few hundred events.
type Status struct {
	Instance string `json:"instance"` // a random word of the process
	Pipeline string `json:"pipeline"`
	Family   string `json:"family"`  // of the model
	Classes  int    `json:"classes"` // 0 where the label is a number
	// Positive is the one of two classes that a score is the probability of; empty where there are not two.
	Positive string `json:"positive,omitempty"`
	Events   string `json:"events"` // the topic
	Scores   string `json:"scores"` // the topic
	// NotReady is empty when the process does its work, or says what it waits for.
	NotReady string `json:"not_ready,omitempty"`
	// Absent are the topics that are waited for, as they do not exist.
	Absent    []string  `json:"absent_topics,omitempty"`
	Addresses Addresses `json:"addresses"`
	// Learning is nil without a learning stage, Scoring without a scoring one.
	Learning    *Learning   `json:"learning,omitempty"`
	Scoring     *Scoring    `json:"scoring,omitempty"`
	Challengers []*Learning `json:"challengers,omitempty"`
}

// Addresses are where the process listens; empty for what it does not.
type Addresses struct {
	Admin string `json:"admin"`
	Score string `json:"score,omitempty"` // for single events over HTTP
	Kafka string `json:"kafka,omitempty"` // the embedded broker
	Redis string `json:"redis,omitempty"` // the embedded store
}

// Learning is a learner, or a challenger's.
type Learning struct {
	Pipeline string `json:"pipeline"`
	Family   string `json:"family"`
	Classes  int    `json:"classes"`
	Positive string `json:"positive,omitempty"` // of two classes, the one that precision and recall are of
	State    State  `json:"state"`
	Why      string `json:"why,omitempty"` // of fenced and ended

	// Rebuild is how far reading the log again has come, in that state.
	Rebuild *Rebuild `json:"rebuild,omitempty"`

	Learned  uint64 `json:"learned"`
	Rejected uint64 `json:"rejected"`
	// Refused are the dead letters by reason since the learner started.
	Refused map[string]Refused `json:"rejected_by_reason,omitempty"`
	// LagRecords are what the topics hold behind the learner's positions.
	LagRecords int64 `json:"lag_records"`
	// Unlabelled events had no label; counted since the learner started.
	Unlabelled uint64 `json:"unlabelled,omitempty"`
	Version    uint64 `json:"version"`   // the newest published, 0 before the process published one
	Published  uint64 `json:"published"` // snapshots since the learner started
	Skipped    uint64 `json:"skipped"`   // snapshots that were due while both buffers were busy

	// Late is set where labels come later than their events.
	Late *Late `json:"late_labels,omitempty"`
	// Windows is set where there are some.
	Windows *Windows `json:"windows,omitempty"`
	// StalledSeconds is for how long merging has been waiting for a partition that does not answer.
	StalledSeconds float64 `json:"stalled_seconds,omitempty"`

	// Drift is what the detectors of drift have told, over restarts.
	Drift *Drift `json:"drift,omitempty"`

	// Model is what the model predicted before learning, Baseline the majority class or the mean, Last the label
	// before.
	Model    Progress `json:"model"`
	Baseline Progress `json:"baseline"`
	Last     Losses   `json:"last"` // over all events
	// Features are what is known of single features lately, at most ten of them; see docs/FEATURES.md.
	Features []Feature `json:"features,omitempty"`
	// NoBetter is the baseline that the model was no better than over all events, once there were a thousand: majority,
	// mean or last. It is left out where class weights move the losses.
	NoBetter string `json:"no_better_than,omitempty"`
}

// Drift is what detectors of drift have told.
type Drift struct {
	Alarms uint64 `json:"alarms"`
	// Latest are the last alarms, one of each detector that has told any.
	Latest []DriftAlarm `json:"latest,omitempty"`
}

// DriftAlarm is the last alarm of one detector.
type DriftAlarm struct {
	Of      string `json:"of"` // loss, label or feature
	Feature string `json:"feature,omitempty"`
	Alarms  uint64 `json:"alarms"` // of this detector
	Side    string `json:"side"`   // worse, better; of labels and features higher, lower, shares, missing_more, missing_less
	// Size is by how much the mean loss changed, as a share of the largest that counts; of labels and features the
	// population stability index.
	Size  float64 `json:"size"`
	From  string  `json:"from"`  // where the change was first seen: topic/partition/offset
	Event uint64  `json:"event"` // how many events there had been when it was told
}

// Refused are dead letters of one reason, and the newest of them: where the record stood, topic/partition/offset, and
// the path of the value at fault. What it was is in the dead letter alone.
type Refused struct {
	Count  uint64 `json:"count"`
	Source string `json:"newest_source"`
	Path   string `json:"newest_path,omitempty"`
}

// Late is what has become of events and labels that wait for each other.
type Late struct {
	Waiting int `json:"waiting"` // events that wait for their label
	// Stored are those of them, and of the ids that are remembered, that are on disk, and DiskBytes what they take
	// there.
	Stored    int   `json:"stored,omitempty"`
	DiskBytes int64 `json:"disk_bytes,omitempty"`
	Kept      int   `json:"kept"` // labels that wait for their event
	// Names are events and labels by what became of them, in all processes of the model so far; see docs/LABELS.md.
	Names map[string]uint64 `json:"names"`
	// Holding: no label at all has come for so long that expiries are held.
	Holding bool `json:"holding,omitempty"`
	// OldestSeconds is how long the event that waits longest has waited, in event time.
	OldestSeconds float64 `json:"oldest_seconds"`
	// Delay is set once a label has joined its event in this process.
	Delay *LabelDelay `json:"label_delay,omitempty"`
	// ByDelay is how right recent predictions were by how long their labels took, the shortest first; of those delays
	// alone that labels have taken. It goes on over restarts.
	ByDelay []ByDelay `json:"by_label_delay,omitempty"`
}

// LabelDelay says how long after their events labels were known, in seconds. All but the mean are read from the
// histogram in the metrics, whose buckets are four times as wide each as the one before, and are good to that.
type LabelDelay struct {
	Labels    uint64  `json:"labels"` // that it is of
	Mean      float64 `json:"mean_seconds"`
	Median    float64 `json:"median_seconds"`
	Percent95 float64 `json:"95_percent_within_seconds"`
}

// ByDelay are figures of predictions, made when their events came, whose labels took so long: log-loss, of numbers the
// mean absolute error.
type ByDelay struct {
	Delay string `json:"delay"` // the longest of these: 1m, 1h, 1d, 7d, or more
	Losses
}

// Windows are how the windows by key stand.
type Windows struct {
	Keys    int    `json:"keys"`
	Bytes   int64  `json:"bytes"`   // of memory
	Late    uint64 `json:"late"`    // events that came too late for a pane, since the learner started
	Evicted uint64 `json:"evicted"` // keys that gave way to others, since the learner started
}

// Events is how many events have been applied: what became of them is known, or they wait.
func (l *Late) Events() uint64 {
	n := uint64(l.Waiting)
	for name, count := range l.Names {
		if !strings.HasPrefix(name, "label_") && name != "unmeasured" {
			n += count
		}
	}
	return n
}

// Labels is how many labels have been applied.
func (l *Late) Labels() uint64 {
	n := uint64(l.Kept)
	for name, count := range l.Names {
		if strings.HasPrefix(name, "label_") && name != "label_early" {
			n += count
		}
	}
	return n
}

// Expired is how many events' wait ended without a label, for want of memory or because their time had come.
func (l *Late) Expired() uint64 {
	return l.Names["expired"] + l.Names["expired_learned"] + l.Names["crowded"]
}

// State says what has become of a learner.
type State string

// The states of a learner.
const (
	// Starting: it reads its version, or waits for its topic.
	Starting State = "starting"
	// Rebuilding: it reads the log again, to make windows and events that wait for their label as they were.
	Rebuilding State = "rebuilding"
	// AtWork: it learns.
	AtWork State = "learning"
	// Fenced: another learner owns the model; what else the process does goes on.
	Fenced State = "fenced"
	// Ended: it could not go on; what else the process does goes on.
	Ended State = "ended"
)

// Rebuild is how many records of how many have been read again.
type Rebuild struct {
	Done  uint64 `json:"done"`
	Total uint64 `json:"total"`
}

// Progress are one predictor's figures.
type Progress struct {
	All    Losses `json:"all"`    // over all events
	Fading Losses `json:"fading"` // over the last thousand or so
}

// Losses are a predictor's figures; which of them are set depends on the label and on the predictor.
type Losses struct {
	Accuracy *float64 `json:"accuracy,omitempty"`
	LogLoss  *float64 `json:"log_loss,omitempty"`
	MAE      *float64 `json:"mae,omitempty"`
	RMSE     *float64 `json:"rmse,omitempty"`
	// Of two classes, for the positive one.
	Precision *float64 `json:"precision,omitempty"`
	Recall    *float64 `json:"recall,omitempty"`
	ROCAUC    *float64 `json:"roc_auc,omitempty"`
	// AveragePrecision is the area under the precision-recall curve.
	AveragePrecision *float64 `json:"average_precision,omitempty"`
	// ECE is the expected calibration error of probabilities, ECEExpected what it would be if they were perfect. The
	// recent ones are of the last ten thousand events or so.
	ECE         *float64 `json:"ece,omitempty"`
	ECEExpected *float64 `json:"ece_expected,omitempty"`
	// Coverage is the share of labels that intervals or sets held, as they were just before learning. IntervalWidth is
	// the mean of those with bounds, in the label's units, or the mean number of classes; Unbounded the share without.
	Coverage      *float64 `json:"coverage,omitempty"`
	IntervalWidth *float64 `json:"interval_width,omitempty"`
	Unbounded     *float64 `json:"unbounded,omitempty"`
}

// Feature is what is known of a feature lately. What is left out says nothing of it, or is not known yet.
type Feature struct {
	Name string `json:"name"`
	// Importance is by how much the recent loss rises when the feature has another event's value: log-loss in nats, of
	// numbers the absolute error.
	Importance *float64 `json:"importance,omitempty"`
	// Missing is the share of recent events that lack it.
	Missing *float64 `json:"missing_ratio,omitempty"`
	// Unknown is the share of a category's recent values that its vocabulary lacked.
	Unknown *float64 `json:"unknown_ratio,omitempty"`
}

// Scoring is the scoring stage.
type Scoring struct {
	Version  uint64 `json:"version"`  // in service, 0 before the first
	Scored   uint64 `json:"scored"`   // events with a score
	Unscored uint64 `json:"unscored"` // events that could not be scored
	// LagRecords are what the process's partitions hold behind its positions; Partitions is how many it has: with none,
	// it has nothing to do.
	LagRecords int64 `json:"lag_records"`
	Partitions int   `json:"partitions"`
}

// Rounded is a figure as lines for people show it: to four decimals, whatever its size and sign.
func Rounded(x float64) float64 {
	if math.Abs(x) >= 1<<40 { // it has no more decimals, and might overflow
		return x
	}
	return math.Round(x*1e4) / 1e4
}
