// Package store keeps snapshots in Redis: immutable candidates, an idempotent flip of the pointers
// to them, fencing by epoch and owner, retention and rollback.
package store

import "time"

// Spec says how Redis is reached. `redis: embedded` is short for `{mode: embedded}`.
type Spec struct {
	Mode    string        `yaml:"mode,short" enum:"embedded|external" doc:"embedded starts a store in the process; external uses url"`
	URL     string        `yaml:"url" secret:"true" doc:"redis://[user:password@]host:port/db, or rediss:// for TLS"`
	Timeout time.Duration `yaml:"timeout" doc:"how long one command may take"`
	Retry   time.Duration `yaml:"retry" doc:"how long an unreachable server is tried at start before giving up"`
}

// SetDefaults fills in what a pipeline file may leave out.
func (s *Spec) SetDefaults() {
	*s = Spec{Timeout: 5 * time.Second, Retry: 30 * time.Second}
}
