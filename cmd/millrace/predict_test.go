package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const predictConfig = "name: shop\nevents: {topic: shop.events, id: id, unknown_topic: create}\nfeatures: {amount: number, card: category}\n" +
	"label: {path: outcome, classes: [legit, fraud]}\nmodel: logistic\nsnapshots: 50ms\nadmin: 127.0.0.1:0\n"

// TestPredict: rows are scored with what a process of this machine serves, or with a snapshot file; a line a row, and
// what is wrong is said with file, line and column. A file of lines is there once it is whole.
func TestPredict(t *testing.T) {
	file := written(t, "shop.yaml", predictConfig)
	data := written(t, "data.csv", "id,amount,card,outcome\n1,2.5,a,legit\n2,7,b,fraud\n3,1,a,legit\n")
	if code, _, errOut := verb(t, "predict", "-c", file, "--redis", "redis://127.0.0.1:1/0", data, "--cold", "--out", data); code != exitUsage ||
		!strings.Contains(errOut, "is there and is not overwritten") {
		t.Errorf("over a file that is there: %d %s", code, errOut)
	}
	for _, args := range [][]string{{"--url", "http://127.0.0.1:1", "--cold"}, {"--url", "ftp://127.0.0.1"}} {
		if code, _, errOut := verb(t, append([]string{"predict", "-c", file, data}, args...)...); code != exitUsage || !strings.Contains(errOut, "--url") {
			t.Errorf("%v: %d %s", args, code, errOut)
		}
	}
	start(t, file)
	ok(t, "produce", "-c", file, data)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(ok(t, "snapshots", "list", "-c", file), "learned"); {
		if time.Now().After(deadline) {
			t.Fatal("no version is listed")
		}
		time.Sleep(20 * time.Millisecond)
	}
	code, out, errOut := verb(t, "predict", "-c", file, "--rows", data)
	if strings.Contains(errOut, "Redis") {
		t.Errorf("who only reads is warned of the store's settings: %s", errOut)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitDone || len(lines) != 3 || !strings.HasPrefix(lines[1], `{"row":2,"id":2,"model":"shop","version":`) ||
		!strings.Contains(errOut, "3 of 3 rows scored with version ") {
		t.Errorf("served: %d\n%s%s", code, out, errOut)
	}

	if out := ok(t, "explain", "-c", file, `{"amount": 2.5}`); !strings.Contains(out, "as usual (log-odds of fraud)") {
		t.Errorf("explained by the served version: %s", out)
	}
	if code, _, errOut := verb(t, "explain", "-c", file, "--version", "99999", "{}"); code != exitUsage || !strings.Contains(errOut, "version 99999 of shop is gone; there are ") {
		t.Errorf("explained by a version that is gone: %d %s", code, errOut)
	}

	renamed := written(t, "renamed.csv", "id,price,card\n1,2.5,a\n2,7,b\n")
	for _, args := range [][]string{{"predict", "-c", file, renamed}, {"produce", "-c", file, renamed}} {
		if code, _, errOut := verb(t, args...); code != exitDone || !strings.Contains(errOut, "in none of the first rows of "+renamed+": amount (2 rows looked at)") {
			t.Errorf("%v without a column: %d %s", args, code, errOut)
		}
	}
	other := written(t, "other.csv", "colour,price\nred,2.5\n")
	if code, out, errOut := verb(t, "predict", "-c", file, other); code != exitUsage || out != "" || !strings.Contains(errOut, "has none of the pipeline's columns") {
		t.Errorf("with none of the columns: %d %s%s", code, out, errOut)
	}

	directory := t.TempDir()
	trained, to := filepath.Join(directory, "shop.millrace"), filepath.Join(directory, "scores.jsonl")
	ok(t, "train", "-c", file, "--out", trained, data)
	bad := written(t, "bad.csv", "id,amount,card\n1,2.5,a\n2,many,b\n3,1\n\"4,2,a\n")
	code, out, errOut = verb(t, "predict", "-c", file, "--snapshot", trained, "--out", to, bad)
	if code != exitDone || out != "" {
		t.Fatalf("with a snapshot file: %d %s%s", code, out, errOut)
	}
	text, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	lines = strings.Split(strings.TrimSpace(string(text)), "\n")
	for i, want := range []string{`{"id":1,`, `{"row":2,"reason":"wrong_type","path":"amount",`, `{"row":3,"reason":"malformed_row","detail":"bad.csv:4: 2 cells`,
		`{"row":4,"reason":"malformed_row","detail":"bad.csv:5:1: a quoted cell that is not closed"`} {
		if len(lines) != 4 || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d of %d is %s, want %s", i+1, len(lines), lines[min(i, len(lines)-1)], want)
		}
	}
	for _, want := range []string{"1 of 4 rows scored with " + trained, "not scored: malformed_row 2, wrong_type 1; the first: bad.csv:3: wrong_type"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("%q is not said: %s", want, errOut)
		}
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
