package learner

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"millrace"
	"millrace/keyed"
	"millrace/model"
)

// tally is the simplest window: the sum of all that was observed. It notes what happened, in order.
type tally struct {
	steps []string
	sum   float64
}

func (w *tally) Horizon() int64 { return 1000 }

func (w *tally) Fill(e *millrace.Event, watermark int64) {
	w.note("fill", e, watermark)
	e.Fields[1] = millrace.Field{Presence: millrace.Present, Number: w.sum}
}

func (w *tally) Ahead([]*millrace.Event) int { return 0 }

func (w *tally) Reset() { w.sum = 0 }

func (w *tally) Observe(e *millrace.Event, watermark int64) {
	w.note("observe windows", e, watermark)
	w.sum += e.Fields[0].Number
}

func (w *tally) note(step string, e *millrace.Event, watermark int64) {
	at := "first"
	if watermark != math.MinInt64 {
		at = fmt.Sprint("at ", watermark)
	}
	w.steps = append(w.steps, fmt.Sprint(step, " ", e.Time, " ", at))
}

// openModel notes its steps, refuses values over 1e30 and keeps what it predicted from.
type openModel struct {
	fakeModel
	steps *[]string
}

func (m *openModel) Predict(dst []float32, x millrace.Input, _ model.Scratch) {
	*m.steps = append(*m.steps, "predict")
	dst[0] = x[0].Dense[1]
}

func (m *openModel) Learn(x millrace.Input, y millrace.Target, w float32, s model.Scratch) error {
	*m.steps = append(*m.steps, "learn")
	return m.fakeModel.Learn(x, y, w, s)
}

// strictExtractor refuses negative values.
type strictExtractor struct {
	fakeExtractor
	steps *[]string
}

func (x *strictExtractor) NewInput() millrace.Input {
	return millrace.Input{{Dense: make([]float32, 2)}}
}

func (x *strictExtractor) Extract(dst millrace.Input, e *millrace.Event) error {
	if e.Fields[0].Number < 0 {
		return &millrace.Rejection{Reason: millrace.ReasonMissingFeature}
	}
	dst[0].Dense[0], dst[0].Dense[1] = float32(e.Fields[0].Number), float32(e.Fields[1].Number)
	return nil
}

func (x *strictExtractor) Observe(e *millrace.Event) {
	*x.steps = append(*x.steps, "observe features")
	x.fakeExtractor.Observe(e)
}

func newWindowStream() (*Stream, *tally, *openModel) {
	w := &tally{}
	m := &openModel{fakeModel{hash: make([]uint64, 1)}, &w.steps}
	x := &strictExtractor{fakeExtractor{observed: make([]uint64, 1)}, &w.steps}
	return NewStream(StreamOptions{Trainer: NewTrainer(x, m, 0), Windows: w, Clock: keyed.NewClock()}), w, m
}

func eventOf(value float64, at int64, l millrace.Label) *millrace.Event {
	return &millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Number: value}, {}}, Time: at, Label: l}
}

// TestStepsOfAnEvent: what each event goes through, in which order, and what becomes of it. Whatever becomes of label
// and update the windows observe it, as a scorer's do; only what does not extract they never see.
func TestStepsOfAnEvent(t *testing.T) {
	known := millrace.Label{Known: true, Value: 1}
	none, missing := millrace.Label{}, millrace.Label{Fault: &millrace.Rejection{Reason: millrace.ReasonMissingLabel}}
	bad := millrace.Label{Fault: &millrace.Rejection{Reason: millrace.ReasonBadLabel}}
	for _, c := range []struct {
		name   string
		e      *millrace.Event
		want   Outcome
		reason millrace.Reason
		steps  []string
	}{
		{"with its label", eventOf(5, 70, known), Learned, "",
			[]string{"fill 70 first", "predict", "learn", "observe features", "observe windows 70 first"}},
		{"later than its record", eventOf(5, 4_000_000, known), Learned, "",
			[]string{"fill 100 first", "predict", "learn", "observe features", "observe windows 100 first"}},
		{"without a label", eventOf(5, 70, none), Unlabelled, "",
			[]string{"fill 70 first", "predict", "observe features", "observe windows 70 first"}},
		{"without a label that must be there", eventOf(5, 70, missing), Rejected, millrace.ReasonMissingLabel,
			[]string{"fill 70 first", "observe windows 70 first"}},
		{"with a bad label", eventOf(5, 70, bad), Rejected, millrace.ReasonBadLabel,
			[]string{"fill 70 first", "observe windows 70 first"}},
		{"with an update that is refused", eventOf(1e31, 70, known), Rejected, millrace.ReasonUpdateOverflow,
			[]string{"fill 70 first", "predict", "learn", "observe windows 70 first"}},
		{"that does not extract", eventOf(-1, 70, known), Rejected, millrace.ReasonMissingFeature,
			[]string{"fill 70 first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, w, _ := newWindowStream()
			outcome, why := s.Event(c.e, &millrace.Record{Time: 100})
			if outcome != c.want || (why != nil) != (c.want == Rejected) || why != nil && why.Reason != c.reason {
				t.Errorf("outcome %d, %v; want %d, %s", outcome, why, c.want, c.reason)
			}
			if !slices.Equal(w.steps, c.steps) {
				t.Errorf("steps %q, want %q", w.steps, c.steps)
			}
			if want := c.e.Time; len(c.steps) > 1 && s.Clock.Now() != want || len(c.steps) == 1 && s.Clock.Now() != math.MinInt64 {
				t.Errorf("the watermark is %d behind an event of %d", s.Clock.Now(), want)
			}
		})
	}
}

// TestWindowsKnowNoFuture: an event is predicted from what was observed before it, and from nothing later.
func TestWindowsKnowNoFuture(t *testing.T) {
	run := func(values ...float64) (seen []float64) {
		s, _, _ := newWindowStream()
		for i, v := range values {
			e := eventOf(v, int64(i), millrace.Label{Known: true, Value: v})
			if _, why := s.Event(e, &millrace.Record{Time: int64(i)}); why != nil {
				t.Fatal(why)
			}
			seen = append(seen, e.Fields[1].Number)
		}
		return seen
	}
	got := run(3, 4, 5, 6)
	if want := []float64{0, 3, 7, 12}; !slices.Equal(got, want) {
		t.Errorf("windows %v, want %v", got, want)
	}
	if other := run(3, 4, 900, 901); !slices.Equal(other[:3], got[:3]) {
		t.Errorf("with another future the windows were %v, before %v", other[:3], got[:3])
	}
}

// TestUnlabelledWithoutWindows: a pipeline without state by key counts events that have no label, too.
func TestUnlabelledWithoutWindows(t *testing.T) {
	m, x := &fakeModel{hash: make([]uint64, 1)}, &fakeExtractor{observed: make([]uint64, 1)}
	s := NewStream(StreamOptions{Trainer: NewTrainer(x, m, 0)})
	if outcome, why := s.Event(eventOf(5, 0, millrace.Label{}), &millrace.Record{}); outcome != Unlabelled || why != nil || x.observed[0] != 1 || m.hash[0] != 0 {
		t.Errorf("outcome %d, %v; %d events observed, weights %d", outcome, why, x.observed[0], m.hash[0])
	}
	fault := millrace.Label{Fault: &millrace.Rejection{Reason: millrace.ReasonMissingLabel}}
	if outcome, why := s.Event(eventOf(5, 0, fault), &millrace.Record{}); outcome != Rejected || why == nil || x.observed[0] != 1 {
		t.Errorf("outcome %d, %v; %d events observed", outcome, why, x.observed[0])
	}
}

// TestFilledIsTold of every event once, with its windows, also of one that is then refused.
func TestFilledIsTold(t *testing.T) {
	s, _, _ := newWindowStream()
	var told []float64
	s.Filled = func(e *millrace.Event, rec *millrace.Record) {
		if e.Time > rec.Time {
			t.Errorf("told of an event at %d of a record of %d", e.Time, rec.Time)
		}
		told = append(told, e.Fields[1].Number)
	}
	known := millrace.Label{Known: true, Value: 1}
	for i, value := range []float64{5, -1, 7, 1} { // the second does not extract, and so is not observed
		_, _ = s.Event(eventOf(value, 900, known), &millrace.Record{Offset: int64(i), Time: 100})
	}
	if want := []float64{0, 5, 5, 12}; !slices.Equal(told, want) {
		t.Errorf("told of windows %v, want %v", told, want)
	}
}
