package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
)

const lateConfig = `
name: late
events: {topic: late.events, id: id, time: time}
features:
  amount: number
  country: category
label: {topic: late.labels, path: outcome, id: of, time: known, classes: [legit, fraud], wait: 10s, early: 5s}
model: {type: logistic, optimizer: {type: sgd, rate: 0.1}}
`

func parsedText(t testing.TB, text string) *config.Pipeline {
	t.Helper()
	p, err := config.Parse("late.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func put(t *testing.T, name string, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWhatBecomesOfLateLabels: each name that an event or a label can end under, from two files.
func TestWhatBecomesOfLateLabels(t *testing.T) {
	events := put(t, "events.csv", "id,time,amount,country,outcome",
		"joined,100,1,de,", "expired,100,2,fr,", "at once,101,3,de,legit", "early,104,4,de,",
		"joined,105,5,de,", ",106,6,de,", "late,120,7,de,", "bad,121,many,de,", "waiting,122,8,fr,")
	labels := put(t, "labels.csv", "of,known,outcome",
		"early,103,fraud", "stranger,104,legit", "at once,105,fraud", "joined,106,legit", "joined,107,fraud", "late,121,odd",
		"late,122,legit", "expired,122,fraud")
	c, err := Evaluate(t.Context(), parsedText(t, lateConfig), Data{Events: events, Labels: labels}, nil, unseen)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"labelled": 1, "joined": 3, "expired": 1, "duplicate": 1, "no_id": 1, "rejected": 1,
		"label_joined": 3, "label_repeated": 2, "label_unmatched": 1, "label_rejected": 1}
	got := maps.Clone(c.Pass.Names)
	delete(got, "label_early")
	// The label of an event that has expired is kept for another: its id is forgotten when its wait ends.
	if c.Pass.LabelsEarly != 1 {
		t.Errorf("%d labels wait for their event, want 1", c.Pass.LabelsEarly)
	}
	if !maps.Equal(got, want) {
		t.Errorf("names are %v, want %v", got, want)
	}
	if c.Pass.Waiting != 1 || c.Pass.Events != 9 || c.Pass.Labels != 8 || c.Pass.Learned != 4 {
		t.Errorf("%+v", c.Pass)
	}
	if first := c.Pass.FirstLabel(); !strings.HasPrefix(first, "labels.csv:7: unknown_class") {
		t.Errorf("the first bad label: %s", first)
	}
	if first := c.Pass.First(); !strings.HasPrefix(first, "events.csv:9: wrong_type") {
		t.Errorf("the first bad event: %s", first)
	}
	if d := c.Summary().LabelDelay; d == nil || d.Longest != 6 || math.Abs(d.Median-2) > 0.02 {
		t.Errorf("label delays are %+v", d) // 0, 2 and 6 s
	}
}

// stream are the predictions made of events, without their labels.
func stream(t *testing.T, p *config.Pipeline, data Data) []string {
	t.Helper()
	b := predicted(t, p, data)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")[1:]
	for i, line := range lines {
		lines[i] = line[:strings.LastIndexByte(line, ',')] // without the label
	}
	return lines
}

// payment i comes at second 1000 + i, and its label is known so many seconds later.
func payments100(delay int) (events, labels []string) {
	events, labels = []string{"id,time,amount,country"}, []string{"of,known,outcome"}
	for i := range 100 {
		outcome := "legit"
		if i%7 == 3 {
			outcome = "fraud"
		}
		events = append(events, fmt.Sprintf("%d,%d,%d,c%d", i, 1000+i, i*i%17, i%7))
		labels = append(labels, fmt.Sprintf("%d,%d,%s", i, 1000+i+delay, outcome))
	}
	return events, labels
}

// TestNoLeakFromLabels: when all labels come later by some time, every prediction made before the first of them is the
// same, and the first that is made after one differs. So it is when what labels say is changed.
func TestNoLeakFromLabels(t *testing.T) {
	p := parsedText(t, strings.Replace(lateConfig, "wait: 10s", "wait: 1d", 1))
	events, labels := payments100(5)
	eventsFile := put(t, "events.csv", events...)
	want := stream(t, p, Data{Events: eventsFile, Labels: put(t, "labels.csv", labels...)})
	_, shifted := payments100(35)
	got := stream(t, p, Data{Events: eventsFile, Labels: put(t, "labels.csv", shifted...)})
	if len(got) != 100 || len(want) != 100 {
		t.Fatalf("%d and %d predictions of 100 events", len(got), len(want))
	}
	for i := range got {
		// The label of event 0, known at 1005, is merged behind the event of that second.
		if before := i <= 5; before != (got[i] == want[i]) && (before || i == 6) {
			t.Errorf("event %d: predicted %s, and %s when labels come 30 s later", i, want[i], got[i])
		}
	}
	flipped := make([]string, len(labels))
	copy(flipped, labels)
	for i := 51; i < len(flipped); i++ { // of events 50 on, known from second 1055 on
		flipped[i] = strings.NewReplacer("legit", "fraud", "fraud", "legit").Replace(flipped[i])
	}
	got = stream(t, p, Data{Events: eventsFile, Labels: put(t, "labels.csv", flipped...)})
	for i := range got {
		if before := i <= 55; before != (got[i] == want[i]) {
			t.Errorf("event %d: predicted %s, and %s when labels after second 1054 are others", i, want[i], got[i])
		}
	}
}

// TestLabelDelayIsALogOfLabels: delaying a file's own labels comes to what a file of them would, to the last bit; also
// by a number of events, where one comes every second.
func TestLabelDelayIsALogOfLabels(t *testing.T) {
	p := parsedText(t, strings.Replace(lateConfig, "wait: 10s", "wait: 1d", 1))
	events, labels := payments100(20)
	both := make([]string, len(events))
	for i := range events {
		outcome := labels[i][strings.LastIndex(labels[i], ",")+1:]
		if i == 30 {
			outcome = "" // never labelled
			labels[i] = "other,1,legit"
		}
		both[i] = events[i] + "," + outcome
	}
	labels = append(labels[:30], labels[31:]...)
	state := func(data Data) []byte {
		c, err := Evaluate(t.Context(), p, data, nil, unseen)
		if err != nil {
			t.Fatal(err)
		}
		if c.Pass.Names["joined"] == 0 {
			t.Errorf("%+v: %v", data, c.Pass.Names)
		}
		s := c.Pieces.Snapshot(pipeline.Manifest(p, ""))
		return append(s.Serving, s.Training...)
	}
	file := put(t, "both.csv", both...)
	want := state(Data{Events: put(t, "events.csv", events...), Labels: put(t, "labels.csv", labels...)})
	if !bytes.Equal(state(Data{Events: file, Delay: Delay{Time: 20 * time.Second, Given: true}}), want) {
		t.Error("labels 20 s later are not learned as a file of them is")
	}
	// Behind the last event no label comes when delays are of events.
	cut := labels[:len(labels)-20]
	want = state(Data{Events: put(t, "events.csv", events...), Labels: put(t, "labels.csv", cut...)})
	if !bytes.Equal(state(Data{Events: file, Delay: Delay{Events: 20, Given: true}}), want) {
		t.Error("labels 20 events later are not learned as a file of them is")
	}
}

// TestLabelDelayOfManyEvents: labels behind the last event, which are read ahead and never taken, hold nothing up at
// the end, however many of them there are.
func TestLabelDelayOfManyEvents(t *testing.T) {
	const n, late = 30_000, 20_000
	lines := []string{"id,time,amount,country,outcome"}
	for i := range n {
		lines = append(lines, fmt.Sprintf("e%d,%d,%d,SE,%s", i, 1000+i, i%7, [2]string{"legit", "fraud"}[i%2]))
	}
	p := parsedText(t, strings.Replace(lateConfig, "wait: 10s", "wait: 1d", 1))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	c, err := Evaluate(ctx, p, Data{Events: put(t, "both.csv", lines...), Delay: Delay{Events: late, Given: true}}, nil, unseen)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Pass.Names["joined"]; got != n-late {
		t.Errorf("%d joined of %d events, labels %d events later: %v", got, n, late, c.Pass.Names)
	}
}

// TestDataOfLabelsIsChecked: what cannot be merged is said.
func TestDataOfLabelsIsChecked(t *testing.T) {
	at := func(change ...string) *config.Pipeline {
		return parsedText(t, strings.NewReplacer(change...).Replace(lateConfig))
	}
	plain := at("topic: late.labels, ", "", "id: of, time: known, ", "", ", wait: 10s, early: 5s", "")
	noTime := at("topic: late.labels, ", "", "id: of, time: known, ", "", ", wait: 10s, early: 5s", "", ", time: time", "")
	noID := at("topic: late.labels, ", "", "id: of, time: known, ", "", ", wait: 10s, early: 5s", "", ", id: id", "")
	hour := Delay{Time: time.Hour, Given: true}
	for _, c := range []struct {
		p    *config.Pipeline
		data Data
		want string
	}{
		{plain, Data{Labels: "l.csv", Delay: hour}, "leave out --labels or --label-delay"},
		{noID, Data{Labels: "l.csv"}, "events: {id: PATH}"},
		{noTime, Data{Delay: hour}, "--label-delay 1h is a time"},
		{at(", time: known", ""), Data{Labels: "l.csv"}, "write label: {time: PATH}"},
		{plain, Data{Events: "/dev/null", Delay: hour}, "can be read once only"},
	} {
		_, err := c.data.Pipeline(c.p)
		if err == nil {
			_, err = c.data.size()
		}
		var usage config.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.data, err, c.want)
		}
	}
	late, err := (&Data{Labels: "l.csv"}).Pipeline(plain)
	if err != nil || late.Label.Wait != 30*24*time.Hour || late.Label.ID != "id" || plain.LateLabels() {
		t.Errorf("without label.topic: %v, %+v", err, late)
	}
	for text, want := range map[string]Delay{"3d": {Time: 72 * time.Hour, Given: true}, "0": {Given: true},
		"1000": {Events: 1000, Given: true}, "90m": {Time: 90 * time.Minute, Given: true}} {
		if got, err := ParseDelay(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-3d", "-1", "soon", "1.5", "0s", "99999999999999999999"} {
		if got, err := ParseDelay(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

// TestNoLabelAtAll: where nothing was learned because no label came, that is said.
func TestNoLabelAtAll(t *testing.T) {
	events, labels := payments100(5)
	file := put(t, "events.csv", events...)
	others := make([]string, len(labels))
	for i, l := range labels {
		others[i] = strings.Replace(l, ",", "x,", min(i, 1)) // of nobody
	}
	for want, data := range map[string]Data{"give them with --labels FILE": {Events: file},
		"no label found its event, of 100 labels": {Events: file, Labels: put(t, "labels.csv", others...)}} {
		_, err := Evaluate(t.Context(), parsedText(t, lateConfig), data, nil, unseen)
		var none *NoneLearnedError
		if !errors.As(err, &none) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestEpochsBeginAnew: in a second pass nothing waits from the first, and no id of it is known.
func TestEpochsBeginAnew(t *testing.T) {
	events, labels := payments100(5)
	data := Data{Events: put(t, "events.csv", events...), Labels: put(t, "labels.csv", labels...)}
	s, trained, err := Train(t.Context(), parsedText(t, lateConfig), data, 3, func(int) Progress { return unseen })
	if err != nil || s.Names["joined"] != 100 || s.Names["duplicate"] != 0 || trained.Manifest.Learned != 300 {
		t.Errorf("%+v, %d learned, %v", s, trained.Manifest.Learned, err)
	}
	if trained.Manifest.Keyed != nil {
		t.Error("a snapshot of files speaks of logs")
	}
}

// TestContendersDoNotShareWhatTheyWrite: models that wait for labels side by side learn what each does alone.
func TestContendersDoNotShareWhatTheyWrite(t *testing.T) {
	p := parsedText(t, lateConfig)
	events, labels := payments100(5)
	data := Data{Events: put(t, "events.csv", events...), Labels: put(t, "labels.csv", labels...)}
	alone, err := Evaluate(t.Context(), p, data, nil, unseen)
	if err != nil {
		t.Fatal(err)
	}
	var all []*Contender
	for i := range 4 {
		all = append(all, NewContender(fmt.Sprint(i), p, data))
	}
	if err := Race(t.Context(), data, all, unseen); err != nil {
		t.Fatal(err)
	}
	want := alone.Pieces.Snapshot(millrace.Manifest{})
	for _, c := range all {
		if s := c.Pieces.Snapshot(millrace.Manifest{}); !bytes.Equal(s.Serving, want.Serving) || !maps.Equal(c.Pass.Names, alone.Pass.Names) {
			t.Errorf("contender %s differs from one that learns alone", c.Name)
		}
	}
}
