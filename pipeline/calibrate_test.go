package pipeline

import (
	"strings"
	"testing"

	"millrace"
	"millrace/config"
)

// TestCalibrationChanges: a learner goes on from what was learned when its calibration is changed, added or taken away.
func TestCalibrationChanges(t *testing.T) {
	build := func(by string) *Pieces {
		p, err := config.Parse("p.yaml", []byte(strings.Replace("name: p\nevents: e\nfeatures: {a: number}\n"+
			"label: {path: y, classes: [n, p]}\nmodel: {type: tree, calibrate: BY}\n", "BY", by, 1)), nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Build(p)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, from := range []string{"none", "platt", "auto"} {
		old := build(from)
		e := old.Decoder.NewEvent()
		for _, row := range []string{`{"a":1,"y":"p"}`, `{"a":2,"y":"n"}`} {
			if err := old.Decoder.Decode(&millrace.Record{Value: []byte(row)}, e); err != nil {
				t.Fatal(err)
			}
			if err := old.Trainer.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		s := old.Snapshot(millrace.Manifest{})
		for _, to := range []string{"none", "beta", "auto"} {
			l := build(to)
			if err := l.Layout.Restore(s.Serving, s.Training); err != nil {
				t.Errorf("from %s to %s: %v", from, to, err)
			}
			if n := l.Trainer.Progressive.Events(); n != 2 {
				t.Errorf("from %s to %s: %d events", from, to, n)
			}
		}
	}
}
