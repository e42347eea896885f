// Package learner is the single writer of weights: it applies runs of events in order, validates
// progressively, and publishes snapshots.
package learner

import "time"

// SnapshotsSpec says when snapshots are taken and how many are kept; a bare duration is every.
type SnapshotsSpec struct {
	Every  time.Duration `yaml:"every,short" doc:"time between snapshots"`
	Events uint64        `yaml:"events" doc:"events between snapshots; 0 is no such bound"`
	Keep   int           `yaml:"keep" doc:"versions kept for rollback"`
	// UnpublishedMax bounds what a crash makes the learner read again.
	UnpublishedMax uint64 `yaml:"unpublished_max" doc:"events learned beyond the last published snapshot at which fetching pauses"`
}

// SetDefaults fills in what a pipeline file may leave out.
func (s *SnapshotsSpec) SetDefaults() {
	*s = SnapshotsSpec{Every: 5 * time.Second, Keep: 20, UnpublishedMax: 50_000_000}
}
