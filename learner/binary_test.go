package learner

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
	"millrace/snapshot"
)

// scored is one prediction of a rare positive class, noisy and sure at times.
type scored struct {
	p     float64 // of the positive class
	class int
}

func rareScores(n int, seed uint64) []scored {
	r := rand.New(rand.NewPCG(seed, 5))
	out := make([]scored, n)
	for i := range out {
		s := &out[i]
		logit := -4 + 2*r.NormFloat64()
		if r.Float64() < 0.02 {
			s.class, logit = 1, logit+3
		}
		switch r.IntN(50) {
		case 0:
			s.p = 0
		case 1:
			s.p = 1
		default:
			s.p = float64(float32(1 / (1 + math.Exp(-logit))))
		}
	}
	return out
}

func (s scored) add(p *Progressive) {
	p.Add([]float64{1 - s.p, s.p}, millrace.Label{Known: true, Class: int32(s.class)})
}

// TestBinary compares the figures with ones computed from the whole history, fading ones included.
func TestBinary(t *testing.T) {
	history := rareScores(6000, 1)
	p := NewProgressive(2)
	for _, s := range history {
		s.add(p)
	}
	for _, w := range []Window{All, Fading} {
		fade := 1.0
		if w == Fading {
			fade = binaryFade
		}
		var hits [4]float64  // alarms, right ones, positives, found
		var after [4]float64 // alarms, positives, and events of each class that came later
		weights := make([]float64, len(history))
		for i := len(history) - 1; i >= 0; i-- {
			s := history[i]
			weights[i] = math.Pow(fade, after[2+s.class])
			after[2+s.class]++
			if alarm := s.p > 0.5; alarm {
				weight := math.Pow(fade, after[0])
				hits[0] += weight
				hits[1] += weight * float64(s.class)
				after[0]++
			}
			if s.class == 1 {
				weight := math.Pow(fade, after[1])
				hits[2] += weight
				hits[3] += weight * indicator(s.p > 0.5)
				after[1]++
			}
		}
		var wins, pairs float64
		for i, a := range history {
			if a.class != 1 {
				continue
			}
			for j, b := range history {
				if b.class != 0 {
					continue
				}
				weight := weights[i] * weights[j]
				pairs += weight
				wins += weight * (indicator(a.p > b.p) + indicator(a.p == b.p)/2)
			}
		}
		got, ok := p.Binary(w)
		if !ok {
			t.Fatal("two classes have no figures")
		}
		near(t, w.String()+" precision", got.Precision, hits[1]/hits[0])
		near(t, w.String()+" recall", got.Recall, hits[3]/hits[2])
		if want := wins / pairs; math.Abs(got.ROCAUC-want) > 1e-3 {
			t.Errorf("%s ROC AUC = %v, want %v", w, got.ROCAUC, want)
		}
		if want := averagePrecisionOf(history, weights); math.Abs(got.AveragePrecision-want) > 1e-3 || want < 0.05 || want > 0.9 {
			t.Errorf("%s average precision = %v, want %v", w, got.AveragePrecision, want)
		}
		if got.Precision == 0 || got.Recall == 0 || got.ROCAUC < 0.6 {
			t.Errorf("%s: %+v tests nothing", w, got)
		}
	}
}

// averagePrecisionOf takes every score as a threshold, once. Weights fade within a class alone, so each class keeps the
// share that it has of all events.
func averagePrecisionOf(history []scored, weights []float64) float64 {
	var events, held [2]float64
	for i, s := range history {
		events[s.class]++
		held[s.class] += weights[i]
	}
	order := make([]int, len(history))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(history[b].p, history[a].p) })
	var above [2]float64
	var area float64
	for i := 0; i < len(order); {
		found := above[1]
		for p := history[order[i]].p; i < len(order) && history[order[i]].p == p; i++ {
			class := history[order[i]].class
			above[class] += weights[order[i]] * events[class] / held[class]
		}
		area += (above[1] - found) / events[1] * above[1] / (above[0] + above[1])
	}
	return area
}

// TestAveragePrecisionByHand: of the scores .9 (right), .8 (wrong), .7 (right) the precisions where positives are found
// are 1 and 2/3.
func TestAveragePrecisionByHand(t *testing.T) {
	p := NewProgressive(2)
	for _, s := range []scored{{0.9, 1}, {0.8, 0}, {0.7, 1}, {0.1, 0}} {
		s.add(p)
	}
	b, _ := p.Binary(All)
	near(t, "average precision", b.AveragePrecision, (1+2.0/3)/2)
}

// TestBinaryAtItsEnds: before anything, with one class only, and without an alarm figures are finite, and a long stream
// leaves no sum that cannot be restored.
func TestBinaryAtItsEnds(t *testing.T) {
	p := NewProgressive(2)
	for _, w := range []Window{All, Fading} {
		if b, ok := p.Binary(w); !ok || b != (Binary{ROCAUC: 0.5}) {
			t.Errorf("%+v before the first event", b)
		}
	}
	for range 100_000 { // past where the unit starts over
		scored{p: 1e-30}.add(p)
	}
	if b, _ := p.Binary(All); b != (Binary{ROCAUC: 0.5}) {
		t.Errorf("%+v without a positive event", b)
	}
	for range 50 {
		scored{p: 0, class: 1}.add(p)
		scored{p: 1, class: 1}.add(p)
	}
	b, _ := p.Binary(Fading)
	near(t, "area", b.ROCAUC, (1+0.5*binaryFade)/(1+binaryFade)) // of pairs, the latter won and the former drawn
	if b.Precision != 1 || b.Recall < 0.4 || b.Recall > 0.6 {
		t.Errorf("got %+v", b)
	}
	if err := p.Restored(); err != nil {
		t.Error(err)
	}
	if _, ok := NewProgressive(3).Binary(All); ok {
		t.Error("three classes have figures of two")
	}
	p.Reset()
	if b, _ := p.Binary(All); b != (Binary{ROCAUC: 0.5}) {
		t.Errorf("%+v after Reset", b)
	}
}

func TestBinaryRefusesImpossibleState(t *testing.T) {
	for name, spoil := range map[string]func(*twoClasses){
		"bin": func(b *twoClasses) { b.bins[7] = -1 }, "no number": func(b *twoClasses) { b.bins[1007] = math.NaN() },
		"unit": func(b *twoClasses) { b.unit[1] = 0.5 }, "hits": func(b *twoClasses) { b.hits[hitFound] = b.hits[hitPositives] + 1 },
		"infinite": func(b *twoClasses) { b.hits[hitAlarms] = math.Inf(1) },
	} {
		p := NewProgressive(2)
		for _, s := range rareScores(300, 2) {
			s.add(p)
		}
		if err := p.Restored(); err != nil {
			t.Fatal(err)
		}
		spoil(p.binary)
		if p.Restored() == nil {
			t.Errorf("%s: an impossible state was taken", name)
		}
	}
}

// TestPositive: with the first of two classes as the positive one all figures are, bit for bit, those of the same
// events with the names of the classes exchanged, and no loss is another.
func TestPositive(t *testing.T) {
	last, first, exchanged := NewProgressive(2), NewProgressive(2), NewProgressive(2)
	first.SetPositive(0)
	for _, s := range rareScores(3000, 2) {
		s.add(last)
		s.add(exchanged)
		first.Add([]float64{s.p, 1 - s.p}, millrace.Label{Known: true, Class: int32(1 - s.class)})
	}
	for _, w := range []Window{All, Fading} {
		want, _ := last.Binary(w)
		if got, _ := first.Binary(w); got != want || want.Recall == 0 {
			t.Errorf("%s: %+v, want %+v", w, got, want)
		}
	}
	exchanged.Reset()
	exchanged.SetPositive(0)
	for _, s := range rareScores(3000, 2) {
		s.add(exchanged)
	}
	for _, w := range []Window{All, Fading} {
		want, _, _ := last.Report(w)
		if got, _, _ := exchanged.Report(w); got != want {
			t.Errorf("%s: losses %+v, want %+v", w, got, want)
		}
		if a, _ := last.Binary(w); true {
			if b, _ := exchanged.Binary(w); a.Precision == b.Precision || math.Abs(a.ROCAUC-b.ROCAUC) > 1e-9 {
				t.Errorf("%s: of the other class %+v, of this %+v", w, b, a)
			}
		}
	}
	NewProgressive(3).SetPositive(-1) // of no two classes it says nothing
}

// older is progressive state as it was before there were figures for two classes.
type older struct{ *Progressive }

func (o older) State(visit func(string, millrace.Tensor, millrace.Role)) {
	o.Progressive.State(func(name string, x millrace.Tensor, role millrace.Role) {
		if !x.Added {
			visit(name, x, role)
		}
	})
}

// TestOlderSnapshotsAreRead: what a snapshot made before lacks starts at nothing, and the rest is as it was.
func TestOlderSnapshotsAreRead(t *testing.T) {
	before, after := NewProgressive(2), NewProgressive(2)
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "progressive", State: after})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rareScores(500, 3) {
		s.add(before)
		s.add(after) // what stood there does not stay
	}
	scored{p: 1}.add(after)
	old, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "progressive", State: older{before}})
	if err != nil {
		t.Fatal(err)
	}
	b := old.NewBuffer()
	old.Copy(b)
	if err := layout.Restore(b.Serving(), b.Training()); err != nil {
		t.Fatal(err)
	}
	want, _, _ := before.Report(All)
	if got, _, _ := after.Report(All); got != want || after.Events() != 500 {
		t.Errorf("%+v of %d events, want %+v", got, after.Events(), want)
	}
	if got, _ := after.Binary(All); got != (Binary{ROCAUC: 0.5}) {
		t.Errorf("%+v, want none", got)
	}
	scored{p: 1, class: 1}.add(after)
	if got, _ := after.Binary(Fading); got.Recall != 1 {
		t.Errorf("%+v after a first event", got)
	}
}
