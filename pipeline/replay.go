package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/decode"
	"millrace/features"
	"millrace/pipeline/running"
	"millrace/store/folder"
)

// replayBatch is how many letters are sent before they are acknowledged and remembered.
const replayBatch = 500

// replayGroup remembers which dead letters of a pipeline were sent again.
func replayGroup(name string) string { return name + ".dead.replay" }

// Replay says which dead letters are sent again.
type Replay struct {
	Reason string // only those with it; "" is all
	Again  bool   // those that were sent before, too
	// InLog sends also what the topic still holds where it lay, see Replayed.InLog.
	InLog  bool
	DryRun bool // none is sent
	// Runtime is the folder by which a second replay of the same letters on this machine finds out that one is under
	// way, and is refused, see running.Folder; empty looks for none.
	Runtime string
	// Progress is told how many of how many records have been read; may be nil.
	Progress func(read, total int64)
	// sent is called between acknowledgement and remembering, and batch stands in for replayBatch; tests set them.
	sent  func()
	batch int
}

// Replayed is what became of the letters of one topic.
type Replayed struct {
	DeadTopic
	Sent       int            `json:"sent"`        // … or would be
	SentBefore int            `json:"sent_before"` // by an earlier replay
	Other      int            `json:"other"`       // of other reasons than the one that was asked for
	Rejected   map[string]int `json:"rejected"`    // would be rejected again, by the reason that they would have
	// InLog are those that the pipeline takes now, and that still lie in the topic behind events.start. Other settings
	// are another model, begun there, and so it learns them from the log by itself.
	InLog     int `json:"in_log"`
	Truncated int `json:"truncated"` // are not whole
	Ranges    int `json:"ranges"`    // stand for records that could not be read at all
	Foreign   int `json:"foreign"`   // are not of this topic: without reason or source, or of another one
	// Copies are of records that another letter is of, which is sent: a learner that was killed rejects them twice.
	Copies int `json:"copies"`
	// GivenUp is how many that were passed over lie too far apart to be remembered: only Again reads them anew.
	GivenUp int64 `json:"given_up"`
}

// ReplayDead sends the pipeline's dead letters to the topics that they came from, once the pipeline file is mended:
// what it would reject again, what is not whole and what was sent before is passed over, and counted. When it ends
// early, what it returns is what was done so far.
func ReplayDead(ctx context.Context, p *config.Pipeline, log *slog.Logger, o Replay) ([]Replayed, error) {
	pieces, err := Build(p)
	if err != nil {
		return nil, err
	}
	e := newEnvironment(p, log)
	defer e.Close()
	if err := e.openKafka(ctx, Servers{}); err != nil {
		return nil, err
	}
	release, err := e.replayAlone(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("replaying dead letters of %s: %w", p.Name, err)
	}
	var all []Replayed
	defer func() { _ = release() }() // the process's end does, too
	for _, of := range DeadTopics(p) {
		r := replaying{o: o, e: e, pieces: pieces, derived: derived(p), said: Replayed{DeadTopic: of, Rejected: map[string]int{}}}
		if r.decoder = pieces.Decoder; of.Labels {
			r.decoder = pieces.Labels
		}
		err := r.run(ctx)
		all = append(all, r.said)
		if err != nil {
			return all, fmt.Errorf("replaying %s: %w", of.Topic, err)
		}
	}
	return all, nil
}

// replayAlone keeps another replay on this machine from sending the same letters meanwhile.
func (e *environment) replayAlone(ctx context.Context, o Replay) (release func() error, err error) {
	if o.Runtime == "" || o.DryRun {
		return func() error { return nil }, nil
	}
	id, err := e.cluster.ID(ctx)
	if err != nil {
		return nil, err
	}
	which := sha256.Sum256([]byte(id + "\n" + e.pipeline.Name)) // the id may have any letters
	release, err = running.Alone(o.Runtime, "replay-"+hex.EncodeToString(which[:8]))
	var taken *folder.InUseError
	if errors.As(err, &taken) {
		return nil, fmt.Errorf("%s is at it: wait for its end, and replay what is left", taken.Holder)
	}
	return release, err
}

// derived are the paths of columns that are computed, as windows are: what they lack is not known before.
func derived(p *config.Pipeline) map[string]bool {
	paths := map[string]bool{}
	for _, c := range p.Features {
		if c.Derived() || c.Type == features.Window {
			paths[c.EventPath()], paths[c.Name] = true, true
		}
	}
	return paths
}

// replaying is the replay of one topic.
type replaying struct {
	o          Replay
	e          *environment
	pieces     *Pieces
	decoder    *decode.Decoder
	event      *millrace.Event
	derived    map[string]bool
	producer   *consumers.Producer
	partitions []int32            // of the topic that letters came from
	topicID    string             // of the topic of letters
	bounds     map[int32][2]int64 // of the topic that letters came from …
	fromID     string             // … and its identity
	start      consumers.Start    // where a model that is begun anew begins
	ledgers    map[int32]*ledger
	sources    recentSources     // of letters that are sent
	open       map[int32][]int64 // sent, and not remembered yet
	under      bool              // a replay is under way, by the notes; see underWay
	unsettled  int
	said       Replayed
}

func (r *replaying) run(ctx context.Context) (err error) {
	span, err := spanOf(ctx, r.e.cluster, r.said.DeadTopic, time.Time{})
	if err != nil || len(span.from) == 0 {
		return err
	}
	if r.partitions, err = r.e.cluster.Partitions(ctx, r.said.From); err != nil {
		return fmt.Errorf("asking where to send: %w", err)
	}
	if r.bounds, err = r.e.cluster.Bounds(ctx, r.said.From); err != nil {
		return fmt.Errorf("asking what %s holds: %w", r.said.From, err)
	}
	if r.fromID, err = r.e.cluster.TopicID(ctx, r.said.From); err != nil {
		return fmt.Errorf("asking for the identity of %s: %w", r.said.From, err)
	}
	if r.start, err = consumers.ParseStart(r.e.pipeline.Events.Start); err != nil {
		return config.UsageError{Err: fmt.Errorf("events.start: %w", err)}
	}
	if err := r.remember(ctx, &span); err != nil {
		return err
	}
	return r.send(ctx, &span)
}

// send sends the letters of a span that are to be sent.
func (r *replaying) send(ctx context.Context, span *deadSpan) error {
	r.event, r.open = r.decoder.NewEvent(), map[int32][]int64{}
	r.producer = consumers.NewProducer(r.e.cluster, consumers.ProducerOptions{BufferBytes: produceBytes})
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- r.producer.Run(around) }()
	read, total := int64(0), span.records()
	err := span.read(ctx, r.e, func(b *millrace.Batch) error {
		for i := range b.Records {
			if err := r.letter(ctx, &b.Records[i]); err != nil {
				return err
			}
		}
		if read += b.To - b.From; r.o.Progress != nil {
			r.o.Progress(read, total)
		}
		return nil
	})
	// What was sent is remembered also when an interrupt ends the rest.
	end, cancel := context.WithTimeout(around, (&Options{}).drain())
	err = errors.Join(err, r.settle(end, true))
	cancel()
	stop()
	if runErr := <-ran; !errors.Is(runErr, context.Canceled) {
		err = errors.Join(err, runErr)
	}
	return err
}

// letter sends one letter again, or counts why it is passed over.
func (r *replaying) letter(ctx context.Context, rec *millrace.Record) error {
	l := newLetter(r.said.DeadTopic, rec)
	topic, partition, offset, ok := millrace.ParseSource(l.Source)
	switch {
	case l.Reason == "" || !ok || topic != r.said.From:
		r.said.Foreign++
	case r.o.Reason != "" && r.o.Reason != string(l.Reason):
		r.said.Other++
		return nil
	case l.Range():
		r.said.Ranges++
	case l.Truncated != "":
		r.said.Truncated++
	case !r.o.Again && r.ledgers[rec.Partition].has(rec.Offset):
		r.said.SentBefore++
		return nil
	case r.sources.has(l.TopicID, partition, offset):
		r.said.Copies++
	default:
		if why := r.rejection(&l); why != nil {
			r.said.Rejected[string(why.Reason)]++
			return nil
		}
		if !r.o.InLog && r.inLog(&l) {
			r.said.InLog++
			return nil
		}
		r.said.Sent++
		r.sources.add(l.TopicID, partition, offset)
		if r.o.DryRun {
			return nil
		}
		if err := r.begin(ctx); err != nil {
			return err
		}
		if err := r.producer.Send(ctx, again(&l, topic, r.placed(partition)), nil); err != nil {
			r.said.Sent--
			return err
		}
	}
	if r.o.DryRun {
		return nil
	}
	r.open[rec.Partition] = append(r.open[rec.Partition], rec.Offset)
	if r.unsettled++; r.unsettled < cmp.Or(r.o.batch, replayBatch) {
		return nil
	}
	return r.settle(ctx, false)
}

// inLog reports whether a model that was begun with the settings that take the letter's record reads it where it lay.
// What had no update that the model could take is no matter of settings.
func (r *replaying) inLog(l *Letter) bool {
	_, partition, offset, _ := millrace.ParseSource(l.Source)
	behind := r.start == consumers.Earliest || r.start >= 0 && l.Time.UnixMilli() >= int64(r.start)
	held, ok := r.bounds[partition]
	return behind && ok && offset >= held[0] && (l.TopicID == "" || r.fromID == "" || l.TopicID == r.fromID) &&
		l.Reason != millrace.ReasonUpdateOverflow
}

// placed is the partition that a letter came from, so that its key's events stay together; one that is no more is
// chosen by key.
func (r *replaying) placed(partition int32) int32 {
	if slices.Contains(r.partitions, partition) {
		return partition
	}
	return -1
}

// rejection is why the pipeline as it is would reject a letter's record; nil when it would not, as far as that is known
// without the model and what was before.
func (r *replaying) rejection(l *Letter) *millrace.Rejection {
	rec := *l.Record
	rec.Time = l.Time.UnixMilli()
	var why *millrace.Rejection
	if err := r.decoder.Decode(&rec, r.event); errors.As(err, &why) {
		return why
	}
	switch label := &r.event.Label; {
	case label.Fault != nil:
		return label.Fault
	case l.Of.Labels && !label.Known:
		return &millrace.Rejection{Reason: millrace.ReasonMissingLabel}
	case l.Of.Labels && len(r.event.ID) == 0:
		return &millrace.Rejection{Reason: millrace.ReasonBadID}
	case l.Of.Labels:
		return nil
	}
	if err := r.pieces.Extractor.Check(r.event); errors.As(err, &why) && !r.derived[why.Path] {
		return why
	}
	return nil
}

// again is a letter's record as it is sent again: as it was, with where it stood and why it was rejected.
func again(l *Letter, topic string, partition int32) millrace.Record {
	rec := millrace.Record{Topic: topic, Partition: partition, Time: max(l.Time.UnixMilli(), 0), Key: l.Record.Key, Value: l.Record.Value}
	for _, h := range l.Headers() {
		if !strings.HasPrefix(h.Key, "millrace-replayed-") {
			rec.Headers = append(rec.Headers, h)
		}
	}
	rec.Headers = append(rec.Headers,
		millrace.Header{Key: millrace.HeaderReplayedSource, Value: []byte(l.Source)},
		millrace.Header{Key: millrace.HeaderReplayedReason, Value: []byte(l.Reason)},
		millrace.Header{Key: millrace.HeaderReplayedLetter, Value: []byte(l.Place)})
	if l.First != "" {
		rec.Headers = append(rec.Headers, millrace.Header{Key: millrace.HeaderReplayedFirst, Value: []byte(l.First)})
	}
	return rec
}
