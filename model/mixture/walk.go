package mixture

import (
	"millrace"
	"millrace/model"
)

// walk has the mixers go through a stretch that the experts have gone through.
func (w *work) walk(r model.Runner) {
	if !w.split {
		for s := range w.steps {
			w.walkStep(s)
		}
		return
	}
	for s := range w.steps {
		w.settle(s)
		w.weigh(s)
		w.count(s)
	}
	r.Run(2, w.walkOne)
}

// walkStep has both mixers take one step, on the same memory.
func (w *work) walkStep(s int) {
	at := &w.steps[s]
	w.settle(s)
	w.load(w.mixing, s)
	w.predict(s)
	if at.taken {
		event := &w.events[at.event]
		if event.y.Delay != millrace.Told {
			at.delay = model.DelayWeight(event.y, w.result)
		}
		w.weigh(s)
		w.m.mixer.learn(w.mixing, at.outcome, w.m.active)
		w.judge(w.judging, s)
		if w.m.classes == 0 {
			w.m.target.Commit(event.y.Value, float64(event.weight))
		}
	}
	w.count(s)
}

// walkMixer has the mixer that predicts go through the stretch.
func (w *work) walkMixer() {
	for s := range w.steps {
		w.load(w.mixing, s)
		w.predict(s)
		if at := &w.steps[s]; at.taken {
			w.m.mixer.learn(w.mixing, at.outcome, w.m.active)
		}
	}
}

// walkJudge has the mixer that judges go through the stretch.
func (w *work) walkJudge() {
	for s := range w.steps {
		if w.steps[s].taken {
			w.load(w.apart, s)
			w.judge(w.apart, s)
		}
	}
}

// settle finds out what came of a step. The moments of numbers, which it is measured in, are those before it.
func (w *work) settle(s int) {
	at, m := &w.steps[s], w.m
	event := &w.events[at.event]
	at.delay, at.taken = 1, false
	for i := range w.lanes {
		at.taken = at.taken || w.lanes[i].took[s]
	}
	event.learned = event.learned || at.taken
	if !at.taken {
		return
	}
	var err error
	if at.outcome, err = m.outcome(event.y, float64(event.weight)); err != nil {
		at.taken = false // the experts have moments of their own
	}
}

// weigh gives a step that was taken its weight among the mixers' steps.
func (w *work) weigh(s int) {
	at := &w.steps[s]
	if at.taken {
		at.outcome.relative = w.m.relative(float64(w.events[at.event].weight)*at.delay) * at.outcome.counts
	}
}

// count counts an event behind its last step.
func (w *work) count(s int) {
	if at := &w.steps[s]; at.last && w.events[at.event].learned {
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
	at, m := &w.steps[s], w.m
	m.judge.predict(w.verdict, sc, m.every)
	m.judge.losses(m.scores, sc, at.outcome)
	for i, loss := range m.scores {
		m.loss[i] += fadeLoss * at.delay * at.outcome.counts * (loss - m.loss[i])
	}
	m.judge.learn(sc, at.outcome, m.every)
}
