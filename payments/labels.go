package payments

import (
	"math/rand/v2"
	"slices"
	"time"
)

// labels are reports of fraud on their way. Nobody reports what was right, so that other payments get none; and of
// what was fraud a share is never noticed.
type labels struct {
	random *rand.Rand // of its own, so that payments are the same however their outcome comes
	due    []report   // the next one last
	key    []byte
}

// report is a fraud that somebody will tell of.
type report struct {
	millis int64 // simulated time when it is known
	count  uint64
}

func newLabels(seed uint64) labels {
	return labels{random: rand.New(rand.NewPCG(seed, 0x6c6162656c73))}
}

// Times from a payment to the report that it was fraud, in simulated time.
const (
	// ReportSoonest is the least: somebody has to look at a telephone.
	ReportSoonest = time.Minute
	// ReportLatest is the most.
	ReportLatest = 2 * time.Hour
	reportMean   = 8 * time.Minute
)

// NextUnlabelled is Next without the outcome. Where it is fraud that is noticed, NextLabel tells of it later.
func (g *Generator) NextUnlabelled(dst []byte) []byte {
	g.draw()
	if g.p.reported {
		g.labels.add(g.millis, g.count)
	}
	return append(g.write(dst), '}')
}

// add schedules a report. Few are under way at once, so that a sorted slice does.
func (l *labels) add(millis int64, count uint64) {
	delay := ReportSoonest + min(time.Duration(l.random.ExpFloat64()*float64(reportMean-ReportSoonest)), ReportLatest-ReportSoonest)
	r := report{millis: millis + delay.Milliseconds(), count: count}
	at, _ := slices.BinarySearchFunc(l.due, r.millis, func(other report, millis int64) int {
		if other.millis > millis {
			return -1
		}
		return 1
	})
	l.due = slices.Insert(l.due, at, r)
}

// NextLabel appends the next label that is known by the time of the latest payment, as a JSON object with the payment's
// id, the outcome and the time when it became known; ok is false when none is. LabelKey is its key.
func (g *Generator) NextLabel(dst []byte) (label []byte, ok bool) {
	l := &g.labels
	if len(l.due) == 0 || l.due[len(l.due)-1].millis > g.millis {
		return dst, false
	}
	r := l.due[len(l.due)-1]
	l.due = l.due[:len(l.due)-1]
	l.key = appendID(l.key[:0], r.count)
	dst = append(append(append(dst, `{"id":"`...), l.key...), `","outcome":"`+Fraud+`","time":"`...)
	dst = time.UnixMilli(r.millis).UTC().AppendFormat(dst, timeFormat)
	return append(dst, `"}`...), true
}

// LabelKey is the latest label's key, the payment's id. It is valid until the next NextLabel.
func (g *Generator) LabelKey() []byte { return g.labels.key }
