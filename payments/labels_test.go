package payments

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// label is one as a reader sees it.
type label struct {
	ID      string    `json:"id"`
	Outcome string    `json:"outcome"`
	Time    time.Time `json:"time"`
}

func readLabel(t testing.TB, value []byte) label {
	t.Helper()
	var l label
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return l
}

// TestLateLabels: payments are the same with and without their outcome; exactly those that are fraud to whoever sees
// the outcome get a label, within the times that are promised, in their order, and never before their payment.
func TestLateLabels(t *testing.T) {
	const n = 20_000
	with, without := New(3), New(3)
	fraud, at, labelled := map[string]bool{}, map[string]time.Time{}, 0
	var last time.Time
	var delays time.Duration
	for range n {
		full, bare := with.Next(nil), without.NextUnlabelled(nil)
		e := read(t, full)
		if outcome := []byte(`,"outcome":"` + e.Outcome + `"}`); !bytes.Equal(bytes.TrimSuffix(full, outcome), bytes.TrimSuffix(bare, []byte("}"))) {
			t.Fatalf("%s\nwithout its outcome is\n%s", full, bare)
		}
		when, err := time.Parse(time.RFC3339, e.Time)
		if err != nil {
			t.Fatal(err)
		}
		fraud[e.ID], at[e.ID] = e.Outcome == Fraud, when
		for value, ok := without.NextLabel(nil); ok; value, ok = without.NextLabel(nil) {
			l := readLabel(t, value)
			delay := l.Time.Sub(at[l.ID])
			if !fraud[l.ID] || l.Outcome != Fraud || l.ID != string(without.LabelKey()) || l.Time.After(when) || l.Time.Before(last) ||
				delay < ReportSoonest || delay > ReportLatest {
				t.Fatalf("%s (%s after its payment) comes after the payment of %s", value, delay, e.Time)
			}
			fraud[l.ID], last = false, l.Time
			delays += delay
			labelled++
		}
	}
	open := 0
	for _, f := range fraud {
		if f {
			open++
		}
	}
	if labelled < n/40 || open > 60 { // reports that are under way
		t.Errorf("%d labels, and of %d frauds none", labelled, open)
	}
	if mean := delays / time.Duration(labelled); mean < 6*time.Minute || mean > 10*time.Minute {
		t.Errorf("labels come %s after their payments", mean)
	}
}

// TestCards: what one payment does not show, several of one card do.
func TestCards(t *testing.T) {
	g := New(5)
	last := map[string]int64{}
	var soon, count [2]int // again within an hour; by outcome
	for range 30_000 {
		e := read(t, g.Next(nil))
		k := 0
		if e.Outcome == Fraud {
			k = 1
		}
		count[k]++
		if before, ok := last[e.Card]; ok && g.millis-before < time.Hour.Milliseconds() {
			soon[k]++
		}
		last[e.Card] = g.millis
	}
	honest, stolen := float64(soon[0])/float64(count[0]), float64(soon[1])/float64(count[1])
	if honest < 0.05 || honest > 0.25 || stolen < 0.4 || stolen > 0.8 || len(last) < cardCount*9/10 {
		t.Errorf("%.3f of the honest payments and %.3f of the frauds come within an hour of one of the same card; %d cards", honest, stolen, len(last))
	}
}

// TestSkip: what comes after skipped payments is what comes after others.
func TestSkip(t *testing.T) {
	a, b := New(9), New(9)
	b.Skip(500)
	for range 500 {
		a.NextUnlabelled(nil)
		for _, ok := a.NextLabel(nil); ok; _, ok = a.NextLabel(nil) {
		}
	}
	for range 500 {
		if x, y := a.NextUnlabelled(nil), b.NextUnlabelled(nil); !bytes.Equal(x, y) {
			t.Fatalf("%s after skipping, want %s", y, x)
		}
		for ok := true; ok; {
			var x, y []byte
			x, ok = a.NextLabel(nil)
			if y, _ = b.NextLabel(nil); !bytes.Equal(x, y) {
				t.Fatalf("label %s after skipping, want %s", y, x)
			}
		}
	}
}

func TestNextUnlabelledDoesNotAllocate(t *testing.T) {
	g := New(1)
	buf, labels := make([]byte, 0, 1024), make([]byte, 0, 1024)
	next := func() {
		buf = g.NextUnlabelled(buf[:0])
		for ok := true; ok; {
			labels, ok = g.NextLabel(labels[:0])
		}
	}
	for range 10_000 {
		next()
	}
	if n := testing.AllocsPerRun(2000, next); n != 0 {
		t.Errorf("%v allocations a payment", n)
	}
}
