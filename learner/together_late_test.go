package learner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"millrace"
	"millrace/join"
	"millrace/model"
	"millrace/snapshot"
)

// arrival is a record of either topic, in the order that they are applied in.
type arrival struct {
	rec   *millrace.Record
	label bool
}

func (l *lives) order(t *testing.T) (all []arrival) {
	t.Helper()
	m := l.merger(nil, nil, nil)
	for {
		st, err := m.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := st.From; i < st.To; i++ {
			all = append(all, arrival{&st.Batch.Records[i], st.Source > 0})
		}
	}
}

// story is all that came of records, with the figures that were measured, and the state that they left.
type story struct {
	steps []string
	state []byte
	names map[string]uint64
}

func (s *story) tell(what string, outcome Outcome, why *millrace.Rejection, prediction []float64) {
	if why != nil {
		what, prediction = what+" "+string(why.Reason), nil
	}
	s.steps = append(s.steps, fmt.Sprint(what, " ", outcome, " ", prediction))
}

func (s *story) end(e Ended) {
	s.steps = append(s.steps, fmt.Sprint("end ", e.Outcome, e.Place, e.Learned, e.Why != nil))
}

func (s *story) finish(stream *Stream, layout *snapshot.Layout) {
	s.state = append(blobs(layout), stream.Join.AppendState(nil)...)
	s.names = stream.Names()
}

// listen notes what is measured when labels come.
func (s *story) listen(stream *Stream) {
	stream.Joined = func(delay time.Duration, prediction []float64, y millrace.Label) {
		s.steps = append(s.steps, fmt.Sprint("joined ", delay, prediction, y.Class))
	}
}

func decoded(t *testing.T, a arrival) *millrace.Event {
	t.Helper()
	d := lateDecoder{label: a.label}
	e := d.NewEvent()
	if d.Decode(a.rec, e) != nil {
		return nil
	}
	return e
}

// singly applies records one by one.
func (l *lives) singly(t *testing.T, all []arrival) (out story) {
	t.Helper()
	s, layout := l.stream(t)
	out.listen(s)
	for _, a := range all {
		e := decoded(t, a)
		switch {
		case e == nil:
			continue
		case a.label:
			outcome, why := s.Label(e, a.rec)
			out.tell("label", outcome, why, nil)
		default:
			outcome, why := s.Event(e, a.rec)
			out.tell("event", outcome, why, s.Prediction())
		}
		for s.Expire() {
			out.end(s.Ended())
		}
	}
	out.finish(s, layout)
	return out
}

// jointly applies up to so many records at a time.
func (l *lives) jointly(t *testing.T, all []arrival, most int) (out story) {
	t.Helper()
	s, layout := l.stream(t)
	out.listen(s)
	cores := NewCores(make(chan struct{}, 3), true)
	for len(all) > 0 {
		var kinds []string
		left := 1 + l.rng.IntN(most)
		for ; len(all) > 0 && left > 0 && s.Room() > 0; left-- {
			a := all[0]
			all = all[1:]
			e := decoded(t, a)
			switch {
			case e == nil:
				continue
			case a.label:
				s.AddLabel(e, a.rec)
				kinds = append(kinds, "label")
			default:
				s.Add(e, a.rec)
				kinds = append(kinds, "event")
			}
			for s.Room() > 0 && s.AddEnd() {
				kinds = append(kinds, "end")
			}
		}
		s.Run(cores)
		for _, kind := range kinds {
			outcome, why, prediction := s.Settle()
			switch kind {
			case "end":
				out.end(s.Ended())
			case "label":
				out.tell(kind, outcome, why, nil)
			default:
				out.tell(kind, outcome, why, prediction)
			}
		}
		for s.Expire() {
			out.end(s.Ended())
		}
	}
	out.finish(s, layout)
	return out
}

// lateMixtures are pipelines whose labels come later and whose model's parts learn side by side.
func lateMixtures() map[string]*lives {
	all := map[string]*lives{}
	for name, set := range map[string]func(l *lives){
		"missing labels are a class": func(*lives) {},
		"missing labels are dropped": func(l *lives) { l.spec.Missing = millrace.Target{} },
		"a class is assumed":         func(l *lives) { l.assume = millrace.Label{Known: true} },
		"memory is full":             func(l *lives) { l.spec.Memory = 24 << 10 },
		"labels come at once": func(l *lives) {
			l.spec.Wait, l.spec.Early = 40*time.Millisecond, 20*time.Millisecond
		},
	} {
		l := newLives(17)
		l.model = model.Spec{Type: "auto", Budget: "0.3x"}
		set(l)
		l.fill(900, 1)
		all[name] = l
	}
	return all
}

// TestLateTogetherEqualsOneByOne: with labels that come later, too, all is the same to the last bit however many
// records are taken in at a time: outcomes, ends of waits, the figures of predictions made when events came, and who
// waits.
func TestLateTogetherEqualsOneByOne(t *testing.T) {
	for name, l := range lateMixtures() {
		t.Run(name, func(t *testing.T) {
			all := l.order(t)
			want := l.singly(t, all)
			if name == "labels come at once" && want.names[string(join.NameJoined)] < 100 {
				t.Errorf("only %d labels joined", want.names[string(join.NameJoined)])
			}
			for _, most := range []int{16, 130} {
				got := l.jointly(t, all, most)
				if !bytes.Equal(got.state, want.state) || !maps.Equal(got.names, want.names) {
					t.Errorf("up to %d at a time: another state, or names %v, want %v", most, got.names, want.names)
				}
				if !slices.Equal(got.steps, want.steps) {
					t.Errorf("up to %d at a time: other outcomes or predictions", most)
				}
			}
		})
	}
}

// TestKilledMixturesEqualUninterrupted: a learner whose model's parts go side by side may be killed anywhere, too.
func TestKilledMixturesEqualUninterrupted(t *testing.T) {
	for name, l := range lateMixtures() {
		t.Run(name, func(t *testing.T) {
			whole := l.begin(t, nil, 0, 0)
			whole.run(t)
			want := whole.store.last(t)
			from, _, _ := l.dying(t, fewer(10), 400)
			if !maps.Equal(learned(t, from), learned(t, &want)) || from.Manifest.Learned != want.Manifest.Learned {
				t.Errorf("weights differ from those of a learner that was never killed; %d learned, want %d",
					from.Manifest.Learned, want.Manifest.Learned)
			}
		})
	}
}
