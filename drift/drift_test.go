package drift

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"millrace"
)

// stream makes events: a number, a category and a class, and predictions of it. After events have passed, change says
// what is different.
type stream struct {
	r      *rand.Rand
	change string
	events int64
}

func (s *stream) feed(m *Monitor, n int) (told []Alarm) {
	e := &millrace.Event{Fields: make([]millrace.Field, 2)}
	for range n {
		place := Place{Partition: 3, Offset: s.events}
		s.events++
		number, missing, class, wrong, word := s.r.NormFloat64(), 0.05, 0.5, 0.1, "a"
		switch s.change {
		case "higher":
			number++
		case "missing":
			missing = 0.4
		case "labels":
			class = 0.8
		case "worse":
			wrong = 0.3
		case "better":
			wrong = 0.01
		}
		if s.r.Float64() < 0.3 != (s.change == "words") {
			word = "b"
		}
		e.Fields[0] = millrace.Field{Presence: millrace.Present, Number: number}
		if s.r.Float64() < missing {
			e.Fields[0] = millrace.Field{Presence: millrace.Null}
		}
		e.Fields[1] = millrace.Field{Presence: millrace.Present, Text: []byte(word)}
		y := millrace.Label{Known: true}
		if s.r.Float64() < class {
			y.Class = 1
		}
		p := []float64{0.1, 0.1}
		p[y.Class] = 0.9
		if s.r.Float64() < wrong {
			p[0], p[1] = p[1], p[0]
		}
		m.Arriving(place)
		m.Learning(place)
		m.Arrived(e)
		m.Learned(p, y)
		told = append(told, m.Fresh()...)
	}
	return told
}

func testMonitor() *Monitor {
	return New(Spec{Columns: []Column{{"number", Numbers}, {"word", Texts}}, Classes: 2, Budget: Budget})
}

// TestAlarms: each kind of change is told once, with its side, its subject and a place close behind the change; what
// stays as it is tells nothing.
func TestAlarms(t *testing.T) {
	for _, test := range []struct {
		change, feature string
		of              Of
		side            Side
	}{
		{"higher", "number", Feature, Higher},
		{"missing", "number", Feature, MissingMore},
		{"words", "word", Feature, Shares},
		{"labels", "", Labels, Shares},
		{"worse", "", Loss, Worse},
		{"better", "", Loss, Better},
		{"nothing", "", "", ""},
	} {
		m, s := testMonitor(), &stream{r: rand.New(rand.NewPCG(1, 2))}
		if told := s.feed(m, 20_000); len(told) > 0 {
			t.Fatalf("%s: %+v before anything changed", test.change, told)
		}
		s.change = test.change
		told := s.feed(m, 10_000)
		if test.of == "" {
			if len(told) > 0 {
				t.Errorf("nothing changed, and %+v", told)
			}
			continue
		}
		if len(told) != 1 {
			t.Errorf("%s: %d alarms: %+v", test.change, len(told), told)
			continue
		}
		a := told[0]
		if a.Of != test.of || a.Feature != test.feature || a.Side != test.side || !(a.Size > 0.04) {
			t.Errorf("%s: %+v", test.change, a)
		}
		if a.From.Partition != 3 || a.From.Offset < 18_500 || a.From.Offset > 21_500 || a.Event > 24_500 {
			t.Errorf("%s: told at %d, from %+v on", test.change, a.Event, a.From)
		}
		for _, at := range m.Standings() {
			if alarmed := at.Of == a.Of && at.Feature == a.Feature; alarmed != (at.Alarms == 1) || alarmed && !reflect.DeepEqual(*at.Last, a) {
				t.Errorf("%s: stands as %+v", test.change, at)
			}
		}
	}
}

// copyState brings one monitor's state into another, as a snapshot does.
func copyState(to, from *Monitor) error {
	tensors := map[string]millrace.Tensor{}
	from.State(func(name string, t millrace.Tensor, _ millrace.Role) { tensors[name] = t })
	to.State(func(name string, t millrace.Tensor, _ millrace.Role) { t.Set(tensors[name]) })
	return to.Restored()
}

func stateOf(m *Monitor) (text string) {
	m.State(func(name string, t millrace.Tensor, _ millrace.Role) { text += fmt.Sprintln(name, t) })
	return text
}

// TestRestart: a monitor that goes on from the state tells the same, bit for bit, wherever it was stopped.
func TestRestart(t *testing.T) {
	whole, s := testMonitor(), &stream{r: rand.New(rand.NewPCG(5, 6))}
	parts, q := testMonitor(), &stream{r: rand.New(rand.NewPCG(5, 6))}
	var want, got []Alarm
	for i, change := range []string{"", "higher", "worse", "labels", ""} {
		s.change, q.change = change, change
		for _, n := range []int{2_001, 4_000 + i, 777, 6_003} {
			want = append(want, s.feed(whole, n)...)
			got = append(got, q.feed(parts, n)...)
			next := testMonitor()
			if err := copyState(next, parts); err != nil {
				t.Fatal(err)
			}
			parts = next
		}
	}
	if len(want) < 3 || !slices.Equal(got, want) || stateOf(parts) != stateOf(whole) {
		t.Errorf("%+v, want %+v", got, want)
	}
	whole.Reset()
	if stateOf(whole) != stateOf(testMonitor()) {
		t.Error("a monitor that was reset is not new")
	}
}

// TestRestoredRefuses: state that no events leave is refused.
func TestRestoredRefuses(t *testing.T) {
	for _, spoil := range []func(m *Monitor){
		func(m *Monitor) { m.alarms[alarmSide] = 99 },
		func(m *Monitor) { m.loss.sums[lossSpread] = -1 },
		func(m *Monitor) { m.loss.window.sums[0]++ },
		func(m *Monitor) { m.values.ring[0] = 200 },
		func(m *Monitor) { m.values.refer[0]++ },
		func(m *Monitor) { m.values.bounds[0] = 1e9 },
		func(m *Monitor) { m.label.effect[0] = -1 },
		func(m *Monitor) { m.learned.at[0] = 1 << 40 },
	} {
		m, s := testMonitor(), &stream{r: rand.New(rand.NewPCG(1, 2))}
		s.feed(m, 6_000)
		if err := m.Restored(); err != nil {
			t.Fatal(err)
		}
		if spoil(m); m.Restored() == nil {
			t.Error("what no events leave was restored")
		}
	}
}
