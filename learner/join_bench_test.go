package learner_test

import (
	"fmt"
	"testing"
	"time"

	"millrace"
	"millrace/decode"
	"millrace/features"
	"millrace/join"
	"millrace/keyed"
	"millrace/learner"
	"millrace/model"
	"millrace/model/family"
)

// BenchmarkJoin is an event and the label of one that came a million events before: decoded, predicted, kept, joined,
// predicted again and learned, on one goroutine. An operation is both records.
func BenchmarkJoin(b *testing.B) {
	const waiting = 1_000_000
	var columns features.Columns
	for i := range 8 {
		columns = append(columns, features.DefaultColumn(fmt.Sprintf("f%d", i), features.Number))
	}
	var limits decode.Limits
	limits.SetDefaults()
	label := decode.LabelSpec{Path: "y", Type: "class", Classes: []string{"0", "1"}}
	events, err := decode.New(decode.Spec{ID: "id", Columns: columns, Label: label, Limits: limits})
	if err != nil {
		b.Fatal(err)
	}
	labels, err := decode.New(decode.Spec{ID: "id", Label: label, Limits: limits})
	if err != nil {
		b.Fatal(err)
	}
	x, err := features.New(features.Spec{Columns: columns})
	if err != nil {
		b.Fatal(err)
	}
	m, err := family.New(model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.1}}, model.TargetSpec{Classes: 2}, x)
	if err != nil {
		b.Fatal(err)
	}
	s := learner.NewStream(learner.StreamOptions{Trainer: learner.NewTrainer(x, m, 2), Clock: keyed.NewClock(), Topics: [2]string{"e", "l"},
		Join: join.New(join.Spec{Wait: 24 * time.Hour, Early: time.Minute, Memory: 1 << 30}, m.Outputs())})
	numbers := records(8)
	e, l := events.NewEvent(), labels.NewEvent()
	var text []byte
	apply := func(i int, asLabel bool) {
		at := int64(1_700_000_000_000) + int64(i)
		rec := millrace.Record{Topic: "e", Offset: int64(i), Time: at}
		if asLabel {
			text = fmt.Appendf(text[:0], `{"id":"tx-%09d","y":%d}`, i-waiting, i&1)
			rec.Value = text
			if err := labels.Decode(&rec, l); err != nil {
				b.Fatal(err)
			}
			if outcome, why := s.Label(l, &rec); outcome != learner.LabelJoined {
				b.Fatal(outcome, why)
			}
		} else {
			value := numbers[i&1023].Value
			text = append(fmt.Appendf(text[:0], `{"id":"tx-%09d",`, i), value[1:len(value)-len(`,"y":0}`)]...)
			text = append(text, '}')
			rec.Value = text
			if err := events.Decode(&rec, e); err != nil {
				b.Fatal(err)
			}
			if outcome, why := s.Event(e, &rec); outcome != learner.Waiting {
				b.Fatal(outcome, why)
			}
		}
		for s.Expire() {
		}
	}
	for i := range waiting {
		apply(i, false)
	}
	i := waiting
	b.ReportAllocs()
	for b.Loop() {
		apply(i, false)
		apply(i, true)
		i++
	}
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
