package offline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/features"
	"millrace/learner"
)

// Pass is what one reading of a file came to. Its events take the very path that a topic's take: decode, extract,
// predict, learn.
type Pass struct {
	Events  uint64
	Learned uint64
	// Unlabelled events had no label: predicted they could be, learned they were not.
	Unlabelled uint64
	Rejected   map[millrace.Reason]uint64
	Elapsed    time.Duration // reading and decoding included
	First      string        // the first rejection, with its place
	present    []bool        // by feature: whether an event had a value of it
}

// Rejections is how many events could not be used.
func (p *Pass) Rejections() uint64 {
	var n uint64
	for _, v := range p.Rejected {
		n += v
	}
	return n
}

// Missing says which features no event had a value of: a misspelt name is no fault of any event. It is empty when there
// are none.
func (p *Pass) Missing(columns []features.Column) string {
	var names []string
	for i, c := range columns {
		if !c.Derived() && i < len(p.present) && !p.present[i] {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 || len(names) == len(columns) && p.Learned == 0 {
		return ""
	}
	return "in no event: " + strings.Join(names, ", ")
}

// count counts one event by what became of it; err is why it was rejected.
func (p *Pass) count(rec *millrace.Record, outcome learner.Outcome, err error) {
	p.Events++
	switch outcome {
	case learner.Learned:
		p.Learned++
		return
	case learner.Unlabelled:
		p.Unlabelled++
		return
	}
	reason := millrace.ReasonBadRecord
	var why *millrace.Rejection
	if errors.As(err, &why) {
		reason = why.Reason
	}
	p.Rejected[reason]++
	if p.First == "" {
		p.First = fmt.Sprintf("%s, row %d: %v", rec.Topic, rec.Offset+1, err)
		if rec.Fault != nil {
			p.First = rec.Fault.Detail // it says where, too
		}
	}
}

// Reasons lists rejections as "reason n", most frequent first.
func (p *Pass) Reasons() string {
	keys := slices.SortedFunc(maps.Keys(p.Rejected), func(a, b millrace.Reason) int {
		if p.Rejected[a] != p.Rejected[b] {
			return int(p.Rejected[b]) - int(p.Rejected[a])
		}
		return strings.Compare(string(a), string(b))
	})
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s %d", k, p.Rejected[k])
	}
	return strings.Join(parts, ", ")
}

// NoneLearnedError is the error of a file without a row that can be learned.
type NoneLearnedError struct {
	File string
	Pass Pass
}

// Error says why, with the first row.
func (e *NoneLearnedError) Error() string {
	if e.Pass.Events == 0 {
		return e.File + " has no rows"
	}
	if e.Pass.Unlabelled == e.Pass.Events {
		return fmt.Sprintf("no row of %s has a label", e.File)
	}
	if n := e.Pass.Unlabelled; n > 0 {
		return fmt.Sprintf("no row of %s could be learned: %d without a label, %s; the first that was refused: %s",
			e.File, n, e.Pass.Reasons(), e.Pass.First)
	}
	return fmt.Sprintf("no row of %s could be learned: %s; the first: %s", e.File, e.Pass.Reasons(), e.Pass.First)
}
