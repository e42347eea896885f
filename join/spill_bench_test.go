//go:build unix

package join

import (
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"millrace"
	"millrace/join/disk"
)

// scattered gives the events of a stream ids in no order, as random ones are.
func (s *stream) scattered(n int) *millrace.Event {
	e := s.at(n)
	setID(e.ID, n*0x5851f42d4c957f2d)
	return e
}

// filesFor opens a table with a store on a real disk.
func filesFor(t testing.TB, spec Spec) (*Table, *disk.Store) {
	store, err := disk.Open(t.TempDir(), int64(spec.Disk))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	tab := New(spec, 2)
	tab.Overflow(store)
	return tab, store
}

// spilled brings a table whose events wait for n milliseconds, and have mostly left memory, to its steady state: each
// event comes a millisecond after the one before, and the label of the one before the last half of the wait with it.
func spilled(t testing.TB, tab *Table, from, to, n int, labels bool) {
	s := newStream()
	var taken millrace.Event
	prediction := []float64{.5, .5}
	for i := from; i < to; i++ {
		e, at := s.scattered(i), Place{0, int64(i)}
		if tab.Arrive(e, at, int64(i)) != First {
			t.Fatalf("event %d has been", i)
		}
		tab.Wait(e, at, tab.Due(int64(i)), prediction)
		for tab.Expire(int64(i)) {
			if _, ok := tab.Take(&taken); !ok || taken.Time != int64(i-n) {
				t.Fatalf("%d expired at %d", taken.Time, i)
			}
		}
		if labels && i >= n/2 && i%2 == 0 { // the other half expires
			setID(s.label.ID, (i-n/2)*0x5851f42d4c957f2d)
			if tab.Label(&s.label, at, int64(i)) != Joined {
				t.Fatalf("label at %d: not joined", i)
			}
			tab.Take(&taken)
		}
		if err := tab.Err(); err != nil || tab.Crowded() {
			t.Fatalf("crowded, or %v", err)
		}
	}
}

// BenchmarkJoinSpilled has an event come, the label of another, and half an expiry, with a million waiting or known of
// whom a tenth has room in memory.
func BenchmarkJoinSpilled(b *testing.B) {
	tab, _ := filesFor(b, Spec{Wait: benchWaiting * time.Millisecond, Memory: 16 << 20, Disk: 1 << 30})
	spilled(b, tab, 0, 3*benchWaiting/2, benchWaiting, true)
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	spilled(b, tab, 3*benchWaiting/2, 3*benchWaiting/2+b.N, benchWaiting, true)
	report(b, began, b.N)
	b.ReportMetric(float64(tab.Stats().Spilled), "spilled")
}

// TestMemoryOfManyWaiting: so many millions wait in 512 MiB of memory that the process has in all.
func TestMemoryOfManyWaiting(t *testing.T) {
	millions, err := strconv.Atoi(os.Getenv("MILLRACE_TEST_WAITING"))
	if err != nil {
		t.Skip("MILLRACE_TEST_WAITING is no number of millions")
	}
	n := millions * 1_000_000
	tab, store := filesFor(t, Spec{Wait: time.Duration(n) * time.Millisecond, Memory: 128 << 20,
		Disk: millrace.Bytes(n) * 240})
	tell := func(what string, began time.Time, from time.Duration, count int) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		stats, kept := tab.Stats(), store.Stats()
		t.Logf("%s: %.0f a second, %.0f ns of cpu each; %d wait, %d of %d ids in the store; table %d MiB, store %d MiB in memory and "+
			"%d MiB in %d files (%d left) for %d MiB of charge; resident at most %d MiB", what, float64(count)/time.Since(began).Seconds(), float64(cpu()-from)/float64(count), stats.Waiting, stats.Spilled,
			stats.IDs, stats.Bytes>>20, kept.Memory>>20, kept.Bytes>>20, kept.Segments, kept.Live>>20, stats.Stored>>20, u.Maxrss>>10)
		if kept.Bytes > stats.Stored {
			t.Errorf("files take %d bytes, and are charged %d", kept.Bytes, stats.Stored)
		}
		if u.Maxrss > 512<<10 {
			t.Errorf("%d KiB are resident", u.Maxrss)
		}
	}
	began, from := time.Now(), cpu()
	spilled(t, tab, 0, n, n, false)
	tell("coming", began, from, n)
	if stats := tab.Stats(); stats.Waiting != n {
		t.Errorf("%d wait", stats.Waiting)
	}
	began, from = time.Now(), cpu()
	spilled(t, tab, n, n+n/20, n, true)
	tell("coming, joined and expiring", began, from, n/20)
}
