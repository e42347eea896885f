package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"millrace/learner"
	"millrace/offline"
)

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
		{0, 3e100, "0 5e+99 1e+100 1.5e+100 2e+100 2.5e+100 3e+100"},
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
	points := make([]offline.CurvePoint, 100)
	for i := range points {
		points[i] = offline.CurvePoint{Events: uint64(i + 1), Model: [2]float64{0.4, 0.4}, First: [2]float64{0.7, 0.7}}
	}
	points[0].Model = [2]float64{30, 30}
	worse := []offline.CurvePoint{{Events: 1, Model: [2]float64{90, 90}}, {Events: 100, Model: [2]float64{80, 80}}}
	lines := curveLines([]*offline.Contender{{Name: "good", Curve: offline.Curve{Points: points}}, {Name: "bad", Curve: offline.Curve{Points: worse}}}, true)
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
	if _, err := drawPanels("svg", []panel{{lines: curveLines([]*offline.Contender{{Name: "none"}}, false)}}); err != nil {
		t.Errorf("no points: %v", err)
	}
}
