package hard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"millrace/features"
	"millrace/integration/harness/quality"
)

// few are the first rows of a stream that is made here.
func few(rows int, change func(i int, row []float64)) *Stream {
	all := made(0.1)[:rows]
	for i, row := range all {
		if change != nil {
			change(i, row)
		}
	}
	return written(all, "a,b,c,d")
}

func run(t *testing.T, trial *Trial, families ...string) []Standing {
	t.Helper()
	r := Runner{Families: families, Seeds: 2, Folder: t.TempDir()}
	standings, err := r.Run(context.Background(), trial)
	if err != nil {
		t.Fatal(err)
	}
	return standings
}

// The same stream behind rows that are not compared keeps the bound; one whose label says nothing falls short of it,
// and so does one with rows that are rejected.
func TestTrial(t *testing.T) {
	clean := few(1500, nil)
	ahead := *clean
	ahead.Lines = append([]string{clean.Lines[0]}, clean.Lines...)
	same := &Trial{Name: "same", Clean: clean, Spoilt: &ahead, From: 800, To: 1500, Ahead: 1}
	for _, s := range run(t, same, "linear", "mlp") {
		if same.Short(&s) != "" || s.Clean.Loss == 0 || s.Ratio() > 1.05 || s.Ratio() < 0.95 || s.Classes() {
			t.Errorf("%+v: %s", s, same.Short(&s))
		}
	}
	noise := &Trial{Name: "noise", Clean: clean, Spoilt: few(1500, func(i int, row []float64) { row[label] = float64(i%17) * 7 / 3 }), From: 800, To: 1500}
	for _, s := range run(t, noise, "linear", "mlp") {
		if !strings.Contains(noise.Short(&s), "loss x") {
			t.Errorf("%s keeps the bound with labels that say nothing: %+v", s.Family, s)
		}
	}
	lost := *clean
	lost.Lines = slices.Clone(clean.Lines)
	lost.Lines[1000] = "much,1,1,1,1"
	rejected := &Trial{Name: "rejected", Clean: clean, Spoilt: &lost, From: 800, To: 1500}
	if s := run(t, rejected, "linear")[0]; rejected.Short(&s) != "1 events rejected" {
		t.Errorf("%q: %+v", rejected.Short(&s), s)
	}
}

// The label's scale is taken out before losses are compared.
func TestTrialScales(t *testing.T) {
	scaled := few(1500, func(_ int, row []float64) { row[label] *= 1024 })
	trial := &Trial{Name: "scaled", Clean: few(1500, nil), Spoilt: scaled, From: 500, To: 1500, Scale: 1024}
	if s := run(t, trial, "linear")[0]; trial.Short(&s) != "" || s.Ratio() < 0.95 {
		t.Errorf("ratio %v: %+v", s.Ratio(), s)
	}
}

func TestShort(t *testing.T) {
	numbers := func(clean, spoilt float64) Standing {
		return Standing{Clean: Loss{Loss: clean, Accuracy: math.NaN()}, Spoilt: Loss{Loss: spoilt, Accuracy: math.NaN()}}
	}
	classes := func(clean, spoilt float64) Standing {
		return Standing{Clean: Loss{Loss: 0.2, Accuracy: clean}, Spoilt: Loss{Loss: 0.2, Accuracy: spoilt}}
	}
	classLosses := func(clean, spoilt float64) Standing {
		return Standing{Clean: Loss{Loss: clean, Accuracy: 1}, Spoilt: Loss{Loss: spoilt, Accuracy: 1}}
	}
	for _, test := range []struct {
		name  string
		s     Standing
		least float64
		short bool
	}{
		{"equal", numbers(1, 1), 0, false}, {"within", numbers(1, 1.09), 0, false}, {"beyond", numbers(1, 1.11), 0, true},
		{"no loss", numbers(0, 0), 0, false}, {"no number", numbers(1, math.NaN()), 0, true},
		{"accuracy within", classes(0.9, 0.8951), 0, false}, {"accuracy beyond", classes(0.9, 0.8949), 0, true},
		{"at least", classes(0.9, 0.81), 0.8, false}, {"less than at least", classes(0.9, 0.79), 0.8, true},
		{"never more", classes(0.5, 0.5), 0.8, false}, {"log-loss beyond", classLosses(0.2, 0.23), 0, true},
		{"log-loss within", classLosses(0.2, 0.21), 0, false}, {"next to none", classLosses(0.001, 0.0015), 0, false},
		{"not learned", Standing{Err: errors.New("why")}, 0, true},
	} {
		trial := &Trial{Least: test.least}
		if got := trial.Short(&test.s); (got != "") != test.short {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}

// Every trial leaves the rows that are compared as long as they are meant to be, does something to the stream, and does
// the same again.
func TestTrialsAreWhatTheySay(t *testing.T) {
	data := t.TempDir()
	for _, name := range []string{"sea.csv", "elec.csv"} {
		text := "a,y\n" + strings.Repeat("1,0\n", settled+1)
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases, absent, err := Cases(data)
	if err != nil || len(absent) > 0 {
		t.Fatal(err, absent)
	}
	trials := slices.Concat(Classes(1).Trials, cases.Trials, Numbers().Trials)
	if len(trials) != 15+9+9 {
		t.Errorf("%d trials", len(trials))
	}
	for i := range trials {
		trial := &trials[i]
		if trial.From >= trial.To || trial.To > len(trial.Clean.Lines) || trial.To+trial.Ahead > len(trial.Spoilt.Lines) {
			t.Errorf("%s: rows %d to %d of %d", trial.Name, trial.From, trial.To, len(trial.Clean.Lines))
		}
		if slices.Equal(trial.Clean.Lines, trial.Spoilt.Lines) {
			t.Errorf("%s: nothing is spoilt", trial.Name)
		}
	}
	for i, again := range append(Classes(1).Trials, sentinel()) {
		if !reflect.DeepEqual(trials[i], again) {
			t.Errorf("%s: the second time differs", again.Name)
		}
	}
	if _, absent, err := Cases(t.TempDir()); err != nil || !slices.Equal(absent, []string{"sea.csv", "elec.csv"}) {
		t.Errorf("absent %q, %v", absent, err)
	}
}

func TestReport(t *testing.T) {
	clean := few(1200, nil)
	g := Group{Name: "group", Trials: []Trial{
		{Name: "kept", Clean: clean, Spoilt: clean, From: 600, To: 1200},
		{Name: "lost", Clean: clean, Spoilt: few(1200, func(i int, row []float64) { row[label] = float64(i % 13) }), From: 600, To: 1200},
		{Name: "not asked for", Clean: clean, Spoilt: clean, From: 600, To: 1200},
	}}
	var out strings.Builder
	r := &Report{Runner: Runner{Families: []string{"linear"}, Seeds: 1, Folder: t.TempDir()}, Out: &out}
	rows, err := r.Run(context.Background(), g, []string{"kept", "lost"})
	if err != nil || len(rows) != 2 || r.Trials != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if len(r.Short) != 1 || !strings.HasPrefix(r.Short[0], "linear, lost: loss x") || strings.Count(out.String(), "!!") != 1 {
		t.Errorf("short %q:\n%s", r.Short, &out)
	}
	table := Markdown(&g, rows)
	if !strings.HasPrefix(table, "| group | logistic or linear |\n|---|---|\n| as it was: mean absolute error | 0.") ||
		!strings.Contains(table, " |\n| kept | 1.00 |\n| lost | **") {
		t.Errorf("table:\n%s", table)
	}
}

// Streams of a folder are spoilt in the middle, in the columns that are meant and nowhere else.
func TestOn(t *testing.T) {
	const rows = 2*settled + 4
	folder := t.TempDir()
	var text strings.Builder
	text.WriteString("a,b,c,d,e,few,word,y\n")
	for i := range rows {
		fmt.Fprintf(&text, "%d,%[1]d,%[1]d,%[1]d,%[1]d,%d,w,%d.5\n", i%97+1, i%7, i%89)
	}
	for name, text := range map[string]string{"s.csv": text.String(), "short.csv": "a,y\n1,2\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g, err := On(folder, "s")
	if err != nil || len(g.Trials) != 6 {
		t.Fatalf("%d trials, %v", len(g.Trials), err)
	}
	for i, want := range []struct {
		changed     int // rows; -1 for some
		row         int
		middle, end string
	}{
		{1, rows / 2, "1e+30,1e+30,1e+30,1e+30,1e+30,", ",w,44.5"},
		{-1, -1, "", ""},
		{rows / 2, rows / 2, "63000,63000,63,63,63,", ",w,44.5"},
		{rows / 2, rows / 2, "175.", ",63,63,63,0,w,44.5"},
		{rows / 2, rows / 2, "145.4,145.4,145.4,145.4,145.4,", ",w,44.5"},
		{1, rows / 2, "1e+30,1e+30,1e+30,1e+30,1e+30,", ",w,2147483647"},
	} {
		trial, changed := &g.Trials[i], 0
		for j, line := range trial.Spoilt.Lines {
			if line != trial.Clean.Lines[j] {
				changed++
			}
		}
		middle := trial.Spoilt.Lines[rows/2]
		if want.row >= 0 && (!strings.HasPrefix(middle, want.middle) || !strings.HasSuffix(middle, want.end)) {
			t.Errorf("%s: the row in the middle is %q, was %q", trial.Name, middle, trial.Clean.Lines[rows/2])
		}
		if changed == 0 || want.changed > changed || want.changed >= 0 && changed > want.changed {
			t.Errorf("%s: %d rows changed, want %d", trial.Name, changed, want.changed)
		}
	}
	for _, name := range []string{"short", "absent"} {
		if _, err := On(folder, name); err == nil {
			t.Errorf("%s was spoilt", name)
		}
	}
}

// Digits are lost of numbers alone: what is inferred to be a category has none.
func TestDigitsOfNumbers(t *testing.T) {
	for _, trial := range digits() {
		stored, err := trial.Spoilt.store(t.TempDir(), "stream")
		if err != nil {
			t.Fatal(err)
		}
		contenders, err := quality.Contend(context.Background(), stored, []string{"tree"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		spec := contenders[0].Pipeline.FeatureSpec()
		for _, c := range spec.Columns {
			if c.Type != features.Number {
				t.Errorf("%s: %s is inferred to be %v", trial.Name, c.Name, c.Type)
			}
		}
	}
}
