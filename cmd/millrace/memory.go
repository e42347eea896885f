package main

import (
	"os"
	"runtime/debug"

	"millrace/config"
	"millrace/embedded"
	"millrace/pipeline"
)

const (
	// memoryElsewhere is what a process with embedded servers holds beside their logs and the snapshots: buffers of
	// clients and servers, and what is garbage between two collections.
	memoryElsewhere = 96 << 20
	// logGrowth is what a log in memory takes beyond its retention: its segments grow by doubling.
	logGrowth = 1.5
	// versionCopies of a version are in memory beside the store's: the learner's state, its two buffers, the scorer's
	// replica and the next one, and what is on its way through sockets.
	versionCopies = 12
)

// boundMemory sets Go's soft memory limit for a process that holds topics and snapshots itself: without one the garbage
// of a collection's cycle may be as large as all that. Who sets GOMEMLIMIT knows better.
func boundMemory(p *config.Pipeline) error {
	if p.Kafka.Mode != "embedded" && p.Redis.Mode != "embedded" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	pieces, err := pipeline.Build(p)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(memoryMost(p, pieces.Layout.Bytes()))
	return nil
}

// memoryMost is about the most that a process takes that learns and scores; version is a snapshot's size.
func memoryMost(p *config.Pipeline, version int64) int64 {
	limit := int64(memoryElsewhere) + versionCopies*version
	if p.Kafka.Mode == "embedded" { // events, and scores
		limit += int64(logGrowth * embedded.RetentionBytesMemory * 2 * float64(max(1, p.Events.Partitions)))
	}
	if p.Redis.Mode == "embedded" {
		limit += int64(p.Snapshots.BytesMax)
	}
	return limit
}
