package main

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/pipeline"
)

const deadConfig = `
name: lost
events: {topic: lost.events, id: id, unknown_topic: create}
features: {amount: number, card: category}
label: {path: outcome, classes: [legit, fraud]}
model: logistic
snapshots: 50ms
admin: 127.0.0.1:0
`

// awaitDead waits until so many dead letters are counted.
func awaitDead(t *testing.T, n int, args ...string) []deadReason {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		found, all := decoded[[]deadReason](t, append([]string{"dead", "list"}, args...)...), 0
		for _, r := range found {
			all += r.Count
		}
		if all >= n {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d dead letters: %+v", all, n, found)
		}
	}
}

// TestDeadLettersAreTold: counted by reason with the newest of each, found with an embedded broker by the pipeline
// file, and shown whole by where they lie or by where their event lay.
func TestDeadLettersAreTold(t *testing.T) {
	file := written(t, "lost.yaml", deadConfig)
	if code, _, errOut := verb(t, "dead", "list", "-c", file); code != exitUsage || !strings.Contains(errOut, "millrace run -c "+file) {
		t.Errorf("nothing runs: %d, %s", code, errOut)
	}
	start(t, file)
	data := written(t, "bad.csv", "id,amount,card,outcome\n1,2.5,a,legit\n2,many,b,fraud\n3,more,c,fraud\n4,1,a,stolen\n")
	ok(t, "produce", "-c", file, data)
	found := awaitDead(t, 3, "-c", file)
	if len(found) != 2 || found[0].Reason != "wrong_type" || found[0].Count != 2 || found[1].Reason != "unknown_class" ||
		found[0].Topic != "lost.events.dead" || found[0].From != "lost.events" || len(found[0].Newest) != 1 {
		t.Fatalf("%+v", found)
	}
	if l := found[0].Newest[0]; l.Source != "lost.events/0/2" || l.Path != "amount" || !strings.HasPrefix(l.Detail, `found "more"; a number`) ||
		!strings.Contains(l.Value, `"more"`) || time.Since(l.Time) > time.Hour {
		t.Errorf("the newest: %+v", l)
	}
	out := ok(t, "dead", "list", "-c", file, "--reason", "wrong_type", "--limit", "5", "--since", "1h")
	for _, want := range []string{"lost.events.dead: 2 dead letters with reason wrong_type of lost.events\n", `lost.events/0/1 at "amount", 20`, `"many"`, `"more"`} {
		if !strings.Contains(out, want) || strings.Contains(out, "unknown_class") {
			t.Errorf("want %q: %s", want, out)
		}
	}
	if none := ok(t, "dead", "list", "-c", file, "--since", "2100-01-01T00:00:00Z"); !strings.Contains(none, "0 dead letters of lost.events") {
		t.Errorf("of the future: %s", none)
	}
	byLetter := ok(t, "dead", "show", found[1].Newest[0].Letter, "-c", file)
	if byEvent := ok(t, "dead", "show", "lost.events/0/3", "-c", file); byEvent != byLetter {
		t.Errorf("by its event: %s; by itself: %s", byEvent, byLetter)
	}
	for _, want := range []string{"reason     unknown_class\n", "path       outcome\n", "\"stolen\", which is none of the 2 classes", "key        4\n",
		"what to do add the class to label.classes", `"card":"a"`} {
		if !strings.Contains(byLetter, want) {
			t.Errorf("show lacks %q: %s", want, byLetter)
		}
	}
	deadUsage(t, file)
}

// TestReplayIsTold: what would be sent, what is, and what is passed over.
func TestReplayIsTold(t *testing.T) {
	r := newRig(t)
	file := r.file("loop", "distance_km")
	data := written(t, "bad.jsonl", `{"id":"a","amount":1,"distance_km":"far","outcome":"legit"}`+"\n"+`{"id":"b","amount":2,"distance_km":2,"outcome":"stolen"}`+"\n")
	ok(t, "produce", "-c", file, data)
	r.learn(file, learned(2))
	mended := r.file("loop", "another")
	want := "loop.events.dead: 1 dead letter would be sent again to loop.events\n  1 passed over: would be rejected again, unknown_class\n"
	if out := ok(t, "dead", "replay", "-c", mended, "--in-log", "--dry-run"); out != want {
		t.Errorf("a dry run: %s", out)
	}
	if out := ok(t, "dead", "replay", "-c", mended); !strings.Contains(out, "0 dead letters sent again") || !strings.Contains(out, "1 passed over: loop.events still holds them") {
		t.Errorf("of what the log holds: %s", out)
	}
	sent := decoded[[]pipeline.Replayed](t, "dead", "replay", "-c", mended, "--in-log")
	if len(sent) != 1 || sent[0].Sent != 1 || sent[0].Rejected["unknown_class"] != 1 || sent[0].Topic != "loop.events.dead" {
		t.Errorf("%+v", sent)
	}
	if out := ok(t, "dead", "replay", "-c", mended, "--in-log"); !strings.Contains(out, "1 passed over: sent before (--again sends them once more)") {
		t.Errorf("a second time: %s", out)
	}
}

func deadUsage(t *testing.T, file string) {
	t.Helper()
	for _, test := range []struct {
		code int
		want string
		args []string
	}{
		{exitFailed, "no dead letter lies at lost.events/0/0", []string{"show", "lost.events/0/0"}},
		{exitUsage, "is no place: give topic/partition/offset", []string{"show", "17"}},
		{exitUsage, "--limit: 0", []string{"list", "--limit", "0"}},
		{exitUsage, `--since: "yesterday"`, []string{"list", "--since", "yesterday"}},
		{exitUsage, "names no challengers", []string{"list", "--challenger", "other"}},
	} {
		if code, _, errOut := verb(t, append([]string{"dead", "-c", file}, test.args...)...); code != test.code || !strings.Contains(errOut, test.want) {
			t.Errorf("%v: exit code %d, %s", test.args, code, errOut)
		}
	}
}

// TestDeadCountsAreBounded: of many letters and reasons no more of the newest is kept than was asked for.
func TestDeadCountsAreBounded(t *testing.T) {
	c := deadCounts{limit: 3}
	for i := range 1000 {
		l := letterOf(t, base64.StdEncoding.EncodeToString([]byte{byte(i >> 8), byte(i)}), int64(i*37%1000))
		c.add(l)
		l = letterOf(t, "empty", int64(i*37%1000))
		c.add(l)
	}
	found := c.sorted()
	if len(found) != deadReasonsMax || found[0].Reason != "empty" || found[0].Count != 1000 || len(found[0].Newest) != 3 {
		t.Fatalf("%d reasons, first %+v", len(found), found[0])
	}
	for i, l := range found[0].Newest {
		if l.Rejected.UnixMilli() != int64(999-i) || len(l.Value) > 4*deadValueChars {
			t.Errorf("place %d: %+v", i, l)
		}
	}
}

func letterOf(t *testing.T, reason string, at int64) *pipeline.Letter {
	t.Helper()
	return &pipeline.Letter{Of: pipeline.DeadTopic{Topic: "d", From: "e"}, Reason: millrace.Reason(reason), Rejected: time.UnixMilli(at),
		Record: &millrace.Record{Value: []byte(strings.Repeat("é", 10_000))}}
}
