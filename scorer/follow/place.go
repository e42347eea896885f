package follow

import (
	"context"
	"fmt"
	"time"

	"millrace"
)

// Topic is the events topic as the follower's group of scorers has it.
type Topic interface {
	// Committed is where the group stands: a position for each partition that it has one for.
	Committed(ctx context.Context) ([]millrace.Position, error)
	// Bounds are each partition's first offset and its readable end.
	Bounds(ctx context.Context) (map[int32][2]int64, error)
	// OffsetsAt is the first offset of each partition whose record's time is t (Unix milliseconds) or later, its end
	// where there is none.
	OffsetsAt(ctx context.Context, t int64) (map[int32]int64, error)
	// Read prepares to read all partitions, these from the given offsets and others from their first record.
	Read(from map[int32]int64) (Reader, error)
}

// place is where a pass begins, and from where on it keeps values.
type place struct {
	start  map[int32]int64
	floors map[int32]int64
	time   int64 // nothing before start has a later record time
	whole  bool  // nothing in the log lies before start
	lost   bool  // the log no longer holds what came before start
}

// placing looks for where to begin, so that the windows of all events from the floors on are whole.
type placing struct {
	topic  Topic
	bounds map[int32][2]int64
	floors map[int32]int64
	now    int64
}

// newPlacing asks where the group stands. needed are positions that lie further back than its commits.
func newPlacing(ctx context.Context, topic Topic, needed map[int32]int64, now time.Time) (*placing, error) {
	committed, err := topic.Committed(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking where the scorers stand: %w", err)
	}
	bounds, err := topic.Bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking what the events topic holds: %w", err)
	}
	p := &placing{topic: topic, bounds: bounds, floors: make(map[int32]int64, len(bounds)), now: now.UnixMilli()}
	for id, b := range bounds {
		p.floors[id] = b[0] // without a position it is scored from its first record
	}
	for _, at := range committed {
		if b, ok := bounds[at.Partition]; ok {
			p.floors[at.Partition] = min(max(at.Offset, b[0]), b[1])
		}
	}
	for id, offset := range needed {
		if _, ok := bounds[id]; ok {
			p.floors[id] = min(p.floors[id], offset) // if the log has lost it meanwhile, so are its windows
		}
	}
	return p, nil
}

// newest is a moment, at most precision too early, that lies before all that the floors stand behind: no partition with
// records behind its floor has one of then or later before it, and some partition has one of then or later before its
// floor. ok is false where nothing lies before any floor.
func (p *placing) newest(ctx context.Context, precision int64) (t int64, ok bool, err error) {
	earlier := false
	for id, floor := range p.floors {
		earlier = earlier || floor > p.bounds[id][0]
	}
	if !earlier {
		return 0, false, nil
	}
	precision = max(precision, 1000)
	back, tooNew := precision, int64(0) // before now
	for p.now > back {
		good, err := p.before(ctx, p.now-back)
		if err != nil {
			return 0, false, err
		}
		if good {
			break
		}
		back, tooNew = back*2, back
	}
	for back-tooNew > precision {
		middle := (back + tooNew) / 2
		good := p.now <= middle
		if !good {
			if good, err = p.before(ctx, p.now-middle); err != nil {
				return 0, false, err
			}
		}
		if good {
			back = middle
		} else {
			tooNew = middle
		}
	}
	return max(p.now-back, 0), true, nil
}

// before reports what newest says of a moment.
func (p *placing) before(ctx context.Context, t int64) (bool, error) {
	at, err := p.topic.OffsetsAt(ctx, t)
	if err != nil {
		return false, fmt.Errorf("asking for the offsets of a moment: %w", err)
	}
	some := false
	for id, floor := range p.floors {
		if floor < p.bounds[id][1] && at[id] > floor {
			return false, nil
		}
		some = some || floor > p.bounds[id][0] && at[id] < floor
	}
	return some, nil
}

// from is the place that begins with the records of t on.
func (p *placing) from(ctx context.Context, t int64) (*place, error) {
	t = max(t, 0)
	at, err := p.topic.OffsetsAt(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("asking for the offsets of a moment: %w", err)
	}
	out := &place{start: make(map[int32]int64, len(at)), floors: p.floors, time: t, whole: true}
	for id, b := range p.bounds {
		start := max(min(at[id], p.floors[id]), b[0])
		out.start[id] = start
		if start > b[0] {
			out.whole = false
		} else if b[0] > 0 {
			out.lost = true
		}
	}
	return out, nil
}

// place finds where the next pass begins.
func (f *Follower) place(ctx context.Context) (*place, error) {
	f.mu.Lock()
	needed := f.needed
	f.needed = map[int32]int64{}
	f.mu.Unlock()
	at, err := f.find(ctx, needed)
	if err != nil {
		f.mu.Lock()
		for p, offset := range needed {
			f.need(p, offset)
		}
		f.mu.Unlock()
	}
	return at, err
}

func (f *Follower) need(partition int32, offset int64) {
	if was, ok := f.needed[partition]; !ok || offset < was {
		f.needed[partition] = offset
	}
}

func (f *Follower) find(ctx context.Context, needed map[int32]int64) (*place, error) {
	p, err := newPlacing(ctx, f.o.Topic, needed, f.o.Now())
	if err != nil {
		return nil, err
	}
	horizon := f.o.Windows.Horizon()
	slack := max(horizon/slackShare, slackMin)
	t, ok, err := p.newest(ctx, slack)
	if err != nil {
		return nil, err
	}
	if !ok {
		t = p.now // nothing lies before the floors
	}
	return p.from(ctx, min(t-horizon-slack, f.earlier))
}

// Event times may trail record times. A share of the horizon is read more than would be needed if they did not, which
// nearly always saves a second pass.
const (
	slackShare = 16
	slackMin   = 1000 // ms
)
