package mixture

import (
	"millrace"
	"millrace/model"
)

// walkBoth has both mixers go through the stretch, on the same memory.
func (w *work) walkBoth() {
	for s, ready := 0, 0; s < len(w.steps); s++ {
		if s == ready {
			ready = w.ready(s)
		}
		w.walkStep(s)
	}
}

// walkStep has both mixers take one step.
func (w *work) walkStep(s int) {
	w.settle(s)
	w.load(w.mixing, s)
	w.predict(s)
	if c := &w.came[s]; c.taken {
		event := &w.events[w.steps[s].event]
		if event.y.Delay != millrace.Told {
			c.delay = model.DelayWeight(event.y, w.result)
		}
		w.weigh(s)
		w.m.mixer.learn(w.mixing, c.outcome, w.m.active)
		w.judge(w.judging, s)
		if w.m.classes == 0 {
			w.m.target.Commit(event.y.Value, float64(event.weight))
		}
	}
	w.count(s)
}

// walkMixer has the mixer that predicts go through the stretch, and finds out for both what came of each step.
func (w *work) walkMixer() {
	for s, ready := 0, 0; s < len(w.steps); s++ {
		if s == ready {
			ready = w.ready(s)
			for i := s; i < ready; i++ {
				w.settle(i)
				w.weigh(i)
				w.count(i)
			}
			w.settled.tell(ready)
		}
		w.load(w.mixing, s)
		w.predict(s)
		if c := &w.came[s]; c.taken {
			w.m.mixer.learn(w.mixing, c.outcome, w.m.active)
		}
	}
}

// walkJudge has the mixer that judges go through the stretch.
func (w *work) walkJudge() {
	for s, ready := 0, 0; s < len(w.steps); s++ {
		if s == ready {
			ready = w.settled.await(s)
		}
		if w.came[s].taken {
			w.load(w.apart, s)
			w.judge(w.apart, s)
		}
	}
}

// ready waits until all lanes have gone more steps than so many, and returns how many.
func (w *work) ready(steps int) int {
	least := len(w.steps)
	for i := range w.lanes {
		least = min(least, w.lanes[i].done.await(steps))
	}
	return least
}

// settle finds out what came of a step. The moments of numbers, which it is measured in, are those before it.
func (w *work) settle(s int) {
	at, c, m := &w.steps[s], &w.came[s], w.m
	event := &w.events[at.event]
	c.delay, c.taken = 1, false
	for i := range w.lanes {
		c.taken = c.taken || w.lanes[i].took[s]
	}
	if !c.taken {
		return
	}
	w.learned[at.event] = true
	var err error
	if c.outcome, err = m.outcome(event.y, float64(event.weight)); err != nil {
		c.taken = false // the experts have moments of their own
	}
}

// weigh gives a step that was taken its weight among the mixers' steps.
func (w *work) weigh(s int) {
	c := &w.came[s]
	if c.taken {
		c.outcome.relative = w.m.relative(float64(w.events[w.steps[s].event].weight)*c.delay) * c.outcome.counts
	}
}

// count counts an event behind its last step.
func (w *work) count(s int) {
	if at := &w.steps[s]; at.last && w.learned[at.event] {
		w.m.steps[0]++
		w.due = w.due || due(w.m.steps[0])
	}
}

// load takes the experts' predictions into a mixer's memory.
func (w *work) load(sc *mixing, s int) {
	k := w.m.Outputs()
	for i := range w.lanes {
		l := &w.lanes[i]
		w.m.mixer.prepare(sc, i, l.predictions[s*k:(s+1)*k], l.values[s])
	}
}

// predict combines the predictions that were loaded, and keeps what is predicted of the event.
func (w *work) predict(s int) {
	at, k, p := &w.steps[s], w.m.Outputs(), int(w.m.pinned[0])
	if p < 0 || w.events[at.event].steps > 0 {
		w.m.mixer.predict(w.result, w.mixing, w.m.active)
	}
	if !at.first {
		return
	}
	dst, said := w.outputs[at.event*k:(at.event+1)*k], w.result
	switch {
	case w.m.classes == 0 && p >= 0:
		dst[0] = w.lanes[p].values[s]
		return
	case w.m.classes == 0:
		dst[0] = w.m.target.Value(float64(said[0]))
		return
	case p >= 0:
		said = w.lanes[p].predictions[s*k : (s+1)*k]
	}
	for c, v := range said {
		dst[c] = float64(v)
	}
}

// judge has the other mixer take a step, and the experts' losses.
func (w *work) judge(sc *mixing, s int) {
	c, m := &w.came[s], w.m
	m.judge.predict(w.verdict, sc, m.every)
	m.judge.losses(m.scores, sc, c.outcome)
	for i, loss := range m.scores {
		m.loss[i] += fadeLoss * c.delay * c.outcome.counts * (loss - m.loss[i])
	}
	m.judge.learn(sc, c.outcome, m.every)
}
