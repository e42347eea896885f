package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"millrace"
)

// ErrHeadLost is the error of a model that has versions and no head that can be read: the store lost a key, and whoever
// began anew would take the place of what is there.
var ErrHeadLost = errors.New("the store has lost the head; `millrace snapshots repair -c FILE` shows what it can put back")

// ErrWrongType is the error of a key that holds another type than Millrace writes there. It wraps millrace.ErrCorrupt.
var ErrWrongType = fmt.Errorf("%w: something else was written to its keys", millrace.ErrCorrupt)

// wrongType is the error of a script that answers 'TYPE key is right'; nil for every other answer.
func wrongType(answer string) error {
	words := strings.Fields(answer)
	if len(words) != 4 || words[0] != "TYPE" {
		return nil
	}
	return errWrongType(words[1], words[2], words[3])
}

func errWrongType(key, is, right string) error {
	if right == "zset" {
		right = "sorted set"
	}
	if is != "another type" {
		is = "a " + is
	}
	return fmt.Errorf("%w: %s holds %s and must hold a %s, so nothing was changed; `millrace snapshots repair -c FILE --apply` "+
		"sets it aside and rebuilds it", ErrWrongType, key, is, right)
}

// toldMax bounds what a store remembers of the faults it has told of.
const toldMax = 1000

// faultsTold remembers which faults were told of: they are met at every look, and told of once.
type faultsTold struct {
	mu   sync.Mutex
	told map[string]bool
}

// news reports whether the fault is met for the first time.
func (f *faultsTold) news(fault string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told[fault] || len(f.told) >= toldMax {
		return false
	}
	if f.told == nil {
		f.told = map[string]bool{}
	}
	f.told[fault] = true
	return true
}
