package learner

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"millrace"
	"millrace/join"
)

// Checkpoints keep state by key on local disk, so that a restart reads the log only from there on. Keep writes that of
// a published version, and returns when it is safe; it is called by one goroutine at a time. layout is what
// Stream.Layout says. An error costs the next start some time, and nothing else. Holds reports whether that of a
// version is still there.
type Checkpoints interface {
	Holds(digest string) bool
	Keep(ctx context.Context, version *millrace.Manifest, digest, layout string, blocks Blocks) error
}

// errTooLarge ends a checkpoint that memory is not meant for.
var errTooLarge = errors.New("the state by key has more bytes than a checkpoint may")

// checkpointing is when a learner writes its state by key down, and what of it is there.
type checkpointing struct {
	to     Checkpoints // nil without any
	layout string
	every  time.Duration
	most   int64
	next   time.Time
	todo   chan *kept
	busy   atomic.Bool // there is a copy: in a capture, in todo or being written; there is one at most
	copied *kept       // that one

	mu     sync.Mutex
	there  []string          // digests of the versions that have one, as manifests list them
	latest millrace.Manifest // that was published, or gone on from …
	digest string            // … and its digest; empty before there is one
}

// kept is the state by key of a version: a copy in memory, and what is on disk as it was then.
type kept struct {
	version millrace.Manifest
	digest  string
	kinds   []byte
	blocks  [][]byte
	bytes   int64
	cold    *join.Cold // nil when nothing is
}

func newCheckpointing(o *Options) *checkpointing {
	c := &checkpointing{todo: make(chan *kept, 1)}
	layout, ok := o.Stream.Layout()
	if o.Checkpoints == nil || !ok {
		return c
	}
	c.to, c.layout, c.every, c.most = o.Checkpoints, layout, o.Snapshots.Checkpoints, int64(o.Snapshots.CheckpointBytesMax)
	c.next = o.Now().Add(c.every)
	if o.Manifest.Keyed != nil {
		c.there = slices.Clone(o.Manifest.Keyed.Checkpoints)
	}
	if o.Version != nil {
		c.latest, c.digest = *o.Version, o.Head.Digest
	}
	return c
}

// list is what a manifest that is taken now says of checkpoints.
func (c *checkpointing) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.there)
}

// published is told of each new head.
func (c *checkpointing) published(version *millrace.Manifest, digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest, c.digest = *version, digest
}

// copyIfDue copies the state by key when a checkpoint is due; learning stands still meanwhile. nil is none.
func (l *Learner) copyIfDue() *kept {
	c, now := l.checkpoints, l.o.Now()
	if c.to == nil || c.every == 0 || now.Before(c.next) || c.busy.Load() {
		return nil
	}
	c.next = now.Add(c.every)
	start, k := time.Now(), &kept{cold: l.o.Stream.cold()}
	k.bytes = k.cold.Bytes()
	err := l.o.Stream.checkpointMemory(func(kind byte, block []byte) error {
		if k.bytes += int64(len(block)); k.bytes > c.most {
			return errTooLarge
		}
		k.kinds, k.blocks = append(k.kinds, kind), append(k.blocks, bytes.Clone(block))
		return nil
	})
	l.metrics.duration.WithLabelValues("copy_keyed").Observe(time.Since(start).Seconds())
	if err != nil {
		l.o.Log.Warn("no checkpoint of state by key is written", "error", err, "bytes_max", c.most)
		l.letGo(k)
		return nil
	}
	c.copied = k
	c.busy.Store(true)
	return k
}

// letGo gives back what a copy holds on disk.
func (l *Learner) letGo(k *kept) {
	if k == nil {
		return
	}
	if err := k.cold.Close(); err != nil {
		l.o.Log.Warn("files of what waits on disk could not be deleted; the next start deletes them", "error", err)
	}
}

// replay is the blocks of a copy.
func (k *kept) replay(write func(kind byte, block []byte) error) error {
	if err := checkpointCold(k.cold, write); err != nil {
		return err
	}
	for i, block := range k.blocks {
		if err := write(k.kinds[i], block); err != nil {
			return err
		}
	}
	return nil
}

// keepLoop writes copies until todo closes.
func (l *Learner) keepLoop(ctx context.Context) {
	for k := range l.checkpoints.todo {
		l.keep(ctx, &k.version, k.digest, k.replay)
		l.letGo(k)
		l.checkpoints.copied = nil
		l.checkpoints.busy.Store(false)
	}
}

// keepLast writes the state by key as it is in the end, when all of it is published.
func (l *Learner) keepLast(ctx context.Context) {
	c := l.checkpoints
	if c.to == nil || l.torn || l.published.Load() != l.applied || c.digest == "" || slices.Contains(c.there, c.digest) && c.to.Holds(c.digest) {
		return
	}
	cold := l.o.Stream.cold()
	bytes := cold.Bytes()
	l.letGo(&kept{cold: cold})
	if bytes > c.most { // rather than find out when so much is written
		l.o.Log.Warn("no checkpoint of state by key is written", "error", errTooLarge, "bytes_max", c.most)
		return
	}
	version := c.latest
	if fresh(version.Keyed) {
		return // what windows know of the time before its positions is not in its watermarks
	}
	l.keep(ctx, &version, c.digest, l.o.Stream.Checkpoint)
}

func (l *Learner) keep(ctx context.Context, version *millrace.Manifest, digest string, blocks Blocks) {
	c, start := l.checkpoints, time.Now()
	if err := c.to.Keep(ctx, version, digest, c.layout, blocks); err != nil {
		l.o.Log.Warn("no checkpoint of state by key was written; the next start reads more of the log", "version", version.Seq, "error", err)
		return
	}
	l.metrics.duration.WithLabelValues("keep_keyed").Observe(time.Since(start).Seconds())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there = append(slices.DeleteFunc(c.there, func(known string) bool { return known == digest }), digest)
	c.there = c.there[max(0, len(c.there)-millrace.CheckpointsMax):]
}
