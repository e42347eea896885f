package features

import (
	"fmt"
	"slices"
	"time"

	"millrace"
)

// windows are the features of type window. What they are is in the event when it is extracted: package keyed keeps
// the tables and fills them in. From then on they are numbers.
type windows struct{ numbers }

// stats are the words of Column.Stat, and which types `of` may have for each. A window without `of` counts events.
func stats() []statistic {
	value := []Type{Number, Boolean}
	return []statistic{
		{StatCount, []Type{Number, Boolean, Category}, false}, {StatSum, value, true}, {StatMean, value, true},
		{StatMin, value, true}, {StatMax, value, true}, {StatStd, value, true}, {StatDistinct, []Type{Category}, true},
		{StatLast, value, true}, {StatFirst, value, true}, {StatSince, []Type{Number, Boolean, Category}, false},
	}
}

type statistic struct {
	name  string
	of    []Type
	needs bool // `of`
}

func (*windows) check(c *Column, report report) {
	switch {
	case c.Over == 0:
		report("over", "a window has a length, as 1h")
	case c.Over < OverShortest || c.Over > OverLongest:
		report("over", "%s is outside %s to %s", millrace.FormatDuration(c.Over), millrace.FormatDuration(OverShortest), millrace.FormatDuration(OverLongest))
	case c.Over%time.Millisecond != 0:
		report("over", "%s is no whole number of milliseconds, as event times are", c.Over)
	}
	if c.Panes < 1 || c.Panes > PanesMax {
		report("panes", "%d is outside 1 to %d", c.Panes, PanesMax)
	}
	if len(c.Of) > 1 {
		report("of", "a window is about one feature, as amount; found %d", len(c.Of))
	}
	if len(c.Stat) == 0 {
		report("stat", "a window has a statistic, as count, or several, as [sum, max]")
	}
	all := stats()
	for i, word := range c.Stat {
		at := fmt.Sprintf("stat[%d]", i)
		known := slices.IndexFunc(all, func(s statistic) bool { return s.name == word })
		switch {
		case known < 0:
			names := make([]string, len(all))
			for k := range all {
				names[k] = all[k].name
			}
			report(at, "%q is none of %s", word, list(names))
		case slices.Contains(c.Stat[:i], word):
			report(at, "%q is listed twice", word)
		case all[known].needs && len(c.Of) == 0:
			report("of", "a %s is of something: name a feature", word)
		}
	}
	if c.Key != "" && (c.Keys < 1 || c.Keys > WindowKeysMax) {
		report("keys", "%d is outside 1 to %d", c.Keys, WindowKeysMax)
	}
	checkNoReject(c, "a key's first event has no earlier ones", report)
}

// checkNoReject refuses a policy that would refuse events for what is not theirs.
func checkNoReject(c *Column, why string, report report) {
	if c.Missing == policyReject {
		report("missing", "a %s cannot reject events (%s): use zero, mean or indicator", c.Type, why)
	}
}

func (*windows) checkSources(s Columns, i int, report report) {
	c := &s[i]
	for _, name := range c.Of {
		j := s.find(name)
		if j < 0 {
			report("of[0]", "there is no feature %q", name)
			continue
		}
		for _, known := range stats() {
			if slices.Contains(c.Stat, known.name) && !slices.Contains(known.of, s[j].Type) {
				words := make([]string, len(known.of))
				for k, t := range known.of {
					words[k] = string(t)
				}
				report("of[0]", "%q is a %s; %s is of a %s", name, s[j].Type, known.name, either(words))
			}
		}
	}
	if c.Key == "" {
		return
	}
	switch j := s.find(c.Key); {
	case j < 0:
		report("key", "there is no feature %q", c.Key)
	case s[j].Type != Category:
		report("key", "%q is a %s; a key is a category", c.Key, s[j].Type)
	}
}

// either is list for one word, too.
func either(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return list(words)
}

// Expand returns the columns with a window of several statistics as one column each, named as spent.sum. It is what
// an event has fields for. Columns that are expanded already stay as they are.
func (s Columns) Expand() Columns {
	out, _ := s.expand()
	return out
}

// expand also says of each column which one of s it comes from.
func (s Columns) expand() (out Columns, origin []int) {
	out, origin = make(Columns, 0, len(s)), make([]int, 0, len(s))
	for i, c := range s {
		if c.Type != Window || len(c.Stat) < 2 {
			out, origin = append(out, c), append(origin, i)
			continue
		}
		for _, word := range c.Stat {
			one := c
			one.Name, one.Stat, one.entry = c.Name+"."+word, []string{word}, c.Name
			out, origin = append(out, one), append(origin, i)
		}
	}
	return out, origin
}
