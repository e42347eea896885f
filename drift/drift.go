// Package drift says since when a stream is no longer what it was: in the losses of the model, in the labels, and in
// each feature. Its detectors share a budget of false alarms, counted in events. It has no clock, and its state goes
// into snapshots, so that a restart changes no alarm.
//
// The budget is divided over the detectors by weighted Bonferroni: the loss has half of it, the labels and the features
// the other half in equal parts; each detector divides its part over its tests.
package drift

import (
	"errors"
	"math"

	"millrace"
)

// Budget is how many false alarms an event may cost, over all detectors.
const Budget = 1e-6

// ColumnsMax is how many features are watched; those behind them are not.
const ColumnsMax = 256

// every is how many events there are for each one whose features are counted: to count each of them would cost a small
// model a tenth of its time.
const every = 16

// Column is a feature as detectors see it.
type Column struct {
	Name string
	Kind Kind
}

// Spec says what a Monitor watches.
type Spec struct {
	Columns []Column
	Classes int     // of the label, 0 for numbers
	Budget  float64 // false alarms an event, over all detectors
}

// Of is what an alarm is about.
type Of string

// The subjects of alarms.
const (
	Loss    Of = "loss"
	Labels  Of = "label"
	Feature Of = "feature"
)

// Side is what has become of it.
type Side string

// The sides: of losses the first two, of labels and features the others.
const (
	Worse       Side = "worse"
	Better      Side = "better"
	Higher      Side = "higher"
	Lower       Side = "lower"
	Shares      Side = "shares" // other values are frequent
	MissingMore Side = "missing_more"
	MissingLess Side = "missing_less"
)

// sides number the sides for snapshots; the order is kept.
var sides = [...]Side{Worse, Better, Higher, Lower, Shares, MissingMore, MissingLess}

// Alarm says what has changed.
type Alarm struct {
	Of      Of
	Feature string // its name; empty for losses and labels
	Side    Side
	// Size is by how much the mean loss changed, as a share of the largest that counts; of labels and features it is
	// the population stability index between before and since.
	Size float64
	// From is where in the log the change was first seen, up to 256 events early.
	From Place
	// Event is how many events the detector had seen when it told.
	Event uint64
}

// Standing is a detector as it stands.
type Standing struct {
	Of      Of
	Feature string
	Alarms  uint64
	Last    *Alarm // nil before the first
	// Statistic is the mean loss of the present window, as a share of the largest that counts, or the population
	// stability index of the latest values; NaN while there is none.
	Statistic float64
}

// freshMax is how many alarms wait for somebody who asks.
const freshMax = 1024

// Monitor watches a stream. It is not for concurrent use.
type Monitor struct {
	spec             Spec
	loss             *lossDetector
	label, values    *distances
	learned, arrived *marks
	alarms           []float64 // [detectors, words], see the alarm… indices
	fresh            []Alarm
}

const (
	alarmCount = iota
	alarmEvent
	alarmPartition
	alarmOffset
	alarmSize
	alarmSide
	alarmWords
)

// New returns a monitor of a stream that has not begun.
func New(s Spec) *Monitor {
	s.Columns = s.Columns[:min(len(s.Columns), ColumnsMax)]
	kinds := make([]Kind, len(s.Columns))
	for i, c := range s.Columns {
		kinds[i] = c.Kind
	}
	label := Numbers
	if s.Classes > 0 {
		label = Texts
	}
	part := s.Budget / 2 / float64(1+len(kinds))
	return &Monitor{spec: s, loss: newLossDetector(s.Classes > 0, s.Budget/2), label: newDistances([]Kind{label}, part*every),
		values: newDistances(kinds, part*every), learned: newMarks(), arrived: newMarks(), alarms: make([]float64, (2+len(kinds))*alarmWords)}
}

// Arriving says where the event stands that arrives next.
func (m *Monitor) Arriving(p Place) {
	if m != nil {
		m.arrived.now = p
	}
}

// Learning says where the event stands that is learned next.
func (m *Monitor) Learning(p Place) {
	if m != nil {
		m.learned.now = p
	}
}

// Arrived takes the features of an event in, with a label or without.
func (m *Monitor) Arrived(e *millrace.Event) {
	if m == nil {
		return
	}
	m.arrived.next()
	if m.arrived.events[0]%every != 0 {
		return
	}
	for c := range m.spec.Columns {
		if s, alarm := m.values.add(c, m.spec.Columns[c].Kind.value(&e.Fields[c])); alarm {
			m.shifted(2+c, m.arrived, s)
		}
	}
}

// Learned takes in what was predicted of an event just before it was learned, and its label.
func (m *Monitor) Learned(prediction []float64, y millrace.Label) {
	if m == nil {
		return
	}
	m.learned.next()
	var c change
	var alarm bool
	value := y.Value
	if m.spec.Classes > 0 {
		value = float64(y.Class)
		c, alarm = m.loss.addClass(prediction[y.Class])
	} else {
		c, alarm = m.loss.addNumber(prediction[0] - y.Value)
	}
	if alarm {
		side := Worse
		if c.after < c.before {
			side = Better
		}
		events := m.learned.events[0]
		m.tell(0, Alarm{Side: side, Size: math.Abs(c.after - c.before), Event: events, From: m.learned.find(events - min(c.since, events))})
	}
	if m.learned.events[0]%every == 0 {
		if s, alarm := m.label.add(0, value); alarm {
			m.shifted(1, m.learned, s)
		}
	}
}

func (m *Monitor) shifted(detector int, at *marks, s shift) {
	events := at.events[0]
	m.tell(detector, Alarm{Side: s.side, Size: s.size, Event: events, From: at.find(events - min(s.values*every, events))})
}

// tell remembers an alarm of a detector.
func (m *Monitor) tell(detector int, a Alarm) {
	a.Of, a.Feature = m.subject(detector)
	w := m.alarms[detector*alarmWords:]
	w[alarmCount]++
	w[alarmEvent], w[alarmPartition], w[alarmOffset], w[alarmSize] = float64(a.Event), float64(a.From.Partition), float64(a.From.Offset), a.Size
	for i, s := range sides {
		if s == a.Side {
			w[alarmSide] = float64(i)
		}
	}
	if len(m.fresh) < freshMax {
		m.fresh = append(m.fresh, a)
	}
}

func (m *Monitor) subject(detector int) (Of, string) {
	switch detector {
	case 0:
		return Loss, ""
	case 1:
		return Labels, ""
	}
	return Feature, m.spec.Columns[detector-2].Name
}

// Fresh are the alarms since it was called last; they hold until the next event.
func (m *Monitor) Fresh() []Alarm {
	if m == nil {
		return nil
	}
	fresh := m.fresh
	m.fresh = m.fresh[:0]
	return fresh
}

// Standings are all detectors: that of losses, that of labels, and one a feature.
func (m *Monitor) Standings() []Standing {
	if m == nil {
		return nil
	}
	all := make([]Standing, 2+len(m.spec.Columns))
	for i := range all {
		w, s := m.alarms[i*alarmWords:], &all[i]
		s.Of, s.Feature = m.subject(i)
		s.Statistic = m.statistic(i)
		if s.Alarms = uint64(w[alarmCount]); s.Alarms > 0 {
			s.Last = &Alarm{Of: s.Of, Feature: s.Feature, Side: sides[int(w[alarmSide])], Size: w[alarmSize], Event: uint64(w[alarmEvent]),
				From: Place{int32(w[alarmPartition]), int64(w[alarmOffset])}}
		}
	}
	return all
}

// statistic is that of a detector as it stands.
func (m *Monitor) statistic(detector int) float64 {
	size, ok := 0.0, false
	switch detector {
	case 0:
		size, ok = m.loss.window.Mean(0), m.loss.window.Width(0) > 0
	case 1:
		size, ok = m.label.statistic(0)
	default:
		size, ok = m.values.statistic(detector - 2)
	}
	if !ok {
		return math.NaN()
	}
	return size
}

// Reset forgets everything, in place.
func (m *Monitor) Reset() {
	if m == nil {
		return
	}
	m.loss.reset()
	m.label.reset()
	m.values.reset()
	m.learned.reset()
	m.arrived.reset()
	clear(m.alarms)
	m.fresh = m.fresh[:0]
}

// State is of role Training only. All of it is marked as added: snapshots of before have none.
func (m *Monitor) State(visit func(string, millrace.Tensor, millrace.Role)) {
	m.loss.state(visit)
	m.label.state("label.", visit)
	if len(m.spec.Columns) > 0 {
		m.values.state("features.", visit)
	}
	m.learned.state("learned.", visit)
	m.arrived.state("arrived.", visit)
	visit("alarms", millrace.Tensor{Shape: []int{2 + len(m.spec.Columns), alarmWords}, F64: m.alarms, Added: true}, millrace.Training)
}

// Restored checks that the state is one that events leave.
func (m *Monitor) Restored() error {
	for i, v := range m.alarms {
		if !(v >= 0 && v <= millrace.NumberMax) || i%alarmWords == alarmSide && int(v) >= len(sides) {
			return errors.New("an alarm of drift is none")
		}
	}
	return errors.Join(m.loss.restored(), m.label.restored(), m.values.restored(), m.learned.restored(), m.arrived.restored())
}
