package join

import (
	"cmp"
	"maps"
	"slices"

	"millrace"
)

// naive is the table as one would write it without a thought for time or memory: maps, sorted whenever asked. What is
// charged is computed anew from what is held.
type naive struct {
	spec      Spec
	ids       map[string]*naiveID
	watermark int64
	floor     int64
	lastLabel int64
	resume    int64
	counts    Counts
	outputs   int
}

type naiveID struct {
	id     string
	until  int64
	event  *naiveEvent // waits
	kept   *millrace.Event
	due    int64 // of what is kept
	keptAt Place
}

type naiveEvent struct {
	at       Place
	due      int64
	event    *millrace.Event
	measured bool
}

func newNaive(spec Spec, outputs int) *naive {
	return &naive{spec: spec, ids: map[string]*naiveID{}, watermark: never, floor: never, lastLabel: never, resume: never,
		outputs: outputs}
}

func (n *naive) look(id string) *naiveID {
	x := n.ids[id]
	if x != nil && x.event == nil && x.kept == nil && (x.until <= n.watermark || x.until <= n.floor) {
		delete(n.ids, id)
		return nil
	}
	return x
}

// arrive also lets the event wait.
func (n *naive) arrive(e *millrace.Event, at Place, stream int64, waits bool) (Arrival, *millrace.Event) {
	until := stream + n.spec.Wait.Milliseconds()
	id := string(e.ID)
	x := n.look(id)
	if x == nil {
		x = &naiveID{id: id, until: until}
		n.ids[id] = x
		if waits {
			x.event = &naiveEvent{at: at, due: until, event: e, measured: true}
		}
		return First, nil
	}
	if kept := x.kept; kept != nil {
		x.kept, x.until = nil, until
		return Early, kept
	}
	x.until = max(x.until, until)
	return Duplicate, nil
}

func (n *naive) label(l *millrace.Event, at Place, stream int64) (Match, *naiveEvent) {
	if hold := n.spec.Hold.Milliseconds(); hold > 0 && n.watermark != never {
		if n.watermark-n.lastLabel >= hold {
			n.resume = n.watermark + hold
		}
		n.lastLabel = n.watermark
	}
	id := string(l.ID)
	x := n.look(id)
	switch {
	case x == nil:
		n.ids[id] = &naiveID{id: id, kept: l, keptAt: at, due: stream + n.spec.Early.Milliseconds()}
		return Kept, nil
	case x.event == nil:
		return Repeated, nil
	}
	return Joined, n.settle(x)
}

func (n *naive) settle(x *naiveID) *naiveEvent {
	e := x.event
	x.event = nil
	n.look(x.id)
	return e
}

// lose forgets all that came of the events' topic.
func (n *naive) lose() (waited uint64) {
	for id, x := range n.ids {
		if x.event != nil {
			waited++
		}
		if x.kept == nil {
			delete(n.ids, id)
		}
	}
	return waited
}

func (n *naive) holding() bool {
	hold := n.spec.Hold.Milliseconds()
	return hold > 0 && n.watermark != never && (n.watermark-n.lastLabel >= hold || n.watermark < n.resume)
}

// expire is one event at most, nil when none is due.
func (n *naive) expire(watermark int64) *naiveEvent {
	if watermark > n.watermark {
		n.watermark = watermark
		if n.lastLabel == never {
			n.lastLabel = watermark
		}
	}
	for id, x := range n.ids {
		if x.kept != nil && x.due <= n.watermark {
			delete(n.ids, id)
			n.counts.LabelsUnmatched++
		}
	}
	x := n.oldest(func(x *naiveID) bool { return x.event != nil && x.event.due <= n.watermark })
	if x != nil && !n.holding() {
		return n.settle(x)
	}
	for id := range n.ids {
		n.look(id)
	}
	return nil
}

// oldest is the first of those that match by (deadline, known before waiting, place).
func (n *naive) oldest(match func(*naiveID) bool) *naiveID {
	var first *naiveID
	for _, x := range n.ids {
		if match(x) && (first == nil || before(x, first)) {
			first = x
		}
	}
	return first
}

func before(x, y *naiveID) bool {
	deadline := func(x *naiveID) (int64, int, Place) {
		switch {
		case x.event != nil:
			return x.event.due, 1, x.event.at
		case x.kept != nil:
			return x.due, 0, x.keptAt
		}
		return x.until, 0, Place{}
	}
	a, k, p := deadline(x)
	b, l, q := deadline(y)
	return cmp.Or(cmp.Compare(a, b), cmp.Compare(k, l), cmp.Compare(p.Partition, q.Partition), cmp.Compare(p.Offset, q.Offset)) < 0
}

// crowded is one event at most, nil when there is room.
func (n *naive) crowded() *naiveEvent {
	for {
		if _, labels := n.charge(); labels <= int64(n.spec.Memory)/labelShare {
			break
		}
		x := n.oldest(func(x *naiveID) bool { return x.kept != nil })
		delete(n.ids, x.id)
		n.counts.LabelsCrowded++
	}
	for {
		all, _ := n.charge()
		if all <= int64(n.spec.Memory+n.spec.Disk) {
			return nil
		}
		// While expiries are held, ids that are over are gone already.
		x := n.oldest(func(x *naiveID) bool { return x.event != nil || x.kept == nil })
		if x == nil {
			return nil
		}
		if x.event != nil {
			return n.settle(x)
		}
		n.floor = x.until
		for id, y := range n.ids {
			if y.event == nil && y.kept == nil && y.until == n.floor {
				delete(n.ids, id)
				n.counts.IDsForgotten++
			}
		}
	}
}

func (n *naive) charge() (all, labels int64) {
	pages := map[[3]int64]bool{}
	for id, x := range n.ids {
		switch {
		case x.kept != nil:
			labels += chargeLabel(len(id))
			pages[[3]int64{1, int64(x.keptAt.Partition), x.keptAt.Offset >> pageBits}] = true
		case x.event != nil:
			e := x.event
			all += chargeEvent(len(appendEvent(nil, e.event, e.due, nil, n.outputs)))
			pages[[3]int64{0, int64(e.at.Partition), e.at.Offset >> pageBits}] = true
			fallthrough
		default:
			all += chargeID(len(id))
		}
	}
	return all + labels + int64(len(pages))*pageBytes, labels
}

func (n *naive) waiting() []*naiveEvent {
	var all []*naiveEvent
	for _, id := range slices.Sorted(maps.Keys(n.ids)) {
		if e := n.ids[id].event; e != nil {
			all = append(all, e)
		}
	}
	return all
}

func (n *naive) kept() (count int) {
	for _, x := range n.ids {
		if x.kept != nil {
			count++
		}
	}
	return count
}
