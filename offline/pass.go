package offline

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/config"
	"millrace/files"
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
	// Labels came later, on their own.
	Labels         uint64
	LabelsRejected map[millrace.Reason]uint64
	Delays         Delays
	// Names are what became of events and labels, as package join says them. Waiting events had no label yet at the
	// end, and LabelsEarly no event.
	Names                map[string]uint64
	Waiting, LabelsEarly uint64
	Elapsed              time.Duration // reading and decoding included
	// Interrupted says that there was more to be read.
	Interrupted bool

	present           []bool // by feature: whether an event had a value of it
	first, firstLabel firstFault
	files             []*fileTopic
	data              Data
	pipeline          *config.Pipeline
	ids               [2]string // the first of an event, and of a label that came later
}

// First says what is wrong with the first event that could not be used, with its place; empty when there was none.
func (p *Pass) First() string { return p.first.text(p.files, 0) }

// FirstLabel says what is wrong with the first label that came later and could not be used.
func (p *Pass) FirstLabel() string { return p.firstLabel.text(p.files, labels) }

// Rejections is how many events could not be used.
func (p *Pass) Rejections() uint64 { return sum(p.Rejected) }

// LabelRejections is how many labels that came later could not be used.
func (p *Pass) LabelRejections() uint64 { return sum(p.LabelsRejected) }

func sum(counts map[millrace.Reason]uint64) (n uint64) {
	for _, v := range counts {
		n += v
	}
	return n
}

// count counts one event by what became of it, and by whether it was learned then; err is why it was rejected.
func (p *Pass) count(rec *millrace.Record, outcome learner.Outcome, learned bool, err error) {
	p.Events++
	switch {
	case learned:
		p.Learned++
	case outcome == learner.Unlabelled:
		p.Unlabelled++
	case outcome == learner.Rejected:
		p.reject(p.Rejected, &p.first, rec, err)
	}
}

// countLabel counts one label by what became of it, and by whether its event was learned then, not before; err is why
// it was rejected.
func (p *Pass) countLabel(rec *millrace.Record, outcome learner.Outcome, learned bool, err error) {
	p.Labels++
	switch {
	case learned:
		p.Learned++
	case outcome == learner.LabelRejected:
		p.reject(p.LabelsRejected, &p.firstLabel, rec, err)
	}
}

// countEnded counts one event by what became of it when its wait was over.
func (p *Pass) countEnded(e learner.Ended) {
	if e.Learned {
		p.Learned++
	}
	if e.Why != nil {
		p.reject(p.Rejected, &p.first, &millrace.Record{Offset: e.Place.Offset}, e.Why)
	}
}

func (p *Pass) reject(counts map[millrace.Reason]uint64, first *firstFault, rec *millrace.Record, err error) {
	counts[reasonOf(err)]++
	if first.why == nil {
		why := &millrace.Rejection{Reason: millrace.ReasonBadRecord, Detail: err.Error()}
		errors.As(err, &why)
		kept := *why // it may be written again
		*first = firstFault{row: rec.Offset, why: &kept, says: rec.Fault != nil}
	}
}

// firstFault is the first row that could not be used.
type firstFault struct {
	row  int64
	why  *millrace.Rejection
	says bool // why says where, too
}

// text says what is wrong, and where: in which line, where the file can be read again.
func (f *firstFault) text(topics []*fileTopic, source int) string {
	if f.why == nil {
		return ""
	}
	if f.says {
		return f.why.Detail
	}
	t := topics[min(source, len(topics)-1)]
	return fmt.Sprintf("%s: %v", files.Where(t.path, t.o, f.row), f.why)
}

// Reasons lists rejections as "reason n", most frequent first.
func (p *Pass) Reasons() string { return listed(p.Rejected) }

// LabelReasons lists the rejections of labels.
func (p *Pass) LabelReasons() string { return listed(p.LabelsRejected) }

func listed(counts map[millrace.Reason]uint64) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b millrace.Reason) int {
		if c := cmp.Compare(counts[b], counts[a]); c != 0 {
			return c
		}
		return strings.Compare(string(a), string(b))
	})
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s %d", k, counts[k])
	}
	return strings.Join(parts, ", ")
}
