// Package millrace is the vocabulary of the pipeline: the values that flow from Kafka through
// features and models into snapshots and scores, and the errors that callers branch on. It imports
// the standard library only, so that every other package can share it.
//
// One event's life: bytes ([Record]) → [Event] → [Vector] → prediction, before learning → loss →
// update → counted in the next [Snapshot]. A scorer turns the same bytes into the same Vector with
// the same code, and the newest good Snapshot into a [Score].
package millrace

import (
	"strconv"
	"strings"
	"time"
)

// Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Headers that Millrace writes. [HeaderSource] is the key to drop duplicates by, together with [HeaderTopicID] where
// the broker tells topics apart by more than their names.
const (
	HeaderSource    = "millrace-source"    // topic/partition/offset of the event, as AppendSource writes it
	HeaderTopicID   = "millrace-topic-id"  // identity of the event's topic; one made anew under an old name has another
	HeaderVersion   = "millrace-version"   // of a score: the version that made it
	HeaderReason    = "millrace-reason"    // of a dead letter: the Rejection's stable word
	HeaderDetail    = "millrace-detail"    // of a dead letter: what was found and what would be right, for people
	HeaderTime      = "millrace-time"      // of a dead letter: the original's timestamp, Unix milliseconds
	HeaderTruncated = "millrace-truncated" // of a dead letter: original sizes of what was cut, as "value=10485760"
	HeaderRow       = "millrace-row"       // of an event or a label that run --from sent: digest of the files/pass/row, both from 0
	HeaderLast      = "millrace-last"      // of a dead letter for a range of records: the last offset of the range

	// Of a record that was a dead letter and was sent again to the topic that it came from.
	HeaderReplayedSource = "millrace-replayed-source" // where it stood when it was rejected, as HeaderSource says it
	HeaderReplayedFirst  = "millrace-replayed-first"  // where it stood at first, when it was rejected more than once
	HeaderReplayedReason = "millrace-replayed-reason" // why it was rejected, the last time
	HeaderReplayedLetter = "millrace-replayed-letter" // place of the letter: sent twice, two records name it
)

// AppendSource appends the value of a millrace-source header: topic/partition/offset.
func AppendSource(dst []byte, topic string, partition int32, offset int64) []byte {
	dst = append(append(dst, topic...), '/')
	dst = append(strconv.AppendInt(dst, int64(partition), 10), '/')
	return strconv.AppendInt(dst, offset, 10)
}

// ParseSource reads what AppendSource writes; ok is false for anything else.
func ParseSource(source string) (topic string, partition int32, offset int64, ok bool) {
	rest, last, found := cutLast(source)
	topic, middle, also := cutLast(rest)
	p, errP := strconv.ParseUint(middle, 10, 31)
	o, errO := strconv.ParseUint(last, 10, 63)
	if !found || !also || topic == "" || errP != nil || errO != nil {
		return "", 0, 0, false
	}
	return topic, int32(p), int64(o), true
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Record is one Kafka record, or one row of a file that stands in for it. Key, Value and Headers
// alias memory owned by the [Batch] they came in and are valid until its Release.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      int64 // Unix milliseconds, the record's timestamp
	Key       []byte
	Value     []byte // nil for a tombstone
	Headers   []Header
	// Fault is set on a record that could not be read whole: why. Value is then what is left of it for people, perhaps
	// nothing. It is not decoded: a learner writes the dead letter, a scorer counts it.
	Fault *Rejection
	// Last is the last offset of what Fault speaks of when that is a range of records, from Offset on. 0 is Offset
	// alone.
	Last int64
	// Lost is how many records that range holds, as far as its batch tells. 0 is one.
	Lost int64
}

// Replayed is where a record stood that was rejected there and sent again; ok is false for all others.
func (r *Record) Replayed() (topic string, partition int32, offset int64, ok bool) {
	for i := range r.Headers {
		if r.Headers[i].Key == HeaderReplayedSource {
			return ParseSource(string(r.Headers[i].Value))
		}
	}
	return "", 0, 0, false
}

// Next is the offset behind the record, or behind the range that its Fault speaks of.
func (r *Record) Next() int64 { return max(r.Offset, r.Last) + 1 }

// Count is how many records it stands for: more than one only for a faulty range.
func (r *Record) Count() uint64 { return uint64(max(r.Lost, 1)) }

// Batch is a run: the records of one partition with offsets in [From, To), in order. Offsets may
// have holes (compaction, control batches, aborted transactions); To is where reading goes on, so
// it may lie beyond the last record, and Records may be empty.
type Batch struct {
	Topic     string
	Partition int32
	From, To  int64
	// End is the partition's readable end when the batch was fetched; End - To is the lag.
	End     int64
	Records []Record
	// TopicID is the topic's identity as Kafka writes it, "" where the broker tells none; see [Position].
	TopicID string
	// Anew is set on the first batch that a source returns of a topic that was deleted and made anew: offsets begin
	// again, and no position of before, of any partition, speaks of this topic.
	Anew bool
	// Fingerprint is that of the last stored batch before To, where there is no TopicID; it may be zero.
	Fingerprint Fingerprint
	// Received is when the broker's answer with these records had come, by the clock of [Standing]; zero of a file.
	Received time.Time

	release func()
}

// NewBatch returns a batch whose Release calls release once; release may be nil.
func NewBatch(release func()) *Batch { return &Batch{release: release} }

// Release gives the batch's memory back to its source. The batch and its records must not be used
// after it. Calling it again does nothing.
func (b *Batch) Release() {
	if b.release != nil {
		release := b.release
		b.release = nil
		release()
	}
}
