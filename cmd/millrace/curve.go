package main

import "millrace/learner"

// curvePoints is how many points a curve keeps at most: more than a picture shows, few enough to be nothing beside a model.
const curvePoints = 1024

// curveStride is the number of events between two points at first.
const curveStride = 32

// curve samples progressive losses: log-loss for classes, root mean squared error for numbers. When it is full it forgets
// every second point and goes on with strides twice as long, so that it needs not know how many events there will be.
type curve struct {
	classes bool
	stride  uint64
	next    uint64
	points  []curvePoint
}

// curvePoint are the losses after so many events, by window (learner.All, learner.Fading).
type curvePoint struct {
	events             uint64
	model, first, last [2]float64 // first: the majority class or the mean
}

func newCurve(classes bool) curve {
	return curve{classes: classes, stride: curveStride, next: curveStride}
}

// add samples the losses when it is time.
func (c *curve) add(events uint64, p *learner.Progressive) {
	if events < c.next {
		return
	}
	c.next += c.stride
	c.points = append(c.points, c.sample(events, p))
	if len(c.points) < curvePoints {
		return
	}
	for i := range curvePoints / 2 {
		c.points[i] = c.points[2*i+1] // the later of two, so that strides stay equal from the start
	}
	c.points = c.points[:curvePoints/2]
	c.stride *= 2
	c.next = c.points[len(c.points)-1].events + c.stride
}

// end samples what came last, so that the curve ends where the table does.
func (c *curve) end(events uint64, p *learner.Progressive) {
	if n := len(c.points); n == 0 || c.points[n-1].events < events {
		c.points = append(c.points, c.sample(events, p))
	}
}

func (c *curve) sample(events uint64, p *learner.Progressive) curvePoint {
	point := curvePoint{events: events}
	for _, w := range []learner.Window{learner.All, learner.Fading} {
		model, first, last := p.Report(w)
		point.model[w], point.first[w], point.last[w] = c.loss(model), c.loss(first), c.loss(last)
	}
	return point
}

func (c *curve) loss(l learner.Losses) float64 {
	if c.classes {
		return l.LogLoss
	}
	return l.RMSE
}
