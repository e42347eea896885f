package learner

import (
	"maps"

	"millrace"
)

// Refusals are the dead letters of one reason since the learner started, and the newest of them: where it stood and
// which value was at fault, not what that was.
type Refusals struct {
	Count  uint64
	Source millrace.Position // of the record
	Path   string            // of the value; empty when it is the whole event
}

// refused counts a dead letter. The map is replaced, so that whoever was handed the former one can go on reading it.
func (l *Learner) refused(rec *millrace.Record, why *millrace.Rejection) {
	if l.refusalsShared {
		l.refusals, l.refusalsShared = maps.Clone(l.refusals), false
	}
	if l.refusals == nil {
		l.refusals = make(map[millrace.Reason]Refusals)
	}
	l.refusals[why.Reason] = Refusals{Count: l.refusals[why.Reason].Count + rec.Count(), Path: why.Path,
		Source: millrace.Position{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset}}
}

// sharedRefusals hands the map out: it is not changed any more.
func (l *Learner) sharedRefusals() map[millrace.Reason]Refusals {
	l.refusalsShared = true
	return l.refusals
}
