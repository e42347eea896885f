// Package learner is the single writer of weights: it applies runs of events in order, validates
// progressively, and publishes snapshots.
package learner

import (
	"time"

	"millrace"
)

// SnapshotsSpec says when snapshots are taken and how many are kept; a bare duration is every.
type SnapshotsSpec struct {
	Every  time.Duration `yaml:"every,short" doc:"time between snapshots"`
	Events uint64        `yaml:"events" doc:"events between snapshots; 0 is no such bound"`
	Keep   int           `yaml:"keep" doc:"versions kept for rollback, besides those of the last ten minutes"`
	// BytesMax's default depends on the store: an embedded one shares the process's memory.
	BytesMax millrace.Bytes `yaml:"bytes_max" doc:"most that all versions hold together: beyond it they are thinned to each minute's last, then each hour's, then fewer; the served one, the head, pinned ones and those of the last minute stay. 1GiB by default, 128MiB in an embedded store"`
	// UnpublishedMax bounds what a crash makes the learner read again.
	UnpublishedMax uint64 `yaml:"unpublished_max" doc:"events learned beyond the last published snapshot at which fetching pauses"`
	// Checkpoints are of windows and of what waits for its label. A copy is in memory while it is written.
	Checkpoints        time.Duration  `yaml:"checkpoints" doc:"with a state folder: time between checkpoints of windows and of events that wait, besides the one at the end; a crash makes the learner read the log from the newest on. 0 is the one at the end alone"`
	CheckpointBytesMax millrace.Bytes `yaml:"checkpoint_bytes_max" doc:"most that a checkpoint takes, of which there are two on disk and, while one is written before the end, one in memory"`
}

// SetDefaults fills in what a pipeline file may leave out.
func (s *SnapshotsSpec) SetDefaults() {
	*s = SnapshotsSpec{Every: 5 * time.Second, Keep: 20, UnpublishedMax: 50_000_000, Checkpoints: 10 * time.Minute, CheckpointBytesMax: 1 << 30}
}

// Validate lists what is wrong with the spec.
func (s SnapshotsSpec) Validate() []millrace.Violation {
	var found []millrace.Violation
	if s.BytesMax < 0 {
		found = append(found, millrace.Violation{Path: "bytes_max", Message: "must not be negative; leave it out for the default"})
	}
	if s.CheckpointBytesMax < 0 {
		found = append(found, millrace.Violation{Path: "checkpoint_bytes_max", Message: "must not be negative; leave it out for the default"})
	}
	return found
}
