package pipeline

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/join"
	"millrace/learner"
)

// compare fails unless a life that came to the end has all that one has that was never killed.
func (l *lives) compare(end *life) {
	t := l.t
	t.Helper()
	whole := newWholeRun(t, l.pipeline, l.logs, &l.begins)
	leavesOut := func(e measuredEvent) bool {
		i := len(end.segments) - 1
		for end.segments[i].applied >= e.applied {
			i--
		}
		return slices.ContainsFunc(end.segments[i].lost, func(u unmeasured) bool {
			return u.partition == e.at.Partition && u.from <= e.at.Offset && e.at.Offset < u.to
		})
	}
	_, figures, _ := whole.figures(func(measuredEvent) bool { return false })
	want := tensorsOf(t, whole.pieces)
	for name, data := range figures {
		if string(want[name]) != string(data) {
			t.Errorf("%s of what was measured is not that of a run that was never killed", name)
		}
	}
	p, figures, left := whole.figures(leavesOut)
	maps.Copy(want, figures)
	head := l.rig.head()
	got := tensorsIn(t, head.Serving, head.Training)
	sameTensors(t, got, want)
	m := &head.Manifest
	if names := whole.names(left); !maps.Equal(m.Names, names) {
		t.Errorf("names %v, want %v", m.Names, names)
	}
	if m.Applied != whole.applied || m.Learned != whole.learned || m.Rejected != whole.rejected {
		t.Errorf("applied %d, learned %d, rejected %d; want %d, %d, %d", m.Applied, m.Learned, m.Rejected, whole.applied, whole.learned, whole.rejected)
	}
	if got, want := fmt.Sprint(m.Metrics), fmt.Sprint(withDrift(p, whole.pieces)); got != want {
		t.Errorf("figures %s, want %s", got, want)
	}
	for letter := range whole.letters {
		if !l.letters[letter] {
			t.Errorf("no dead letter of %s", letter)
		}
	}
	l.kinds["unmeasured"] += int(left)
	l.kinds["measured"] += len(whole.measured) - int(left)
	l.compareKeyed(end, whole)
}

func sameTensors(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("tensors %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for name, data := range want {
		if string(got[name]) != string(data) {
			t.Errorf("%s differs", name)
		}
	}
}

// compareKeyed compares windows, and what waits: by asking, and by going on.
func (l *lives) compareKeyed(end *life, whole *wholeRun) {
	t := l.t
	t.Helper()
	both := [2]*Pieces{end.learned, whole.pieces}
	for card := range 40 {
		var fields [2]string
		for i, pieces := range both {
			e := pieces.Decoder.NewEvent()
			rec := &millrace.Record{Time: math.MaxInt64, Value: fmt.Appendf(nil, `{"id":"x","time":%d,"amount":1,"card":"c%d"}`,
				pieces.Stream.Clock.Now(), card)}
			if err := pieces.Decoder.Decode(rec, e); err != nil {
				t.Fatal(err)
			}
			pieces.Windows.Fill(e, pieces.Stream.Clock.Now())
			fields[i] = fmt.Sprint(e.Fields)
		}
		if fields[0] != fields[1] {
			t.Errorf("windows of card %d are %s, want %s", card, fields[0], fields[1])
		}
	}
	if got, want := both[0].Join.Stats(), both[1].Join.Stats(); got.Waiting != want.Waiting || got.Kept != want.Kept || got.Charge != want.Charge {
		t.Errorf("what waits is %+v, want %+v", got, want)
	}
	after := afterwards(l.rng, whole.pieces.Stream.Clock.Now())
	var all [2]map[string][]byte
	var names [2]map[string]uint64
	for i, pieces := range both {
		w := &wholeRun{t: t, pipeline: l.pipeline, pieces: pieces, label: pieces.Labels.NewEvent(), came: map[string]measuredEvent{},
			ids: map[join.Place]string{}, letters: map[string]bool{}}
		for j := range after {
			rec := after[j]
			w.record(&rec, rec.Topic == killedTopics[1])
		}
		all[i], names[i] = tensorsOf(t, pieces), w.names(0)
	}
	for _, tensors := range all {
		maps.DeleteFunc(tensors, func(name string, _ []byte) bool { return strings.HasPrefix(name, "progressive.") })
	}
	sameTensors(t, all[0], all[1])
	if !maps.Equal(names[0], names[1]) {
		t.Errorf("afterwards names are %v, want %v", names[0], names[1])
	}
}

// withDrift are figures with the alarms of drift that the pieces have told.
func withDrift(p *learner.Progressive, pieces *Pieces) map[string]float64 {
	all := p.Metrics()
	for name, v := range pieces.Trainer.Metrics() {
		if strings.HasPrefix(name, "drift_") {
			all[name] = v
		}
	}
	return all
}
