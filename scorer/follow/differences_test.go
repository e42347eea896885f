package follow

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"millrace"
)

// Windows of one event are compared once both sides have told them, whichever comes first and however far apart.
func TestDifferences(t *testing.T) {
	r := prometheus.NewRegistry()
	d := NewDifferences(r, []int{1, 2})
	learned := func(offset int64, a, b float64) {
		d.Learned(&millrace.Event{Fields: []millrace.Field{{}, field(a), field(b)}}, &millrace.Record{Partition: 1, Offset: offset})
	}
	none := math.NaN()
	learned(0, 3, none)
	d.passed(1, 0, []float64{3, none}) // equal
	d.passed(1, 64, []float64{200, 1})
	learned(64, 199, 1) // half a percent
	d.passed(1, 128, []float64{1, none})
	learned(128, 1, 2) // one has no value
	d.passed(2, 192, []float64{5, 5})
	learned(192, 1, 1) // of another partition
	learned(65, 1, 1)  // not compared
	d.passed(1, 65, []float64{2, 2})
	want := `
# HELP millrace_scorer_window_difference Largest difference between an event's windows at the scorer and at the learner beside it, relative to the larger; of one event in 64.
# TYPE millrace_scorer_window_difference histogram
millrace_scorer_window_difference_bucket{le="0"} 1
millrace_scorer_window_difference_bucket{le="1e-09"} 1
millrace_scorer_window_difference_bucket{le="1e-06"} 1
millrace_scorer_window_difference_bucket{le="0.0001"} 1
millrace_scorer_window_difference_bucket{le="0.001"} 1
millrace_scorer_window_difference_bucket{le="0.01"} 2
millrace_scorer_window_difference_bucket{le="0.03"} 2
millrace_scorer_window_difference_bucket{le="0.1"} 2
millrace_scorer_window_difference_bucket{le="0.3"} 2
millrace_scorer_window_difference_bucket{le="1"} 3
millrace_scorer_window_difference_bucket{le="+Inf"} 3
millrace_scorer_window_difference_sum 1.005
millrace_scorer_window_difference_count 3
`
	if err := testutil.GatherAndCompare(r, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// What only one side sees is held within a bound.
func TestDifferencesAreBounded(t *testing.T) {
	d := NewDifferences(prometheus.NewRegistry(), []int{0})
	for i := range int64(3 * comparedMax) {
		d.passed(0, i*comparedEvery, []float64{1})
	}
	if len(d.seen) != comparedMax || len(d.ring) != comparedMax {
		t.Errorf("%d events are held, in a ring of %d", len(d.seen), len(d.ring))
	}
	for i := int64(2 * comparedMax); i < 3*comparedMax; i++ { // all that is left is compared, and so forgotten
		d.Learned(&millrace.Event{Fields: []millrace.Field{field(1)}}, &millrace.Record{Offset: i * comparedEvery})
	}
	if len(d.seen) > 0 {
		t.Errorf("%d events are held", len(d.seen))
	}
}
