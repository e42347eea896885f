package offline

import (
	"math"
	"testing"

	"millrace"
	"millrace/learner"
)

// TestCurveStaysBounded: however many events there are, its points are evenly spread from the first stride to the end,
// and each is the loss of that moment.
func TestCurveStaysBounded(t *testing.T) {
	for _, n := range []uint64{0, 10, 32, 1000, 32 * curvePoints, 32*curvePoints + 1, 500_000} {
		c, p := newCurve(true), learner.NewProgressive(2)
		prediction := []float64{0.25, 0.75}
		for i := range n {
			p.Add(prediction, millrace.Label{Known: true, Class: int32(i / 32 % 2)})
			c.add(i+1, p)
		}
		c.end(n, p)
		if n == 0 {
			continue
		}
		if len(c.Points) > curvePoints || n > 32*curvePoints && len(c.Points) < curvePoints/2 {
			t.Errorf("%d points of %d events", len(c.Points), n)
		}
		for i, point := range c.Points[:len(c.Points)-1] {
			if want := uint64(i+1) * c.stride; point.Events != want {
				t.Fatalf("point %d of %d events stands at %d, want %d", i, n, point.Events, want)
			}
			halves := float64((point.Events+32)/64*32) / float64(point.Events) // the share of class 0, seen in runs of 32
			if got, want := point.Model[learner.All], -halves*math.Log(0.25)-(1-halves)*math.Log(0.75); math.Abs(got-want) > 1e-6 {
				t.Fatalf("%d events: loss %v at %d, want %v", n, got, point.Events, want)
			}
		}
		if last := c.Points[len(c.Points)-1]; last.Events != n {
			t.Errorf("the curve of %d events ends at %d", n, last.Events)
		}
	}
}
