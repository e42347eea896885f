package pipeline

import "cmp"

// sourcesMax bounds the words of recentSources, to some 80 MiB where each has one place, as letters that lie far apart
// have. Letters of one record come from a learner that was killed and read on from its snapshot: they are no further
// apart than what it rejects between two of those.
const sourcesMax = 1 << 19

// recentSources are places of records, those that were added last, 64 offsets a word: letters of one fault often lie
// side by side. The zero value is empty.
type recentSources struct {
	words map[sourceWord]uint64
	order []sourceWord // a ring once it is full, in the order in which words were added
	next  int          // the oldest of a full ring
	most  int          // stands in for sourcesMax where it is set; tests set it
	topic string       // of the last place: letters have it in bytes of their own
}

type sourceWord struct {
	topicID   string // of the topic that a place is in, "" where none is known
	partition int32
	word      int64
}

func (s *recentSources) add(topicID string, partition int32, offset int64) {
	if s.words == nil {
		s.words = map[sourceWord]uint64{}
	}
	if s.topic != topicID {
		s.topic = topicID
	}
	w := sourceWord{s.topic, partition, offset / 64}
	if _, there := s.words[w]; !there {
		if len(s.order) < cmp.Or(s.most, sourcesMax) {
			s.order = append(s.order, w)
		} else {
			delete(s.words, s.order[s.next])
			s.order[s.next] = w
			s.next = (s.next + 1) % len(s.order)
		}
	}
	s.words[w] |= 1 << (offset % 64)
}

func (s *recentSources) has(topicID string, partition int32, offset int64) bool {
	return s.words[sourceWord{topicID, partition, offset / 64}]&(1<<(offset%64)) != 0
}
