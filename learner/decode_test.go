package learner

import (
	"maps"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"millrace"
)

// unevenDecoder takes its time now and then.
type unevenDecoder struct {
	lateDecoder
	calls *atomic.Int64
}

func (d unevenDecoder) Decode(rec *millrace.Record, dst *millrace.Event) error {
	if d.calls.Add(1)%97 == 0 {
		time.Sleep(time.Millisecond)
	}
	return d.lateDecoder.Decode(rec, dst)
}

// TestDecodedSideBySide: records that several goroutines decode are applied in their order all the same, and none of
// those goes on when the learner ends.
func TestDecodedSideBySide(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(6))
	l := newLives(5)
	l.fill(4000, 3)
	all, before := map[bool]millrace.Snapshot{}, runtime.NumGoroutine()
	for _, beside := range []bool{false, true} {
		f := l.begin(t, nil, 50, 0)
		var made, calls atomic.Int64
		if beside {
			further := func(label bool) func() Decoder {
				return func() Decoder {
					made.Add(1)
					return unevenDecoder{lateDecoder{label: label}, &calls}
				}
			}
			f.learner.o.NewDecoder, f.learner.o.Labels.NewDecoder = further(false), further(true)
		}
		f.run(t)
		if n := made.Load(); beside && (n != 6 || calls.Load() == 0) {
			t.Errorf("%d further decoders, %d records", n, calls.Load())
		}
		all[beside] = f.store.last(t)
	}
	one, several := all[false], all[true]
	if !maps.Equal(learned(t, &one), learned(t, &several)) || !maps.Equal(one.Manifest.Names, several.Manifest.Names) {
		t.Errorf("another state, or names %v, want %v", several.Manifest.Names, one.Manifest.Names)
	}
	for range 1000 { // a goroutine that has returned may still be counted
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
