package offline

import (
	"errors"
	"fmt"
	"testing"

	"millrace"
	"millrace/learner"
)

// foretold counts the events that windows were told of before their turn, and those that they were not.
type foretold struct {
	learner.Windows
	coming     map[*millrace.Event]bool
	told, rest int
}

func (w *foretold) Ahead(events []*millrace.Event) int {
	n := w.Windows.Ahead(events)
	for _, e := range events[:n] {
		w.coming[e] = true
	}
	return n
}

func (w *foretold) Fill(e *millrace.Event, watermark int64) {
	if w.coming[e] {
		w.told++
	} else {
		w.rest++
	}
	delete(w.coming, e)
	w.Windows.Fill(e, watermark)
}

// TestWindowsAreToldAhead: each contender's windows know of events before their turn, as a learner's do, also of those
// that several contenders share and copy, and of those that are learned together.
func TestWindowsAreToldAhead(t *testing.T) {
	const text = `
name: ahead
events: {topic: ahead.events, time: time}
features: {a: number, card: category, n: {type: window, key: card, over: 10s, stat: count}}
label: {path: y, classes: ["0", "1"]}
model: {type: %s}
`
	rows := []string{"time,a,card,y"}
	for i := range 1000 {
		rows = append(rows, fmt.Sprintf("%d,%d,c%d,%d", 1000+i/3, i%11, i*7%90, i%2))
	}
	rows[500] = "1100,none,c1,0" // cannot be decoded
	data := Data{Events: put(t, "events.csv", rows...)}
	for _, families := range [][]string{{"logistic"}, {"auto"}, {"logistic", "auto", "tree"}} {
		var all []*Contender
		windows := make([]*foretold, len(families))
		for i, family := range families {
			c := NewContender(family, parsedText(t, fmt.Sprintf(text, family)), data)
			c.Predicted = func(*millrace.Record, *millrace.Event, []float64) { // once the pass has begun
				if s := c.Pieces.Stream; windows[i] == nil {
					windows[i] = &foretold{Windows: s.Windows, coming: map[*millrace.Event]bool{}}
					s.Windows = windows[i]
				}
			}
			all = append(all, c)
		}
		if err := errors.Join(append(Failures(all), Race(t.Context(), data, all, unseen))...); err != nil {
			t.Fatal(err)
		}
		for i, family := range families {
			if w := windows[i]; w.told < 700 || w.rest > 300 || len(w.coming) > 0 {
				t.Errorf("%s of %v: told of %d before their turn, not of %d, never came %d", family, families, w.told, w.rest, len(w.coming))
			}
		}
	}
}
