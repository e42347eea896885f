package learner_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/decode"
	"millrace/features"
	"millrace/learner"
	"millrace/model"
	"millrace/model/family"
)

// pieces are the real decoder and trainer for n numbers and two classes.
func pieces(tb testing.TB, n int, spec model.Spec) (*decode.Decoder, *learner.Trainer) {
	tb.Helper()
	var columns features.Columns
	for i := range n {
		columns = append(columns, features.DefaultColumn(fmt.Sprintf("f%d", i), features.Number))
	}
	var limits decode.Limits
	limits.SetDefaults()
	d, err := decode.New(decode.Spec{Columns: columns, Label: decode.LabelSpec{Path: "y", Type: "class", Classes: []string{"0", "1"}}, Limits: limits})
	if err != nil {
		tb.Fatal(err)
	}
	x, err := features.New(features.Spec{Columns: columns})
	if err != nil {
		tb.Fatal(err)
	}
	m, err := family.New(spec, model.TargetSpec{Classes: 2}, x)
	if err != nil {
		tb.Fatal(err)
	}
	return d, learner.NewTrainer(x, m, 2)
}

// records are events like elec's: n numbers of six digits between 0 and 1, and a class.
func records(n int) []millrace.Record {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]millrace.Record, 1024)
	for i := range out {
		value := []byte{'{'}
		sum := 0.0
		for f := range n {
			v := r.Float64()
			sum += v - 0.5
			value = fmt.Appendf(value, `"f%d":%.6f,`, f, v)
		}
		class := 0
		if sum+0.3*r.NormFloat64() > 0 {
			class = 1
		}
		out[i] = millrace.Record{Topic: "t", Offset: int64(i), Value: fmt.Appendf(value, `"y":%d}`, class)}
	}
	return out
}

// BenchmarkEvent is an event's whole way through a learner but for Kafka: decode, extract, predict,
// validate, learn, observe.
func BenchmarkEvent(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		spec model.Spec
	}{
		{"logistic-8", 8, model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.2}}},
		{"logistic-100", 100, model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.05}}},
		{"auto-8", 8, model.Spec{Type: "auto"}},
		{"mlp-64-64-8", 8, model.Spec{Type: "mlp", Hidden: []int{64, 64}, Optimizer: model.OptimizerSpec{Type: "adam", Rate: 0.001}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d, t := pieces(b, c.n, c.spec)
			recs, e := records(c.n), d.NewEvent()
			b.SetBytes(int64(len(recs[0].Value)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := learnOne(d, t, &recs[i%len(recs)], e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkServe is what a scorer does for an event but for Kafka: decode, extract, predict. A mixture at
// its default budget may cost three networks of 64-64.
func BenchmarkServe(b *testing.B) {
	for _, n := range []int{3, 8, 16, 64} {
		for _, family := range []string{"mlp", "auto"} {
			b.Run(fmt.Sprintf("%d/%s", n, family), func(b *testing.B) {
				d, t := pieces(b, n, model.Spec{Type: family})
				recs, e := records(n), d.NewEvent()
				for i := range 10_000 {
					if err := learnOne(d, t, &recs[i%len(recs)], e); err != nil {
						b.Fatal(err)
					}
				}
				input, scratch, dst := t.Extractor.NewInput(), t.Model.NewScratch(), make([]float32, 2)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := d.Decode(&recs[i%len(recs)], e); err != nil {
						b.Fatal(err)
					}
					if err := t.Extractor.Extract(input, e); err != nil {
						b.Fatal(err)
					}
					t.Model.Predict(dst, input, scratch)
				}
			})
		}
	}
}

func learnOne(d *decode.Decoder, t *learner.Trainer, rec *millrace.Record, e *millrace.Event) error {
	if err := d.Decode(rec, e); err != nil {
		return err
	}
	return t.Apply(e)
}

// TestEventAllocatesNothing from its bytes to the updated weights.
func TestEventAllocatesNothing(t *testing.T) {
	d, trainer := pieces(t, 8, model.Spec{Type: "logistic"})
	recs, e := records(8), d.NewEvent()
	i := 0
	if n := testing.AllocsPerRun(500, func() {
		if err := learnOne(d, trainer, &recs[i%len(recs)], e); err != nil {
			t.Fatal(err)
		}
		i++
	}); n != 0 {
		t.Errorf("an event allocates %v times", n)
	}
}
