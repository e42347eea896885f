package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// DeadTopic is a topic of dead letters: of a pipeline's events, or of its labels that come later.
type DeadTopic struct {
	Topic  string `json:"topic"`  // that holds the letters
	From   string `json:"from"`   // that they came from
	Labels bool   `json:"labels"` // whether that holds labels
}

// DeadTopics are those of what the pipeline's learner cannot use.
func DeadTopics(p *config.Pipeline) []DeadTopic {
	all := []DeadTopic{{Topic: p.Events.DeadLetters, From: p.Events.Topic}}
	if p.LateLabels() {
		all = append(all, DeadTopic{Topic: p.Label.DeadLetters, From: p.Label.Topic, Labels: true})
	}
	return all
}

// ChallengerOf is the pipeline of a challenger as it runs beside its champion, whose file is given: one that is named
// there, by its name, or one in a file of its own.
func ChallengerOf(champion *config.Pipeline, file, which string) (*config.Pipeline, error) {
	var further []string
	if strings.HasSuffix(which, ".yaml") || strings.HasSuffix(which, ".yml") {
		further = []string{which}
	}
	all, err := loadChallengers(champion, challengerFiles(champion, file, further))
	if err != nil {
		return nil, err
	}
	if further != nil {
		return all[len(all)-1], nil
	}
	names := make([]string, len(all))
	for i, c := range all {
		if names[i] = c.Name; c.Name == which {
			return c, nil
		}
	}
	if len(names) == 0 {
		return nil, config.Usagef("%s names no challengers: give the file of %s with --challenger FILE", file, which)
	}
	return nil, config.Usagef("%s has no challenger %s: it names %s; or give its file with --challenger FILE", file, which, strings.Join(names, ", "))
}

// Letter is a dead letter. Its record is valid until the next one is read.
type Letter struct {
	Of        DeadTopic
	Record    *millrace.Record // as it lies in its topic, with Millrace's headers
	Place     string           // topic/partition/offset of the letter
	Source    string           // topic/partition/offset of what was rejected
	Last      int64            // of a range of records: the last one's offset; else 0
	First     string           // the source of what was rejected before it was sent again; else ""
	Reason    millrace.Reason
	Path      string
	Detail    string
	Time      time.Time // of the record that was rejected
	Rejected  time.Time
	Truncated string // what was cut from it, with original sizes; "" when it is whole
	TopicID   string // of the topic that it came from, "" where none is known
	own       int    // where the headers of this rejection begin
}

// Range reports whether the letter stands for records that could not be read at all.
func (l *Letter) Range() bool { return l.Last > 0 || l.Reason == millrace.ReasonBadBatch }

// Headers are those that the record had that was rejected.
func (l *Letter) Headers() []millrace.Header { return l.Record.Headers[:l.own] }

// newLetter reads the headers of a dead letter. One that somebody else wrote has no reason.
func newLetter(of DeadTopic, rec *millrace.Record) Letter {
	l := Letter{Of: of, Record: rec, Rejected: time.UnixMilli(rec.Time).UTC(), Time: time.UnixMilli(rec.Time).UTC(),
		Place: string(millrace.AppendSource(nil, rec.Topic, rec.Partition, rec.Offset)), own: len(rec.Headers)}
	for i := len(rec.Headers) - 1; i >= 0; i-- { // what was a dead letter before has such headers twice: the last ones count
		if rec.Headers[i].Key == millrace.HeaderReason {
			l.own = i
			break
		}
	}
	for _, h := range rec.Headers[l.own:] {
		value := string(h.Value)
		switch h.Key {
		case millrace.HeaderReason:
			l.Reason = millrace.Reason(value)
		case millrace.HeaderDetail:
			l.Detail = value
		case millrace.HeaderSource:
			l.Source = value
		case millrace.HeaderTruncated:
			l.Truncated = value
		case millrace.HeaderTopicID:
			l.TopicID = value
		case millrace.HeaderLast:
			l.Last, _ = strconv.ParseInt(value, 10, 64) // what somebody else wrote there is no range
		case millrace.HeaderTime:
			if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
				l.Time = time.UnixMilli(ms).UTC()
			}
		}
	}
	for _, h := range rec.Headers[:l.own] {
		if h.Key == millrace.HeaderReplayedFirst || h.Key == millrace.HeaderReplayedSource && l.First == "" {
			l.First = string(h.Value)
		}
	}
	l.Path, l.Detail = splitDetail(l.Reason, l.Detail)
	return l
}

// splitDetail takes a rejection's text apart: reason at "path": detail.
func splitDetail(reason millrace.Reason, text string) (path, detail string) {
	rest, ok := strings.CutPrefix(text, string(reason))
	if !ok {
		return "", text
	}
	if at, ok := strings.CutPrefix(rest, " at "); ok {
		if quoted, err := strconv.QuotedPrefix(at); err == nil {
			path, _ = strconv.Unquote(quoted) // a quoted prefix can be unquoted
			rest = at[len(quoted):]
		}
	}
	return path, strings.TrimPrefix(rest, ": ")
}

// DeadReader reads dead letters, without a group.
type DeadReader struct {
	// Since leaves out letters written before it; the zero time none.
	Since time.Time
	// Progress is told how many of how many records have been read; may be nil.
	Progress func(read, total int64)
}

// ReadDead reaches the pipeline's brokers and has do see each dead letter that its topics hold at this moment, in the
// order of each partition. An error of do ends it; io.EOF is none. A topic that is not there holds none.
func ReadDead(ctx context.Context, p *config.Pipeline, log *slog.Logger, r DeadReader, do func(*Letter) error) error {
	e := newEnvironment(p, log)
	defer e.Close()
	if err := e.openKafka(ctx, Servers{}); err != nil {
		return err
	}
	var spans []deadSpan
	var total int64
	for _, of := range DeadTopics(p) {
		s, err := spanOf(ctx, e.cluster, of, r.Since)
		if err != nil {
			return err
		}
		total += s.records()
		spans = append(spans, s)
	}
	var read int64
	for _, s := range spans {
		err := s.read(ctx, e, func(b *millrace.Batch) error {
			for i := range b.Records {
				l := newLetter(s.of, &b.Records[i])
				if err := do(&l); err != nil {
					return err
				}
			}
			if read += b.To - b.From; r.Progress != nil {
				r.Progress(read, total)
			}
			return nil
		})
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading dead letters of %s: %w", s.of.Topic, err)
		}
	}
	return nil
}

// deadSpan is what is read of a topic of dead letters: from and until, for each partition.
type deadSpan struct {
	of          DeadTopic
	from, until []millrace.Position
}

// spanOf is all that a topic of dead letters holds now since a time; empty where there is no such topic.
func spanOf(ctx context.Context, c *consumers.Cluster, of DeadTopic, since time.Time) (deadSpan, error) {
	s, start := deadSpan{of: of}, consumers.Earliest
	if !since.IsZero() {
		start = consumers.StartAt(since)
	}
	until, err := c.Resolve(ctx, of.Topic, consumers.Latest)
	if errors.Is(err, consumers.ErrUnknownTopic) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("asking what %s holds: %w", of.Topic, err)
	}
	from, err := c.Resolve(ctx, of.Topic, start)
	if err != nil {
		return s, fmt.Errorf("asking what %s holds: %w", of.Topic, err)
	}
	for _, u := range until {
		i := slices.IndexFunc(from, func(f millrace.Position) bool { return f.Partition == u.Partition })
		if i >= 0 && from[i].Offset < u.Offset {
			s.from, s.until = append(s.from, from[i]), append(s.until, u)
		}
	}
	return s, nil
}

// records is how many offsets the span has.
func (s *deadSpan) records() (n int64) {
	for i := range s.from {
		n += s.until[i].Offset - s.from[i].Offset
	}
	return n
}

// read has do see the span's batches.
func (s *deadSpan) read(ctx context.Context, e *environment, do func(*millrace.Batch) error) error {
	if len(s.from) == 0 {
		return nil
	}
	return readUntil(ctx, e.cluster, consumers.SourceOptions{Topic: s.of.Topic, Positions: s.from, Until: s.until, AllowGaps: true}, do)
}

// readUntil has do see all batches of a source that ends (SourceOptions.Until), and releases them. An error of do ends
// it.
func readUntil(ctx context.Context, c *consumers.Cluster, o consumers.SourceOptions, do func(*millrace.Batch) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	source := consumers.NewSource(c, o)
	ran := make(chan error, 1)
	go func() { ran <- source.Run(ctx) }()
	err := func() error {
		for {
			b, err := source.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			err = do(b)
			b.Release()
			if err != nil {
				return err
			}
		}
	}()
	stop()
	if runErr := <-ran; err == nil && !errors.Is(runErr, context.Canceled) {
		err = runErr
	}
	return err
}
