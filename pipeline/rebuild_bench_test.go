package pipeline

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/learner"
	"millrace/merge"
)

// logInMemory is one partition of a topic.
type logInMemory struct {
	records []millrace.Record
	next    int
}

func (l *logInMemory) Next(context.Context) (*millrace.Batch, error) {
	if l.next >= len(l.records) {
		return nil, io.EOF
	}
	b := millrace.NewBatch(nil)
	n := min(1000, len(l.records)-l.next)
	b.Records = l.records[l.next : l.next+n]
	l.next += n
	b.Topic, b.From, b.To = b.Records[0].Topic, b.Records[0].Offset, b.Records[n-1].Offset+1
	return b, nil
}

// benchPipeline is a pipeline of three features, more of them, and a label.
func benchPipeline(b *testing.B, text string) *config.Pipeline {
	b.Helper()
	p, err := config.Parse("p.yaml", []byte("name: p\nevents: {topic: e, id: id, time: t}\nfeatures:\n  card: category\n  a: number\n  b: number\n"+
		text+"model: logistic\n"), os.LookupEnv)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkRebuild makes windows and waits again from a log of b.N events, of which each has a label minutes later:
// what decoding, merging, windows and join take together.
func BenchmarkRebuild(b *testing.B) {
	for name, text := range map[string]string{
		"windows":             "  n: {type: window, key: card, over: 5m, stat: count}\n  s: {type: window, key: card, of: a, over: 5m, stat: sum}\nlabel: {path: y, classes: [n, p]}\n",
		"waiting":             "label: {path: y, classes: [n, p], topic: l, wait: 1h}\n",
		"windows and waiting": "  n: {type: window, key: card, over: 5m, stat: count}\n  s: {type: window, key: card, of: a, over: 5m, stat: sum}\nlabel: {path: y, classes: [n, p], topic: l, wait: 1h}\n",
	} {
		b.Run(name, func(b *testing.B) {
			pieces, err := Build(benchPipeline(b, text))
			if err != nil {
				b.Fatal(err)
			}
			events, labels := &logInMemory{}, &logInMemory{}
			for i := range b.N {
				at := int64(1_700_000_000_000 + i)
				events.records = append(events.records, millrace.Record{Topic: "e", Offset: int64(i), Time: at,
					Value: fmt.Appendf(nil, `{"id":"tx-%d","t":%d,"card":"c%d","a":%d.5,"b":%d}`, i, at, i%100_000, i%977, i%13)})
				labels.records = append(labels.records, millrace.Record{Topic: "l", Offset: int64(i), Time: at + 180_000,
					Value: fmt.Appendf(nil, `{"id":"tx-%d","y":"n"}`, i)})
			}
			m := millrace.Manifest{Positions: []millrace.Position{{Topic: "e", Offset: int64(b.N)}}, Keyed: &millrace.Keyed{
				Rebuild: []millrace.Mark{{Topic: "e", Watermark: math.MinInt64}}, Watermark: math.MinInt64, Now: math.MinInt64}}
			sources := []merge.Source{merge.Of(events)}
			r := learner.Rebuilding{Stream: pieces.Stream, Manifest: &m, Decoder: pieces.Decoder}
			if pieces.Join != nil {
				m.Positions = append(m.Positions, millrace.Position{Topic: "l", Offset: int64(b.N)})
				m.Keyed.Rebuild = append(m.Keyed.Rebuild, millrace.Mark{Topic: "l", Watermark: math.MinInt64})
				sources, r.Labels = append(sources, merge.Of(labels)), pieces.Labels
			}
			r.Merger = merge.New(merge.Options{Sources: sources, Now: time.Now})
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := r.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
