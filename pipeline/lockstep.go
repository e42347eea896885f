package pipeline

import (
	"context"
	"fmt"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

const (
	// heldRowsMax and heldBytesMax bound the events that are held back for the labels among them: enough that waiting
	// for two acknowledgements costs little beside sending them.
	heldRowsMax  = 4096
	heldBytesMax = 4 << 20
	// heldFor bounds it in time. A learner that has read all events gives them a second before it goes on with labels.
	heldFor = 100 * time.Millisecond
	// aheadBound is how far record times may run ahead of the clock, so that no event has that of a label before it.
	aheadBound = time.Minute
)

// sender writes records to topics; Flush waits until they are acknowledged.
type sender interface {
	Send(ctx context.Context, rec millrace.Record, done consumers.Done) error
	Flush(ctx context.Context) error
}

// lockstep sends rows, which come in the order of time, so that a learner that reads both topics meanwhile can keep
// that order: an event is sent once every label before it is acknowledged. Who has the event so finds these labels.
//
// Waiting wherever events follow a label would cost a round trip for each label. So a stretch of rows is sent together,
// its labels first: they come before some of their events, and wait for those, as they have times.
type lockstep struct {
	producer sender
	p        *config.Pipeline
	now      func() time.Time
	written  Written

	labelled bool      // labels were sent that may not be acknowledged; events are held from then on
	opened   time.Time // since when
	held     []heldRow
	bytes    []byte // of what is held

	last  int64 // the latest record time that was given
	after bool  // a label has it, and the next event's is later

	block   RowAt              // that the latest row with a number is of
	header  []byte             // of the record that is sent
	headers [1]millrace.Header // … and its place
}

// heldRow is an event that waits to be sent: its key and then its value lie in lockstep.bytes.
type heldRow struct {
	from, value, to int
	keyed           bool
	time            int64
	at              RowAt
}

func newLockstep(producer sender, p *config.Pipeline, now func() time.Time) *lockstep {
	return &lockstep{producer: producer, p: p, now: now}
}

// events is how many were taken, sent or held.
func (l *lockstep) events() uint64 { return l.written.Events + uint64(len(l.held)) }

// take takes the next row, whose memory is not needed any more when it returns.
func (l *lockstep) take(ctx context.Context, row *Row) error {
	if err := l.begin(ctx, row.At); err != nil {
		return err
	}
	at, err := l.timed(ctx, row)
	if err != nil {
		return err
	}
	if l.labelled && l.full(len(row.Key)+len(row.Value)) {
		if err := l.release(ctx); err != nil {
			return err
		}
	}
	switch {
	case row.Label:
		return l.label(ctx, row, at)
	case l.labelled:
		l.hold(row, at)
		return nil
	}
	return l.event(ctx, row.Key, row.Value, at, row.At)
}

// begin waits, before the first row of a block, until all before it is acknowledged.
func (l *lockstep) begin(ctx context.Context, at RowAt) error {
	if at == (RowAt{}) || at.block() == l.block {
		return nil
	}
	l.block = at.block()
	if err := l.release(ctx); err != nil {
		return err
	}
	return l.flush(ctx)
}

// full reports whether there is no room for n bytes more, or events have been held for long enough.
func (l *lockstep) full(n int) bool {
	return len(l.held) >= heldRowsMax || len(l.bytes)+n > heldBytesMax || l.now().Sub(l.opened) >= heldFor
}

// timed is a row's record time. Rows without one get that of now, and no event that of a label before it: in one
// millisecond thousands may be sent, and of one time events are merged first.
func (l *lockstep) timed(ctx context.Context, row *Row) (int64, error) {
	if row.Time != 0 {
		return row.Time, nil
	}
	at := max(l.now().UnixMilli(), l.last)
	if l.after && !row.Label && at == l.last {
		at++
	}
	l.last, l.after = at, row.Label
	ahead := time.UnixMilli(at).Sub(l.now()) - aheadBound
	if ahead <= 0 {
		return at, nil
	}
	return at, l.pause(ctx, ahead)
}

// pause waits, and holds nothing meanwhile.
func (l *lockstep) pause(ctx context.Context, d time.Duration) error {
	if err := l.release(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// label sends a label. The first one waits for the events before it: a learner that has them waits for more of their
// kind before it goes on with labels of later.
func (l *lockstep) label(ctx context.Context, row *Row, at int64) error {
	if !l.labelled {
		if err := l.flush(ctx); err != nil {
			return err
		}
		l.labelled, l.opened = true, l.now()
	}
	rec := millrace.Record{Topic: l.p.Label.Topic, Partition: -1, Time: at, Key: row.Key, Value: row.Value}
	return l.send(ctx, rec, row.At, &l.written.Labels)
}

// hold keeps a copy of an event.
func (l *lockstep) hold(row *Row, at int64) {
	h := heldRow{from: len(l.bytes), keyed: row.Key != nil, time: at, at: row.At}
	l.bytes = append(l.bytes, row.Key...)
	h.value = len(l.bytes)
	l.bytes = append(l.bytes, row.Value...)
	h.to = len(l.bytes)
	l.held = append(l.held, h)
}

// release sends the events that are held, behind the labels.
func (l *lockstep) release(ctx context.Context) error {
	if !l.labelled {
		return nil
	}
	if err := l.flush(ctx); err != nil {
		return err
	}
	for i := range l.held {
		h := &l.held[i]
		var key []byte
		if h.keyed {
			key = l.bytes[h.from:h.value:h.value]
		}
		if err := l.event(ctx, key, l.bytes[h.value:h.to], h.time, h.at); err != nil {
			return err
		}
	}
	l.labelled, l.held, l.bytes = false, l.held[:0], l.bytes[:0]
	return nil
}

func (l *lockstep) event(ctx context.Context, key, value []byte, time int64, at RowAt) error {
	return l.send(ctx, millrace.Record{Topic: l.p.Events.Topic, Partition: -1, Time: time, Key: key, Value: value}, at, &l.written.Events)
}

func (l *lockstep) send(ctx context.Context, rec millrace.Record, at RowAt, count *uint64) error {
	if at != (RowAt{}) {
		l.header = at.append(l.header[:0])
		l.headers[0] = millrace.Header{Key: millrace.HeaderRow, Value: l.header}
		rec.Headers = l.headers[:]
	}
	if err := l.producer.Send(ctx, rec, nil); err != nil {
		return fmt.Errorf("writing to %s: %w", rec.Topic, err)
	}
	*count++
	return nil
}

func (l *lockstep) flush(ctx context.Context) error {
	if err := l.producer.Flush(ctx); err != nil {
		return fmt.Errorf("waiting for what was written: %w", err)
	}
	return nil
}
