package pipeline

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/consumers"
)

// replayRig has learned two events and rejected so many for a text that is too long, and one for its class. The
// pipeline file is mended then: texts may be as long.
func replayRig(t *testing.T, long int) *rig {
	t.Helper()
	r := newRig(t, 2)
	r.pipeline.Limits.Text = 16
	row := func(id int, country, outcome string) []byte {
		return fmt.Appendf(nil, `{"id":"e%d","amount":%d,"merchant_category":"food","country":%q,"card_present":true,"outcome":%q}`, id, id, country, outcome)
	}
	rows := [][]byte{row(0, "SE", "legit"), row(1, "SE", "fraud"), row(2, "SE", "stolen")}
	for i := range long {
		rows = append(rows, row(3+i, "a country with a long name", "legit"))
	}
	r.produce(rows)
	r.run(false, func(s *Pipeline) bool {
		l := s.Status().Learning
		return l.Learned+l.Rejected >= uint64(len(rows))
	})
	r.pipeline.Limits.Text, r.pipeline.Events.Start = 64, "latest"
	return r
}

// begunAnew begins a model anew and replays once it has its positions; then it learns until so many are learned.
func (r *rig) begunAnew(learned uint64, replay func()) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), time.Minute)
	defer stop()
	s, err := open(ctx, Options{Config: r.pipeline, Learn: true, Fresh: true, Log: r.log}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	await := func(what string, is func() bool) {
		for !is() {
			select {
			case err := <-ended:
				r.t.Fatalf("%s: it ended early: %v", what, err)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	await("beginning", func() bool { return s.learning.atWork.Load() })
	replay()
	await("learning", func() bool { l := s.Status().Learning; return l != nil && l.Learned == learned })
	stop()
	if err := <-ended; err != nil {
		r.t.Fatal(err)
	}
}

// resend replays dead letters, and returns what became of the letters of events.
func (r *rig) resend(o Replay) Replayed {
	r.t.Helper()
	all, err := ReplayDead(r.t.Context(), r.pipeline, slog.New(slog.DiscardHandler), o)
	if err != nil || len(all) != 1 {
		r.t.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

// replayedEvents are the records of the events' topic that were sent again, by the letter that they are from.
func (r *rig) replayedEvents() map[string][]millrace.Record {
	r.t.Helper()
	found := map[string][]millrace.Record{}
	s, err := spanOf(r.t.Context(), r.servers.cluster, DeadTopic{Topic: r.pipeline.Events.Topic}, time.Time{})
	if err != nil {
		r.t.Fatal(err)
	}
	err = s.read(r.t.Context(), r.servers, func(b *millrace.Batch) error {
		for _, rec := range b.Records {
			if _, _, _, ok := rec.Replayed(); !ok {
				continue
			}
			rec.Value, rec.Key = bytes.Clone(rec.Value), bytes.Clone(rec.Key)
			headers := make([]millrace.Header, len(rec.Headers))
			for i, h := range rec.Headers {
				headers[i] = millrace.Header{Key: h.Key, Value: bytes.Clone(h.Value)}
			}
			rec.Headers = headers
			letter := headerIn(&rec, millrace.HeaderReplayedLetter)
			found[letter] = append(found[letter], rec)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

func headerIn(rec *millrace.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// TestReplaySendsWhatIsMended: what the mended file takes is sent once, with time, key and where it stood, to the
// partition that it came from, and is learned; what it would reject again stays to be sent later.
func TestReplaySendsWhatIsMended(t *testing.T) {
	r := replayRig(t, 5)
	if dry := r.resend(Replay{DryRun: true}); dry.Sent != 5 || dry.Rejected["unknown_class"] != 1 || len(r.replayedEvents()) > 0 {
		t.Errorf("a dry run: %+v", dry)
	}
	if other := r.resend(Replay{Reason: "empty"}); other.Sent != 0 || other.Other != 6 {
		t.Errorf("of another reason: %+v", other)
	}
	r.pipeline.Events.Start = "earliest"
	if log := r.resend(Replay{DryRun: true}); log.Sent != 0 || log.InLog != 5 {
		t.Errorf("of a model that begins with the log: %+v", log)
	}
	if log := r.resend(Replay{DryRun: true, InLog: true}); log.Sent != 5 || log.InLog != 0 {
		t.Errorf("of such a model, told to: %+v", log)
	}
	r.pipeline.Events.Start = "latest"
	r.begunAnew(5, func() {
		if done := r.resend(Replay{}); done.Sent != 5 || !maps.Equal(done.Rejected, map[string]int{"unknown_class": 1}) || done.SentBefore != 0 {
			t.Errorf("the first time: %+v", done)
		}
	})
	if done := r.resend(Replay{}); done.Sent != 0 || done.SentBefore != 5 || done.Rejected["unknown_class"] != 1 {
		t.Errorf("the second time: %+v", done)
	}
	sent := r.replayedEvents()
	for letter, records := range sent {
		rec := &records[0]
		_, partition, _, _ := rec.Replayed()
		if len(records) != 1 || partition != rec.Partition || headerIn(rec, millrace.HeaderReplayedReason) != "text_too_long" ||
			headerIn(rec, millrace.HeaderReason) != "" || len(rec.Key) == 0 {
			t.Errorf("of %s: %+v", letter, records)
		}
	}
	if len(sent) != 5 {
		t.Errorf("%d letters were sent", len(sent))
	}
	r.pipeline.Label.Classes = []string{"legit", "stolen"}
	if done := r.resend(Replay{}); done.Sent != 1 || done.SentBefore != 5 {
		t.Errorf("once the classes are mended, too: %+v", done)
	}
	if done := r.resend(Replay{Again: true}); done.Sent != 6 {
		t.Errorf("again: %+v", done)
	}
}

// TestReplayKeepsTheFirstSource: what is rejected again is a letter anew, which knows where the event stood at first.
func TestReplayKeepsTheFirstSource(t *testing.T) {
	r := replayRig(t, 1)
	first := ""
	each := func(do func(*Letter)) {
		err := ReadDead(t.Context(), r.pipeline, slog.New(slog.DiscardHandler), DeadReader{}, func(l *Letter) error {
			if l.Reason == millrace.ReasonTextTooLong {
				do(l)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	each(func(l *Letter) { first = l.Source })
	for round := range 2 {
		r.pipeline.Limits.Text = 64
		if done := r.resend(Replay{}); done.Sent != 1 {
			t.Fatalf("round %d: %+v", round, done)
		}
		r.pipeline.Limits.Text = 16 // what runs still has the former file
		r.run(false, func(s *Pipeline) bool { return s.Status().Learning.Rejected == uint64(3+round) })
		n := 0
		each(func(l *Letter) {
			if n++; l.Source != first && l.First != first {
				t.Errorf("round %d: a letter of %s, at first %s; want %s", round, l.Source, l.First, first)
			}
		})
		if n != 2+round {
			t.Errorf("round %d: %d letters", round, n)
		}
	}
}

// TestReplayKilled between sending and remembering, twice, while others write to the topic: nothing is left out, and
// nothing is sent twice. Once it has come to its end nothing is looked for any more.
func TestReplayKilled(t *testing.T) {
	r := replayRig(t, 40)
	kill := func(after int) {
		defer func() {
			if recover() == nil {
				t.Error("it was not killed")
			}
		}()
		n := 0
		r.resend(Replay{batch: 7, sent: func() {
			if n++; n == after {
				panic("killed")
			}
		}})
	}
	notes := func() (under int) {
		_, notes, err := r.servers.cluster.CommittedNotes(t.Context(), replayGroup(r.pipeline.Name), DeadTopics(r.pipeline)[0].Topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range notes {
			under += strings.Count(note, underWay)
		}
		return under
	}
	kill(3)
	if got := len(r.replayedEvents()); got != 21 || notes() != 2 {
		t.Fatalf("%d were sent before the kill, %d notes say that it is under way", got, notes())
	}
	r.produce([][]byte{[]byte(`{}`), []byte(`{}`)})
	if dry := r.resend(Replay{DryRun: true}); dry.SentBefore != 21 || dry.Sent != 19 || notes() != 2 {
		t.Errorf("a dry run after the kill: %+v", dry)
	}
	kill(1)
	done := r.resend(Replay{batch: 7})
	if done.SentBefore != 28 || done.Sent != 12 || notes() != 0 {
		t.Errorf("after the kills: %+v, %d notes say that it is under way", done, notes())
	}
	sent := r.replayedEvents()
	for letter, records := range sent {
		if len(records) != 1 {
			t.Errorf("%s was sent %d times", letter, len(records))
		}
	}
	if done = r.resend(Replay{}); len(sent) != 40 || done.Sent != 0 || done.SentBefore != 40 {
		t.Errorf("%d letters were sent; in the end %+v", len(sent), done)
	}
}

// TestEndsInNotes: the ends of all partitions come back from the notes, as far as these have room.
func TestEndsInNotes(t *testing.T) {
	r := replaying{ledgers: map[int32]*ledger{0: {}, 1: {}, 4: {}}, bounds: map[int32][2]int64{}}
	for p := range int32(2000) {
		r.bounds[p] = [2]int64{0, int64(p) << 20}
	}
	ends := map[int32]int64{}
	for p := range r.ledgers {
		text := r.endsBeside(p)
		if len(text) > endsBytesMax || len(text) < endsBytesMax-20 {
			t.Errorf("%d bytes beside %d", len(text), p)
		}
		readEnds(text, ends)
	}
	for p, end := range ends {
		if end != int64(p)<<20 {
			t.Errorf("partition %d ended at %d", p, end)
		}
	}
	if _, last := ends[299]; !last || len(ends) < 300 {
		t.Errorf("%d ends", len(ends))
	}
	readEnds(",7,x:1,1:x,5:-1,:", ends)
	if ends[5] != 5<<20 {
		t.Errorf("what is no end is read as one: %v", ends[5])
	}
}

// TestLedger: what is done is done, whatever is between, and comes back from its note; without room the oldest that is
// left is given up, never sent twice.
func TestLedger(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	l, done := ledger{position: 100}, map[int64]bool{}
	for range 3000 {
		at := 100 + g.Int64N(4000)
		l.add(at, at+1)
		done[at] = true
	}
	check := func(l *ledger, from int64) {
		t.Helper()
		for at := from; at < 4200; at++ {
			if l.has(at) != done[at] {
				t.Fatalf("offset %d: %t, want %t", at, l.has(at), done[at])
			}
		}
	}
	check(&l, 100)
	note, givenUp := l.note(consumers.NoteBytesMax)
	if givenUp != 0 || len(l.done) < 100 {
		t.Fatalf("%d given up, %d pieces", givenUp, len(l.done))
	}
	back := newLedger(l.position, note)
	check(&back, l.position)
	for at := int64(4200); at < 12_000; at += 2 {
		l.add(at, at+1)
		done[at] = true
	}
	note, givenUp = l.note(consumers.NoteBytesMax)
	if back = newLedger(l.position, note); givenUp == 0 || len(note) > consumers.NoteBytesMax || back.position <= 100 {
		t.Errorf("%d given up, a note of %d bytes at %d", givenUp, len(note), back.position)
	}
	for at := range done {
		if !back.has(at) {
			t.Fatalf("offset %d would be sent twice", at)
		}
	}
	for _, bad := range []string{"?", base64.RawStdEncoding.EncodeToString([]byte{1}), base64.RawStdEncoding.EncodeToString([]byte{0, 1})} {
		if l := newLedger(5, bad); l.has(5) || !l.has(4) {
			t.Errorf("%q is read as %+v", bad, l)
		}
	}
}

// copyLetters writes all dead letters once more, as a learner does that was killed before it published.
func (r *rig) copyLetters() {
	r.t.Helper()
	topic := DeadTopics(r.pipeline)[0].Topic
	producer := consumers.NewProducer(r.servers.cluster, consumers.ProducerOptions{})
	ctx, stop := context.WithCancel(r.t.Context())
	defer stop()
	go func() { _ = producer.Run(ctx) }() // what was not written is missed below
	for _, rec := range r.read(topic) {
		letter := millrace.Record{Topic: topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value, Headers: rec.Headers}
		if err := producer.Send(ctx, letter, nil); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := producer.Flush(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// TestReplayOfCopies: of several letters of one event one is sent, by this replay or by one before.
func TestReplayOfCopies(t *testing.T) {
	r := replayRig(t, 5)
	r.copyLetters() // two of each
	if dry := r.resend(Replay{DryRun: true}); dry.Sent != 5 || dry.Copies != 5 {
		t.Errorf("a dry run: %+v", dry)
	}
	if done := r.resend(Replay{}); done.Sent != 5 || done.Copies != 5 || done.Rejected["unknown_class"] != 2 {
		t.Errorf("the first time: %+v", done)
	}
	r.copyLetters() // four of each
	if done := r.resend(Replay{}); done.Sent != 0 || done.SentBefore != 10 || done.Copies != 10 {
		t.Errorf("the second time: %+v", done)
	}
	for letter, records := range r.replayedEvents() {
		if len(records) != 1 {
			t.Errorf("%s was sent %d times", letter, len(records))
		}
	}
	if done := r.resend(Replay{Again: true}); done.Sent != 5 || done.Copies != 15 {
		t.Errorf("again: %+v", done)
	}
}
