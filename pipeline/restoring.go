package pipeline

import (
	"context"
	"errors"
	"fmt"

	"millrace"
	"millrace/consumers"
	"millrace/snapshot"
	"millrace/store"
	"millrace/store/folder"
)

// openFolder opens the pipeline's state folder, if it has one, for as long as the environment lives.
func (e *environment) openFolder(state string) (err error) {
	if state == "" || e.folder != nil {
		return nil
	}
	e.folder, err = folder.Open(state, e.pipeline.Name, func(path string, what error) {
		e.log.Warn("something odd in the state folder", "file", path, "what", what)
	})
	return err
}

// lost reports whether the copy is what the store has lost: there is no head, or an older one of the same lineage, as
// after a failover to a lagging replica.
func lost(copied *millrace.Snapshot, head millrace.Head) bool {
	if copied == nil {
		return false
	}
	m := copied.Manifest
	return head.Candidate == "" || head.Origin == m.Origin && m.Origin != "" && millrace.Head{Epoch: m.Epoch, Seq: m.Seq}.Newer(head)
}

// emptied decides what a learner does that finds no version. It begins when there never was one. When its group has
// positions the store has lost its memory, and a model that began anew would be taken for the former one.
func (l *learning) emptied(ctx context.Context) error {
	p := l.env.pipeline
	committed, err := l.committed(ctx)
	switch {
	case errors.Is(err, consumers.ErrGroupDenied):
		l.env.log.Warn("whether this model has learned before cannot be told", "group", learnerGroup(p.Name), "error", err)
		return nil
	case err != nil:
		return fmt.Errorf("looking whether %s has learned before: %w", p.Name, err)
	case len(committed) == 0:
		return nil
	case l.env.forgets:
		l.env.log.Warn("the embedded store keeps nothing without --data-dir or --state-dir: learning begins anew", "model", p.Name)
		return nil
	}
	return fmt.Errorf("the store has no version of %s, and its group %s has learned up to %s/%d at %d: the store has lost its data, or is another "+
		"one. A learner that still runs publishes again; else start where its --state-dir is, or import a snapshot file (millrace snapshots "+
		"import). To begin with a new model, run with --fresh", p.Name, learnerGroup(p.Name), committed[0].Topic, committed[0].Partition,
		committed[0].Offset)
}

// committed is where the learner's group stands. Nothing was learned of topics that are not there.
func (l *learning) committed(ctx context.Context) (all []millrace.Position, err error) {
	for _, topic := range readTopics(l.env.pipeline) {
		of, err := l.env.cluster.CommittedOffsets(ctx, learnerGroup(l.env.pipeline.Name), topic)
		if err != nil && !errors.Is(err, consumers.ErrUnknownTopic) {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

// acquire takes ownership of the model and returns the head to resume from, after putting back what the store has lost.
func (l *learning) acquire(ctx context.Context, copied *millrace.Snapshot, fresh bool) (head millrace.Head, err error) {
	p := l.env.pipeline
	o := store.AcquireOptions{By: owner(), Anew: fresh}
	if copied != nil {
		o.After = copied.Manifest.Epoch
	}
	if before, err := l.env.store.Owner(ctx, p.Name); err == nil && before.By != "" {
		l.env.log.Info("taking the model: a learner that still owns it stops learning", "model", p.Name, "owner_before", before.By)
	}
	if l.writer, head, err = l.env.store.AcquireWith(ctx, p.Name, o); err != nil {
		return head, err // it names the model
	}
	l.publisher = &publisher{writer: l.writer, retention: retention(p), serve: l.env.champion == "", kept: l.env.keepMarks,
		copies: &copies{folder: l.env.folder, log: l.env.log, there: l.copy}}
	if fresh || !lost(copied, head) {
		return head, nil
	}
	l.env.log.Warn("the store has lost the newest version: restoring it from the copy in the state folder", "model", p.Name,
		"file", l.env.folder.Path(), "learned", copied.Manifest.Learned, "stored_seq", head.Seq)
	if err := succeed(copied); err != nil {
		return head, err
	}
	if head, err = l.publisher.Publish(ctx, copied, millrace.CauseRestored); err != nil {
		return head, fmt.Errorf("restoring the store from %s: %w", l.env.folder.Path(), err)
	}
	return head, nil
}

// succeed makes a version that is published a second time name itself as an ancestor, so that a checkpoint of it is one
// of the other, too.
func succeed(version *millrace.Snapshot) error {
	if version.Manifest.Keyed == nil {
		return nil
	}
	manifest, err := snapshot.EncodeManifest(version.Manifest)
	if err != nil {
		return fmt.Errorf("reading the copy in the state folder: %w", err)
	}
	k := *version.Manifest.Keyed
	k.Checkpoints = listed(k.Checkpoints, snapshot.Digest(manifest))
	version.Manifest.Keyed = &k
	return nil
}
