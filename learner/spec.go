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
}

// SetDefaults fills in what a pipeline file may leave out.
func (s *SnapshotsSpec) SetDefaults() {
	*s = SnapshotsSpec{Every: 5 * time.Second, Keep: 20, UnpublishedMax: 50_000_000}
}

// Validate lists what is wrong with the spec.
func (s SnapshotsSpec) Validate() []millrace.Violation {
	if s.BytesMax < 0 {
		return []millrace.Violation{{Path: "bytes_max", Message: "must not be negative; leave it out for the default"}}
	}
	return nil
}
