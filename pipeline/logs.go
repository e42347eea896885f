package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/keyed"
)

// aheadMost is how far record times may lie ahead of the broker's clock before somebody is warned: Kafka's own default.
const aheadMost = time.Hour

// reachesBack is how long before the newest record a topic is read again after a restart, by record time, to make state
// by key.
type reachesBack struct {
	topic string
	by    time.Duration
	why   string // the settings that it follows from
}

// reachesBackOf is what a pipeline's learner reads again, topic by topic; nothing without state by key.
func reachesBackOf(p *config.Pipeline, windows *keyed.Windows) []reachesBack {
	events := reachesBack{topic: p.Events.Topic}
	if windows != nil {
		events.by, events.why = time.Duration(windows.Horizon())*time.Millisecond, "the longest window"
	}
	if !p.LateLabels() {
		if windows == nil {
			return nil
		}
		return []reachesBack{events}
	}
	events.by += p.Label.Wait
	if windows == nil {
		events.why = "label.wait"
	} else {
		events.why = "label.wait and the longest window"
	}
	if events.by < p.Label.Early { // how long an early label is kept goes by the events around it
		events.by, events.why = p.Label.Early, "label.early"
	}
	return []reachesBack{events, {topic: p.Label.Topic, by: p.Label.Early, why: "label.early"}}
}

// check compares what is read again of a topic with its settings. err says why the topic cannot be learned from.
func (r reachesBack) check(p *config.Pipeline, s consumers.TopicSettings) (warnings []string, err error) {
	if s.Deleted && s.Retention > 0 && s.Retention < r.by {
		warnings = append(warnings, fmt.Sprintf("topic %s keeps records for %s (retention.ms), and after a restart it is read again from %s "+
			"before the newest on (%s): what is gone by then would be missing in windows, or lost while it waits; let the topic keep more "+
			"than %s, as long as a learner may be away in addition",
			r.topic, millrace.FormatDuration(s.Retention), millrace.FormatDuration(r.by), r.why, millrace.FormatDuration(r.by)))
	}
	if s.AheadMax > aheadMost && !s.Appended {
		warnings = append(warnings, fmt.Sprintf("topic %s takes records of times far ahead (message.timestamp.after.max.ms is more than %s): "+
			"one clock that is wrong moves event time on for all, so that windows empty and waits end too soon; %d is Kafka's default",
			r.topic, millrace.FormatDuration(aheadMost), aheadMost.Milliseconds()))
	}
	if r.topic == p.Events.Topic && s.Compacted && p.Events.Compacted != config.CompactedAllow {
		err = fmt.Errorf("topic %s is compacted (cleanup.policy), which takes events away by key, and windows and waits are made again from "+
			"all events after a restart: set cleanup.policy=delete, or say `events: {compacted: allow}` to go on with what is left of them", r.topic)
	}
	return warnings, err
}

// checkLogs compares what is read again of topics with their settings. Topics that do not exist yet are returned, and
// those whose settings are not told are passed over.
func checkLogs(ctx context.Context, c *consumers.Cluster, p *config.Pipeline, of []reachesBack) (warnings []string, absent []reachesBack, err error) {
	var faults []error
	for _, r := range of {
		s, known, err := c.TopicSettings(ctx, r.topic)
		switch {
		case errors.Is(err, consumers.ErrUnknownTopic):
			absent = append(absent, r)
			continue
		case err != nil:
			return nil, nil, err
		case !known:
			continue
		}
		more, err := r.check(p, s)
		warnings = append(warnings, more...)
		faults = append(faults, err)
	}
	return warnings, absent, errors.Join(faults...)
}

// warnOfLogs is checkLogs with its warnings in the log.
func (l *learning) warnOfLogs(ctx context.Context, of []reachesBack) (absent []reachesBack, err error) {
	warnings, absent, err := checkLogs(ctx, l.env.cluster, l.env.pipeline, of)
	for _, w := range warnings {
		l.env.log.Warn(w)
	}
	return absent, err
}
