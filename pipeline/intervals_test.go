package pipeline

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/learner"
	"millrace/model"
)

// intervalPieces builds a pipeline whose scores carry intervals of a level, none with 0.
func intervalPieces(t *testing.T, label, family string, level float64) (*config.Pipeline, *Pieces) {
	t.Helper()
	text := fmt.Sprintf("name: p\nevents: e\nfeatures: {a: number}\nlabel: {path: y, %s}\nmodel: %s\n", label, family)
	if level > 0 {
		text += fmt.Sprintf("scores: {interval: %g}\n", level)
	}
	p, err := config.Parse("p.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Build(p)
	if err != nil {
		t.Fatal(err)
	}
	return p, l
}

// intervalEvents are events from number from on, decoded; every seventh has no label.
func intervalEvents(t *testing.T, l *Pieces, from, n int) (events []*millrace.Event) {
	t.Helper()
	for i := from; i < from+n; i++ {
		y := fmt.Sprintf(`,"y":%g`, math.Round(100*(3*math.Sin(float64(i))+math.Sin(float64(i*i)))))
		if l.Model.Outputs() > 1 {
			y = `,"y":"` + string("npq"[(i*i/3+i/5)%3]) + `"`
		}
		if i%7 == 3 {
			y = ""
		}
		e := l.Decoder.NewEvent()
		if err := l.Decoder.Decode(&millrace.Record{Value: fmt.Appendf(nil, `{"a":%g%s}`, math.Sin(float64(i)), y)}, e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

const (
	numberLabel = "type: number"
	classLabel  = "classes: [n, p, q]"
)

// TestIntervalsAreState: learned one by one, in chunks of any size, and over a restart in between, intervals and their
// figures are the same to the bit.
func TestIntervalsAreState(t *testing.T) {
	const n = 300
	for _, label := range []string{numberLabel, classLabel} {
		_, one := intervalPieces(t, label, "auto", .8)
		for _, e := range intervalEvents(t, one, 0, n) {
			_, _ = one.Stream.Event(e, &millrace.Record{})
		}
		want := one.Snapshot(millrace.Manifest{})
		if c, ok := one.Trainer.Progressive.Coverage(learner.All); !ok || c.Held < .7 || c.Held > 1 || !(c.Width > 0) {
			t.Errorf("%s: coverage is %+v", label, c)
		}
		for _, most := range []int{3, 100} {
			_, many := intervalPieces(t, label, "auto", .8)
			for from := 0; from < n; {
				if from >= n/2 && from < n/2+most {
					s := many.Snapshot(millrace.Manifest{})
					_, many = intervalPieces(t, label, "auto", .8)
					if err := many.Layout.Restore(s.Serving, s.Training); err != nil {
						t.Fatal(err)
					}
				}
				k := 0
				for _, e := range intervalEvents(t, many, from, min(most, n-from)) {
					if many.Stream.Room() == 0 {
						break
					}
					many.Stream.Add(e, &millrace.Record{})
					k++
				}
				many.Stream.Run(model.OneByOne{})
				for range k {
					_, _, _ = many.Stream.Settle()
				}
				from += k
			}
			got := many.Snapshot(millrace.Manifest{})
			if !bytes.Equal(got.Serving, want.Serving) || !bytes.Equal(got.Training, want.Training) {
				t.Errorf("%s, chunks of %d: the state differs", label, most)
			}
		}
	}
}

// TestLevelChanges: a learner goes on from what was learned when the level is changed, added or taken away, and then
// intervals begin anew; scorers refuse only a version of another level.
func TestLevelChanges(t *testing.T) {
	for _, label := range []string{numberLabel, classLabel} {
		for _, from := range []float64{0, .8, .9} {
			old, l := intervalPieces(t, label, "tree", from)
			for _, e := range intervalEvents(t, l, 0, 100) {
				_, _ = l.Stream.Event(e, &millrace.Record{})
			}
			m := Manifest(old, "")
			s := l.Snapshot(m)
			for _, to := range []float64{0, .8, .9} {
				p, l := intervalPieces(t, label, "tree", to)
				if err := p.Fits(&m); err != nil {
					t.Errorf("%s, from %g to %g: %v", label, from, to, err)
				}
				if err := l.Layout.Restore(s.Serving, s.Training); err != nil {
					t.Errorf("%s, from %g to %g: %v", label, from, to, err)
				} else if i := l.Trainer.Intervals; to > 0 && (i.Seen() > 0) != (from == to) {
					t.Errorf("%s, from %g to %g: intervals have seen %d events", label, from, to, i.Seen())
				}
				r, err := replicaOf(p, &m)
				if refused := from > 0 && to > 0 && from != to; refused {
					if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("scores.interval: %g in the snapshot, %g in the pipeline", from, to)) {
						t.Errorf("%s: a scorer of %g takes a version of %g: %v", label, to, from, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Layout.Restore(s.Serving, nil); err != nil {
					t.Errorf("%s, a version of %g, served with %g: %v", label, from, to, err)
				} else if from == to && to > 0 && r.Intervals.Least() != l.Trainer.Intervals.Least() {
					t.Errorf("%s: learner and scorer differ", label)
				}
			}
		}
	}
}
