package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"millrace/config"
	"millrace/pipeline"
)

const (
	// deadExamplesMax bounds what is kept of each reason while letters are read.
	deadExamplesMax = 1000
	// deadReasonsMax bounds the reasons: anybody may write to a topic. There are fewer of Millrace's own.
	deadReasonsMax = 64
	// deadValueChars are shown of a value in a list.
	deadValueChars = 160
)

// deadReason is how many letters of one topic have one reason, and the newest of them, newest first.
type deadReason struct {
	Topic  string       `json:"topic"`
	From   string       `json:"from"`
	Reason string       `json:"reason"` // "" of records that Millrace did not write
	Count  int          `json:"count"`
	Newest []deadLetter `json:"newest"`
}

// deadLetter is what is told of one letter.
type deadLetter struct {
	Letter    string    `json:"letter"` // where it lies
	Source    string    `json:"source"` // where what was rejected lay
	Last      int64     `json:"last_offset,omitempty"`
	First     string    `json:"first_source,omitempty"`
	Reason    string    `json:"reason"`
	Path      string    `json:"path,omitempty"`
	Detail    string    `json:"detail"`
	Time      time.Time `json:"time"`     // of the record that was rejected
	Rejected  time.Time `json:"rejected"` // when
	Truncated string    `json:"truncated,omitempty"`
	Value     string    `json:"value"` // in a list how it begins
}

func newDeadLetter(l *pipeline.Letter, value string) deadLetter {
	return deadLetter{Letter: l.Place, Source: l.Source, Last: l.Last, First: l.First, Reason: string(l.Reason), Path: l.Path,
		Detail: l.Detail, Time: l.Time, Rejected: l.Rejected, Truncated: l.Truncated, Value: value}
}

func (a *app) listDead(ctx context.Context, f deadFlags) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if f.limit < 1 || f.limit > deadExamplesMax {
		return config.Usagef("--limit: %d is not from 1 to %d", f.limit, deadExamplesMax)
	}
	since, err := sinceTime(f.since, time.Now())
	if err != nil {
		return err
	}
	p, err := a.deadPipeline(ctx, f)
	if err != nil {
		return err
	}
	log, err := a.logger()
	if err != nil {
		return err
	}
	progress, finish := a.recordsProgress("reading dead letters")
	c := deadCounts{limit: f.limit}
	err = pipeline.ReadDead(ctx, p, log, pipeline.DeadReader{Since: since, Progress: progress}, func(l *pipeline.Letter) error {
		if f.reason == "" || f.reason == string(l.Reason) {
			c.add(l)
		}
		return nil
	})
	finish()
	if err != nil {
		return err
	}
	found := c.sorted()
	if asJSON {
		return json.NewEncoder(a.out).Encode(found)
	}
	_, err = fmt.Fprintln(a.out, strings.Join(deadText(found, pipeline.DeadTopics(p), f), "\n"))
	return err
}

// deadCounts gathers letters by topic and reason, in bounded memory.
type deadCounts struct {
	limit int
	found []*deadReason
}

func (c *deadCounts) add(l *pipeline.Letter) {
	reason := startText([]byte(l.Reason), deadValueChars)
	i := slices.IndexFunc(c.found, func(r *deadReason) bool { return r.Topic == l.Of.Topic && r.Reason == reason })
	if i < 0 {
		if len(c.found) >= deadReasonsMax {
			return
		}
		i = len(c.found)
		c.found = append(c.found, &deadReason{Topic: l.Of.Topic, From: l.Of.From, Reason: reason})
	}
	r := c.found[i]
	r.Count++
	// Letters come in the order of each partition, so mostly the newest come last.
	at, _ := slices.BinarySearchFunc(r.Newest, l.Rejected, func(d deadLetter, t time.Time) int { return t.Compare(d.Rejected) })
	if at >= c.limit {
		return
	}
	if len(r.Newest) == c.limit {
		r.Newest = r.Newest[:c.limit-1]
	}
	r.Newest = slices.Insert(r.Newest, at, newDeadLetter(l, startText(l.Record.Value, deadValueChars)))
}

// sorted are the reasons, most letters first within a topic.
func (c *deadCounts) sorted() []*deadReason {
	slices.SortStableFunc(c.found, func(x, y *deadReason) int {
		if x.Topic != y.Topic {
			return 0 // topics are read one after the other
		}
		return cmp.Or(cmp.Compare(y.Count, x.Count), strings.Compare(x.Reason, y.Reason))
	})
	if c.found == nil {
		return []*deadReason{}
	}
	return c.found
}

func deadText(found []*deadReason, topics []pipeline.DeadTopic, f deadFlags) []string {
	var lines []string
	for i, t := range topics {
		if i > 0 {
			lines = append(lines, "")
		}
		n := 0
		for _, r := range found {
			if r.Topic == t.Topic {
				n += r.Count
			}
		}
		with := ""
		if f.reason != "" {
			with = " with reason " + f.reason
		}
		lines = append(lines, fmt.Sprintf("%s: %s%s of %s", t.Topic, plural(n, "dead letter"), with, t.From))
		for _, r := range found {
			if r.Topic == t.Topic {
				lines = append(lines, reasonText(r)...)
			}
		}
	}
	if len(found) > 0 {
		lines = append(lines, "", "millrace dead show TOPIC/PARTITION/OFFSET shows one whole, and what to do")
	}
	return lines
}

func reasonText(r *deadReason) []string {
	lines := []string{"", fmt.Sprintf("  %-18s %d", cmp.Or(r.Reason, "(no reason)"), r.Count)}
	for i := range r.Newest {
		l := &r.Newest[i]
		at := cmp.Or(l.Source, l.Letter)
		if l.Path != "" {
			at += fmt.Sprintf(" at %q", l.Path)
		}
		lines = append(lines, fmt.Sprintf("    %s, %s", at, l.Time.Format(time.RFC3339)), "      "+startText([]byte(l.Detail), 2*deadValueChars))
		if l.Value != "" {
			lines = append(lines, "      "+l.Value)
		}
	}
	return lines
}
