package follow

import (
	"context"
	"math"
	"time"

	"millrace"
	"millrace/merge"
)

// read applies what the reader delivers. A pass that turns out to have begun too late ends with errAgain.
func (f *Follower) read(ctx context.Context, r Reader) error {
	if err := f.ripe(); err != nil {
		return err
	}
	for {
		s, err := r.Next(ctx)
		if err != nil {
			return err
		}
		if err := f.stretch(ctx, &s); err != nil {
			return err
		}
	}
}

// ripe judges the tables once all floors are reached. What this pass did not read has record times before its place's,
// and so event times, as nothing happens after its record's time. It is out of every window once the watermark is a
// horizon later; otherwise another pass begins further back.
func (f *Follower) ripe() error {
	if f.warm.Load() || len(f.cold) > 0 {
		return nil
	}
	horizon := f.o.Windows.Horizon()
	switch {
	case f.at.whole || f.newest >= f.at.time+horizon:
		f.earlier = math.MaxInt64
		f.ahead.Store(0)
		f.warm.Store(true)
		f.o.Log.Info("the window tables are filled", "in", f.o.Now().Sub(f.began).Round(time.Millisecond))
		return nil
	case f.newest == math.MinInt64: // it saw no event at all
		f.earlier = 2*f.at.time - f.o.Now().UnixMilli() - horizon
	default:
		f.earlier = f.newest - horizon
	}
	f.o.Log.Info("event times trail record times: the window tables are filled again from further back")
	return errAgain
}

// stretch applies the records of a stretch.
func (f *Follower) stretch(ctx context.Context, s *merge.Stretch) error {
	if len(s.Idle)+len(s.Awake) > 0 {
		f.tables.Lock()
		f.clock.Turn(s.Idle, s.Awake)
		f.tables.Unlock()
	}
	b := s.Batch
	if b == nil {
		return nil
	}
	if s.Last {
		defer b.Release()
	}
	if s.Anew { // another topic, of which everything is read
		f.empty()
		f.values.begin(nil)
		f.cold, f.newest = map[int32]int64{}, math.MinInt64
		f.warm.Store(true)
	}
	for from := s.From; from < s.To; {
		to := f.until(b, from, s.To)
		if err := f.chunk(ctx, b, from, to); err != nil {
			return err
		}
		from = to
	}
	if s.From == s.To && s.Last {
		return f.passed(b, b.To)
	}
	return nil
}

// until is where a chunk of records ends: at a floor, so that what the tables hold there can be judged.
func (f *Follower) until(b *millrace.Batch, from, to int) int {
	to = min(to, from+len(f.slots))
	if floor, cold := f.cold[b.Partition]; cold {
		for i := from + 1; i < to; i++ {
			if b.Records[i].Offset >= floor {
				return i
			}
		}
	}
	return to
}

// chunk applies a few records, [from, to) of a batch.
func (f *Follower) chunk(ctx context.Context, b *millrace.Batch, from, to int) error {
	f.good = f.good[:0]
	for i := range to - from {
		rec, s := &b.Records[from+i], &f.slots[i]
		// What is no event changes nothing, at the learner as here.
		if s.good = rec.Fault == nil && f.o.Decoder.Decode(rec, s.event) == nil; s.good {
			f.good = append(f.good, s.event)
		}
	}
	if err := f.room(ctx); err != nil {
		return err
	}
	f.observe(b, from, to)
	next := b.To
	if to < len(b.Records) {
		next = b.Records[to].Offset // there is nothing between
	}
	return f.passed(b, next)
}

// joining is how long nothing is dropped for want of room before any partition is scored here: the group may be about
// to assign those of which most is kept.
const joining = 10 * time.Second

// room waits until there is room for the values of a chunk.
func (f *Follower) room(ctx context.Context) error {
	for f.values.full() {
		own := f.o.Own()
		f.values.owned(own)
		if (len(own) > 0 || f.o.Now().Sub(f.began) > joining) && f.values.room() {
			return nil
		}
		timer := time.NewTimer(commitsEach)
		select {
		case <-f.values.freed:
		case <-timer.C: // partitions may have gone to others meanwhile
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// observe takes the windows of a chunk's events and then observes each, as learner.Stream does.
func (f *Follower) observe(b *millrace.Batch, from, to int) {
	f.offset, f.number = f.offset[:0], f.number[:0]
	f.tables.Lock()
	defer f.tables.Unlock()
	told, passed := 0, 0
	for i := range to - from {
		if !f.slots[i].good {
			continue
		}
		if passed == told {
			told += f.o.Windows.Ahead(f.good[told:])
		}
		passed++
		e, rec := f.slots[i].event, &b.Records[from+i]
		watermark := f.clock.Now()
		e.CapTime(rec)
		f.o.Windows.Fill(e, watermark)
		if f.o.Extractor.Check(e) != nil {
			continue
		}
		f.offset = append(f.offset, rec.Offset)
		for _, field := range f.o.Fields {
			f.number = append(f.number, number(&e.Fields[field]))
		}
		if f.o.Differences != nil {
			f.o.Differences.passed(b.Partition, rec.Offset, f.number[len(f.number)-len(f.o.Fields):])
		}
		if _, _, _, replayed := rec.Replayed(); !replayed { // the learner passes over it, too
			f.o.Windows.Observe(e, watermark)
		}
		f.clock.Advance(b.Partition, e.Time)
		f.newest = max(f.newest, e.Time)
	}
}

// passed tells that everything before next was applied.
func (f *Follower) passed(b *millrace.Batch, next int64) error {
	f.values.add(b.Partition, b.TopicID, b.From, next, f.offset, f.number)
	f.offset, f.number = f.offset[:0], f.number[:0]
	floor, cold := f.cold[b.Partition]
	if !cold {
		return nil
	}
	f.ahead.Add(f.at.start[b.Partition] - min(next, floor))
	f.at.start[b.Partition] = next
	if next < floor {
		return nil
	}
	delete(f.cold, b.Partition)
	return f.ripe()
}
