package consumers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

const (
	// deadLetterBytesMax bounds a dead letter: below the 1 MiB that brokers take by default, with
	// room for the batch around it.
	deadLetterBytesMax = 900 << 10
	// deadLetterBytesMin is the least that a dead letter is cut to when the broker takes even less.
	deadLetterBytesMin = 1 << 10
	// detailBytesMax bounds the detail header: it may quote the event.
	detailBytesMax = 1 << 10
	// keyBytesMax is what is left of a key when a dead letter is cut.
	keyBytesMax = 256
)

// DeadLetters writes rejected records to a topic. A write that fails is tried for as long as the
// producer runs, whatever the failure: a rejected record is never dropped. It is safe for concurrent
// use.
type DeadLetters struct {
	p       *Producer
	topic   string
	keep    keeper
	pending atomic.Int64

	mu     sync.Mutex
	failed error // why the producer left a record unwritten: it has stopped
}

// NewDeadLetters writes to topic through p, whose Run must be running for anything to be written. create says how the
// topic is created anew when it is gone; nil leaves that to others, and letters wait for it.
func NewDeadLetters(p *Producer, topic string, create *TopicSpec) *DeadLetters {
	return &DeadLetters{p: p, topic: topic, keep: keeper{mend: mendLetter, create: create, holds: "snapshots"}}
}

// Reject queues a copy of rec with its original key, value and headers plus why it was rejected and
// where it stood: topicID is the identity of its topic, "" where none is known. A record larger than 900 KiB is cut,
// value first, and says so in a header, so that it still gets through. It blocks while the producer's buffer is full.
//
// A letter's own timestamp is now: retention goes by it, and one for a month-old event would be deleted
// at once, while one from the future may be refused for ever.
func (d *DeadLetters) Reject(ctx context.Context, topicID string, rec *millrace.Record, why *millrace.Rejection) error {
	letter := millrace.Record{
		Topic: d.topic, Partition: -1, Key: rec.Key, Value: rec.Value,
		Headers: append(slices.Clone(rec.Headers),
			millrace.Header{Key: millrace.HeaderReason, Value: []byte(why.Reason)},
			millrace.Header{Key: millrace.HeaderDetail, Value: cutText(why.Error(), detailBytesMax)},
			millrace.Header{Key: millrace.HeaderSource, Value: millrace.AppendSource(nil, rec.Topic, rec.Partition, rec.Offset)},
			millrace.Header{Key: millrace.HeaderTime, Value: strconv.AppendInt(nil, rec.Time, 10)}),
	}
	if rec.Last > rec.Offset {
		letter.Headers = append(letter.Headers, millrace.Header{Key: millrace.HeaderLast, Value: strconv.AppendInt(nil, rec.Last, 10)})
	}
	if topicID != "" {
		letter.Headers = append(letter.Headers, millrace.Header{Key: millrace.HeaderTopicID, Value: []byte(topicID)})
	}
	shrinkTo(&letter, deadLetterBytesMax)
	d.pending.Add(1)
	if err := d.p.send(ctx, letter, d.done, &d.keep); err != nil {
		d.pending.Add(-1)
		return fmt.Errorf("writing a dead letter: %w", err)
	}
	return nil
}

func (d *DeadLetters) done(_ int32, _ int64, err error) {
	if err == nil {
		d.pending.Add(-1)
		return
	}
	// Still pending: it was not written, and whoever waits for it must learn that.
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.failed = err
	}
}

// Pending is how many dead letters are not acknowledged yet.
func (d *DeadLetters) Pending() int { return int(d.pending.Load()) }

// Blocked is for how long some dead letter could not be written, though it was tried; 0 when all could.
func (d *DeadLetters) Blocked() time.Duration { return d.p.blockedFor(d.topic) }

// Flush waits until all records rejected before are acknowledged. An error means that some are not.
func (d *DeadLetters) Flush(ctx context.Context) error {
	if err := d.p.settle(ctx); err != nil {
		return fmt.Errorf("flushing dead letters: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return fmt.Errorf("flushing dead letters: %w", d.failed)
	}
	return nil
}

// mendLetter alters a letter that the broker refuses. One that is too large is halved, down to 1 KiB; below, it is left
// with the headers that say why and where. A compacted topic refuses what has no key: it gets its source for one.
func mendLetter(rec *millrace.Record, err error) bool {
	if errors.Is(err, kafka.InvalidRecord) {
		if rec.Key != nil {
			return false
		}
		for _, h := range rec.Headers[ownHeaders(rec.Headers):] {
			if h.Key == millrace.HeaderSource {
				rec.Key = h.Value
			}
		}
		return rec.Key != nil
	}
	size := recordbatch.RecordBytes(rec)
	if size <= deadLetterBytesMin {
		bareLetter(rec)
	} else {
		shrinkTo(rec, max(size/2, deadLetterBytesMin))
	}
	return recordbatch.RecordBytes(rec) < size
}

// bareLetter takes all from a letter but why it was rejected, where it stood, and what was cut.
func bareLetter(rec *millrace.Record) {
	key := rec.Key
	rec.Key, rec.Value = nil, nil
	kept := make([]millrace.Header, 0, len(rec.Headers))
	for _, h := range rec.Headers[ownHeaders(rec.Headers):] {
		if h.Key == millrace.HeaderSource && bytes.Equal(h.Value, key) {
			rec.Key = key // a compacted topic takes it for no less
		}
		if h.Key != millrace.HeaderDetail && h.Key != millrace.HeaderTime {
			kept = append(kept, h)
		}
	}
	rec.Headers = kept
}

// shrinkTo cuts a letter to at most limit bytes: first its value, then, when that does not do, its
// own headers and its key, leaving what says why and where. What it cuts is noted with its original
// size, also when a letter is cut again.
func shrinkTo(rec *millrace.Record, limit int) {
	size := recordbatch.RecordBytes(rec)
	if size <= limit {
		return
	}
	cut := ""
	if i := slices.IndexFunc(rec.Headers, func(h millrace.Header) bool { return h.Key == millrace.HeaderTruncated }); i >= 0 {
		cut = string(rec.Headers[i].Value)
		rec.Headers = slices.Delete(slices.Clone(rec.Headers), i, i+1)
	}
	note := func(what string, n int) {
		if n > 0 && !strings.Contains(cut, what+"=") {
			cut = strings.TrimSpace(cut + " " + what + "=" + strconv.Itoa(n))
		}
	}
	const noteBytes = 128 // of the header itself
	over := size + noteBytes - limit
	note("value", len(rec.Value))
	if over > len(rec.Value) {
		if len(rec.Key) > keyBytesMax {
			note("key", len(rec.Key))
			rec.Key = rec.Key[:keyBytesMax]
		}
		ours := rec.Headers[ownHeaders(rec.Headers):]
		note("headers", len(rec.Headers)-len(ours))
		rec.Headers = slices.Clone(ours)
		over = recordbatch.RecordBytes(rec) + noteBytes - limit
	}
	rec.Value = rec.Value[:max(len(rec.Value)-max(over, 0), 0)]
	rec.Headers = append(slices.Clone(rec.Headers), millrace.Header{Key: millrace.HeaderTruncated, Value: []byte(cut)})
}

// ownHeaders is where the headers begin that Reject adds, which are never cut. A record that was a dead letter before
// has such from then, too: ours are the last.
func ownHeaders(headers []millrace.Header) int {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == millrace.HeaderReason {
			return i
		}
	}
	return len(headers)
}

// cutText shortens text to at most n bytes between two characters.
func cutText(s string, n int) []byte {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return []byte(s)
}
