package main

import (
	"bytes"
	"encoding/json"
	"millrace"
	"strings"
	"testing"
	"unicode/utf8"

	"millrace/payments"
	"millrace/pipeline/status"
)

// busy is a pipeline that has run for weeks: its numbers are long.
func busy() *status.Status {
	figure := func(x float64) *float64 { return &x }
	losses := status.Losses{Accuracy: figure(0.9876), LogLoss: figure(0.1234), Precision: figure(0.9), Recall: figure(0.8), ROCAUC: figure(0.7)}
	l := &status.Learning{Pipeline: "payments", Family: "auto", Classes: 2, Positive: "fraud", State: status.AtWork, Learned: 123_456_789,
		Rejected: 12_345, Version: 12_345, Published: 12_345, Skipped: 12, Model: status.Progress{All: losses, Fading: losses},
		Baseline: status.Progress{All: losses, Fading: losses}, Last: losses,
		Late: &status.Late{Waiting: 123_456, Names: map[string]uint64{"joined": 12_345_678, "expired_learned": 123_456_789, "label_unmatched": 12_345}}}
	return &status.Status{Pipeline: "payments", Family: "auto", Classes: 2, Events: "payments.events", Scores: "payments.scores", Learning: l,
		Scoring:   &status.Scoring{Scored: 123_456_789, Version: 12_345, Partitions: 1},
		Addresses: status.Addresses{Admin: "127.0.0.1:65535", Kafka: "127.0.0.1:65535", Redis: "127.0.0.1:65535"}}
}

// fits checks lines against a screen of 80 columns and 24 lines, of which the cursor takes one.
func fits(t *testing.T, lines []string) {
	t.Helper()
	if len(lines) > 23 {
		t.Errorf("%d lines, at most 23", len(lines))
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestDemoFitsTheScreen: all of the view but scores fits as it is; those are cut.
func TestDemoFitsTheScreen(t *testing.T) {
	v := newView(new(bytes.Buffer), true)
	v.rate = 123_456
	for _, shift := range payments.Shifts() {
		fits(t, v.text(busy(), shift.At, nil))
	}
	newest := make([]string, viewScores)
	for i := range newest {
		newest[i] = `{"id":"tx-1","probabilities":{"legit":0.09,"fraud":0.91},"note":"` + strings.Repeat("é", 100) + `"}`
	}
	lines := fitted(v.text(busy(), 0, newest), v.out)
	fits(t, lines)
	if last := lines[len(lines)-1]; !strings.Contains(last, "Ctrl-C") {
		t.Errorf("the last line is %q", last)
	}
}

// TestWatchFitsTheScreen: whatever runs, the watch neither breaks lines nor scrolls.
func TestWatchFitsTheScreen(t *testing.T) {
	one := told{Status: busy(), url: "http://127.0.0.1:65535"}
	for _, all := range [][]told{{one}, {one, one, one, one, one, one}} {
		var out bytes.Buffer
		n, err := redraw(&out, statusText(all, len(all) == 1), 0, true)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(out.String(), "\x1b[K", ""), "\n"), "\n")
		if fits(t, lines); n != len(lines) {
			t.Errorf("%d lines told, %d drawn", n, len(lines))
		}
	}
	if lines := clipped([]string{"a", "b", "c", "d"}, 10, 3); lines[2] != "… and 2 lines more" {
		t.Errorf("%q", lines)
	}
}

// TestVersionsAsJSON: in snake_case as all else, and with the names that releases before gave.
func TestVersionsAsJSON(t *testing.T) {
	r := newRig(t)
	file := r.file("loop", "distance_km")
	ok(t, "train", file, written(t, "rows.jsonl", string(paymentRows(200))))
	var rows []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(ok(t, "snapshots", "ls", file, "-o", "json")), &rows); err != nil || len(rows) != 1 {
		t.Fatalf("%v, %d rows", err, len(rows))
	}
	var head map[string]json.RawMessage
	if err := json.Unmarshal([]byte(ok(t, "snapshots", "show", file, "-o", "json")), &head); err != nil {
		t.Fatal(err)
	}
	for _, row := range []map[string]json.RawMessage{rows[0], head} {
		for _, pair := range [][2]string{{"at", "At"}, {"manifest", "Manifest"}, {"is_head", "IsHead"}, {"is_served", "IsServed"}, {"pinned", "Pinned"}} {
			if row[pair[0]] == nil || !bytes.Equal(row[pair[0]], row[pair[1]]) {
				t.Errorf("%s is %s, %s is %s", pair[0], row[pair[0]], pair[1], row[pair[1]])
			}
		}
	}
}

// TestOneIsNoPlural: what counts one thing says so.
func TestOneIsNoPlural(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline, "one.csv": "a,y\n1,p\n"})
	for _, args := range []string{"check my.yaml", "evaluate my.yaml one.csv", "compare my.yaml one.csv", "evaluate my.yaml one.csv --seeds 2",
		"produce --generate payments --events 1 --out one.jsonl"} {
		if out := ok(t, strings.Fields(args)...); strings.Contains(out, " 1 events") || strings.HasPrefix(out, "1 events") ||
			!strings.Contains(out, "1 event") && !strings.Contains(out, "1 feature,") {
			t.Errorf("millrace %s: %s", args, out)
		}
	}
	for n, want := range map[int]string{0: "0 events", 1: "1 event", 2000: "2000 events"} {
		if got := millrace.Counted(n, "event"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
