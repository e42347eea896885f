package pipeline

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
	"millrace/config"
)

// cut deletes the records of partition 0 of a topic before an offset, as retention does.
func (r *rig) cut(topic string, before int64) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.servers.kafka.Addr()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	var offsets kadm.Offsets
	offsets.AddOffset(topic, 0, before, -1)
	answers, err := kadm.NewClient(client).DeleteRecords(r.t.Context(), offsets)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// learnedLate is a rig whose learner has applied a story of n events, and the version that it left.
func learnedLate(t *testing.T, n int) (*rig, millrace.Manifest) {
	t.Helper()
	r := newKeyedRig(t, 1, "drop")
	r.write(story(time.Now().Add(-time.Hour).Truncate(time.Second), n, 1))
	r.run(false, r.appliedAll)
	return r, r.head().Manifest
}

// wantRefused opens a learner that must be refused, with all of the words.
func (r *rig) wantRefused(words ...string) {
	r.t.Helper()
	r.wantRefusal(r.fails(), words...)
}

func (r *rig) wantRefusal(err error, words ...string) {
	r.t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			r.t.Errorf("refused with %v, want %q in it", err, word)
		}
	}
	if owner, ownerErr := r.servers.store.Owner(r.t.Context(), "loop"); ownerErr != nil || owner.Epoch != r.head().Manifest.Epoch {
		r.t.Errorf("the refused learner took the model: %+v, %v", owner, ownerErr)
	}
}

// goOn learns with --allow-gaps until everything is applied.
func (r *rig) goOn() millrace.Manifest {
	r.t.Helper()
	r.allowGaps = true
	r.run(false, func(s *Pipeline) bool { return s.Status().Learning.State == "learning" && r.appliedAll(s) })
	r.allowGaps = false
	return r.head().Manifest
}

// TestLogBeginsBehindARebuildMark: what windows and waits are made again from is gone. That is refused, with what would
// be lost; on purpose learning goes on, and what waited there is counted.
func TestLogBeginsBehindARebuildMark(t *testing.T) {
	r, before := learnedLate(t, 2000)
	mark, _ := markOf(before.Keyed, before.Positions[0])
	end := before.Positions[0].Offset
	if mark.Topic != "loop.events" || mark.Offset >= end-50 {
		t.Fatalf("rebuilt from %+v, the position is %d", mark, end)
	}
	r.cut("loop.events", end-20)
	err := r.fails()
	r.wantRefusal(err, "--allow-gaps", "windows", "the events that wait for their labels", "loop.events/0", "since 20")
	var gap *millrace.GapError
	if !errors.As(err, &gap) || gap.Position != mark.Offset || gap.Start != end-20 {
		t.Errorf("the gap is %+v", gap)
	}
	more := story(time.Now().Add(-30*time.Minute), 400, 1)
	r.write(more)
	after := r.goOn()
	if after.Names["lost"] == 0 || after.Names["lost"] > 400 {
		t.Errorf("%d events are lost of those that waited", after.Names["lost"])
	}
	total := uint64(0)
	for _, name := range []string{"labelled", "joined", "expired", "crowded", "duplicate", "no_id", "rejected", "lost"} {
		total += after.Names[name]
	}
	if total > uint64(after.Positions[0].Offset) || total < uint64(after.Positions[0].Offset)-400 {
		t.Errorf("%d of %d events have a name: %v", total, after.Positions[0].Offset, after.Names)
	}
	r.run(false, r.appliedAll) // nothing is missing any more
}

// TestLabelsTopicMadeAnew: the labels topic is another one under its old name. On purpose its labels are taken from its
// beginning on.
func TestLabelsTopicMadeAnew(t *testing.T) {
	r, before := learnedLate(t, 1000)
	r.deleteTopic("loop.labels")
	r.write(story(time.Now().Add(-50*time.Minute), 1000, 1))
	r.wantRefused("loop.labels/0", "made anew", "--allow-gaps")
	after := r.goOn()
	if after.Names["joined"] <= before.Names["joined"] || after.Names["lost"] > 0 {
		t.Errorf("became of events %v, before %v", after.Names, before.Names)
	}
	for _, p := range after.Positions {
		if p.Topic == "loop.labels" && p.TopicID == before.Positions[1].TopicID {
			t.Errorf("position %+v speaks of the former topic", p)
		}
	}
}

// TestEventsTopicMadeAnew: nothing that waited can come back. On purpose it is lost under that name, and the new topic
// is learned from its beginning on.
func TestEventsTopicMadeAnew(t *testing.T) {
	r, before := learnedLate(t, 1000)
	r.deleteTopic("loop.events")
	r.write(story(time.Now().Add(-50*time.Minute), 500, 1))
	r.wantRefused("loop.events/0", "made anew", "--allow-gaps")
	after := r.goOn()
	if after.Names["lost"] == 0 || after.Learned <= before.Learned || after.Positions[0].Offset != 500 {
		t.Errorf("became of events %v at %+v, before %v", after.Names, after.Positions, before.Names)
	}
}

// TestTopicMadeAnewWhileLearning: what waited of the former topic is lost at once, and a learner that starts later
// makes its state from the new topic alone. Every event and every label has one name in the end.
func TestTopicMadeAnewWhileLearning(t *testing.T) {
	for topic, lost := range map[string]string{"loop.events": "lost", "loop.labels": "label_lost"} {
		t.Run(topic, func(t *testing.T) {
			r := newKeyedRig(t, 1, "drop")
			start := time.Now().Add(-time.Hour).Truncate(time.Second)
			first := story(start, 1000, 1)
			// New labels begin where the former ended, with some that come early; new events come by themselves.
			second := story(start.Add(100*time.Second), 400, 1)
			third := story(start.Add(140*time.Second), 400, 1)
			r.write(first)
			r.allowGaps = true
			step := 0
			r.run(false, func(s *Pipeline) bool {
				switch {
				case !r.appliedAll(s):
					return false
				case step == 0:
					r.deleteTopic(topic)
					r.write(labelsAlone(second)) // events would let the labels that are lost run out before
				case step == 1:
					r.write(eventsAlone(second))
				}
				step++
				return step == 3
			})
			r.allowGaps = false
			before := r.head().Manifest
			r.write(third)
			r.run(false, r.appliedAll)
			r.write(endOfWaits(1))
			r.run(false, func(s *Pipeline) bool {
				m := r.head().Manifest
				return r.atEnd(&m) && m.Applied > before.Applied && events(&m) >= 1800
			})
			m := r.head().Manifest
			if before.Names[lost] == 0 || m.Names[lost] != before.Names[lost] {
				t.Errorf("%s is %d, and %d after a restart", lost, before.Names[lost], m.Names[lost])
			}
			produced := len(first) + len(second) + len(third)
			if e, l := events(&m), labels(&m); e != 1800 || l != uint64(produced-1800) {
				t.Errorf("%d of 1800 events and %d of %d labels have a name: %v", e, l, produced-1800, m.Names)
			}
		})
	}
}

// TestLabelsOfAnotherTopic: label.topic names another topic, or none, than the version took labels from.
func TestLabelsOfAnotherTopic(t *testing.T) {
	r, before := learnedLate(t, 1000)
	late := r.pipeline
	other := *late
	other.Label.Topic, other.Label.DeadLetters = "other.labels", "other.labels.dead"
	r.pipeline = &other
	r.wantRefused("loop.labels", "other.labels", "--allow-gaps")
	none := *late
	none.Label.Topic, none.Label.DeadLetters, none.Label.ID = "", "", ""
	r.pipeline = &none
	r.wantRefused("loop.labels", "no label.topic", "--allow-gaps")

	r.pipeline = &other
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 1000, 1)
	for i := range all {
		if all[i].topic == "loop.labels" {
			all[i].topic = "other.labels"
			all[i].at = time.Now().Add(-time.Hour).Truncate(time.Second).UnixMilli() + 99_000
		}
	}
	r.write(labelsAlone(all))
	after := r.goOn()
	if after.Names["joined"] <= before.Names["joined"] {
		t.Errorf("no event that waited was joined with a label of the other topic: %v, before %v", after.Names, before.Names)
	}
	if len(after.Positions) != 2 || after.Positions[1].Topic != "other.labels" || after.Keyed.Rebuild[1].Topic != "other.labels" {
		t.Errorf("positions %+v, marks %+v", after.Positions, after.Keyed.Rebuild)
	}

	r.pipeline = &none
	r.goOn()
	if m := r.head().Manifest; len(ofTopic("loop.events", m.Positions)) != 1 {
		t.Errorf("without late labels: positions %+v", m.Positions)
	}
}

// TestJoinedByOtherIDs: events or labels that name each other by another path than those that wait did are refused, as
// none of these would be found again; told so, the learner goes on and counts them as lost.
func TestJoinedByOtherIDs(t *testing.T) {
	r, before := learnedLate(t, 1000)
	if before.JoinedBy == "" {
		t.Fatal("the version does not say what it is joined by")
	}
	late := r.pipeline
	events, labels := *late, *late
	events.Events.ID, labels.Label.ID = "uid", "of_uid"
	for _, p := range []*config.Pipeline{&events, &labels} {
		r.pipeline = p
		r.wantRefused(before.JoinedBy, "uid", "--allow-gaps")
	}
	r.pipeline = late
	r.write(endOfWaits(1))
	r.run(false, func(*Pipeline) bool { m := r.head().Manifest; return r.atEnd(&m) && m.Applied > before.Applied })
	if m := r.head().Manifest; m.Names["lost"] != 0 {
		t.Errorf("back with the paths of before: %v", m.Names)
	}
}

func labelsAlone(all []stamped) []stamped {
	return slices.DeleteFunc(slices.Clone(all), func(s stamped) bool { return s.topic == "loop.events" })
}

func eventsAlone(all []stamped) []stamped {
	return slices.DeleteFunc(slices.Clone(all), func(s stamped) bool { return s.topic != "loop.events" })
}

// TestLabelTopicIsAdded: a model that took its labels with the events goes on with ones that come later, which begin as
// at a first start.
func TestLabelTopicIsAdded(t *testing.T) {
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	all := story(base, 1500, 1)
	cut := base.Add(100 * time.Second).UnixMilli()
	r := newKeyedRig(t, 1, "drop")
	late := r.pipeline
	atOnce := *late
	atOnce.Label.Topic, atOnce.Label.DeadLetters, atOnce.Label.ID = "", "", ""
	atOnce.Features = late.Features[:2] // without windows, as of old
	newer := *late
	newer.Features = late.Features[:2]
	var early, rest []stamped
	for _, s := range all {
		if s.at < cut {
			early = append(early, s)
		} else {
			rest = append(rest, s)
		}
	}
	r.pipeline = &atOnce
	r.write(early)
	r.run(false, r.appliedAll)
	before := r.head().Manifest
	if before.Format != 1 || before.Keyed != nil {
		t.Fatalf("a pipeline without state by key left %+v", before)
	}
	r.pipeline = &newer
	r.write(rest)
	r.run(false, r.appliedAll)
	after := r.head().Manifest
	if after.Format != 2 || after.Names["joined"] < 200 || after.Learned < before.Learned+200 {
		t.Errorf("went on to %+v after %+v", after, before)
	}
	mark, _ := markOf(after.Keyed, after.Positions[1])
	if mark.Topic != "loop.labels" || mark.Offset == 0 {
		t.Errorf("labels began at %+v, all of them from long before the first event that waits", mark)
	}

	// Without it again: what waits is given up, and versions are as they were before.
	r.pipeline = &atOnce
	r.write(story(base.Add(200*time.Second), 300, 1))
	last := r.goOn()
	if last.Format != 1 || last.Keyed != nil || last.Applied != 0 || len(last.Names) > 0 || last.Learned < after.Learned {
		t.Errorf("without late labels: %+v after %+v", last, after)
	}
}
