package main

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"millrace/explain"
)

const explainConfig = "name: shop\nevents: {topic: shop.events, id: id}\nfeatures: {amount: {type: number, reason: Too much}, card: category}\n" +
	"label: {path: outcome, classes: [legit, fraud]}\nmodel: logistic\n"

// TestExplain: an event's reasons add up to its score and name values and texts; one that cannot be scored has none.
func TestExplain(t *testing.T) {
	file := written(t, "shop.yaml", explainConfig)
	rows := "id,amount,card,outcome\n" + strings.Repeat("1,2.5,a,legit\n2,7,b,fraud\n3,1,a,legit\n", 50)
	trained := filepath.Join(t.TempDir(), "shop.millrace")
	ok(t, "train", "-c", file, "--out", trained, written(t, "data.csv", rows))
	with := []string{"explain", "-c", file, "--snapshot", trained}
	out := ok(t, append(with, "--output", "json", `{"amount": 9, "card": "b"}`)...)
	var r explain.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	sum := r.Base
	for _, c := range r.Features {
		sum += c.Contribution
	}
	if math.Abs(sum-r.Total) > 1e-5 || math.Abs(math.Log(r.Score/(1-r.Score))-r.Total) > 1e-4 || r.Of != "fraud" || len(r.Features) != 2 {
		t.Errorf("%s comes to %v", out, sum)
	}
	for i, c := range r.Features {
		want := [2]string{"9", "3.5"}
		if c.Feature == "card" {
			want = [2]string{`"b"`, `"a"`}
		}
		if c.Contribution <= 0 || string(c.Value) != want[0] || string(c.Usual) != want[1] || (c.Reason == "Too much") != (c.Feature == "amount") ||
			i > 0 && c.Contribution > r.Features[0].Contribution {
			t.Errorf("reason %d is %+v", i, c)
		}
	}
	if text := ok(t, append(with, `{"amount": 9, "card": "b"}`)...); !strings.Contains(text, "9 (3.5)  Too much") || !strings.Contains(text, "the score (log-odds of fraud)") {
		t.Errorf("for people:\n%s", text)
	}
	for event, want := range map[string]string{`{"amount": "many"}`: "has no reasons: wrong_type at", `[`: "has no reasons: malformed"} {
		if code, out, errOut := verb(t, append(with, event)...); code != exitUsage || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%s: %d %s%s", event, code, out, errOut)
		}
	}
	if code, _, errOut := verb(t, append(with, "--version", "3", "{}")...); code != exitUsage || !strings.Contains(errOut, "leave out one") {
		t.Errorf("two versions: %d %s", code, errOut)
	}
}
