package explain

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/features"
	"millrace/model"
)

// numeric is a trial of n numbers, of two classes.
func numeric(n int, spec model.Spec, calibrate string) trial {
	c := trial{spec: spec, classes: 2, calibrate: calibrate}
	for i := range n {
		c.columns = append(c.columns, features.DefaultColumn(fmt.Sprint("x", i), features.Number))
	}
	c.draw = func(r *rand.Rand) *millrace.Event {
		e := &millrace.Event{Fields: make([]millrace.Field, n)}
		var z float64
		for i := range e.Fields {
			v := r.NormFloat64()
			e.Fields[i] = millrace.Field{Presence: millrace.Present, Number: v}
			z += v * float64(1+i%3)
		}
		z += 3 * e.Fields[0].Number * e.Fields[1].Number
		if z+r.NormFloat64() > 0 {
			e.Label.Class = 1
		}
		e.Label.Known = true
		return e
	}
	return c
}

func BenchmarkExplain(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		spec model.Spec
	}{
		{"logistic", 8, model.Spec{Type: "logistic"}}, {"logistic", 30, model.Spec{Type: "logistic"}},
		{"auto", 8, model.Spec{Type: "auto"}}, {"auto", 30, model.Spec{Type: "auto"}}, {"forest", 8, model.Spec{Type: "forest"}},
		{"forest", 30, model.Spec{Type: "forest"}}, {"mlp", 8, model.Spec{Type: "mlp"}}, {"mlp", 30, model.Spec{Type: "mlp"}},
	} {
		tr := numeric(c.n, c.spec, "")
		x, m, random := tr.learned(b, 2000)
		e := newExplainer(b, x, m, 2)
		events := make([]*millrace.Event, 16)
		for i := range events {
			events[i] = tr.draw(random)
		}
		b.Run(fmt.Sprintf("%s-%d", c.name, c.n), func(b *testing.B) {
			var out Explanation
			evaluations, worst := 0, 0.0
			for i := range b.N {
				if err := e.Explain(&out, events[i%16], 1); err != nil {
					b.Fatal(err)
				}
				evaluations += out.Evaluations
				worst = max(worst, relative(&out))
			}
			b.ReportMetric(float64(evaluations)/float64(b.N), "evaluations")
			b.ReportMetric(100*worst, "%-of-range")
		})
		b.Run(fmt.Sprintf("%s-%d-predict", c.name, c.n), func(b *testing.B) {
			in, p, s := x.NewInput(), make([]float32, 2), m.NewScratch()
			for i := range b.N {
				if err := x.Extract(in, events[i%16]); err != nil {
					b.Fatal(err)
				}
				m.Predict(p, in, s)
			}
		})
	}
}

// relative is the largest standard error as a share of the range of the shares.
func relative(x *Explanation) float64 {
	low, high, most := 0.0, 0.0, 0.0
	for i, v := range x.Shares {
		low, high, most = min(low, v), max(high, v), max(most, x.Errors[i])
	}
	if most == 0 {
		return 0
	}
	return most / (high - low)
}
