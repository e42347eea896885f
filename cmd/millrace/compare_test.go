package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"millrace/offline"
	"millrace/pipeline/status"
)

const digits = "../../examples/digits.csv"

// ok runs a verb that must succeed and returns what it wrote to standard output.
func ok(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := verb(t, args...)
	if code != exitDone {
		t.Fatalf("millrace %s: exit code %d, %s", strings.Join(args, " "), code, errOut)
	}
	return out
}

// decoded runs a verb with --output json.
func decoded[T any](t *testing.T, args ...string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(ok(t, append(args, "--output", "json")...)), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// numbersFile writes rows whose label is a number: y = 3a - 2b + noise, c says nothing.
func numbersFile(t *testing.T, rows int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("a,b,c,y\n")
	for range rows {
		x, z := r.NormFloat64(), r.NormFloat64()
		fmt.Fprintf(&b, "%.4f,%.4f,%.4f,%.4f\n", x, z, r.Float64(), 3*x-2*z+0.1*r.NormFloat64())
	}
	return written(t, "numbers.csv", b.String())
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCompareIsEvaluate: each model's figures are those that evaluate has for it alone, however many learn beside it,
// and the table is in order with the best of each column marked.
func TestCompareIsEvaluate(t *testing.T) {
	r := decoded[offline.Comparison](t, "compare", digits, "--label", "y", "--models", "logistic,svm,mlp", "--seed", "3")
	if r.Name != "digits" || r.Events != 1797 || len(r.Models) != 3 {
		t.Fatalf("%+v", r)
	}
	for i, m := range r.Models {
		alone := decoded[offline.Summary](t, "evaluate", digits, "--label", "y", "--model", m.Name, "--seed", "3")
		if *m.LogLoss != *alone.LogLoss || *m.Accuracy != *alone.Accuracy || m.Learned != alone.Learned || m.Rejected != 0 {
			t.Errorf("%s: log-loss %v and accuracy %v beside others, %v and %v alone", m.Name, *m.LogLoss, *m.Accuracy, *alone.LogLoss, *alone.Accuracy)
		}
		if fmt.Sprint(*r.Baselines["majority"].LogLoss) != fmt.Sprint(*alone.Baselines["majority"].LogLoss) {
			t.Errorf("%s: another baseline than evaluate's", m.Name)
		}
		if m.Family != m.Name || m.EventsPerSecond <= 0 || m.StateBytes <= 0 {
			t.Errorf("%+v", m)
		}
		if i > 0 && *m.LogLoss < *r.Models[i-1].LogLoss {
			t.Errorf("%s stands below %s, which is worse", m.Name, r.Models[i-1].Name)
		}
	}
	if r.Best["log_loss"] != r.Models[0].Name || r.Best["state_bytes"] == "mlp" || r.Best["accuracy"] == "" || r.Best["events_per_second"] == "" {
		t.Errorf("best: %v", r.Best)
	}
}

// TestCompareTable holds the table's form. How good and how fast the models are is not this test's to say.
func TestCompareTable(t *testing.T) {
	text := ok(t, "compare", digits, "--label", "y", "--models", "svm,logistic,linear")
	row := ` +(logistic|svm) +0\.\d{4}[ *] +\d\.\d{4}[ *] +\d+[ *] +\d+\.\d KiB[ *]\n`
	form := `^digits: 1797 events

 +accuracy   log-loss +events/s +state $
` + row + row + ` +baseline majority +0\.0673     2\.3159 $
 +baseline last +0\.0918 +– $

\* the best model of its column
not compared: linear: linear predicts numbers, but the label has classes: use .*
$`
	if !regexp.MustCompile("(?m)" + form).MatchString(text) {
		t.Errorf("got\n%s", text)
	}
	if marks := strings.Count(text, "*"); marks != 4+1 {
		t.Errorf("%d marks, want one a column and their explanation:\n%s", marks, text)
	}
}

// TestCompareFiles: pipelines that read events in other ways, and families on the first one's features.
func TestCompareFiles(t *testing.T) {
	data := numbersFile(t, 600)
	pipeline := func(name, features, model string) string {
		return written(t, name+".yaml", fmt.Sprintf("name: %s\nevents: e\nfeatures: {%s}\nlabel: {path: \"y\", type: number}\nmodel: %s\n", name, features, model))
	}
	one := pipeline("one", "a: number", "linear")
	both := pipeline("both", "a: number, b: number", "{type: mlp, hidden: [4], seed: 9}")
	r := decoded[offline.Comparison](t, "compare", data, "-c", one, "-c", both, "--models", "linear")
	if len(r.Models) != 3 {
		t.Fatalf("%+v", r.Models)
	}
	for _, m := range r.Models {
		file := map[string]string{"one": one, "both": both, "linear": one}[m.Name]
		alone := decoded[offline.Summary](t, "evaluate", data, "-c", file)
		if *m.RMSE != *alone.RMSE || *m.MAE != *alone.MAE {
			t.Errorf("%s: RMSE %v beside others, %v alone", m.Name, *m.RMSE, *alone.RMSE)
		}
	}
	if r.Models[0].Name != "both" || r.Models[0].Family != "mlp" || r.Best["rmse"] != "both" {
		t.Errorf("the one that sees what the label is made of should be the best: %+v", r)
	}
	other := written(t, "other.yaml", "name: other\nevents: e\nfeatures: {a: number}\nlabel: {path: c, type: number}\nmodel: linear\n")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-c", one, "-c", other}, "different labels"},
		{[]string{"-c", one, "--label", "y"}, "--label"},
		{[]string{"--label", "y", "--models", "bush"}, "bush"},
		{[]string{"--label", "word"}, `no field "word"`},
		{[]string{"--label", "y", "--models", "linear", "--plot", "curve.gif"}, ".svg"},
		{[]string{"--label", "y", "--models", "linear", "--plot", filepath.Join(data, "curve.svg")}, "--plot: no file can be written in " + data},
		{[]string{"-c", one, "--models", "logistic", "-c", other}, "different labels"},
		{[]string{"--label", "y", "--seed", "-1"}, "whole number"},
	} {
		if code, _, errOut := verb(t, append([]string{"compare", data}, test.args...)...); code != exitUsage || !strings.Contains(errOut, test.want) {
			t.Errorf("%v: exit code %d, %q; want %q", test.args, code, errOut, test.want)
		}
	}
}

// TestCompareWeights: how classes weigh may differ between pipelines; what is predicted may not.
func TestCompareWeights(t *testing.T) {
	data := written(t, "words.csv", "a,y\n"+strings.Repeat("1,yes\n2,no\n3,no\n", 60))
	pipeline := func(name, label string) string {
		return written(t, name+".yaml", "name: "+name+"\nevents: e\nfeatures: {a: number}\nlabel: {path: \"y\", "+label+"}\nmodel: logistic\n")
	}
	even, heavy := pipeline("even", `classes: ["no", "yes"]`), pipeline("heavy", `classes: ["no", "yes"], class_weights: [1, 20]`)
	if r := decoded[offline.Comparison](t, "compare", data, "-c", even, "-c", heavy); len(r.Models) != 2 || *r.Models[0].LogLoss == *r.Models[1].LogLoss {
		t.Errorf("%+v", r.Models)
	}
	if code, _, errOut := verb(t, "compare", data, "-c", even, "-c", pipeline("other", `classes: ["yes", "no"]`)); code != exitUsage || !strings.Contains(errOut, "different labels") {
		t.Errorf("%d %s", code, errOut)
	}
}

// TestNoneCompared: when nobody can be built, that is the answer.
func TestNoneCompared(t *testing.T) {
	data := written(t, "words.csv", "a,y\n"+strings.Repeat("1,yes\n2,no\n", 60))
	code, out, errOut := verb(t, "compare", data, "--label", "y", "-c", written(t, "p.yaml",
		"name: p\nevents: e\nfeatures: {a: number}\nlabel: {path: \"y\", classes: [\"no\", \"yes\"]}\nmodel: logistic\n"))
	if code != exitUsage || out != "" {
		t.Errorf("%d %s %s", code, out, errOut)
	}
	code, _, errOut = verb(t, "compare", data, "--models", "linear")
	if code != exitUsage || !strings.Contains(errOut, "a linear model predicts numbers") {
		t.Errorf("%d %s", code, errOut)
	}
}

// TestRejectedEventsAreSaid once, with a column of their number.
func TestRejectedEventsAreSaid(t *testing.T) {
	var b strings.Builder
	b.WriteString("a,y\n")
	for i := range 200 {
		if i == 150 {
			b.WriteString("much,0\n")
		}
		fmt.Fprintf(&b, "%d,%d\n", i%7, i%2)
	}
	code, out, errOut := verb(t, "compare", written(t, "some.csv", b.String()), "--label", "y", "--models", "logistic,svm")
	if code != exitDone || strings.Count(errOut, "rejected: wrong_type 1") != 1 || !strings.Contains(out, "rejected") || !strings.Contains(out, "some: 201 events") {
		t.Errorf("%d %s %s", code, out, errOut)
	}
}

// TestPlotIsThePicture: both formats are what they say, have a line a model and baseline and a legend, and are the same
// bytes on one processor as on several.
func TestPlotIsThePicture(t *testing.T) {
	folder := t.TempDir()
	draw := func(name string, processors int, args ...string) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		path := filepath.Join(folder, name)
		ok(t, append(args, "--plot", path)...)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	classes := []string{"compare", digits, "--label", "y", "--models", "logistic,svm,mlp"}
	one, two := draw("one.svg", 1, classes...), draw("two.svg", 4, classes...)
	if !bytes.Equal(one, two) {
		t.Error("the picture depends on how many processors there are")
	}
	texts, dashed := svgTexts(t, one)
	for _, want := range []string{"digits: progressive log-loss, all events so far", "log-loss", "events", "1,500", "logistic  ", "svm  ", "mlp  ", "majority (baseline)  "} {
		if !strings.Contains(texts, want) {
			t.Errorf("the picture does not say %q, but\n%s", want, texts)
		}
	}
	if dashed < 2 {
		t.Errorf("%d dashed lines; the baseline has one in both panels", dashed)
	}
	texts, _ = svgTexts(t, draw("numbers.svg", 2, "compare", numbersFile(t, 500), "--models", "linear,mlp"))
	for _, want := range []string{"RMSE", "mean (baseline)", "last label (baseline)"} {
		if !strings.Contains(texts, want) {
			t.Errorf("the picture of numbers does not say %q, but\n%s", want, texts)
		}
	}
	image, err := png.Decode(bytes.NewReader(draw("one.png", 2, classes...)))
	if err != nil || image.Bounds().Dx() != 1440 || image.Bounds().Dy() != 1080 {
		t.Errorf("%v %v", image.Bounds(), err)
	}
}

// svgTexts are the texts of a picture, a line each, and how many of its paths are dashed.
func svgTexts(t *testing.T, data []byte) (texts string, dashed int) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(data))
	inText := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts, dashed
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			for _, attribute := range token.Attr {
				if strings.Contains(attribute.Value, "stroke-dasharray:") {
					dashed++
				}
			}
		case xml.CharData:
			if inText {
				texts += string(token) + "\n"
			}
		case xml.EndElement:
			inText = false
		}
	}
}

// TestSeeds: each seed's figures are those of evaluate with that seed, and mean and deviation are theirs.
func TestSeeds(t *testing.T) {
	s := decoded[offline.SeedSummary](t, "evaluate", digits, "--label", "y", "--model", "mlp", "--seed", "5", "--seeds", "3")
	if len(s.Seeds) != 3 || s.Family != "mlp" || s.Events != 1797 {
		t.Fatalf("%+v", s)
	}
	var sum, squares float64
	for i, r := range s.Seeds {
		alone := decoded[offline.Summary](t, "evaluate", digits, "--label", "y", "--model", "mlp", "--seed", fmt.Sprint(5+i))
		if r.Seed != uint64(5+i) || *r.LogLoss != *alone.LogLoss {
			t.Errorf("seed %d: log-loss %v, alone %v", r.Seed, *r.LogLoss, *alone.LogLoss)
		}
		sum += *r.LogLoss
		squares += *r.LogLoss * *r.LogLoss
	}
	mean := sum / 3
	if math.Abs(*s.Mean.LogLoss-mean) > 1e-12 || math.Abs(*s.Deviation.LogLoss-math.Sqrt((squares-3*mean*mean)/2)) > 1e-8 || *s.Deviation.LogLoss == 0 {
		t.Errorf("mean %v, deviation %v", *s.Mean.LogLoss, *s.Deviation.LogLoss)
	}
	text := ok(t, "evaluate", digits, "--label", "y", "--model", "logistic", "--seeds", "2")
	for _, want := range []string{"digits: 1797 events, logistic with 2 seeds", "seed 0", "seed 1", "standard deviation    0.0000    0.0000", "baseline majority"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, args := range [][]string{{"--seeds", "0"}, {"--seeds", "1001"}} {
		if code, _, errOut := verb(t, append([]string{"evaluate", digits}, args...)...); code != exitUsage {
			t.Errorf("%v: %d %s", args, code, errOut)
		}
	}
}

// TestEvaluateFamilies: a family that does not suit the label says so.
func TestEvaluateFamilies(t *testing.T) {
	words := written(t, "words.csv", "a,y\n"+strings.Repeat("1,yes\n2,no\n", 60))
	for _, test := range []struct{ data, family, want string }{
		{words, "linear", `a linear model predicts numbers, and the label "y" is "yes"`},
		{numbersFile(t, 1200), "logistic", `a logistic model predicts classes, and the label "y" is a number with more than 1000 different values`},
		{words, "bush", `unknown model "bush": use one of auto, logistic`},
	} {
		if code, _, errOut := verb(t, "evaluate", test.data, "--label", "y", "--model", test.family); code != exitUsage || !strings.Contains(errOut, test.want) {
			t.Errorf("%s: exit code %d, %q; want %q", test.family, code, errOut, test.want)
		}
	}
}

// TestMissingWords: NA and ? among numbers are missing values to init, evaluate and all that read the file; among words
// they are words.
func TestMissingWords(t *testing.T) {
	var b strings.Builder
	b.WriteString("a,b,kind,y\n")
	for i := range 400 {
		a, flag, kind := fmt.Sprintf("%d.5", i%9), fmt.Sprint(i%2 == 0), []string{"NA", "?", "x"}[i%3]
		if i%20 == 0 {
			a, flag = "NA", "?"
		}
		fmt.Fprintf(&b, "%s,%s,%s,%d\n", a, flag, kind, i%2)
	}
	data := written(t, "gaps.csv", b.String())
	text := ok(t, "init", "--from", data)
	for _, want := range []string{
		"a: {type: number, missing: indicator}   # missing in 5.0 %; there it says NA", "b: {type: boolean, missing: indicator}  # missing in 5.0 %; there it says ?",
		"kind: category", "3 different values",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	s := decoded[offline.Summary](t, "evaluate", data)
	if s.Learned != 400 || s.Rejected != 0 || *s.Accuracy < 0.9 {
		t.Errorf("%+v, accuracy %v; b is the label wherever it is known", s, *s.Accuracy)
	}
	labels := written(t, "labels.csv", "a,y\n"+strings.Repeat("1,2.5\n2,NA\n3,3.75\n4,1.25\n", 60))
	if s := decoded[offline.Summary](t, "evaluate", labels, "--label", "y"); s.MAE == nil || s.Learned != 180 || s.Rejected != 0 || s.Unlabelled != 60 {
		t.Errorf("%+v; a label that is a number stays one where some are missing", s)
	}
	if text := ok(t, "evaluate", labels, "--label", "y"); !strings.Contains(text, "180 learned, 0 rejected, 60 without a label, ") {
		t.Errorf("no word of what had no label:\n%s", text)
	}
	nothing := written(t, "none.csv", "a,y\n"+strings.Repeat("1,\n", 9)+"2,no\n3,yes\n")
	file := ok(t, "init", "--from", nothing, "--label", "y")
	unlabelled := written(t, "unlabelled.csv", "a,y\n"+strings.Repeat("1,\n", 9))
	if code, _, err := verb(t, "evaluate", "-c", written(t, "none.yaml", file), unlabelled); code != exitFailed || !strings.Contains(err, "has a label") {
		t.Errorf("%d: %s", code, err)
	}
}

// TestErrorFormat: errors of numbers stand in line, with their zeros.
func TestErrorFormat(t *testing.T) {
	mae, rmse := 0.2, 0.383
	l := status.Losses{MAE: &mae, RMSE: &rmse}
	if got := row(l, newErrorFormat(map[string]status.Losses{"mean": l}, 5)); got != "0.20000\t0.38300\t" {
		t.Errorf("got %q", got)
	}
	// Those of wild labels are no longer than others.
	for size, want := range map[float64]string{999_999_999_999: "999999999999", 1e12: "1.0000e+12", 1.23456e100: "1.2346e+100"} {
		mae, rmse = 12, size
		format := newErrorFormat(map[string]status.Losses{"mean": l}, 5)
		if got := row(l, format); got != "12\t"+want+"\t" {
			t.Errorf("an error of %g: %q, want %s", size, got, want)
		}
		if got := baselineRow(l, format); got != "12 \t"+want+" \t" {
			t.Errorf("a baseline's error of %g: %q, want %s", size, got, want)
		}
	}
}
