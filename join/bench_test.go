//go:build unix

package join

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"millrace"
)

// stream makes events as a pipeline has them: an id of 16 bytes, eight fields, a category among them.
type stream struct {
	event millrace.Event
	label millrace.Event
}

func newStream() *stream {
	s := &stream{}
	s.event.ID, s.label.ID = make([]byte, 16), make([]byte, 16)
	s.event.Fields = make([]millrace.Field, 8)
	s.label.Label = millrace.Label{Known: true, Class: 1}
	return s
}

func setID(id []byte, n int) {
	for i := range id {
		id[i] = "0123456789abcdef"[n>>(4*(len(id)-1-i))&15]
	}
}

func (s *stream) at(n int) *millrace.Event {
	e := &s.event
	setID(e.ID, n)
	e.Time = int64(n)
	for i := range e.Fields {
		e.Fields[i] = millrace.Field{Presence: millrace.Present, Number: float64(n%1000) + .1*float64(i)}
	}
	e.Fields[1] = millrace.Field{Presence: millrace.Present, Text: e.ID[13:]}
	e.Fields[2].Number = float64(n % 50)
	e.Fields[3].Number = float64(n % 2)
	return e
}

func (s *stream) labelOf(n int) *millrace.Event {
	setID(s.label.ID, n)
	s.label.Time = int64(n)
	return &s.label
}

const benchWaiting = 1_000_000

// fill returns a table in which events 0 to n-1 came a millisecond after one another and wait.
func fill(n int, wait time.Duration) (*Table, *stream) {
	tab, s := New(Spec{Wait: wait, Early: time.Minute, Memory: 1 << 30}, 2), newStream()
	prediction := []float64{.5, .5}
	for i := range n {
		e := s.at(i)
		tab.Arrive(e, Place{0, int64(i)}, int64(i))
		tab.Wait(e, Place{0, int64(i)}, tab.Due(int64(i)), prediction)
	}
	return tab, s
}

// pairs lets event i come and then the label of event of(i), and ends what is over, for i in [from, to). With a wait of
// two million milliseconds a million wait and a million ids more are remembered.
func (s *stream) pairs(tab *Table, from, to int, of func(i int) int) bool {
	var taken millrace.Event
	prediction := []float64{.5, .5}
	for i := from; i < to; i++ {
		e := s.at(i)
		at := Place{0, int64(i)}
		if tab.Arrive(e, at, int64(i)) == First {
			tab.Wait(e, at, tab.Due(int64(i)), prediction)
		}
		for tab.Expire(int64(i)) {
			return false
		}
		if tab.Label(s.labelOf(of(i)), at, int64(i)) != Joined || tab.Crowded() {
			return false
		}
		tab.Take(&taken)
	}
	return true
}

func benchmarkPairs(b *testing.B, of func(i int) int) {
	tab, s := fill(benchWaiting, 2*benchWaiting*time.Millisecond)
	if !s.pairs(tab, benchWaiting, 5*benchWaiting/2, of) {
		b.Fatal("not joined")
	}
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	if !s.pairs(tab, 5*benchWaiting/2, 5*benchWaiting/2+b.N, of) {
		b.Fatal("not joined")
	}
	report(b, began, b.N)
	if n := tab.Stats().Waiting; n != benchWaiting {
		b.Fatal(n)
	}
}

// The label that comes with an event is that of one half a million to a million and a half before it, in no order.
func BenchmarkJoin(b *testing.B) {
	const block = 1 << 19
	benchmarkPairs(b, func(i int) int {
		k := i - benchWaiting
		return k - k%block + k*7919%block
	})
}

// It is that of the event a million before it.
func BenchmarkJoinInOrder(b *testing.B) {
	benchmarkPairs(b, func(i int) int { return i - benchWaiting })
}

func BenchmarkExpire(b *testing.B) {
	tab, s := fill(benchWaiting, benchWaiting*time.Millisecond)
	var taken millrace.Event
	prediction := []float64{.5, .5}
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	for k := range b.N {
		i := benchWaiting + k
		e := s.at(i)
		at := Place{0, int64(i)}
		tab.Arrive(e, at, int64(i))
		tab.Wait(e, at, tab.Due(int64(i)), prediction)
		for tab.Expire(int64(i)) {
			tab.Take(&taken)
		}
	}
	report(b, began, b.N)
}

func BenchmarkRebuild(b *testing.B) {
	tab, s := fill(benchWaiting, benchWaiting*time.Millisecond)
	state := tab.AppendState(nil)
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	for range b.N {
		tab = New(Spec{Wait: benchWaiting * time.Millisecond, Early: time.Minute, Memory: 1 << 30}, 2)
		if err := tab.BeginRebuild(state, never); err != nil {
			b.Fatal(err)
		}
		for i := range benchWaiting {
			tab.Rebuild(s.at(i), Place{0, int64(i)}, int64(i))
		}
		if events, _ := tab.EndRebuild(); events != 0 {
			b.Fatal(events)
		}
	}
	report(b, began, b.N*benchWaiting)
}

func BenchmarkCapture(b *testing.B) {
	tab, _ := fill(benchWaiting, benchWaiting*time.Millisecond)
	var s State
	b.ReportAllocs()
	for b.Loop() {
		tab.Capture(&s)
	}
	b.ReportMetric(float64(len(s.words)*8), "bytes")
}

func BenchmarkEncode(b *testing.B) {
	tab, s := fill(benchWaiting, benchWaiting*time.Millisecond)
	var e millrace.Event
	for i := range benchWaiting {
		if i*7919%10 < 5 {
			tab.Label(s.labelOf(i), Place{}, 0)
			tab.Take(&e)
		}
	}
	var st State
	tab.Capture(&st)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = st.Append(dst[:0])
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}

// What making the events of the other benchmarks costs.
func BenchmarkMaking(b *testing.B) {
	s := newStream()
	began := cpu()
	for i := range b.N {
		s.at(i)
		s.labelOf(i)
	}
	report(b, began, b.N)
}

// cpu is the time that this process has been given by processors, which other processes do not change as they do the
// clock's.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, began time.Duration, n int) {
	b.ReportMetric(float64(cpu()-began)/float64(n), "cpu-ns/event")
}

func TestMemoryOfAMillionWaiting(t *testing.T) {
	if testing.Short() {
		t.Skip("a million events")
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	tab, s := fill(benchWaiting, time.Hour)
	held := heap() - before
	values := 0
	for i := range benchWaiting {
		values += ValueBytes(s.at(i)) + len(s.event.ID)
	}
	stats := tab.Stats()
	if stats.Waiting != benchWaiting {
		t.Fatalf("%d wait", stats.Waiting)
	}
	per := func(n int64) string { return fmt.Sprintf("%.1f", float64(n)/benchWaiting) }
	t.Logf("bytes an event: heap %s, structures %s, charge %s; values and id %s; beyond them %s", per(held),
		per(stats.Bytes), per(stats.Charge), per(int64(values)), per(held-int64(values)))
	if beyond := (held - int64(values)) / benchWaiting; beyond > 120 {
		t.Errorf("%d bytes an event beyond its values and id, want at most 120", beyond)
	}
	if held > stats.Bytes+stats.Bytes/50+1<<20 {
		t.Errorf("the heap has %d bytes for a table that says %d", held, stats.Bytes)
	}
	if stats.Bytes > stats.Charge {
		t.Errorf("%d bytes are charged %d", stats.Bytes, stats.Charge)
	}
	runtime.KeepAlive(tab)
}
