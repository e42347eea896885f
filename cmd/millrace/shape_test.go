package main

import (
	"fmt"
	"strings"
	"testing"
)

// shapedFiles are events and labels in tables whose cells a caret delimits, which nobody would look for.
func shapedFiles(t *testing.T) (events, labels string) {
	t.Helper()
	rows, later := "id^time^amount^card^outcome\n", "id^time^outcome\n"
	for i := range 200 {
		class := []string{"legit", "fraud"}[i%2]
		rows += fmt.Sprintf("e%d^%d^%d,5^k%d^%s\n", i, 1000*i, i%2*50+i%7, i%3, class)
		later += fmt.Sprintf("e%d^%d^%s\n", i, 1000*i+500, class)
	}
	return written(t, "events.csv", rows), written(t, "labels.csv", later)
}

// TestEveryVerbReadsShapedFiles: the flags that say how files are written hold for every verb that reads some, and for
// files of labels as for files of events.
func TestEveryVerbReadsShapedFiles(t *testing.T) {
	r := newRig(t)
	events, labels := shapedFiles(t)
	const text = "name: %s\nevents: {topic: %s, id: id, time: time}\nfeatures: {card: category}\n" +
		"label: {path: outcome, classes: [legit, fraud]%s}\nmodel: logistic\nkafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n"
	at := written(t, "at.yaml", fmt.Sprintf(text, "at", "at", "", r.kafka, r.redis))
	late := written(t, "late.yaml", fmt.Sprintf(text, "late", "late", ", topic: late.labels, time: time", r.kafka, r.redis))
	for _, c := range []struct{ args, want string }{
		{"init --label outcome --from " + events, "card: category"},
		{"evaluate --label outcome " + events, "200 events, 200 learned"},
		{"evaluate -c " + at + " " + events, "200 events, 200 learned"},
		{"evaluate -c " + late + " " + events + " --labels " + labels, "labels: repeated 200"},
		{"compare --models logistic --label outcome " + events, "200 events"},
		{"train -c " + at + " --out " + t.TempDir() + "/at.millrace " + events, "200 learned"},
		{"produce -c " + at + " " + events, "200 events written"},
		{"produce -c " + late + " " + events + " --labels " + labels, "200 events written to late and 200 labels"},
	} {
		args := append(strings.Fields(c.args), "--delimiter", "^")
		if code, out, errOut := verb(t, args...); code != exitDone || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, %s%s; want %q", args, code, out, errOut, c.want)
		}
		args[len(args)-1] = "no"
		if code, _, errOut := verb(t, args...); code != exitUsage || !strings.Contains(errOut, `--delimiter: "no"`) {
			t.Errorf("%s: exit code %d, %s", args, code, errOut)
		}
	}
}
