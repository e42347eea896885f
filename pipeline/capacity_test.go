package pipeline

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"millrace/join"
)

// TestWaitsAreWhatTheTableCharges: what check says of a rate is what a table of so many events is charged.
func TestWaitsAreWhatTheTableCharges(t *testing.T) {
	p := newKeyedRig(t, 1, "drop").pipeline
	pieces, err := Build(p)
	if err != nil {
		t.Fatal(err)
	}
	outputs := pieces.Model.Outputs()
	w := waitsAt(p, 100, outputs)
	table := join.New(p.JoinSpec(), outputs)
	e := usualEvent(p.FeatureSpec().Columns)
	e.ID = make([]byte, usualID)
	n := int(w.Events)
	if n != int(100*p.Label.Wait.Seconds()) {
		t.Fatalf("%d wait", n)
	}
	for i := range n {
		e.ID[0], e.ID[1] = byte(i), byte(i>>8)
		at := join.Place{Offset: int64(i)}
		table.Arrive(e, at, int64(i))
		table.Wait(e, at, table.Due(int64(i)), make([]float64, outputs))
	}
	// Due times beside event times, and the bitmap's last page, are not whole.
	if got := table.Stats().Charge; math.Abs(float64(got)/w.Bytes-1) > .05 {
		t.Errorf("%d events are charged %d, want about %.0f", n, got, w.Bytes)
	}
	if w.Lasts < p.Label.Wait {
		t.Errorf("%v of %v have room", w.Lasts, p.Label.Wait)
	}
}

func TestWaitsWithoutRoomAreWarnedOf(t *testing.T) {
	p := newKeyedRig(t, 1, "drop").pipeline
	p.Label.Wait, p.Join.Memory = 30*24*time.Hour, 256<<20
	found, err := Check(t.Context(), p, "file", CheckOptions{Rate: 50, Log: slog.New(slog.DiscardHandler)})
	if err != nil || found.Waits == nil || found.Waits.Events != 50*30*86400 || len(found.Warnings) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	room := time.Duration(float64(256<<20) / (50 * float64(found.Waits.Each)) * float64(time.Second))
	if got := found.Waits.Lasts; got > room || got < room*99/100 {
		t.Errorf("they have room for %v, want about %v", got, room)
	}
	p.Join.Memory = join.MemoryMax
	if w := waitsAt(p, 1e6, 2); w.Lasts > time.Duration(8*join.StateBytesMax/1e6*float64(time.Second)) {
		t.Errorf("the state's bits have room for %v", w.Lasts)
	}
	plain := *p
	plain.Label.Topic = ""
	found = Checked{}
	if found.waits(&plain, 50, 2); found.Waits != nil {
		t.Errorf("labels that come at once: %+v", found.Waits)
	}
}

// TestMeasuredRate: events since the topic's first, by the time since then.
func TestMeasuredRate(t *testing.T) {
	const n = 1000
	r := newKeyedRig(t, 2, "drop")
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	all := make([]stamped, n)
	for i := range all {
		all[i] = stamped{"loop.events", int32(i % 2), start.UnixMilli() + int64(i), "{}"}
	}
	r.write(all)
	e := newEnvironment(r.pipeline, slog.New(slog.DiscardHandler))
	e.cluster = r.servers.cluster
	if rate, err := measuredRate(t.Context(), e, "loop.events", start.Add(500*time.Second)); err != nil || rate != n/500 {
		t.Errorf("%v a second, %v", rate, err)
	}
	for _, topic := range []string{"loop.labels", "no.such.topic"} {
		if rate, err := measuredRate(t.Context(), e, topic, start); rate != 0 || err != nil {
			t.Errorf("%s has %v a second, %v", topic, rate, err)
		}
	}
}
