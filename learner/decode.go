package learner

import (
	"context"
	"errors"
	"slices"

	"millrace"
	"millrace/merge"
	"millrace/model"
)

const (
	// chunkRecords are filled into a chunk at least where as many are at hand, and chunkRecordsMost at most: as many
	// as stay in a core's cache, for whoever waits for a turn is woken once a chunk, which takes as long as a hundred
	// records; and a multiple of what a model's parts take side by side.
	chunkRecords, chunkRecordsMost = 3 * model.ChunkEvents, 18 * model.ChunkEvents
	// chunkBytes is about what a chunk's events take, with eventBytes and fieldBytes for each.
	chunkBytes, eventBytes, fieldBytes = 1 << 20, 256, 48
)

// ChunkRecords is how many records travel from decoding to learning at once, of events with so many fields.
func ChunkRecords(fields int) int {
	n := chunkBytes / (eventBytes + fieldBytes*fields) / model.ChunkEvents * model.ChunkEvents
	return min(max(n, chunkRecords), chunkRecordsMost)
}

// Room is events to decode into, as many as a chunk has needed.
type Room struct {
	events []*millrace.Event
	used   int
}

// Next is an event to decode into, made by the decoder where none is left.
func (r *Room) Next(d interface{ NewEvent() *millrace.Event }) *millrace.Event {
	if r.used == len(r.events) {
		r.events = append(r.events, d.NewEvent())
	}
	r.used++
	return r.events[r.used-1]
}

// Reset gives all events back.
func (r *Room) Reset() { r.used = 0 }

// slot is one record, decoded, or why it cannot be. Slots without a record only move a position, or say which
// partitions went idle or awoke.
type slot struct {
	event     *millrace.Event     // nil for what was not decoded
	rejection *millrace.Rejection // nil for a good event
	record    *millrace.Record    // nil for none
	batch     *millrace.Batch     // that the record is of; nil for changes of idleness
	label     bool                // it is of the labels' topic
	last      bool                // the batch is used up with it
	anew      bool                // it is the first of a topic that was made anew
	idleness  *idleness
}

// idleness is which of the events' partitions went idle, and which awoke, before the slots that follow.
type idleness struct{ idle, awake []int32 }

// chunk is slots in the order that they are applied in: records of any number of batches.
type chunk struct {
	slots  []slot
	rooms  [2]Room // that events, and labels, are decoded into
	coming Coming  // of the slots, those that could be decoded
}

func (c *chunk) reset() {
	c.slots = c.slots[:0]
	c.rooms[0].Reset()
	c.rooms[1].Reset()
	c.coming.Reset()
}

// decoders are a goroutine's: of events, and of labels where there are any.
type decoders []Decoder

// sides are the sets of decoders of those that decode side by side on so many cores. Without further decoders of a kind
// there is one.
func sides(cores int, own decoders, further ...func() Decoder) []decoders {
	all := []decoders{own}
	further = further[:len(own)]
	if slices.ContainsFunc(further, func(f func() Decoder) bool { return f == nil }) {
		return all
	}
	for range min(cores, WorkersMost) - 1 {
		var another decoders
		for _, f := range further {
			another = append(another, f())
		}
		all = append(all, another)
	}
	return all
}

// intake fills chunks with records in the merger's order.
type intake struct {
	merger Merger
	most   int           // slots of a chunk
	rest   merge.Stretch // what the chunk before had no room for
}

// newTurns returns turns of chunks that are filled from the merger and decoded by one set of decoders for each worker.
func newTurns(merger Merger, sets []decoders, learn func(c *chunk) error) *Turns[*chunk] {
	in := &intake{merger: merger, most: ChunkRecords(len(sets[0][0].NewEvent().Fields))}
	return NewTurns(Work[*chunk]{
		New:     func() *chunk { return &chunk{} },
		Fill:    in.fill,
		Prepare: func(worker int, c *chunk) { c.decode(sets[worker]) },
		Learn:   learn,
	})
}

// fill fills a chunk with what is at hand, and waits only for its first slot: nothing that came waits for what may
// come.
func (in *intake) fill(ctx context.Context, c *chunk) (int, error) {
	c.reset()
	for len(c.slots) < in.most {
		if in.rest.Batch == nil {
			if ready, ok := in.merger.(interface{ Ready() bool }); len(c.slots) > 0 && (!ok || !ready.Ready()) {
				break
			}
			s, err := in.merger.Next(ctx)
			if err != nil {
				return len(c.slots), err
			}
			if len(s.Idle)+len(s.Awake) > 0 {
				c.slots = append(c.slots, slot{idleness: &idleness{slices.Clone(s.Idle), slices.Clone(s.Awake)}})
			}
			in.rest = s
		}
		in.take(c)
	}
	return len(c.slots), nil
}

// take takes records of the stretch at hand, as many as the chunk has room for. A stretch without records still gives
// a slot: a position moves.
func (in *intake) take(c *chunk) {
	s := &in.rest
	switch {
	case s.Batch == nil:
		return
	case s.From == s.To && s.Last:
		c.slots = append(c.slots, slot{batch: s.Batch, label: s.Source > 0, last: true, anew: s.Anew})
	}
	n := min(s.To-s.From, max(in.most-len(c.slots), 1))
	at := len(c.slots)
	c.slots = slices.Grow(c.slots, n)[:at+n]
	records := s.Batch.Records[s.From : s.From+n]
	for i := range records {
		c.slots[at+i] = slot{record: &records[i], batch: s.Batch, label: s.Source > 0}
	}
	to := s.From + n
	if n > 0 {
		c.slots[at].anew = s.Anew
		c.slots[at+n-1].last = s.Last && to == s.To
	}
	if s.From, s.Anew = to, false; s.From == s.To {
		in.rest = merge.Stretch{}
	}
}

// decode decodes the chunk's records.
func (c *chunk) decode(own decoders) {
	for i := range c.slots {
		at := &c.slots[i]
		if at.record == nil {
			continue
		}
		kind := kindOf(at.label)
		at.event = c.rooms[kind].Next(own[kind])
		if at.rejection = at.record.Fault; at.rejection == nil { // else nothing of it is there to be decoded
			at.rejection = decodeRecord(own[kind], at.record, at.event)
		}
		if at.rejection == nil {
			c.coming.Add(at.event, at.label)
		}
	}
}

// ahead is called before each slot's turn, and tells the state by key of its event or label and of some that follow, a
// few at a time.
func (c *chunk) ahead(stream *Stream, s *slot) {
	if s.event != nil && s.rejection == nil {
		c.coming.Turn(stream, s.label)
	}
}

func decodeRecord(decoder Decoder, rec *millrace.Record, dst *millrace.Event) *millrace.Rejection {
	err := decoder.Decode(rec, dst)
	if err == nil {
		return nil
	}
	var why *millrace.Rejection
	if !errors.As(err, &why) {
		why = &millrace.Rejection{Reason: millrace.ReasonBadRecord, Detail: err.Error()}
	}
	return why
}
