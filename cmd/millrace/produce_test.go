package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/pipeline"
)

// topic reads n records of a topic with one partition.
func (r *rig) topic(name string, n int) []*kgo.Record {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.kafka), kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	var out []*kgo.Record
	for len(out) < n {
		fetches := client.PollFetches(r.t.Context())
		if err := fetches.Err(); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, fetches.Records()...)
	}
	return out
}

// lateFile writes a pipeline file whose labels come on a topic of their own.
func (r *rig) lateFile(name, events, label string) string {
	r.t.Helper()
	return written(r.t, name+".yaml", fmt.Sprintf("name: %s\nevents: {topic: %s, id: id%s}\nfeatures: {amount: number, card: category}\n"+
		"label: {path: outcome, classes: [legit, fraud], topic: %s.labels%s}\nmodel: logistic\nkafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n",
		name, name, events, name, label, r.kafka, r.redis))
}

// TestProduceLabels: rows of both files become records as far apart as the rows are, the last of now.
func TestProduceLabels(t *testing.T) {
	r := newRig(t)
	at := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	row := func(minutes int) string { return at.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339) }
	events := written(t, "events.csv", "id,time,amount,card\na,"+row(0)+",1,x\nb,"+row(10)+",2,y\n,,,\nc,"+row(5)+",3,x\n")
	labels := written(t, "labels.csv", "id,known,outcome\nb,"+row(30)+",fraud\na,"+row(20)+",\n")
	timed, untimed := r.lateFile("timed", ", time: time", ", time: known"), r.lateFile("untimed", "", ", id: $key")
	for _, c := range []struct {
		file, topic    string
		events, labels []time.Duration // before the last record of all
	}{
		{timed, "timed", []time.Duration{30 * time.Minute, 20 * time.Minute, 25 * time.Minute}, []time.Duration{0, 10 * time.Minute}},
		{untimed, "untimed", []time.Duration{3 * time.Millisecond, 2 * time.Millisecond, 0}, []time.Duration{3 * time.Millisecond, 2 * time.Millisecond}},
	} {
		before := time.Now().Truncate(time.Millisecond)
		code, out, errOut := verb(t, "produce", "-c", c.file, events, "--labels", labels)
		after := time.Now()
		if told := strings.Contains(errOut, "labels.csv: 1 of 2 rows have an earlier time"); code != exitDone || told != (c.file == timed) {
			t.Errorf("%s: exit code %d, %s", c.topic, code, errOut)
		}
		if !strings.Contains(out, "3 events written to "+c.topic+" and 2 labels to "+c.topic+".labels") {
			t.Errorf("it says %q", out)
		}
		gotEvents, gotLabels := r.topic(c.topic, 3), r.topic(c.topic+".labels", 2)
		last := before
		for _, rec := range append(gotEvents, gotLabels...) {
			if rec.Timestamp.After(last) {
				last = rec.Timestamp
			}
		}
		if last.After(after) {
			t.Errorf("%s: the last record is of %s, after now", c.topic, last)
		}
		for i, rec := range gotEvents {
			if ago := last.Sub(rec.Timestamp); ago != c.events[i] || string(rec.Key) != string("abc"[i]) || !strings.Contains(string(rec.Value), fmt.Sprintf(`"amount":%d`, i+1)) {
				t.Errorf("%s: event %s with key %s is %s before the last, want %s", c.topic, rec.Value, rec.Key, ago, c.events[i])
			}
		}
		for i, rec := range gotLabels {
			if ago := last.Sub(rec.Timestamp); ago != c.labels[i] || string(rec.Key) != string("ba"[i]) {
				t.Errorf("%s: label %s with key %s is %s before the last, want %s", c.topic, rec.Value, rec.Key, ago, c.labels[i])
			}
		}
	}
}

// TestProduceUsage: what cannot be sent is said before anything is.
func TestProduceUsage(t *testing.T) {
	r := newRig(t)
	data := written(t, "data.csv", "id,amount,card,outcome\na,1,x,fraud\n")
	far := written(t, "far.csv", "id,known,outcome\na,2024-05-01T12:00:00Z,fraud\na,2099-01-01T00:00:00Z,fraud\n")
	timed := written(t, "timed.csv", "id,time,amount,card\na,2024-05-01T12:00:00Z,1,x\n")
	other := written(t, "other.csv", "price,colour\n1,red\n2,blue\n")
	plain, half := r.file("plain", "distance_km"), r.lateFile("half", ", time: time", "")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-c", plain, data, "--labels", data}, "label: {topic: TOPIC}"},
		{[]string{"-c", r.lateFile("far", ", time: time", ", time: known"), timed, "--labels", far}, "from 2024-05-01T12:00:00Z to 2099-01-01T00:00:00Z"},
		{[]string{"-c", half, data, "--labels", data}, "write label: {time: PATH}"},
		{[]string{"-c", plain, other}, "other.csv has none of the pipeline's columns: it has colour, price, and the pipeline reads amount"},
		{[]string{"-c", r.lateFile("pair", "", ""), data, "--labels", other}, "other.csv has none of the pipeline's columns: it has colour, price, and the pipeline reads outcome, id"},
		{[]string{"-c", half, data, "--labels", data, "--loop"}, "once"},
		{[]string{"-c", half, "--generate", "payments", "--labels", data}, "labels of their own"},
		{[]string{"-c", r.lateFile("whole", "", ""), data, "--labels", "none.csv"}, "none.csv"},
	} {
		if code, _, errOut := verb(t, append([]string{"produce"}, c.args...)...); code != exitUsage || !strings.Contains(errOut, c.want) {
			t.Errorf("%v: exit code %d, %q; want %q", c.args, code, errOut, c.want)
		}
	}
}

// TestProduceTooLarge: a row that the topic does not take ends it with an error, which says what is there all the same.
func TestProduceTooLarge(t *testing.T) {
	r := newRig(t)
	file := r.file("large", "distance_km")
	p, err := pipeline.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.kafka))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	limit := "2000"
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, p.Events.Topic); err != nil {
		t.Fatal(err)
	}
	data := written(t, "data.csv", "id,pad\na,x\nb,"+strings.Repeat("x", 3000)+"\nc,y\n")
	code, _, errOut := verb(t, "produce", "-c", file, data)
	if want := "2 events written to " + p.Events.Topic + " and acknowledged"; code != exitFailed || !strings.Contains(errOut, want) ||
		!strings.Contains(errOut, "Large") {
		t.Errorf("exit code %d, %q; want %q", code, errOut, want)
	}
	r.topic(p.Events.Topic, 2)
}

// TestProducePayments: with a topic of labels the payments come without their outcome, and reports of fraud later.
func TestProducePayments(t *testing.T) {
	r := newRig(t)
	out := ok(t, "produce", "-c", r.lateFile("pay", ", time: time", ", time: time"), "--generate", "payments", "--events", "3000")
	var labels int
	if _, err := fmt.Sscanf(out, "3000 events written to pay and %d labels to pay.labels", &labels); err != nil || labels < 60 {
		t.Fatalf("%v: it says %q", err, out)
	}
	for _, rec := range r.topic("pay", 3000) {
		if strings.Contains(string(rec.Value), "outcome") {
			t.Fatalf("%s has its outcome", rec.Value)
		}
	}
	for _, rec := range r.topic("pay.labels", labels) {
		if !strings.Contains(string(rec.Value), `"outcome":"fraud"`) || !strings.Contains(string(rec.Value), string(rec.Key)) {
			t.Fatalf("%s with key %s", rec.Value, rec.Key)
		}
	}
}
