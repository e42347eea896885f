package learner

import (
	"fmt"
	"math"
	"time"

	"millrace"
	"millrace/join"
	"millrace/keyed"
)

// read is how far a stream has come in the log: what the index notes, so that a version can say from where its state by
// key is made again.
type read struct {
	next   [2][]int64   // of events and labels, by partition: the next offset, -1 where nothing is known
	events *keyed.Index // asked about the time that windows and what waits reach back to
	labels *keyed.Index // … and that labels without their event do
	origin keyed.Vector // where reading began
	first  int64        // stream time of the first record, math.MaxInt64 before it
	newest [2]int64     // largest stream time so far of events, and of labels that were kept
	record int64        // record time of the record that is noted
	// While state is made again: where each partition of events ends.
	ends map[int32]int64
}

// kindOf is what a topic holds.
func (s *Stream) kindOf(topic string) join.Kind {
	if topic == s.Topics[join.Events] {
		return join.Events
	}
	return join.Labels
}

// Begin says where reading begins in each partition. One that nothing was said of begins at its first record.
func (s *Stream) Begin(positions []millrace.Position) {
	if s.Clock == nil {
		return
	}
	for _, p := range positions {
		kind := s.kindOf(p.Topic)
		if s.nextOf(kind, p.Partition) < 0 {
			s.begin(kind, p.Partition, p.Offset)
		}
	}
}

func (s *Stream) begin(kind join.Kind, partition int32, offset int64) {
	s.setNext(kind, partition, offset)
	s.read.origin.Offsets[s.key(kind, partition)] = offset
}

func (s *Stream) key(kind join.Kind, partition int32) keyed.Source {
	return keyed.Source{Topic: s.Topics[kind], Partition: partition}
}

func (s *Stream) nextOf(kind join.Kind, partition int32) int64 {
	if next := s.read.next[kind]; int(partition) < len(next) {
		return next[partition]
	}
	return -1
}

func (s *Stream) setNext(kind join.Kind, partition int32, offset int64) {
	next := &s.read.next[kind]
	for int(partition) >= len(*next) {
		*next = append(*next, -1)
	}
	(*next)[partition] = offset
}

// note tells the indexes of a record whose event is to be applied, or whose label was, and moves on behind it. The
// stream time is that of what the record leaves to be read again, and the watermark where it leaves nothing.
func (s *Stream) note(rec *millrace.Record, kind join.Kind, stream int64) {
	if s.nextOf(kind, rec.Partition) < 0 {
		s.begin(kind, rec.Partition, rec.Offset)
	}
	s.read.first, s.read.record = min(s.read.first, stream), max(rec.Time, 0)
	if s.read.origin.Record == 0 {
		s.read.origin.Record = s.read.record
	}
	newest, watermark := &s.read.newest, s.Clock.Now()
	newest[kind] = max(newest[kind], stream)
	s.read.events.Note(max(newest[join.Events], watermark), s.vector)
	s.read.labels.Note(max(newest[join.Labels], watermark), s.vector)
	s.read.next[kind][rec.Partition] = rec.Next()
}

// vector is where the stream stands.
func (s *Stream) vector() keyed.Vector {
	v := keyed.Vector{Offsets: map[keyed.Source]int64{}, Watermarks: map[keyed.Source]int64{}, Topic: s.Clock.Now(), Record: s.read.record}
	for kind, next := range s.read.next {
		for partition, offset := range next {
			if offset < 0 {
				continue
			}
			key := s.key(join.Kind(kind), int32(partition))
			v.Offsets[key] = offset
			if join.Kind(kind) == join.Events {
				v.Watermarks[key] = s.Clock.Watermark(int32(partition))
			}
		}
	}
	return v
}

// SetIdle says which partitions of events went idle, and which awoke: those that are idle hold no watermark back.
func (s *Stream) SetIdle(idle, awake []int32) {
	if s.Clock != nil {
		s.Clock.Turn(idle, awake)
	}
}

// reach is from where on events and labels can still matter to the state by key.
func (s *Stream) reach() (events, labels keyed.Vector) {
	now := s.Clock.Now()
	since, horizon, early := now, int64(0), int64(0)
	if s.Windows != nil {
		horizon = s.Windows.Horizon()
	}
	if s.Join != nil {
		since, early = s.Join.Since(now), s.Join.Spec().Early.Milliseconds()
	}
	// The windows of an event that waits reach back from when it came. And how long a label is kept goes by the
	// watermark that it found, so events are read again from before the first label that is.
	since, early = back(since, horizon), back(now, early)
	return s.before(s.read.events, min(since, early)), s.before(s.read.labels, early)
}

// reachesBack are the record times of the first records that a restart would read again of events and of labels, Unix
// milliseconds; 0 where it is not known yet, and of labels where none would be read.
func (s *Stream) reachesBack() (events, labels int64) {
	e, l := s.reach()
	for partition, next := range s.read.next[join.Labels] {
		offset, ok := s.offsetIn(l, millrace.Position{Topic: s.Topics[join.Labels], Partition: int32(partition)})
		if ok && offset < next {
			return e.Record, l.Record
		}
	}
	return e.Record, 0
}

// back is a time so many milliseconds before t, which math.MinInt64 is before all of.
func back(t, milliseconds int64) int64 {
	if t < math.MinInt64+milliseconds {
		return math.MinInt64
	}
	return t - milliseconds
}

// before is a place in the log that all records of stream time t and later lie behind.
func (s *Stream) before(index *keyed.Index, t int64) keyed.Vector {
	if t > math.MinInt64 {
		if v, ok := index.Before(t); ok {
			return v
		}
	}
	return s.read.origin
}

// Keyed is what a version at the given positions says of the state by key; nil for a stream without.
func (s *Stream) Keyed(positions []millrace.Position) *millrace.Keyed {
	if s.Clock == nil {
		return nil
	}
	events, labels := s.reach()
	k := &millrace.Keyed{Watermark: events.Topic, Now: s.Clock.Now()}
	for _, p := range positions {
		from, mark := labels, millrace.Mark{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Watermark: math.MinInt64}
		if p.Topic == s.Topics[join.Events] {
			from = events
			k.Newest = append(k.Newest, millrace.Mark{Topic: p.Topic, Partition: p.Partition, Watermark: s.Clock.Watermark(p.Partition)})
			if w, ok := events.Watermarks[s.key(join.Events, p.Partition)]; ok {
				mark.Watermark = w
			}
		}
		if offset, ok := s.offsetIn(from, p); ok {
			mark.Offset = min(offset, p.Offset)
		}
		k.Rebuild = append(k.Rebuild, mark)
	}
	return k
}

// offsetIn is a position's partition in a vector, or where reading of it began when it appeared later.
func (s *Stream) offsetIn(v keyed.Vector, p millrace.Position) (int64, bool) {
	key := keyed.Source{Topic: p.Topic, Partition: p.Partition}
	if offset, ok := v.Offsets[key]; ok {
		return offset, true
	}
	offset, ok := s.read.origin.Offsets[key]
	return offset, ok
}

// OldestWaiting is for how long the event that waits longest has waited, in stream time, as exact as a 256th of what
// the log is needed for; 0 where none waits.
func (s *Stream) OldestWaiting() time.Duration {
	if s.Join == nil || s.read.first == math.MaxInt64 {
		return 0
	}
	now := s.Clock.Now()
	oldest := now
	s.Join.Oldest(func(at join.Place) {
		came, ok := s.read.events.TimeOf(s.key(join.Events, at.Partition), at.Offset)
		if !ok {
			came = s.read.first
		}
		oldest = min(oldest, came)
	})
	return time.Duration(now-oldest) * time.Millisecond
}

// BeginRebuild takes over what a version says of the state by key, which is empty: its counts, and who waits. Records
// from its rebuild marks up to its positions then go through Rebuild, in the order that Event and Label would take them
// in, and EndRebuild follows.
func (s *Stream) BeginRebuild(m *millrace.Manifest, waiting []byte) error {
	s.kept = s.counts.restore(m.Names)
	if s.Clock == nil || m.Keyed == nil {
		return nil
	}
	s.read = s.newRead()
	s.read.ends = map[int32]int64{}
	s.read.origin.Topic = m.Keyed.Watermark
	for _, p := range m.Positions {
		if p.Topic == s.Topics[join.Events] {
			s.read.ends[p.Partition] = p.Offset
		}
	}
	watermarks := map[int32]int64{}
	for _, mark := range m.Keyed.Rebuild {
		kind := s.kindOf(mark.Topic)
		s.begin(kind, mark.Partition, mark.Offset)
		if kind == join.Events {
			watermarks[mark.Partition] = mark.Watermark
			s.read.origin.Watermarks[s.key(kind, mark.Partition)] = mark.Watermark
		}
	}
	s.Clock.Set(m.Keyed.Watermark, watermarks)
	if !fresh(m.Keyed) { // else a partition that ends would let what the others still bring come too late
		s.Clock.Limit(m.Keyed.Now)
	}
	for partition, end := range s.read.ends {
		// One that had brought nothing, while others had let time go on, did not hold it up: it was idle, or is newer.
		silent := watermarks[partition] == math.MinInt64 && m.Keyed.Watermark != math.MinInt64
		s.Clock.SetIdle(partition, silent || s.nextOf(join.Events, partition) >= end)
	}
	if s.Join == nil {
		return nil
	}
	if err := s.Join.BeginRebuild(waiting, m.Keyed.Now); err != nil {
		return fmt.Errorf("restoring who waits: %w", err)
	}
	return nil
}

// fresh is that nothing was applied yet; but windows know of what lies before.
func fresh(k *millrace.Keyed) bool { return k.Now == math.MinInt64 && len(k.Newest) == 0 }

// Rebuild applies a record that was applied before, an event's or a label's, to the state by key alone.
func (s *Stream) Rebuild(e *millrace.Event, rec *millrace.Record, label bool) {
	if label {
		if s.Join != nil && usable(e) == nil {
			stream := s.beginLabel(e, rec)
			s.noteLabel(rec, stream, s.Join.RebuildLabel(e, placeOf(rec), stream))
		}
		return
	}
	watermark := s.Clock.Now()
	e.CapTime(rec)
	stream := max(e.Time, watermark)
	if s.Join != nil && s.Join.Named(placeOf(rec)) || !s.Trainer.Checks() {
		s.fill(e, watermark) // of no other event anybody asks again what its windows were
	}
	if s.Trainer.Check(e) != nil {
		s.note(rec, join.Events, watermark)
	} else {
		s.note(rec, join.Events, stream)
		if s.Join != nil && len(e.ID) > 0 {
			if from, ok := s.replayed(rec); ok {
				s.Join.TakeOver(e, from, placeOf(rec), stream)
			}
			s.Join.Rebuild(e, placeOf(rec), stream)
		}
		s.observe(e, rec, watermark)
		if s.Join != nil {
			s.Join.Forget(s.Clock.Now())
		}
	}
	if end, ok := s.read.ends[rec.Partition]; ok && rec.Next() >= end {
		s.Clock.SetIdle(rec.Partition, true) // nothing more of it comes: as if it were idle, it holds nothing up
	}
}

// EndRebuild sets watermarks and positions to the version's. It returns how many that waited were not in the log.
func (s *Stream) EndRebuild(m *millrace.Manifest) (lost uint64) {
	if s.Clock == nil || m.Keyed == nil {
		return 0
	}
	now, newest := m.Keyed.Now, map[int32]int64{}
	for _, mark := range m.Keyed.Newest {
		newest[mark.Partition] = mark.Watermark
	}
	if fresh(m.Keyed) {
		now, newest = s.Clock.Now(), s.Clock.Watermarks()
	}
	s.Clock.Set(now, newest)
	for _, p := range m.Positions {
		s.setNext(s.kindOf(p.Topic), p.Partition, p.Offset)
	}
	s.read.ends = nil
	if s.Join == nil {
		return 0
	}
	events, labels := s.Join.EndRebuild()
	s.counts[Lost] += events
	s.counts[LabelLost] += labels
	return events + labels
}

func (s *Stream) newRead() read {
	r := read{first: math.MaxInt64, newest: [2]int64{math.MinInt64, math.MinInt64}, origin: keyed.Vector{
		Offsets: map[keyed.Source]int64{}, Watermarks: map[keyed.Source]int64{}, Topic: math.MinInt64}}
	const finest = 60_000 // of shorter times no more than this need be read
	horizon, early := int64(0), int64(finest)
	if s.Windows != nil {
		horizon = s.Windows.Horizon()
	}
	if s.Join != nil {
		early = max(early, s.Join.Spec().Early.Milliseconds())
		horizon = max(horizon+s.Join.Spec().Wait.Milliseconds(), early)
	}
	r.events, r.labels = keyed.NewIndex(horizon), keyed.NewIndex(early)
	return r
}

func placeOf(rec *millrace.Record) join.Place {
	return join.Place{Partition: rec.Partition, Offset: rec.Offset}
}
