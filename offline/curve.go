package offline

import "millrace/learner"

// curvePoints is how many points a curve keeps at most: more than a picture shows, few enough to be nothing beside a
// model.
const curvePoints = 1024

// curveStride is the number of events between two points at first.
const curveStride = 32

// Curve samples progressive losses: log-loss for classes, root mean squared error for numbers. When it is full it
// forgets every second point and goes on with strides twice as long, so that it needs not know how many events there
// will be.
type Curve struct {
	Classes bool
	Points  []CurvePoint

	stride uint64
	next   uint64
}

// CurvePoint are the losses after so many events, by window (learner.All, learner.Fading).
type CurvePoint struct {
	Events             uint64
	Model, First, Last [2]float64 // First: the majority class or the mean
}

func newCurve(classes bool) Curve {
	return Curve{Classes: classes, stride: curveStride, next: curveStride}
}

// add samples the losses when it is time.
func (c *Curve) add(events uint64, p *learner.Progressive) {
	if events < c.next {
		return
	}
	c.next += c.stride
	c.Points = append(c.Points, c.sample(events, p))
	if len(c.Points) < curvePoints {
		return
	}
	for i := range curvePoints / 2 {
		c.Points[i] = c.Points[2*i+1] // the later of two, so that strides stay equal from the start
	}
	c.Points = c.Points[:curvePoints/2]
	c.stride *= 2
	c.next = c.Points[len(c.Points)-1].Events + c.stride
}

// end samples what came last, so that the curve ends where the table does.
func (c *Curve) end(events uint64, p *learner.Progressive) {
	if n := len(c.Points); n == 0 || c.Points[n-1].Events < events {
		c.Points = append(c.Points, c.sample(events, p))
	}
}

func (c *Curve) sample(events uint64, p *learner.Progressive) CurvePoint {
	point := CurvePoint{Events: events}
	for _, w := range []learner.Window{learner.All, learner.Fading} {
		model, first, last := p.Report(w)
		point.Model[w], point.First[w], point.Last[w] = c.loss(model), c.loss(first), c.loss(last)
	}
	return point
}

func (c *Curve) loss(l learner.Losses) float64 {
	if c.Classes {
		return l.LogLoss
	}
	return l.RMSE
}
