package features

import (
	"fmt"
	"math"

	"millrace"
)

// lagWays is how many keys share a place of a lag's table: the one of them longest without an event gives
// way to a new key. Eight keep the tables of caches close to one single row of the least recently used.
const lagWays = 8

// lag is a feature of type lag: the values that a number, or the label, had some events of the same key
// ago, from a bounded table that only Observe writes. Its values are scaled as numbers are; a value that
// the table does not have is zero after scaling.
type lag struct {
	own      int // the lag's own field
	field    int // of the number; -1 for the label
	key      int // field of the category
	column   int // of the first step
	steps    []int
	depth    int // values remembered a key, the longest step
	seed     uint64
	centred  bool // false in sparse views
	standard bool
	clip     float64
	mask     uint64 // places - 1
	scales   []scale
	// Learned: moments a step, as Extractor has them; then one entry a key: its hash, the number of the
	// event that last wrote it (0 for free), how many values it had; and its last depth values, a ring.
	count, mean, m2 []float64
	clock           []uint64 // one entry: events that wrote so far
	hash, last      []uint64
	seen            []uint64
	value           []float64
}

func newLag(columns Columns, i, column int, seed uint64) lag {
	c := &columns[i]
	places := 1
	for places*lagWays < c.Keys {
		places *= 2
	}
	n, keys := len(c.Steps), places*lagWays
	l := lag{
		own: i, field: columns.find(c.Of[0]), key: columns.find(c.Key), column: column, steps: c.Steps, depth: c.Steps[n-1], seed: seed,
		centred: !columns.sparse(columns.widths()), standard: c.Scale == scaleStandard, clip: c.Clip, mask: uint64(places - 1),
		scales: make([]scale, n), count: make([]float64, n), mean: make([]float64, n), m2: make([]float64, n),
		clock: make([]uint64, 1), hash: make([]uint64, keys), last: make([]uint64, keys), seen: make([]uint64, keys),
		value: make([]float64, keys*c.Steps[n-1]),
	}
	l.refresh()
	return l
}

func (l *lag) refresh() {
	kind := asIs
	switch {
	case l.standard && l.centred:
		kind = centred
	case l.standard:
		kind = divided
	}
	for i := range l.scales {
		l.scales[i] = scale{}
		l.scales[i].refresh(kind, l.clip, l.count[i], l.mean[i], l.m2[i])
	}
}

// find returns the entry of a key, or the one that gives way to it.
func (l *lag) find(hash uint64) (entry int, known bool) {
	first := int(hash&l.mask) * lagWays
	entry = first
	for k := first; k < first+lagWays; k++ {
		switch {
		case l.last[k] > 0 && l.hash[k] == hash:
			return k, true
		case l.last[k] < l.last[entry]:
			entry = k
		}
	}
	return entry, false
}

// at is the value of an entry some steps ago; false when it had not as many.
func (l *lag) at(entry, steps int) (float64, bool) {
	n := l.seen[entry]
	if uint64(steps) > n {
		return 0, false
	}
	return l.value[entry*l.depth+int((n-uint64(steps))%uint64(l.depth))], true
}

func (l *lag) keyOf(e *millrace.Event) (uint64, bool) {
	f := &e.Fields[l.key]
	return hash64(l.seed, f.Text), f.Presence == millrace.Present
}

func (l *lag) extract(dst *millrace.Vector, e *millrace.Event) {
	hash, ok := l.keyOf(e)
	if !ok {
		return
	}
	entry, ok := l.find(hash)
	if !ok {
		return
	}
	for i, steps := range l.steps {
		if v, ok := l.at(entry, steps); ok {
			s := &l.scales[i]
			put(dst, l.column+i, float32(clip((v-s.centre)*s.factor, s.bound)))
		}
	}
}

// latest is the value of the first step as it is, NaN when there is none.
func (l *lag) latest(e *millrace.Event) float32 {
	if hash, ok := l.keyOf(e); ok {
		if entry, ok := l.find(hash); ok {
			if v, ok := l.at(entry, l.steps[0]); ok {
				return float32(clip(v, math.MaxFloat32))
			}
		}
	}
	return float32(math.NaN())
}

// observe learns the moments of what Extract saw and then remembers the event's own value.
func (l *lag) observe(e *millrace.Event) {
	hash, ok := l.keyOf(e)
	if !ok {
		return
	}
	entry, known := l.find(hash)
	if known {
		for i, steps := range l.steps {
			if v, ok := l.at(entry, steps); ok {
				moments(&l.count[i], &l.mean[i], &l.m2[i], v)
			}
		}
		l.refresh()
	}
	v, ok := l.now(e)
	if !ok {
		return
	}
	if !known {
		l.hash[entry], l.seen[entry] = hash, 0
		clear(l.value[entry*l.depth : (entry+1)*l.depth])
	}
	l.clock[0]++
	l.last[entry] = l.clock[0]
	l.value[entry*l.depth+int(l.seen[entry]%uint64(l.depth))] = clip(v, numberMax)
	l.seen[entry]++
}

// now is the event's own value: of a label that is a class, its number.
func (l *lag) now(e *millrace.Event) (float64, bool) {
	if l.field >= 0 {
		f := &e.Fields[l.field]
		return f.Number, f.Presence == millrace.Present
	}
	return e.Label.Value + float64(e.Label.Class), e.Label.Known
}

// moments adds a value to a mean and a sum of squared deviations, see Extractor.Observe.
func moments(count, mean, m2 *float64, v float64) {
	k := *count
	delta := v - *mean
	if k+1 > settleAt && delta*delta*k > outlier*outlier**m2 && *m2 > 0 {
		delta = math.Copysign(outlier*math.Sqrt(*m2/k), delta)
		v = *mean + delta
	}
	*count = k + 1
	*mean += delta / *count
	if square := delta * (v - *mean); square > 0 {
		*m2 += square
	}
}

func (l *lag) restored(name string) error {
	if l.clock[0] > math.MaxInt64 {
		return fmt.Errorf("%w: %s has seen %d events", millrace.ErrCorrupt, name, l.clock[0])
	}
	for i := range l.count {
		if err := checkMoments(name, l.count[i], l.mean[i], l.m2[i]); err != nil {
			return err
		}
	}
	for k, last := range l.last {
		first := k / lagWays * lagWays
		values := l.value[k*l.depth : (k+1)*l.depth]
		switch {
		case last > l.clock[0]:
			return fmt.Errorf("%w: %s remembers a key of event %d after %d", millrace.ErrCorrupt, name, last, l.clock[0])
		case last == 0 && (l.hash[k] != 0 || l.seen[k] != 0), last > 0 && (l.seen[k] == 0 || l.seen[k] > last):
			return fmt.Errorf("%w: %s has a key with %d values from event %d on", millrace.ErrCorrupt, name, l.seen[k], last)
		case last > 0 && int(l.hash[k]&l.mask)*lagWays != first:
			return fmt.Errorf("%w: %s has a key in another's place", millrace.ErrCorrupt, name)
		}
		for other := first; other < k; other++ {
			if last > 0 && (l.last[other] == last || l.last[other] > 0 && l.hash[other] == l.hash[k]) {
				return fmt.Errorf("%w: %s has a key twice", millrace.ErrCorrupt, name)
			}
		}
		for at, v := range values {
			if !(math.Abs(v) <= numberMax) || uint64(at) >= l.seen[k] && v != 0 {
				return fmt.Errorf("%w: %s remembers %v", millrace.ErrCorrupt, name, v)
			}
		}
	}
	l.refresh()
	return nil
}
