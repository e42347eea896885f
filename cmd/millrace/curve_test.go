package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"millrace"
	"millrace/learner"
)

// TestCurveStaysBounded: however many events there are, its points are evenly spread from the first stride to the end,
// and each is the loss of that moment.
func TestCurveStaysBounded(t *testing.T) {
	for _, n := range []uint64{0, 10, 32, 1000, 32 * curvePoints, 32*curvePoints + 1, 500_000} {
		c, p := newCurve(true), learner.NewProgressive(2)
		prediction := []float32{0.25, 0.75}
		for i := range n {
			p.Add(prediction, millrace.Label{Known: true, Class: int32(i / 32 % 2)})
			c.add(i+1, p)
		}
		c.end(n, p)
		if n == 0 {
			continue
		}
		if len(c.points) > curvePoints || n > 32*curvePoints && len(c.points) < curvePoints/2 {
			t.Errorf("%d points of %d events", len(c.points), n)
		}
		for i, point := range c.points[:len(c.points)-1] {
			if want := uint64(i+1) * c.stride; point.events != want {
				t.Fatalf("point %d of %d events stands at %d, want %d", i, n, point.events, want)
			}
			halves := float64((point.events+32)/64*32) / float64(point.events) // the share of class 0, seen in runs of 32
			if got, want := point.model[learner.All], -halves*math.Log(0.25)-(1-halves)*math.Log(0.75); math.Abs(got-want) > 1e-6 {
				t.Fatalf("%d events: loss %v at %d, want %v", n, got, point.events, want)
			}
		}
		if last := c.points[len(c.points)-1]; last.events != n {
			t.Errorf("the curve of %d events ends at %d", n, last.events)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		least, most float64
		want        string
	}{
		{0, 45312, "0 10,000 20,000 30,000 40,000"},
		{0, 0.71, "0.0 0.2 0.4 0.6"},
		{0.2, 0.26, "0.20 0.21 0.22 0.23 0.24 0.25 0.26"},
		{0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{0, 3.2e6, "0 1,000,000 2,000,000 3,000,000"},
		{-3, 3, "-3 -2 -1 0 1 2 3"},
	} {
		var labels []string
		for _, tick := range ticks(test.least, test.most) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != test.want {
			t.Errorf("from %v to %v: %s, want %s", test.least, test.most, got, test.want)
		}
	}
	for _, test := range [][2]string{{"1", "1"}, {"1000", "1,000"}, {"-1000.5", "-1,000.5"}, {"-100", "-100"}, {"123456789", "123,456,789"}} {
		if got := withCommas(test[0]); got != test[1] {
			t.Errorf("%s: %s, want %s", test[0], got, test[1])
		}
	}
}

// TestPanelsAxes: one model far worse than the baseline does not squeeze the others, nor do the first losses.
func TestPanelsAxes(t *testing.T) {
	points := make([]curvePoint, 100)
	for i := range points {
		points[i] = curvePoint{events: uint64(i + 1), model: [2]float64{0.4, 0.4}, first: [2]float64{0.7, 0.7}}
	}
	points[0].model = [2]float64{30, 30}
	worse := []curvePoint{{events: 1, model: [2]float64{90, 90}}, {events: 100, model: [2]float64{80, 80}}}
	lines := curveLines([]*contender{{name: "good", curve: curve{points: points}}, {name: "bad", curve: curve{points: worse}}}, true)
	p := panel{lines: lines, window: learner.All}
	if top := p.top(); math.Abs(top-0.7*1.5*1.02) > 1e-9 {
		t.Errorf("the axis goes up to %v", top)
	}
	var names []string
	for _, l := range p.byLoss() {
		names = append(names, l.name)
	}
	if got := fmt.Sprint(names); got != "[good majority (baseline) bad]" {
		t.Errorf("the legend has %s", got)
	}
	if _, err := drawPanels("svg", []panel{{lines: curveLines([]*contender{{name: "none"}}, false)}}); err != nil {
		t.Errorf("no points: %v", err)
	}
}
