package snapshot

import (
	"errors"
	"math"
	"testing"
	"time"

	"millrace"
)

// sample is a component with a tensor of every type, in both roles, and one of no elements.
type sample struct {
	weights  []float32
	variance []float64
	ids      []int32
	offsets  []int64
	hashes   []uint32
	steps    []uint64
	flags    []uint8
	empty    []float32

	restored int
	refuse   error
}

func newSample(n int) *sample {
	return &sample{
		weights: make([]float32, 2*n), variance: make([]float64, n), ids: make([]int32, n), offsets: make([]int64, n),
		hashes: make([]uint32, n), steps: make([]uint64, 1), flags: make([]uint8, 3), empty: []float32{},
	}
}

// filled sets values at the ends of their ranges, which any confusion of types or orders changes.
func (s *sample) filled() *sample {
	for i := range s.variance {
		s.weights[2*i], s.weights[2*i+1] = float32(i)+0.5, -math.MaxFloat32/float32(i+1)
		s.variance[i] = math.Pi * math.Pow(10, float64(i%300))
		s.ids[i] = math.MinInt32 + int32(i)
		s.offsets[i] = math.MinInt64 + int64(i)
		s.hashes[i] = math.MaxUint32 - uint32(i)
	}
	s.steps[0] = math.MaxUint64 - 1
	copy(s.flags, []uint8{0, 127, 255})
	return s
}

func (s *sample) State(visit func(string, millrace.Tensor, millrace.Role)) {
	n := len(s.ids)
	visit("weights", millrace.Tensor{Shape: []int{n, 2}, F32: s.weights}, millrace.Serving)
	visit("flags", millrace.Tensor{Shape: []int{3}, U8: s.flags}, millrace.Serving)
	visit("variance", millrace.Tensor{Shape: []int{n}, F64: s.variance}, millrace.Serving)
	visit("empty", millrace.Tensor{Shape: []int{0, 7}, F32: s.empty}, millrace.Serving)
	visit("ids", millrace.Tensor{Shape: []int{n}, I32: s.ids}, millrace.Serving)
	visit("offsets", millrace.Tensor{Shape: []int{n}, I64: s.offsets}, millrace.Training)
	visit("hashes", millrace.Tensor{Shape: []int{n}, U32: s.hashes}, millrace.Training)
	visit("steps", millrace.Tensor{Shape: []int{1}, U64: s.steps}, millrace.Training)
}

func (s *sample) Restored() error {
	s.restored++
	return s.refuse
}

// stateOf is a component made of a function.
type stateOf func(visit func(string, millrace.Tensor, millrace.Role))

func (f stateOf) State(visit func(string, millrace.Tensor, millrace.Role)) { f(visit) }
func (f stateOf) Restored() error                                          { return nil }

func mustLayout(t testing.TB, parts ...Part) *Layout {
	t.Helper()
	l, err := NewLayout(map[string]string{"format": "1", "names": `a "quoted" ☃`}, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func copyOf(l *Layout) *Buffer {
	b := l.NewBuffer()
	l.Copy(b)
	return b
}

// sampleSnapshot is a sealed snapshot with a full manifest.
func sampleSnapshot(t testing.TB) millrace.Snapshot {
	t.Helper()
	b := copyOf(mustLayout(t, Part{"model", newSample(4).filled()}))
	s := millrace.Snapshot{
		Manifest: millrace.Manifest{
			Model: "payments", Epoch: 3, Seq: 12, Parent: "11-3-00000000000000aa",
			CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("CET", 3600)), Cluster: "u1",
			Positions: []millrace.Position{{Topic: "b", Partition: 1, Offset: 7}, {Topic: "a", Partition: 2, Offset: 1 << 60}},
			Learned:   math.MaxUint64, Rejected: 2, Metrics: map[string]float64{"log_loss": 0.25, "accuracy": 1},
			Spec: []byte(`{ "b" : 1.50, "a" : [1e2, -0.0, true, null, "\u003c\u2028"] }`), SchemaHash: "s", TrainingHash: "t",
			Profile: "amd64",
		},
		Serving: b.Serving(), Training: b.Training(),
	}
	Seal(&s)
	return s
}

func wantError(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want one that wraps %v", err, target)
	}
}
