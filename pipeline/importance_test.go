package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/model"
)

// buildWatched builds a pipeline of three numbers and a category, of which the model is given.
func buildWatched(tb testing.TB, model string) *Pieces {
	tb.Helper()
	p, err := config.Parse("p.yaml", []byte("name: p\nevents: e\nfeatures: {a: number, b: number, none: number, c: category}\n"+
		"label: {path: y, classes: [n, p]}\nmodel: "+model+"\n"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := Build(p)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// drifting are records whose class is that of a up to the place given, and from there on that of b.
func drifting(n, from int) [][]byte {
	random, all := rand.New(rand.NewPCG(1, 2)), make([][]byte, n)
	for i := range all {
		a, b := random.NormFloat64(), random.NormFloat64()
		by, y := a, "n"
		if i >= from {
			by = b
		}
		if by+0.2*random.NormFloat64() > 0 {
			y = "p"
		}
		all[i] = fmt.Appendf(nil, `{"a":%.3f,"b":%.3f,"none":%.3f,"c":"c%d","y":%q}`, a, b, random.NormFloat64(), i%5, y)
	}
	return all
}

// applyRecords applies records, so many at once as the stream takes at most.
func applyRecords(tb testing.TB, l *Pieces, records [][]byte, most int) {
	tb.Helper()
	events := make([]*millrace.Event, most)
	for i := range events {
		events[i] = l.Decoder.NewEvent()
	}
	for len(records) > 0 {
		n := 0
		for ; n < len(records) && n < most && (n == 0 || l.Stream.Room() > 0); n++ {
			rec := &millrace.Record{Value: records[n]}
			if err := l.Decoder.Decode(rec, events[n]); err != nil {
				tb.Fatal(err)
			}
			if l.Stream.Room() == 0 {
				if n > 0 {
					break
				}
				if _, why := l.Stream.Event(events[0], rec); why != nil {
					tb.Fatal(why)
				}
				n = 1
				break
			}
			l.Stream.Add(events[n], rec)
		}
		for k := l.Stream.Unsettled(); k > 0; k-- {
			if k == l.Stream.Unsettled() && k == n {
				l.Stream.Run(model.OneByOne{})
			}
			if _, why, _ := l.Stream.Settle(); why != nil {
				tb.Fatal(why)
			}
		}
		records = records[n:]
	}
}

func importances(l *Pieces) map[string]float64 {
	all := map[string]float64{}
	for _, f := range l.Trainer.Watch.Figures() {
		all[f.Name] = f.Importance
	}
	return all
}

// TestImportanceFollowsDrift: what the class depends on is important, what nothing depends on is not, and once it
// depends on another feature the two change places.
func TestImportanceFollowsDrift(t *testing.T) {
	for _, model := range []string{"{type: logistic, optimizer: {type: sgd, rate: 0.05}}", "tree"} {
		l, records := buildWatched(t, model), drifting(160_000, 60_000)
		applyRecords(t, l, records[:60_000], 1)
		before := importances(l)
		applyRecords(t, l, records[60_000:], 1)
		after := importances(l)
		for name, c := range map[string]struct {
			v      float64
			needed bool
		}{"a before": {before["a"], true}, "b before": {before["b"], false}, "none before": {before["none"], false}, "c before": {before["c"], false},
			"b after": {after["b"], true}, "none after": {after["none"], false}, "c after": {after["c"], false}} {
			if c.needed && !(c.v > 0.3) || !c.needed && !(math.Abs(c.v) < 0.05) {
				t.Errorf("%s: %s has an importance of %g", model, name, c.v)
			}
		}
		if !(after["b"] > 3*after["a"]) {
			t.Errorf("%s: after the drift a has %g, b %g", model, after["a"], after["b"])
		}
	}
}

// TestImportanceIsExact: how many events are taken together, and where learning began again, changes no bit.
func TestImportanceIsExact(t *testing.T) {
	records := drifting(1500, 700)
	for _, model := range []string{"logistic", "{type: mlp, hidden: [8], batch: 32}", "auto"} {
		whole := buildWatched(t, model)
		applyRecords(t, whole, records, 1)
		want := whole.Snapshot(millrace.Manifest{})
		parts := buildWatched(t, model)
		applyRecords(t, parts, records[:777], 300)
		kept := parts.Snapshot(millrace.Manifest{})
		again := buildWatched(t, model)
		if err := again.Layout.Restore(kept.Serving, kept.Training); err != nil {
			t.Fatal(err)
		}
		applyRecords(t, again, records[777:], 300)
		if got := again.Snapshot(millrace.Manifest{}); !slices.Equal(got.Training, want.Training) || !slices.Equal(got.Serving, want.Serving) {
			t.Errorf("%s: the state differs", model)
		}
		if math.IsNaN(importances(again)["a"]) {
			t.Errorf("%s: nothing was measured", model)
		}
	}
}

// BenchmarkWatch says what watching adds to decoding and learning, as a share: both are timed by turns in one run, and
// the fastest turn of each counts.
func BenchmarkWatch(b *testing.B) {
	records := drifting(20_000, 10_000)
	for _, model := range []string{"logistic", "{type: mlp, hidden: [64, 64]}", "tree", "auto"} {
		b.Run(model, func(b *testing.B) {
			took := [2]time.Duration{math.MaxInt64, math.MaxInt64}
			for range b.N {
				for k := range took {
					l := buildWatched(b, model)
					if k == 1 {
						l.Trainer.Watch = nil
					}
					start := time.Now()
					applyRecords(b, l, records, 100)
					took[k] = min(took[k], time.Since(start))
				}
			}
			b.ReportMetric(100*(took[0].Seconds()/took[1].Seconds()-1), "%added")
		})
	}
}
