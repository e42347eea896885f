package offline

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
)

const windowsConfig = `
name: windowed
events: {topic: w.events, time: time}
features:
  amount: number
  country: category
  n_20s: {type: window, key: country, over: 20s, stat: count}
  spent_1m: {type: window, key: country, of: amount, over: 1m, stat: [sum, max, since]}
  all_5s: {type: window, over: 5s, stat: count}
  amount_vs: {type: ratio, of: [amount, spent_1m.sum]}
label: {path: outcome, classes: [legit, fraud]}
model: {type: logistic, optimizer: {type: sgd, rate: 0.1}}
`

// labelledPayments are those of payments100 with their labels, some of them told of late.
func labelledPayments() []string {
	events, labels := payments100(0)
	rows := []string{events[0] + ",outcome"}
	for i, e := range events[1:] {
		if i%9 == 4 {
			e = strings.Replace(e, fmt.Sprint(1000+i), fmt.Sprint(1000+i-3), 1)
		}
		rows = append(rows, e+labels[i+1][strings.LastIndex(labels[i+1], ","):])
	}
	return rows
}

// windowsOf learns a file and returns the values of all windows and ratios of every event, as it was predicted.
func windowsOf(t *testing.T, c *Contender, data Data) []string {
	t.Helper()
	var out []string
	columns := c.Pipeline.FeatureSpec().Columns
	c.Predicted = func(_ *millrace.Record, e *millrace.Event, _ []float64) {
		var b strings.Builder
		for i, f := range e.Fields {
			if columns[i].Type == "window" || columns[i].Type == "ratio" {
				fmt.Fprintf(&b, "%s %v %v ", columns[i].Name, f.Presence, f.Number)
			}
		}
		out = append(out, b.String())
	}
	if err := Race(t.Context(), data, []*Contender{c}, unseen); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWindowsOfAFile: windows are of the rows before by their times, and a second pass begins with none.
func TestWindowsOfAFile(t *testing.T) {
	p := parsedText(t, windowsConfig)
	data := Data{Events: put(t, "p.csv", labelledPayments()...)}
	c := NewContender("w", p, data)
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	first := windowsOf(t, c, data)
	if again := windowsOf(t, c, data); !slices.Equal(first, again) {
		t.Error("windows in a second pass differ from those in the first")
	}
	// Row 20, of second 1020, is the third of its country within 20 s, behind those of seconds 1006 and 1010.
	if want := "n_20s 2 2 "; !strings.HasPrefix(first[20], want) || !strings.HasPrefix(first[0], "n_20s 2 0 ") {
		t.Errorf("row 20 has the windows %s, want %s; row 0 %s", first[20], want, first[0])
	}
}

// TestNoLeakFromEvents: whatever comes after an event, its windows and its prediction are the same.
func TestNoLeakFromEvents(t *testing.T) {
	for _, text := range []string{windowsConfig, strings.Replace(windowsConfig, "model: {type: logistic, optimizer: {type: sgd, rate: 0.1}}", "model: forest", 1)} {
		p := parsedText(t, text)
		rows := labelledPayments()
		want := stream(t, p, Data{Events: put(t, "p.csv", rows...)})
		other := slices.Clone(rows)
		for i := 61; i < len(other); i++ { // event 60 on
			other[i] = fmt.Sprintf("%d,%d,%d,c1,fraud", i, 1000+i/2, i)
		}
		got := stream(t, p, Data{Events: put(t, "p.csv", other...)})
		if !slices.Equal(got[:60], want[:60]) {
			t.Error("events that come later change predictions before them")
		}
		if got[60] == want[60] {
			t.Error("another event is predicted alike: the test tests nothing")
		}
	}
}

// TestContendersHaveWindowsOfTheirOwn: models with windows side by side learn what each does alone.
func TestContendersHaveWindowsOfTheirOwn(t *testing.T) {
	p := parsedText(t, windowsConfig)
	data := Data{Events: put(t, "p.csv", labelledPayments()...)}
	alone, err := Evaluate(t.Context(), p, data, nil, unseen)
	if err != nil {
		t.Fatal(err)
	}
	narrow := func() *config.Pipeline { // reads events alike, and has no windows
		return parsedText(t, strings.NewReplacer("over: 20s", "over: 40s").Replace(windowsConfig))
	}
	all := []*Contender{NewContender("a", p, data), NewContender("b", narrow(), data), NewContender("c", p, data)}
	if err := Race(t.Context(), data, all, unseen); err != nil {
		t.Fatal(err)
	}
	want := alone.Pieces.Snapshot(millrace.Manifest{})
	for _, c := range []*Contender{all[0], all[2]} {
		if s := c.Pieces.Snapshot(millrace.Manifest{}); !bytes.Equal(s.Serving, want.Serving) {
			t.Errorf("contender %s differs from one that learns alone", c.Name)
		}
	}
}
