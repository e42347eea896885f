package quality

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"millrace/pipeline/status"
)

func classFigure(accuracy, logLoss float64) Figure {
	return Figure{Events: 10, Losses: status.Losses{Accuracy: &accuracy, LogLoss: &logLoss}}
}

func TestFiguresSurviveTheirFile(t *testing.T) {
	mae, rmse := 1.5, 2.25
	take := &Take{Name: "before", Commit: "abc", Figures: map[Key]Figure{
		{Stream: "a.csv", Family: "svm", Seeds: 1}:    classFigure(0.5, 0.25),
		{Stream: "a.csv", Family: "auto", Seeds: 5}:   classFigure(0.75, 0.125),
		{Stream: "n.csv", Family: "linear", Seeds: 1}: {Events: 7, Losses: status.Losses{MAE: &mae, RMSE: &rmse}},
	}}
	var file bytes.Buffer
	if err := Write(&file, []*Take{take}); err != nil {
		t.Fatal(err)
	}
	read, err := Read(&file)
	if err != nil || len(read) != 1 || !reflect.DeepEqual(read[0], take) {
		t.Fatalf("read %+v, %v", read, err)
	}
}

func TestReadRefuses(t *testing.T) {
	head := strings.Join(columns(), ",") + "\n"
	for name, text := range map[string]string{
		"header":  "take,commit\n",
		"events":  head + "a,b,s.csv,x,svm,1,1,1,,\n",
		"seeds":   head + "a,b,s.csv,1,svm,x,1,1,,\n",
		"figure":  head + "a,b,s.csv,1,svm,1,1,x,,\n",
		"no loss": head + "a,b,s.csv,1,svm,1,1,,,\n",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}

func TestAgainstMarksWhatIsWorse(t *testing.T) {
	k := Key{Stream: "a.csv", Family: "svm", Seeds: 1}
	take := &Take{Figures: map[Key]Figure{k: classFigure(0.9, 0.2)}}
	for _, test := range []struct {
		loss  float64
		worse bool
	}{{0.1, false}, {0.2, false}, {0.2009, false}, {0.2011, true}, {0.4, true}} {
		if s := take.Against(k, classFigure(0.9, test.loss)); s.Worse != test.worse || s.Why != "" {
			t.Errorf("%g beside 0.2: %+v, want worse %v", test.loss, s, test.worse)
		}
	}
	other := classFigure(0.9, 0.4)
	other.Events++
	if s := take.Against(k, other); s.Why == "" || s.Worse {
		t.Errorf("a file of other rows is compared: %+v", s)
	}
	if s := take.Against(Key{Stream: "b.csv"}, other); s.Why == "" || s.Worse {
		t.Errorf("what is new is compared: %+v", s)
	}
}

func TestStoreKeepsOtherTakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.csv")
	k, l := Key{Stream: "a.csv", Family: "svm", Seeds: 1}, Key{Stream: "b.csv", Family: "svm", Seeds: 1}
	take := func(name, commit string, k Key) *Take {
		return &Take{Name: name, Commit: commit, Figures: map[Key]Figure{k: classFigure(1, 0.5)}}
	}
	for _, add := range []*Take{take("before", "1", k), take("now", "2", k), take("now", "2", l), take("before", "3", l)} {
		takes, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Store(path, takes, add); err != nil {
			t.Fatal(err)
		}
	}
	takes, err := Load(path)
	if err != nil || len(takes) != 2 || takes[0].Commit != "3" || len(takes[0].Figures) != 1 || len(takes[1].Figures) != 2 {
		t.Fatalf("takes %+v, %v", takes, err)
	}
}

// A file's label is y, or the last column; what is no stream is passed over, and a folder that is not there is empty.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.csv": "y,x\n1,2\n", "b.csv": "x,outcome\n1,2\n", "c.svm": "1 1:1\n", "README.md": "# no stream\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Find(dir)
	if err != nil || len(found) != 3 || found[0].Label != "y" || found[1].Label != "outcome" || found[2].Label != "y" {
		t.Fatalf("found %+v, %v", found, err)
	}
	if none, err := Find(filepath.Join(dir, "absent")); err != nil || len(none) > 0 {
		t.Fatalf("found %+v, %v in no folder", none, err)
	}
	picked, absent := Pick(found, []string{"a.", "zebra"})
	if len(picked) != 1 || !reflect.DeepEqual(absent, []string{"zebra"}) {
		t.Fatalf("picked %+v, absent %v", picked, absent)
	}
}

// The whole of it: a stream is measured, stands beside itself at 1, is marked beside a better one, and what cannot be
// learned or is not there is said.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("a,b,y\n")
	for i := range 400 {
		fmt.Fprintf(&text, "%d.5,%d.25,%d\n", i%7, i%11, i%7*3-i%11)
	}
	for name, text := range map[string]string{"numbers.csv": text.String(), "void.csv": "y\n1\n2\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	run := func(takes ...*Take) *Report {
		r := &Report{Families: []string{linearFamily, "mlp"}, Seeds: 2, Takes: takes, Evaluate: Evaluate, Out: &strings.Builder{}}
		if err := r.Run(context.Background(), found); err != nil {
			t.Fatal(err)
		}
		return r
	}
	take := run().Take("before", "abc")
	if len(take.Figures) != 3 { // one of linear, of mlp the first seed's and the median
		t.Fatalf("figures %+v", take.Figures)
	}
	if r := run(take); len(r.Worse)+len(r.Failed) > 0 || !reflect.DeepEqual(r.Skipped, []string{"void.csv"}) {
		t.Errorf("worse %q, failed %q, skipped %q", r.Worse, r.Failed, r.Skipped)
	}
	for _, f := range take.Figures {
		*f.Losses.RMSE *= 0.9
	}
	take.Figures[Key{Stream: "gone.csv", Family: "svm", Seeds: 1}] = classFigure(1, 1)
	r := run(take)
	if len(r.Worse) != 2 || !strings.Contains(r.Out.(*strings.Builder).String(), "!!") {
		t.Errorf("worse %q:\n%s", r.Worse, r.Out)
	}
	if absent := Absent(r.Takes, found); !reflect.DeepEqual(absent, []string{"gone.csv"}) {
		t.Errorf("absent %q", absent)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := Median(test.values); got != test.want {
			t.Errorf("%v: %v, want %v", test.values, got, test.want)
		}
	}
	for _, values := range [][]float64{{}, {1, math.NaN(), 2}} {
		if got := Median(values); !math.IsNaN(got) {
			t.Errorf("%v: %v", values, got)
		}
	}
}

// A binary that finds no pipeline for a stream gets the one that is found here; its seeds are counted from 0.
func TestByBinary(t *testing.T) {
	dir := t.TempDir()
	binary, stream := filepath.Join(dir, "millrace"), filepath.Join(dir, "times.csv")
	script := `#!/bin/sh
case "$*" in
*" -c "*) echo '{"events":400,"mae":1,"rmse":'"$5"'.5}' ;;
*) echo "there is nothing to learn from" >&2; exit 2 ;;
esac
`
	var rows strings.Builder
	rows.WriteString("time,y\n")
	for i := range 400 {
		fmt.Fprintf(&rows, "%s,%d.5\n", time.UnixMilli(int64(i)*3_600_000).UTC().Format(time.RFC3339), i%7)
	}
	for path, text := range map[string]string{binary: script, stream: rows.String()} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	results, err := ByBinary(binary)(context.Background(), Stream{Name: "times.csv", Path: stream, Label: "y"}, []string{linearFamily, "mlp"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		seeds                 int
		first, median, spread float64
	}{{1, 0.5, 0.5, 0}, {3, 0.5, 1.5, 1}} {
		r := results[i]
		if r.Err != nil || r.Seeds != want.seeds || r.First.Loss() != want.first || r.Median.Loss() != want.median || r.Spread*want.median != want.spread {
			t.Errorf("%s: %+v, want %+v", r.Family, r, want)
		}
	}
}

// Tables take the place of older ones: what others came to and streams that were not measured stay, the best figure and
// what is worse than before are bold.
func TestDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	old := "# Doc\n<!-- quality -->\n| stream | auto | peer |\n|---|---|---|\n| gone | 1 / 2 | VW |\n| a | 3 / 4 | River |\n<!-- end -->\nmore\n<!-- end -->\n"
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	before := &Take{Name: "before", Commit: "abc", Figures: map[Key]Figure{
		{Stream: "a.csv", Family: "svm", Seeds: 1}: classFigure(0.9, 0.2), {Stream: "a.csv", Family: "mlp", Seeds: 5}: classFigure(0.8, 0.4),
	}}
	r := &Report{Seeds: 5, Takes: []*Take{before}, Measured: []Measured{
		{Stream: Stream{Name: "a.csv"}, Results: []Result{
			{Family: "svm", Seeds: 1, Median: classFigure(0.9, 0.21)}, {Family: "mlp", Seeds: 5, Median: classFigure(0.95, 0.4), Spread: 0.0123},
			{Family: "tree", Err: context.Canceled},
		}},
		{Stream: Stream{Name: "new.csv"}, Results: []Result{{Family: "svm", Seeds: 1, Median: classFigure(0.5, 0.5)}}},
	}}
	for range 2 { // the second time it finds its own
		if err := Document(path, "quality", func(old string) string { return r.Tables(old, "before") }); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Doc\n<!-- quality -->\nOf `auto`", "it is the median of 5 seeds.\n\n| stream | auto |", "|\n| gone | 1 / 2 | VW |\n| a | 0.9000 / **0.2100** | **0.9500** / 0.4000 | – / – | River |\n| new |",
		" beside that of abc,", " over 5 seeds;", "| stream | auto | mlp | forest |\n|---|---|---|---|\n| a | 1.23 % |\n| new ||\n<!-- end -->\nmore\n<!-- end -->\n", "|\n| a | **1.0500** | 1.0000 | – |\n| new | – |\n\nWhat of",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if err := Document(path, "other", func(string) string { return "" }); err == nil {
		t.Error("a place that is not there was written")
	}
}
