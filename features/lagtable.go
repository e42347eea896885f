package features

import (
	"fmt"
	"math"

	"millrace"
)

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

// restored checks moments and table.
func (l *lag) restored() error {
	name := l.name
	if l.clock[0] > math.MaxInt64 {
		return fmt.Errorf("%w: %s has seen %d events", millrace.ErrCorrupt, name, l.clock[0])
	}
	if err := l.usual.Restored(); err != nil {
		return err
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
	return nil
}
