package features

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
)

func lagColumn(of string, steps ...int) Column {
	c := DefaultColumn("lag", Lag)
	c.Of, c.Key, c.Steps, c.Scale = []string{of}, "card", steps, "none"
	return c
}

func TestLags(t *testing.T) {
	x := newExtractor(t, DefaultColumn("amount", Number), DefaultColumn("card", Category), lagColumn("amount", 1, 3), lagColumnNamed("y", "label", 1))
	id, _ := compileView(t, x, millrace.ViewStandard)
	if got := x.FeatureName(id, x.blocks[2].first+1); !slices.Equal(got, []string{"lag (3 back)"}) {
		t.Errorf("%q", got)
	}
	random := rand.New(rand.NewPCG(14, 14))
	history := map[string][]float64{}
	labels := map[string][]float64{}
	for n := range 2000 {
		card := fmt.Sprint("card", random.IntN(50))
		v := float64(random.IntN(1000))
		e := event(v, card, absent, absent)
		if random.IntN(10) == 0 {
			e.Fields[0].Presence = millrace.Null
		}
		e.Label = millrace.Label{Known: random.IntN(5) > 0, Value: v / 2}
		row := extract(t, x, millrace.ViewStandard, e)[x.blocks[2].first:]
		back := func(values []float64, steps int) float32 {
			if len(values) < steps {
				return 0
			}
			return float32(values[len(values)-steps])
		}
		if want := []float32{back(history[card], 1), back(history[card], 3), back(labels[card], 1)}; !slices.Equal(row, want) {
			t.Fatalf("event %d: %v, want %v", n, row, want)
		}
		raw := extract(t, x, millrace.ViewRaw, e)
		if h := history[card]; len(h) > 0 && raw[2] != back(h, 1) || len(h) == 0 && raw[2] == raw[2] {
			t.Fatalf("event %d: raw %v after %v", n, raw, h)
		}
		x.Observe(e)
		if e.Fields[0].Presence == millrace.Present {
			history[card] = append(history[card], v)
		}
		if e.Label.Known {
			labels[card] = append(labels[card], v/2)
		}
	}
}

func lagColumnNamed(name, of string, steps ...int) Column {
	c := lagColumn(of, steps...)
	c.Name = name
	return c
}

// The table is bounded: the key longest without an event gives way, the others stay.
func TestLagsForget(t *testing.T) {
	c := lagColumn("amount", 1)
	c.Keys = lagWays
	x := newExtractor(t, DefaultColumn("amount", Number), DefaultColumn("card", Category), c)
	lag := func(card string) float32 {
		return extract(t, x, millrace.ViewStandard, event(0, card, absent))[x.blocks[2].first]
	}
	for i := range lagWays {
		x.Observe(event(i+1, fmt.Sprint(i), absent))
	}
	x.Observe(event(100, "0", absent))
	x.Observe(event(200, "new", absent))
	for card, want := range map[string]float32{"0": 100, "1": 0, "2": 3, "7": 8, "new": 200} {
		if got := lag(card); got != want {
			t.Errorf("%s: %v, want %v", card, got, want)
		}
	}
}
