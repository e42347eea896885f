package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/files"
)

// numbered writes a file of rows with a number each.
func numbered(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,amount\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,1\n", i)
	}
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sendOn sends the rows of a file that the topics lack, as many events at most.
func (r *rig) sendOn(rows *FileRows, events uint64) Resumed {
	r.t.Helper()
	defer rows.Close()
	at, err := resumeRows(r.t.Context(), r.servers, rows, "d")
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := produceRows(r.t.Context(), r.servers.cluster, r.pipeline, rows.Next, Produce{Events: events}); err != nil {
		r.t.Fatal(err)
	}
	return at
}

// rowsOfFile counts the records of each row that a topic has of the files of digest d.
func (r *rig) rowsOfFile(topic string) map[RowAt]int {
	r.t.Helper()
	all := map[RowAt]int{}
	for _, rec := range r.read(topic) {
		for _, h := range rec.Headers {
			if at, ok := parseRowAt(string(h.Value)); h.Key == millrace.HeaderRow && ok && at.Digest == "d" {
				all[at]++
			}
		}
	}
	return all
}

// wantRows fails unless each row of so many passes is there once.
func wantRows(t *testing.T, got map[RowAt]int, passes, rows int64) {
	t.Helper()
	for pass := range passes {
		for row := range rows {
			if n := got[RowAt{Digest: "d", Pass: pass, Row: row}]; n != 1 {
				t.Fatalf("row %d of pass %d is there %d times", row, pass, n)
			}
		}
	}
	if int64(len(got)) != passes*rows {
		t.Errorf("there are %d rows, want %d", len(got), passes*rows)
	}
}

// TestResumeFillsHoles: partitions have got rows of the newest block as far as each has come, in one of them lie other
// records behind, and in another rows of another file. What is missing is sent, and nothing else.
func TestResumeFillsHoles(t *testing.T) {
	const all, first = 3*blockRows - 100, blockRows
	r := newRig(t, 3)
	r.produce([][]byte{[]byte(`{}`)}) // makes the topic
	producer := consumers.NewProducer(r.servers.cluster, consumers.ProducerOptions{})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- producer.Run(ctx) }()
	send := func(partition int32, header string) {
		rec := millrace.Record{Topic: r.pipeline.Events.Topic, Partition: partition, Value: []byte(`{}`)}
		if header != "" {
			rec.Headers = []millrace.Header{{Key: millrace.HeaderRow, Value: []byte(header)}}
		}
		if err := producer.Send(ctx, rec, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range first + 900 {
		if p := int32(i % 3); i < first || i < first+300*int(p+1) { // the first partition is behind
			send(p, fmt.Sprintf("d/0/%d", i))
		}
	}
	for i := range 3 * lookBackFirst {
		send(0, "")
		send(1, fmt.Sprintf("other/0/%d", i))
	}
	if err := producer.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	rows, err := OpenRows(r.pipeline, numbered(t, all), files.Input{}, false, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	at := r.sendOn(rows, 0)
	if !at.Found || !at.Other || at.Pass != 0 || at.Row != first+897 {
		t.Errorf("it finds %+v", at)
	}
	wantRows(t, r.rowsOfFile(r.pipeline.Events.Topic), 1, all)
	if want := uint64(first + 100 + 200 + 300); rows.Passed() != want {
		t.Errorf("%d rows are passed over, want %d", rows.Passed(), want)
	}
}

// TestResumeGoesRound: a file that is sent again and again goes on in the pass that it had come to.
func TestResumeGoesRound(t *testing.T) {
	r := newRig(t, 2)
	r.produce([][]byte{[]byte(`{}`)})
	path := numbered(t, 100)
	for i, events := range []uint64{250, 30, 120} {
		rows, err := OpenRows(r.pipeline, path, files.Input{}, true, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		if at := r.sendOn(rows, events); i == 2 && (at.Pass != 2 || at.Row != 79) {
			t.Errorf("the third time it finds %+v", at)
		}
	}
	wantRows(t, r.rowsOfFile(r.pipeline.Events.Topic), 4, 100)
}

// TestResumeKeepsTimes: events and labels of two files go on as far apart as their rows are, however much later.
func TestResumeKeepsTimes(t *testing.T) {
	r := newRig(t, 1)
	p, err := config.Parse("late.yaml", []byte(strings.NewReplacer("PARTITIONS", "1", "id: id,", "id: id, time: time,",
		"classes: [legit, fraud]", "classes: [legit, fraud], topic: loop.labels, time: time, id: id, wait: 1h").Replace(loopConfig)), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Kafka = r.pipeline.Kafka
	r.pipeline, r.servers.pipeline = p, p
	r.produce([][]byte{[]byte(`{}`)})
	if err := r.servers.cluster.EnsureTopic(t.Context(), consumers.TopicSpec{Name: p.Label.Topic, Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	events, labels := "id,time,amount,merchant_category,country,card_present\n", "id,time,outcome\n"
	for i := range 40 {
		events += fmt.Sprintf("%d,2024-01-01T00:%02d:00Z,1,a,SE,true\n", i, i)
		labels += fmt.Sprintf("%d,2024-01-01T00:%02d:30Z,legit\n", i, i)
	}
	paths := [2]string{filepath.Join(t.TempDir(), "e.csv"), filepath.Join(t.TempDir(), "l.csv")}
	for i, text := range []string{events, labels} {
		if err := os.WriteFile(paths[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for i, events := range []uint64{17, 0} {
		rows, err := OpenLateRows(t.Context(), p, paths[0], paths[1], files.Input{}, now.Add(time.Duration(i)*time.Hour), func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		r.sendOn(rows, events)
	}
	both := r.rowsOfFile(p.Events.Topic)
	for at, n := range r.rowsOfFile(p.Label.Topic) {
		both[at] += n
	}
	wantRows(t, both, 1, 80)
	for _, topic := range []string{p.Events.Topic, p.Label.Topic} {
		records := r.read(topic)
		records = records[len(records)-40:]
		for i, rec := range records {
			if apart := rec.Time - records[0].Time; apart != int64(i)*60_000 {
				t.Fatalf("record %d of %s is %d ms after the first", i, topic, apart)
			}
		}
	}
}

// TestBlocks: no row of a block is sent before all rows of those before it are acknowledged, events and labels.
func TestBlocks(t *testing.T) {
	sender := &unacknowledged{t: t}
	l := newLockstep(sender, lateTopics(), time.Now)
	for i := range 3*blockRows + 5 {
		row := Row{Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Append(nil, i), Label: i%50 == 7, At: RowAt{Digest: "d", Row: int64(i)}}
		if err := l.take(t.Context(), &row); err != nil {
			t.Fatal(err)
		}
		for _, n := range sender.pending {
			if before := sender.sent[n].n; before/blockRows != i/blockRows {
				t.Fatalf("row %d is not acknowledged when row %d is sent", before, i)
			}
		}
		if held := len(l.held); held > i%blockRows+1 {
			t.Fatalf("at row %d events of the block before are held", i)
		}
	}
}

// TestRowAt: what a header says is what was written, and nothing else passes for one.
func TestRowAt(t *testing.T) {
	at := RowAt{Digest: "00ff", Pass: 3, Row: 1 << 40}
	if got, ok := parseRowAt(string(at.append(nil))); !ok || got != at {
		t.Errorf("%s is read as %+v, %t", at.append(nil), got, ok)
	}
	for _, text := range []string{"", "a", "a/1", "/1/2", "a/1/2/3", "a/-1/2", "a/1/-2", "a/1/x", "a//2"} {
		if got, ok := parseRowAt(text); ok {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
