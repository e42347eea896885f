package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"millrace/offline"
)

// TestNoBetterThanBaselines: labels that nothing tells are said to be so, by evaluate and by status, once there were
// enough; and where class weights move the losses nothing is said.
func TestNoBetterThanBaselines(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var noise strings.Builder
	noise.WriteString("a,y\n")
	for range 2000 {
		fmt.Fprintf(&noise, "%.3f,%s\n", random.NormFloat64(), [...]string{"n", "p"}[random.IntN(2)])
	}
	pipeline := "name: my\nevents: e\nfeatures: {a: number}\nlabel: {path: \"y\", classes: [\"n\", p]%s}\nmodel: logistic\n"
	inFolder(t, map[string]string{"noise.csv": noise.String(), "my.yaml": fmt.Sprintf(pipeline, ""), "weighted.yaml": fmt.Sprintf(pipeline, ", class_weights: [1, 3]"),
		"few.csv": noise.String()[:4000]})
	const says = "the model is no better than its baselines: the shares of the classes alone predicted as well, or better"
	if out := ok(t, "evaluate", "my.yaml", "noise.csv"); !strings.Contains(out, says) {
		t.Error(out)
	}
	if s := decoded[offline.Summary](t, "evaluate", "my.yaml", "noise.csv"); s.NoBetter != "majority" {
		t.Errorf("%+v", s)
	}
	for _, args := range []string{"evaluate weighted.yaml noise.csv", "evaluate my.yaml few.csv"} {
		if out := ok(t, strings.Fields(args)...); strings.Contains(out, "no better") {
			t.Errorf("%s: %s", args, out)
		}
	}
	s := busy()
	s.Learning.NoBetter = "last"
	if text := strings.Join(figuresText(s), "\n"); !strings.Contains(text, "no better than its baselines: the label before predicted") {
		t.Error(text)
	}
}

// TestLateTimeIsWarnedOf: check and evaluate say that the events' own time comes to mean a class.
func TestLateTimeIsWarnedOf(t *testing.T) {
	const late = "name: late\nevents: {topic: late, id: id, time: at}\nfeatures: {a: number, at: {type: time, parts: [hour]}}\n" +
		"label: {path: \"y\", classes: [\"n\", p], topic: late.labels, time: known, wait: 1d, assume: \"n\"}\nmodel: logistic\n"
	inFolder(t, map[string]string{"late.yaml": late, "events.csv": "id,at,a\n1,2025-01-01,1\n2,2025-01-02,1\n3,2025-01-05,2\n",
		"labels.csv": "id,known,y\n1,2025-01-01 10:00:00,p\n"})
	for _, args := range []string{"check late.yaml", "evaluate late.yaml events.csv --labels labels.csv"} {
		if code, out, errOut := verb(t, strings.Fields(args)...); code != exitDone || !strings.Contains(out+errOut, "warning: at: read from the events' own time, and with label.assume: n") {
			t.Errorf("%s: %d %s%s", args, code, out, errOut)
		}
	}
}
