package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"millrace/config"
	"millrace/learner"
	"millrace/pipeline/status"
)

// challenger is a second pipeline's model that learns the same events as its champion, in the champion's process, and
// is never served. It shares the champion's connections and nothing else: it reads the topic by itself, from its own
// positions, and owns its own versions under its own name. So it stands for itself after a restart, its pipeline may
// read other features or another label from an event, and whatever happens to it happens to it alone.
type challenger struct {
	env     *environment
	learner atomic.Pointer[learner.Learner] // the one at work; nil before
}

// challengerFiles are those that the champion's file names, from where that stands, and those named beside it.
func challengerFiles(p *config.Pipeline, file string, further []string) []string {
	files := make([]string, 0, len(p.Challengers)+len(further))
	for _, c := range p.Challengers {
		if !filepath.IsAbs(c) {
			c = filepath.Join(filepath.Dir(file), c)
		}
		files = append(files, c)
	}
	return append(files, further...)
}

// loadChallengers reads the files of a champion's challengers.
func loadChallengers(p *config.Pipeline, files []string) ([]*config.Pipeline, error) {
	seen := map[string]string{p.Name: "the champion"}
	pipelines := make([]*config.Pipeline, 0, len(files))
	for _, file := range files {
		c, err := Load(file)
		if err != nil {
			return nil, err
		}
		if who, taken := seen[c.Name]; taken {
			return nil, config.Usagef("%s: its name, %s, is that of %s; versions are kept by name, so a challenger needs its own", file, c.Name, who)
		}
		seen[c.Name] = file
		if len(c.Challengers) > 0 {
			return nil, config.Usagef("%s: a challenger has no challengers of its own; name them all where its champion's are named", file)
		}
		if c.Events.Topic != p.Events.Topic {
			return nil, config.Usagef("%s: a challenger learns the champion's events, topic %s, not %s", file, p.Events.Topic, c.Events.Topic)
		}
		if _, err := Build(c); err != nil { // what cannot be built must be known before anything runs
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		pipelines = append(pipelines, asChallenger(c, p))
	}
	return pipelines, nil
}

// asChallenger is the challenger's pipeline on the champion's connections. Where it does not name a topic of its own,
// its dead letters go to <name>.dead: what one model cannot use the other may well learn, and who mends dead letters
// wants to know which it was.
func asChallenger(c, champion *config.Pipeline) *config.Pipeline {
	c.Kafka, c.Redis, c.State = champion.Kafka, champion.Redis, champion.State
	c.Events.UnknownTopic, c.Events.Partitions = champion.Events.UnknownTopic, champion.Events.Partitions
	if c.Events.DeadLetters == champion.Events.DeadLetters {
		c.Events.DeadLetters = c.Name + ".dead"
	}
	if c.LateLabels() && c.Label.DeadLetters == champion.Label.DeadLetters {
		c.Label.DeadLetters = c.Name + ".labels.dead"
	}
	return c
}

// addChallengers gives the environment its challengers, before anything gathers metrics.
func (e *environment) addChallengers(pipelines []*config.Pipeline) {
	for _, p := range pipelines {
		own := newEnvironment(p, e.log.With("challenger", p.Name))
		own.champion, own.cluster, own.store, own.forgets = e.pipeline.Name, e.cluster, e.store, e.forgets
		own.metrics = own.named(own.registry)
		e.challengers = append(e.challengers, &challenger{env: own})
	}
}

// run learns until ctx ends. It has no error: a challenger that cannot go on ends alone, since the champion, which is
// served, must not depend on it. Its metrics then end as well, so that nobody compares with figures that stand still.
func (c *challenger) run(ctx context.Context, o Options) error {
	err := c.learn(ctx, o)
	if err != nil && ctx.Err() == nil {
		c.env.endLearning(err)
		c.env.log.Error("the challenger ends; its champion goes on without it", "error", err)
	}
	return nil
}

func (c *challenger) learn(ctx context.Context, o Options) error {
	l, err := openLearning(ctx, c.env, o)
	if err != nil {
		return err
	}
	return learnUntil(ctx, l, o, func(l *learning) { c.learner.Store(l.learner) })
}

// ofChallengers are the champion's but for --fresh: to start a champion anew is no reason to lose what its challengers
// have learned, and the other way round.
func (o Options) ofChallengers() Options {
	o.Fresh = o.FreshChallengers
	return o
}

func (c *challenger) status() *status.Learning {
	return learningStatus(c.env, c.learner.Load())
}
