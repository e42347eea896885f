package learner

import (
	"maps"

	"millrace/join"
	"millrace/keyed"
)

// Anew tells that the topic of events, or of labels, was made anew: nothing of what came of the former one can be read
// again. So what waits of it is lost, and windows begin empty with new events, as they would after a restart.
func (s *Stream) Anew(label bool) {
	if s.Clock == nil {
		return
	}
	kind := join.Events
	if label {
		kind = join.Labels
	}
	if s.Join != nil {
		lost := [...]Outcome{join.Events: Lost, join.Labels: LabelLost}[kind]
		s.counts[lost] += s.Join.Lose(kind)
	}
	events, labels := s.reach()
	from := labels
	if label {
		from = events
	}
	// Of the other topic the log is read again from where it would have been.
	fresh := s.newRead()
	fresh.next, fresh.newest = s.read.next, s.read.newest
	fresh.next[kind] = nil
	fresh.origin.Topic = from.Topic
	maps.Copy(fresh.origin.Offsets, s.read.origin.Offsets)
	maps.Copy(fresh.origin.Offsets, from.Offsets)
	maps.Copy(fresh.origin.Watermarks, from.Watermarks)
	maps.DeleteFunc(fresh.origin.Offsets, func(key keyed.Source, _ int64) bool { return key.Topic == s.Topics[kind] })
	maps.DeleteFunc(fresh.origin.Watermarks, func(key keyed.Source, _ int64) bool { return key.Topic == s.Topics[kind] })
	if !label {
		fresh.origin.Topic = s.Clock.Now()
		s.Clock.Set(s.Clock.Now(), nil) // it never falls; its partitions are others
		if s.Windows != nil {
			s.Windows.Reset()
		}
	}
	s.read = fresh
}
