package features

import (
	"fmt"
	"slices"

	"millrace"
	"millrace/moments"
)

// lagWays is how many keys share a place of a lag's table: the one of them longest without an event gives
// way to a new key. Eight keep the tables of caches close to one single row of the least recently used.
const lagWays = 8

// lags are the features of type lag.
type lags struct{ all []lag }

// lag is a feature of type lag: the values that a number, or the label, had some events of the same key
// ago, from a bounded table that only Observe writes. Its values are scaled as numbers are; a value that
// the table does not have is zero after scaling.
type lag struct {
	name   string
	own    int // the lag's own field
	field  int // of the number; -1 for the label
	key    int // field of the category
	column int // of the first step
	steps  []int
	depth  int // values remembered a key, the longest step
	seed   uint64
	mask   uint64 // places - 1
	scales []moments.Scale
	// Learned: what a step's values usually are, as of numbers; then one entry a key: its hash, the number of the
	// event that last wrote it (0 for free), how many values it had; and its last depth values, a ring.
	usual      *moments.Columns
	clock      []uint64 // one entry: events that wrote so far
	hash, last []uint64
	seen       []uint64
	value      []float64
}

func (*lags) check(c *Column, report report) {
	if len(c.Of) != 1 {
		report("of", "a lag has one number, as [amount], or [label]; found %d", len(c.Of))
	}
	if c.Key == "" {
		report("key", "a lag has a category that tells whose earlier values it means")
	}
	if len(c.Steps) == 0 {
		report("steps", "a lag has steps, as [1, 24]")
	}
	for i, step := range c.Steps {
		if step < 1 || step > StepsMax {
			report(fmt.Sprintf("steps[%d]", i), "%d is outside 1 to %d", step, StepsMax)
		} else if i > 0 && step <= c.Steps[i-1] {
			report(fmt.Sprintf("steps[%d]", i), "%d after %d: steps rise", step, c.Steps[i-1])
		}
	}
	if c.Keys < 1 || c.Keys > LagValuesMax {
		report("keys", "%d is outside 1 to %d", c.Keys, LagValuesMax)
	} else if n := len(c.Steps); n > 0 && c.Steps[n-1] > 0 && c.Keys > LagValuesMax/c.Steps[n-1] {
		report("keys", "%d keys of %d values are more than %d", c.Keys, c.Steps[n-1], LagValuesMax)
	}
}

func (*lags) checkSources(s Columns, i int, report report) {
	c := &s[i]
	for k, name := range c.Of {
		at := fmt.Sprintf("of[%d]", k)
		switch j := s.find(name); {
		case j < 0 && name != labelName:
			report(at, "there is no feature %q; for the label write label", name)
		case j >= 0 && s[j].Type != Number && s[j].Type != Boolean:
			report(at, "%q is a %s; only numbers and booleans have lags", name, s[j].Type)
		}
	}
	switch j := s.find(c.Key); {
	case c.Key == "":
	case j < 0:
		report("key", "there is no feature %q", c.Key)
	case s[j].Type != Category:
		report("key", "%q is a %s; a key is a category", c.Key, s[j].Type)
	}
}

func (*lags) size(s Columns, i int) size {
	n := len(s[i].Steps)
	return size{values: n, nonZeros: n, numeric: true}
}

func (ls *lags) add(p place) {
	places := 1
	for places*lagWays < p.Keys {
		places *= 2
	}
	n, keys := len(p.Steps), places*lagWays
	l := lag{
		name: p.Name, own: p.field, field: p.columns.find(p.Of[0]), key: p.columns.find(p.Key), column: p.first,
		steps: p.Steps, depth: p.Steps[n-1], mask: uint64(places - 1), usual: moments.New(0, moments.Options{}),
		clock: make([]uint64, 1), hash: make([]uint64, keys), last: make([]uint64, keys), seen: make([]uint64, keys),
		value: make([]float64, keys*p.Steps[n-1]),
	}
	for range p.Steps {
		l.usual.Add(p.Column.usual(p.sparse))
	}
	l.scales = l.usual.Scales()
	ls.all = append(ls.all, l)
}

func (ls *lags) reseed(seeds []uint64) {
	for i := range ls.all {
		ls.all[i].seed = seeds[ls.all[i].own]
	}
}

func (ls *lags) extract(dst *millrace.Vector, e *millrace.Event) {
	for i := range ls.all {
		ls.all[i].extract(dst, e)
	}
}

func (ls *lags) raw(dst []float32, e *millrace.Event) {
	for i := range ls.all {
		dst[ls.all[i].own] = ls.all[i].latest(e)
	}
}

func (ls *lags) observe(e *millrace.Event) {
	for i := range ls.all {
		ls.all[i].observe(e)
	}
}

func (ls *lags) state(visit visit) {
	for i := range ls.all {
		l := &ls.all[i]
		floats := func(name string, values []float64, shape ...int) {
			visit(fmt.Sprintf("lags.%d.%s", i, name), millrace.Tensor{Shape: shape, F64: values}, millrace.Serving)
		}
		whole := func(name string, values []uint64) {
			visit(fmt.Sprintf("lags.%d.%s", i, name), millrace.Tensor{Shape: []int{len(values)}, U64: values}, millrace.Serving)
		}
		l.usual.State(fmt.Sprintf("lags.%d", i), millrace.Serving, visit)
		whole("clock", l.clock)
		whole("hash", l.hash)
		whole("last", l.last)
		whole("seen", l.seen)
		floats("value", l.value, len(l.hash), l.depth)
	}
}

func (ls *lags) restored() error {
	for i := range ls.all {
		if err := ls.all[i].restored(); err != nil {
			return err
		}
	}
	return nil
}

func (ls *lags) names(field, k int) []string {
	l := &ls.all[slices.IndexFunc(ls.all, func(l lag) bool { return l.own == field })]
	return []string{fmt.Sprintf("%s (%d back)", l.name, l.steps[k])}
}

// keyOf is whose earlier values an event has: of what its key says, or in a Blend the lag's own field.
func (l *lag) keyOf(e *millrace.Event) (uint64, bool) {
	f := &e.Fields[l.own]
	if f.Presence == millrace.Absent {
		f = &e.Fields[l.key]
	}
	return hash64(l.seed, f.Text), f.Presence == millrace.Present
}

// step is what an event has as the value of step i: that of the key's entry, or in a Blend what is usual in its place.
func (l *lag) step(e *millrace.Event, entry, i int) (float64, bool) {
	v, ok := l.at(entry, l.steps[i])
	if ok && e.Fields[l.own].Number == lagUsual {
		v = l.usual.Centre(i)
	}
	return v, ok
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
	dst.Wild = dst.Wild || l.usual.Doubtful()
	for i := range l.steps {
		if v, ok := l.step(e, entry, i); ok {
			z, ok := l.scales[i].Within(v)
			if !ok {
				z = l.scales[i].Standard(v)
				dst.Wild = dst.Wild || l.usual.Wild(i, v)
			}
			put(dst, l.column+i, float32(z))
		}
	}
}

// latest is the value of the first step as trees see it, NaN when there is none.
func (l *lag) latest(e *millrace.Event) float32 {
	if hash, ok := l.keyOf(e); ok {
		if entry, ok := l.find(hash); ok {
			if v, ok := l.step(e, entry, 0); ok {
				v, _ := l.usual.Raw(0, v)
				return single(v)
			}
		}
	}
	return noNumber()
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
				l.usual.Observe(i, v, 1)
			}
		}
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
