package store

import (
	"context"
	"math"
	"testing"

	"millrace"
	"millrace/snapshot"
)

// keyedOf is a version that has learned nothing yet while 7 events wait for their labels.
func keyedOf(t testing.TB) *millrace.Snapshot {
	t.Helper()
	snap := snapshotOf(t, 0, 64)
	snap.Manifest.Applied, snap.Manifest.Names = 7, map[string]uint64{"label_early": 2}
	snap.Manifest.Positions = []millrace.Position{{Topic: "e", Offset: 7}}
	snap.Manifest.Keyed = &millrace.Keyed{
		Rebuild: []millrace.Mark{{Topic: "e", Offset: 3, Watermark: 40}}, Watermark: math.MinInt64, Now: 70,
		Newest: []millrace.Mark{{Topic: "e", Watermark: 70}},
	}
	snapshot.Seal(snap)
	return snap
}

// A version with keyed state is stored, listed, loaded and repaired as any other, and one that has only applied records
// is no empty one: scorers may be given it.
func testKeyed(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	h, err := w.Publish(ctx, keyedOf(t), PublishOptions{Cause: "learned", Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(ctx, model, h, true)
	if err != nil {
		t.Fatal(err)
	}
	if m := got.Manifest; m.Format != snapshot.FormatKeyed || m.Applied != 7 || m.Keyed == nil || m.Keyed.Rebuild[0].Offset != 3 ||
		m.Keyed.Watermark != math.MinInt64 || m.Names["label_early"] != 2 {
		t.Errorf("loaded %+v", m)
	}
	s.client.Del(ctx, keysOf(model).head(), keysOf(model).served(), keysOf(model).index())
	if r := repaired(t, s, model); r.Head.Cause != millrace.CauseRepaired || r.Served != r.Head || r.Head.Candidate != h.Candidate {
		t.Errorf("repaired %+v", r)
	}
}
