package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/learner"
	"millrace/merge"
	running "millrace/pipeline"
	"millrace/snapshot"
)

// The golden snapshots with windows and waiting events have, beside what the others have, the log that they are made
// again from: one partition of events and one of labels.
const (
	keyedFolder  = goldenFolder + "/keyed"
	keyedApplied = 420 // records of the log that are in the snapshot
)

// keyedRecord is a line of the log.
type keyedRecord struct {
	Label  bool            `json:"label,omitempty"`
	Offset int64           `json:"offset"`
	Time   int64           `json:"time"`
	Value  json.RawMessage `json:"value"`
}

// keyedAfter is what the release that made a snapshot had after the whole log.
type keyedAfter struct {
	Release     string            `json:"release"`
	Names       map[string]uint64 `json:"names"`
	Predictions [][]float64       `json:"predictions"`
}

// keyedRun applies a log as a learner does.
type keyedRun struct {
	t       *testing.T
	p       *config.Pipeline
	pieces  *running.Pieces
	at      [2]int64 // next offsets of events and labels
	learned uint64
	applied uint64
	event   *millrace.Event
	label   *millrace.Event
}

// newKeyedRun is the run of a pipeline file beside a version, nil for none.
func newKeyedRun(t *testing.T, version *millrace.Manifest) *keyedRun {
	t.Helper()
	p := goldenPipeline(t, filepath.Join(keyedFolder, "late.yaml"))
	if version != nil {
		p = p.Beside(version)
	}
	pieces, err := running.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	return &keyedRun{t: t, p: p, pieces: pieces, event: pieces.Decoder.NewEvent(), label: pieces.Labels.NewEvent()}
}

func (k *keyedRun) record(r keyedRecord) *millrace.Record {
	topic := k.p.Events.Topic
	if r.Label {
		topic = k.p.Label.Topic
	}
	return &millrace.Record{Topic: topic, Offset: r.Offset, Time: r.Time, Value: r.Value}
}

// apply applies records, and the expiries after each.
func (k *keyedRun) apply(log []keyedRecord) {
	k.t.Helper()
	s := k.pieces.Stream
	for _, r := range log {
		rec, outcome := k.record(r), learner.Rejected
		if r.Label {
			if err := k.pieces.Labels.Decode(rec, k.label); err != nil {
				k.t.Fatal(err)
			}
			outcome, _ = s.Label(k.label, rec)
			k.at[1] = rec.Next()
		} else {
			if err := k.pieces.Decoder.Decode(rec, k.event); err != nil {
				k.t.Fatal(err)
			}
			outcome, _ = s.Event(k.event, rec)
			k.at[0] = rec.Next()
		}
		k.applied++
		if outcome.Learns() {
			k.learned++
		}
		for s.Expire() {
			k.applied++
			if s.Ended().Learned {
				k.learned++
			}
		}
	}
}

// snapshot is what a learner would publish.
func (k *keyedRun) snapshot() millrace.Snapshot {
	k.t.Helper()
	m := running.Manifest(k.p, "golden")
	m.Epoch, m.Seq, m.CreatedAt = 1, 1, time.UnixMilli(1767225600000).UTC()
	m.Positions = []millrace.Position{{Topic: k.p.Events.Topic, Offset: k.at[0]}, {Topic: k.p.Label.Topic, Offset: k.at[1]}}
	m.Learned, m.Applied, m.Names = k.learned, k.applied, k.pieces.Stream.Names()
	m.Keyed = k.pieces.Stream.Keyed(m.Positions)
	buffer := k.pieces.Layout.NewBuffer()
	k.pieces.Layout.Copy(buffer)
	if err := buffer.SetTail(k.pieces.Join.AppendState(nil)); err != nil {
		k.t.Fatal(err)
	}
	s := millrace.Snapshot{Manifest: m, Serving: buffer.Serving(), Training: buffer.Training()}
	snapshot.Seal(&s)
	return s
}

// resume goes on from a snapshot: it reads the log again from the marks.
func (k *keyedRun) resume(s *millrace.Snapshot, log []keyedRecord) {
	k.t.Helper()
	if err := k.p.Fits(&s.Manifest); err != nil {
		k.t.Fatal(err)
	}
	if err := k.pieces.Layout.Restore(s.Serving, s.Training); err != nil {
		k.t.Fatal(err)
	}
	again := &replay{run: k}
	marks := map[string]int64{}
	for _, mark := range s.Manifest.Keyed.Rebuild {
		marks[mark.Topic] = mark.Offset
	}
	for _, r := range log[:keyedApplied] {
		if r.Offset >= marks[k.record(r).Topic] {
			again.log = append(again.log, r)
		}
	}
	if len(again.log) == 0 || len(again.log) == keyedApplied {
		k.t.Errorf("%d records of %d are read again: the snapshot holds too little to be an example", len(again.log), keyedApplied)
	}
	rebuilding := learner.Rebuilding{Stream: k.pieces.Stream, Manifest: &s.Manifest, Waiting: k.pieces.Layout.Tail(), Merger: again,
		Decoder: k.pieces.Decoder, Labels: k.pieces.Labels}
	if lost, err := rebuilding.Run(k.t.Context()); err != nil || lost > 0 {
		k.t.Fatalf("%d are lost, %v", lost, err)
	}
}

// after is what is told of the whole log: names, and what the model makes of events with the windows as they are.
func (k *keyedRun) after(log []keyedRecord) keyedAfter {
	k.t.Helper()
	a := keyedAfter{Release: goldenRelease, Names: k.pieces.Stream.Names()}
	for _, r := range log {
		if r.Label || len(a.Predictions) == 40 {
			continue
		}
		if err := k.pieces.Decoder.Decode(k.record(r), k.event); err != nil {
			k.t.Fatal(err)
		}
		k.pieces.Windows.Fill(k.event, k.pieces.Stream.Clock.Now())
		p, err := k.pieces.Trainer.Predict(k.event)
		if err != nil {
			k.t.Fatal(err)
		}
		a.Predictions = append(a.Predictions, slices.Clone(p))
	}
	return a
}

// replay delivers records one by one, in the order of the log.
type replay struct {
	run *keyedRun
	log []keyedRecord
}

func (r *replay) Next(context.Context) (merge.Stretch, error) {
	if len(r.log) == 0 {
		return merge.Stretch{}, io.EOF
	}
	next := r.log[0]
	r.log = r.log[1:]
	b := millrace.NewBatch(nil)
	b.Records = []millrace.Record{*r.run.record(next)}
	b.Topic, b.From, b.To = b.Records[0].Topic, next.Offset, next.Offset+1
	s := merge.Stretch{Batch: b, To: 1, Last: true}
	if next.Label {
		s.Source = 1
	}
	return s, nil
}

// TestGoldenKeyed: a snapshot with windows and waiting events that an earlier release left behind goes on as that
// release would have done.
func TestGoldenKeyed(t *testing.T) {
	path := func(name string) string { return filepath.Join(keyedFolder, name) }
	if _, err := os.Stat(path("late.json")); *golden && os.IsNotExist(err) {
		writeGoldenKeyed(t, path)
	}
	log := readKeyedLog(t, path("log.jsonl"))
	s, err := snapshot.ReadFile(path("late.millrace"))
	if err != nil {
		t.Fatal(err)
	}
	if m := s.Manifest; m.Format != snapshot.FormatKeyed || m.Names["joined"] == 0 || m.Names["expired_learned"] == 0 {
		t.Errorf("the snapshot is no example of late labels: %+v", m)
	}
	var want keyedAfter
	data, err := os.ReadFile(path("late.json"))
	if err := errors.Join(err, json.Unmarshal(data, &want)); err != nil {
		t.Fatal(err)
	}
	k := newKeyedRun(t, &s.Manifest)
	k.resume(&s, log)
	k.apply(log[keyedApplied:])
	got := k.after(log)
	compare(t, "after the log", got.Predictions, want.Predictions, s.Manifest.Profile)
	delete(got.Names, "unmeasured") // predictions made before a restart are in no snapshot
	delete(want.Names, "unmeasured")
	if !maps.Equal(got.Names, want.Names) {
		t.Errorf("names %v, that release had %v", got.Names, want.Names)
	}
	scoring, err := k.p.ServedBy(&s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := newPieces(t, scoring).scorer.Restore(s.Serving, nil); err != nil {
		t.Errorf("a scorer: %v", err)
	}
}

// writeGoldenKeyed makes a log, a snapshot in the middle of it, and what comes after, by this release.
func writeGoldenKeyed(t *testing.T, path func(string) string) {
	t.Helper()
	log := makeKeyedLog()
	var text bytes.Buffer
	for _, r := range log {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(line, '\n'))
	}
	k := newKeyedRun(t, nil)
	k.apply(log[:keyedApplied])
	s := k.snapshot()
	k.apply(log[keyedApplied:])
	data, err := json.Marshal(k.after(log))
	err = errors.Join(err, os.WriteFile(path("log.jsonl"), text.Bytes(), 0o644), snapshot.WriteFile(path("late.millrace"), s),
		os.WriteFile(path("late.json"), append(data, '\n'), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

// makeKeyedLog is a log of both topics in the order in which they are applied.
func makeKeyedLog() []keyedRecord {
	g := rand.New(rand.NewPCG(4, 2))
	var log []keyedRecord
	for i := range 330 {
		at := 1767225600000 + int64(i)*500
		class, amount := "legit", 10+3*g.NormFloat64()
		if g.IntN(4) == 0 {
			class, amount = "fraud", amount+8
		}
		log = append(log, keyedRecord{Time: at, Value: fmt.Appendf(nil, `{"id":"e%d","time":%d,"amount":%.2f,"card":"c%d"}`, i, at-g.Int64N(2000), amount, g.IntN(8))})
		late := g.Int64N(50_000) - 5_000
		if g.IntN(8) > 0 {
			log = append(log, keyedRecord{Label: true, Time: at + late, Value: fmt.Appendf(nil, `{"id":"e%d","outcome":%q}`, i, class)})
		}
	}
	slices.SortStableFunc(log, func(a, b keyedRecord) int { return int(a.Time - b.Time) })
	var next [2]int64
	for i := range log {
		kind := 0
		if log[i].Label {
			kind = 1
		}
		log[i].Offset = next[kind]
		next[kind]++
	}
	return log
}

func readKeyedLog(t *testing.T, file string) (log []keyedRecord) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var r keyedRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		log = append(log, r)
	}
	return log
}
