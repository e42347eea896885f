package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"millrace"
	"millrace/decode"
	"millrace/learner"
	"millrace/snapshot"
	"millrace/store/folder"
)

// checkpoints keep state by key in the state folder.
type checkpoints struct {
	folder   *folder.Folder
	log      *slog.Logger
	settings string
	most     int64
}

// Keep implements learner.Checkpoints.
func (c *checkpoints) Keep(ctx context.Context, version *millrace.Manifest, digest, layout string, blocks learner.Blocks) error {
	manifest, err := snapshot.EncodeManifest(*version)
	if err != nil {
		return err
	}
	if got := snapshot.Digest(manifest); got != digest {
		return fmt.Errorf("version %d has the digest %s, and its head says %s", version.Seq, got, digest)
	}
	n, err := c.folder.KeepCheckpoint(ctx, *version, c.settings+layout, c.most, folder.Blocks(blocks))
	if err == nil {
		c.log.Info("a checkpoint of state by key is written", "version", version.Seq, "bytes", n)
	}
	return err
}

// Holds implements learner.Checkpoints.
func (c *checkpoints) Holds(digest string) bool { return c.folder.Holds(digest) }

// checkpointSettings are what of the pipeline, besides a version's settings, decides what its state by key is: where in
// a record things are, and how long what waits.
func (l *learning) checkpointSettings() string {
	p := l.env.pipeline
	spec, _, _ := p.CanonicalSpec()
	text, err := json.Marshal(struct {
		Spec, Events, Labels any
	}{spec, []any{p.Events.Topic, p.Events.ID, timeSetting(p.Events.Time)}, []any{p.Label.Topic, p.Label.ID, p.Label.Path, timeSetting(p.Label.Time), p.Label.Wait, p.Label.Early}})
	if err != nil {
		panic("pipeline: settings without a JSON form: " + err.Error())
	}
	return string(text) + "\n"
}

// timeSetting is a time's path alone where it reads as all did when checkpoints held no more of it.
func timeSetting(t decode.TimeSpec) any {
	if t.Format == "" && t.Zone == "" {
		return t.Path
	}
	return []string{t.Path, t.Format, t.Zone}
}

// keeper of checkpoints for the learner; nil where there is no state folder.
func (l *learning) checkpoints() learner.Checkpoints {
	if l.env.folder == nil || !l.learned.keyed() {
		return nil
	}
	return &checkpoints{folder: l.env.folder, log: l.env.log, settings: l.checkpointSettings(),
		most: int64(l.env.pipeline.Snapshots.CheckpointBytesMax)}
}

// usableCheckpoints are those that state by key can be made from, the newest first. Of each other one a log line says
// why it is not.
func (l *learning) usableCheckpoints() (all []folder.Checkpoint) {
	layout, ok := l.learned.Stream.Layout()
	if l.env.folder == nil || !ok || l.from.Keyed == nil || l.head.Candidate == "" {
		return nil
	}
	found := l.env.folder.Checkpoints(func(path string, err error) {
		l.env.log.Warn("a checkpoint of state by key is not used", "file", path, "why", err)
	})
	for _, c := range found {
		if why := l.useless(&c, l.checkpointSettings()+layout); why != "" {
			l.env.log.Info("a checkpoint of state by key is not used", "file", c.Path, "version", c.Manifest.Seq, "why", why)
			continue
		}
		all = append(all, c)
	}
	return all
}

// useless is why state by key cannot be made from a checkpoint; empty when it can.
func (l *learning) useless(c *folder.Checkpoint, settings string) string {
	m := &c.Manifest
	switch {
	case l.patched:
		return "the log has gaps, which it may know nothing of"
	case m.Keyed == nil || m.Model != l.from.Model:
		return "it is of another model"
	case c.Digest != l.head.Digest && !slices.Contains(l.from.Keyed.Checkpoints, c.Digest):
		return l.stranger(m)
	case c.Settings != settings:
		return "it was written with other settings, or by another release"
	case m.Cluster != l.from.Cluster:
		return "it is of another Kafka cluster"
	}
	for _, p := range m.Positions {
		i := slices.IndexFunc(l.from.Positions, func(q millrace.Position) bool { return q.Topic == p.Topic && q.Partition == p.Partition })
		if i < 0 || l.from.Positions[i].TopicID != p.TopicID && p.TopicID != "" || l.from.Positions[i].Offset < p.Offset {
			return fmt.Sprintf("it has read %s/%d up to %d, and the head has not", p.Topic, p.Partition, p.Offset)
		}
	}
	if alone, behind := toRead(&l.from), toRead(learner.Restored(&l.from, m)); alone < behind {
		return fmt.Sprintf("the log alone is read faster: %s, and %d behind the checkpoint", millrace.Counted(alone, "record"), behind)
	}
	return ""
}

// toRead is how many records are read to make a version's state by key again.
func toRead(m *millrace.Manifest) (n int64) {
	if m.Keyed == nil {
		return 0
	}
	for _, mark := range m.Keyed.Rebuild {
		n += max(0, positionOf(m.Positions, mark)-mark.Offset)
	}
	return n
}

// stranger says what a version is that the head does not name as an ancestor.
func (l *learning) stranger(m *millrace.Manifest) string {
	switch {
	case m.Origin != l.head.Origin:
		return "it is of another lineage"
	// By its number alone: a learner that went on from an older head since has a newer epoch.
	case m.Seq > l.head.Seq:
		return fmt.Sprintf("it is ahead of the head: its version %d never became the head, or the store has lost it, and has %d", m.Seq, l.head.Seq)
	case m.Seq == l.head.Seq:
		return "the head is another version of the same number: its own is of a branch that was left"
	}
	return "the head does not name its version as an ancestor: that is of a branch that was left, older than the two that are named, or was " +
		"written after the head was taken"
}

// fromCheckpoint makes state by key from a checkpoint and from the log behind it. ok is false when there is none that
// can be used.
func (l *learning) fromCheckpoint(ctx context.Context) (ok bool, err error) {
	for _, c := range l.usableCheckpoints() {
		m := learner.Restored(&l.from, &c.Manifest)
		err := l.rebuildFrom(ctx, m, func(write func(kind byte, block []byte) error) error { return c.Read(ctx, write) })
		var unusable *learner.UnusableError
		switch {
		case err == nil:
			l.env.folder.Used(&c)
			l.env.log.Info("state by key was made from a checkpoint", "file", c.Path, "version", c.Manifest.Seq, "bytes", c.Size)
			if c.Digest == l.head.Digest {
				l.from.Keyed.Checkpoints = listed(l.from.Keyed.Checkpoints, c.Digest)
			}
			return true, nil
		case !errors.As(err, &unusable) || ctx.Err() != nil:
			return false, err
		}
		l.env.log.Warn("a checkpoint of state by key is not used", "file", c.Path, "version", c.Manifest.Seq, "why", unusable.Err)
		if err := l.anew(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// listed is a manifest's list of checkpoints with one more.
func listed(digests []string, digest string) []string {
	if slices.Contains(digests, digest) {
		return digests
	}
	digests = append(slices.Clone(digests), digest)
	return digests[max(0, len(digests)-millrace.CheckpointsMax):]
}
