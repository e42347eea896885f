package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
)

// shownLetter is one letter whole.
type shownLetter struct {
	deadLetter
	From    string   `json:"from"`
	TopicID string   `json:"topic_id,omitempty"`
	Key     *string  `json:"key"`                    // nil for none
	Headers []header `json:"headers"`                // as the record had them
	Binary  []byte   `json:"value_base64,omitempty"` // of a value that is not UTF-8, and then Value is how it reads
	Advice  string   `json:"advice"`
}

type header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// findDead is the letter at a place, or else the newest one of what lay there.
func (a *app) findDead(ctx context.Context, p *config.Pipeline, place string) (found *shownLetter, err error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	progress, finish := a.recordsProgress("looking for the dead letter")
	defer finish()
	err = pipeline.ReadDead(ctx, p, log, pipeline.DeadReader{Progress: progress}, func(l *pipeline.Letter) error {
		if l.Place == place || l.Source == place && (found == nil || !l.Rejected.Before(found.Rejected)) {
			found = shown(l)
		}
		return nil
	})
	return found, err
}

func shown(l *pipeline.Letter) *shownLetter {
	s := &shownLetter{deadLetter: newDeadLetter(l, string(l.Record.Value)), From: l.Of.From, TopicID: l.TopicID, Advice: deadAdvice(l), Headers: []header{}}
	if l.Record.Key != nil {
		key := string(l.Record.Key)
		s.Key = &key
	}
	for _, h := range l.Headers() {
		s.Headers = append(s.Headers, header{h.Key, string(h.Value)})
	}
	if v := l.Record.Value; strings.ToValidUTF8(s.Value, "") != s.Value {
		s.Binary = slices.Clone(v)
	}
	return s
}

func (a *app) showDead(ctx context.Context, f deadFlags, place string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if _, _, _, ok := millrace.ParseSource(place); !ok {
		return config.Usagef("%q is no place: give topic/partition/offset, as payments.events/0/4711", place)
	}
	p, err := a.deadPipeline(ctx, f)
	if err != nil {
		return err
	}
	l, err := a.findDead(ctx, p, place)
	if err != nil {
		return err
	}
	if l == nil {
		return fmt.Errorf("no dead letter lies at %s, nor is there one of an event there: millrace dead list -c %s tells of those that there are", place, f.config)
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(l)
	}
	_, err = fmt.Fprintln(a.out, strings.Join(shownText(l), "\n"))
	return err
}

func shownText(l *shownLetter) []string {
	const wide = 4096 // a header may be as long as a record
	line := func(name, text string) string { return fmt.Sprintf("%-10s %s", name, startText([]byte(text), wide)) }
	lines := []string{line("letter", l.Letter+", written "+l.Rejected.Format(time.RFC3339)), line("of", cmp.Or(l.Source, l.From)+", "+l.Time.Format(time.RFC3339))}
	if l.Last > 0 {
		lines = append(lines, line("up to", fmt.Sprintf("offset %d", l.Last)))
	}
	if l.First != "" {
		lines = append(lines, line("first", l.First+", and was sent again"))
	}
	lines = append(lines, line("reason", cmp.Or(l.Reason, "none: Millrace did not write this")))
	if l.Path != "" {
		lines = append(lines, line("path", l.Path))
	}
	lines = append(lines, line("detail", l.Detail))
	if l.Truncated != "" {
		lines = append(lines, line("cut", "it was larger: "+l.Truncated))
	}
	if l.Key != nil {
		lines = append(lines, line("key", *l.Key))
	}
	for _, h := range l.Headers {
		lines = append(lines, line("header", h.Key+": "+h.Value))
	}
	return append(lines, line("what to do", l.Advice), "", visible(l.Value))
}

// visible is text whole, without what would steer a terminal.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return '·'
		}
		return r
	}, text)
}
