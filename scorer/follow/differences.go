package follow

import (
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
)

const (
	// comparedEvery is of how many offsets one is compared: seldom enough to cost nothing.
	comparedEvery = 64
	// comparedMax bounds the events that one side has seen and the other has not. Either may be a backlog ahead, and
	// then the oldest are given up.
	comparedMax = 4096
)

// Differences compares the windows of learner and scorer where both run in one process. With one partition they are
// equal. With several, both may see the last moment in another order. It is safe for concurrent use.
type Differences struct {
	fields    []int
	histogram prometheus.Histogram

	mu   sync.Mutex
	seen map[event]sample
	ring []event // of seen, from next on the oldest first
	next int
}

type event struct {
	partition int32
	offset    int64
}

type sample struct {
	numbers []float64
	learner bool
}

// NewDifferences returns a comparison of the fields that windows make, whose histogram it registers.
func NewDifferences(r prometheus.Registerer, fields []int) *Differences {
	d := &Differences{fields: fields, seen: make(map[event]sample), histogram: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "millrace_scorer_window_difference",
		Help: "Largest difference between an event's windows at the scorer and at the learner beside it, relative to the larger; of one event in 64.",
		// The first counts what is equal to the last bit.
		Buckets: []float64{0, 1e-9, 1e-6, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1}})}
	r.MustRegister(d.histogram)
	return d
}

// Learned is told of an event of the learner, with its windows.
func (d *Differences) Learned(e *millrace.Event, rec *millrace.Record) {
	if rec.Offset%comparedEvery != 0 {
		return
	}
	numbers := make([]float64, len(d.fields))
	for i, f := range d.fields {
		numbers[i] = number(&e.Fields[f])
	}
	d.compare(event{rec.Partition, rec.Offset}, sample{numbers, true})
}

// passed is told of an event of the follower; numbers are not kept.
func (d *Differences) passed(partition int32, offset int64, numbers []float64) {
	if offset%comparedEvery == 0 {
		d.compare(event{partition, offset}, sample{append([]float64(nil), numbers...), false})
	}
}

func (d *Differences) compare(at event, s sample) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch other, ok := d.seen[at]; {
	case ok && other.learner == s.learner: // read again
		d.seen[at] = s
	case ok:
		delete(d.seen, at)
		d.histogram.Observe(difference(s.numbers, other.numbers))
	case len(d.ring) < comparedMax:
		d.ring = append(d.ring, at)
		d.seen[at] = s
	default:
		delete(d.seen, d.ring[d.next])
		d.ring[d.next] = at
		d.next = (d.next + 1) % comparedMax
		d.seen[at] = s
	}
}

// difference is the largest of any window, relative to the larger value. One that only one side has differs by all.
func difference(a, b []float64) (most float64) {
	for i := range a {
		switch none, other := math.IsNaN(a[i]), math.IsNaN(b[i]); {
		case none && other || a[i] == b[i]:
		case none || other:
			most = max(most, 1)
		default:
			most = max(most, math.Abs(a[i]-b[i])/max(math.Abs(a[i]), math.Abs(b[i])))
		}
	}
	return most
}
