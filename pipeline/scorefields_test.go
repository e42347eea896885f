package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/explain"
)

const everyFieldConfig = `
name: every
events: {topic: every.events, id: ref.id, time: at}
features:
  amount: number
  level: {type: number, path: in.level, min: 3, max: 4}
  euros: {type: number, format: eu}
  sparse: {type: number, scale: none}
  country: category
  card: boolean
  words: text
  bag: {type: bag, indices: 10}
  created: {type: time, path: made, format: dmy}
  age: {type: since, of: made}
  n: {type: window, key: country, over: 1h, stat: count}
label: {path: outcome, classes: [legit, fraud], positive: legit}
model: logistic
`

// TestExampleEventIsOne: the example that GET / shows decodes, and no field of it is missing or unknown.
func TestExampleEventIsOne(t *testing.T) {
	p, err := config.Parse("every.yaml", []byte(everyFieldConfig), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	a := aboutScores(p)
	d, err := decode.New(p.DecodeSpec())
	if err != nil {
		t.Fatal(err)
	}
	e := d.NewEvent()
	if err := d.Decode(&millrace.Record{Value: a.Example}, e); err != nil || string(e.ID) != "tx-1" {
		t.Fatalf("%s: id %s, %v", a.Example, e.ID, err)
	}
	for _, f := range a.Fields {
		if f.Feature >= 0 && e.Fields[f.Feature].Presence != millrace.Present && f.Name != "age" { // the event has no time of its own
			t.Errorf("%s has no %s", a.Example, f.Name)
		}
	}
	if a.Score != "the probability of legit" {
		t.Error(a.Score)
	}
}

// TestEventsOverHTTP: many events have, each, the answer that one has alone, from the address that a pipeline names;
// and a misspelt field is named without another score.
func TestEventsOverHTTP(t *testing.T) {
	r := windowsRig(t, 1)
	r.createEvents()
	r.pipeline.Scores.HTTP = "127.0.0.1:0"
	s, stop := r.startScorer()
	defer stop()
	waitFor(t, func() bool { code, _ := get(t, s, "/readyz"); return code == http.StatusOK })
	url := "http://" + s.answers.Address()
	post := func(kind, body string) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/score", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", kind)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const good, odd, bad = `{"id":"a","time":5,"card":"c1","amount":2.5}`, `{"id":"a","time":5,"card":"c1","amuont":2.5}`, `{"amount":"much"}`
	const without = `{"id":"a","time":5,"card":"c1","amount":null,"amuont":2.5}`
	lines := []string{good, odd, bad, without}
	alone := make([]string, len(lines))
	for i, line := range lines {
		alone[i] = strings.TrimSpace(post("application/json", line))
	}
	if got := post("application/x-ndjson", strings.Join(lines, "\n")); got != strings.Join(alone, "\n")+"\n" {
		t.Errorf("lines:\n%s\n  want\n%s", got, alone)
	}
	if got := post("application/json", "["+strings.Join(lines, ", ")+"]"); got != "["+strings.Join(alone, ",\n")+"]\n" {
		t.Errorf("an array:\n%s\n  want\n%s", got, alone)
	}
	if want := strings.TrimSuffix(alone[3], "}") + `,"unknown":["amuont"],"missing":["amount"],"did_you_mean":{"amuont":"amount"}}`; alone[1] != want {
		t.Errorf("a misspelt field: %s, want %s", alone[1], want)
	}
	rowsAreAsked(t, r.pipeline, url, lines, []string{alone[0], alone[3], "", alone[3]}) // fields are told over HTTP only
	answer, err := http.Get(url + "/")                                                  //nolint:noctx // of this test's server
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !bytes.Contains(text, []byte("pipeline loop: version ")) || !bytes.Contains(text, []byte(url+"/v1/score")) {
		t.Errorf("GET /: %s %v", text, err)
	}
	explained, err := http.Post(url+"/v1/explain", "", strings.NewReader(good)) //nolint:noctx // of this test's server
	if err != nil {
		t.Fatal(err)
	}
	defer explained.Body.Close()
	var report explain.Report
	if err := json.NewDecoder(explained.Body).Decode(&report); err != nil || !strings.Contains(alone[0], fmt.Sprintf(`"score":%v,`, report.Score)) ||
		len(report.Features) == 0 {
		t.Errorf("%+v (%v) explains %s", report, err, alone[0])
	}
	_, example, _ := strings.Cut(string(text), "curl -d '")
	example, _, _ = strings.Cut(example, "'")
	if scored := post("", example); !json.Valid([]byte(scored)) || strings.Contains(scored, "missing") || !strings.Contains(scored, `"score":`) {
		t.Errorf("the example %s: %s", example, scored)
	}
}

// rowsAreAsked: rows of a file that are asked for have the lines that events have, and what is no event has its fault.
func rowsAreAsked(t *testing.T, p *config.Pipeline, url string, rows, want []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte("{\n"+strings.Repeat(strings.Join(rows, "\n")+"\n", 4000)), 0o600); err != nil {
		t.Fatal(err)
	}
	predictor, err := AskPredictor(p, strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	lines, done := predictedFile(t, predictor, path, false)
	if done.Rows != 16_001 || done.Scored != 12_000 || done.Faults[millrace.ReasonMalformed] != 1 || done.Faults[millrace.ReasonWrongType] != 4000 {
		t.Fatalf("%+v", done)
	}
	for i, line := range lines[1:] {
		if i%4 == 2 {
			if !strings.HasPrefix(line, fmt.Sprintf(`{"row":%d,"reason":"wrong_type","path":"amount",`, i+2)) {
				t.Fatalf("row %d: %s", i+2, line)
			}
		} else if line != want[i%4] {
			t.Fatalf("row %d: %s\n  want %s", i+2, line, want[i%4])
		}
	}
	if _, err := AskPredictor(p, "ftp://x"); err == nil {
		t.Error("an address of no HTTP is taken")
	}
}

// TestAnswersThatAreNone: what a server says that does not answer row for row is an error, and no line of another row.
func TestAnswersThatAreNone(t *testing.T) {
	records := []millrace.Record{{Value: []byte("{}")}, {Value: []byte("{}"), Offset: 1}}
	for _, answer := range []string{"", `{"score":1}` + "\n", `{"score":1}` + "\n" + `{"sco`, `{"score":1}` + "\n<html>\n", strings.Repeat(`{"score":1}`+"\n", 3)} {
		if _, err := takeAnswers(nil, records, []byte(answer), &rowCounts{}); err == nil {
			t.Errorf("%q is taken for the answers of two rows", answer)
		}
	}
}
