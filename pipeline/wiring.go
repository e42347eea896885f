package pipeline

import (
	"context"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/decode"
	"millrace/features"
	"millrace/keyed"
	"millrace/learner"
	"millrace/scorer"
	"millrace/scorer/follow"
	"millrace/scorer/topic"
	"millrace/store"
)

// The joints: each package defines the small interfaces it needs, and here is who fulfils them.
var (
	_ learner.Source      = (*consumers.Source)(nil)
	_ learner.DeadLetters = (*consumers.DeadLetters)(nil)
	_ learner.Decoder     = (*decode.Decoder)(nil)
	_ learner.Extractor   = (*features.Extractor)(nil)
	_ learner.Publisher   = (*publisher)(nil)
	_ scorer.Snapshots    = served{}
	_ scorer.Extractor    = (*features.Extractor)(nil)
	_ scorer.Decoder      = (*decode.Decoder)(nil)
	_ topic.Source        = (*consumers.GroupSource)(nil)
	_ topic.Writer        = (*consumers.Producer)(nil)
	_ topic.Source        = (*follow.Gate)(nil)
	_ follow.Source       = (*consumers.GroupSource)(nil)
	_ follow.Topic        = (*following)(nil)
	_ follow.Windows      = (*keyed.Windows)(nil)
	_ follow.Clock        = (*keyed.Clock)(nil)
)

// publisher is a store's writer as the learner sees it.
type publisher struct {
	writer    writer
	retention store.Retention
	serve     bool // false for a challenger
	copies    *copies
	kept      func(*millrace.Manifest) // is told of each version that is the head
}

// retention is how many versions the pipeline file leaves.
func retention(p *config.Pipeline) store.Retention {
	return store.Retention{Keep: p.Snapshots.Keep, BytesMax: int64(p.Snapshots.BytesMax)}
}

// Publish publishes a version, which is served once there is something in it.
func (p *publisher) Publish(ctx context.Context, s *millrace.Snapshot, cause millrace.Cause) (millrace.Head, error) {
	return p.publish(ctx, s, cause, p.serve && s.Manifest.Steps() > 0)
}

// unserved publishes a version that scorers are not to see.
func (p *publisher) unserved(ctx context.Context, s *millrace.Snapshot, cause millrace.Cause) (millrace.Head, error) {
	return p.publish(ctx, s, cause, false)
}

func (p *publisher) publish(ctx context.Context, s *millrace.Snapshot, cause millrace.Cause, serve bool) (millrace.Head, error) {
	head, err := p.writer.Publish(ctx, s, store.PublishOptions{Cause: cause, Serve: serve, Retention: p.retention})
	if err == nil {
		p.copies.keep(s)
		p.kept(&s.Manifest)
	}
	return head, err
}

// served is a store as one model's scorer sees it.
type served struct {
	store keeper
	model string
}

// pollEvery is how often a scorer looks at the served pointer when no hint comes.
const pollEvery = 500 * time.Millisecond

func (s served) Wait(ctx context.Context, known millrace.Head) (millrace.Head, error) {
	return s.store.Wait(ctx, s.model, known)
}

func (s served) Load(ctx context.Context, h millrace.Head) (millrace.Snapshot, error) {
	return s.store.Load(ctx, s.model, h, false)
}
