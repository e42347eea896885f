package store

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"millrace"
)

// A publication of a serving and a training blob of 1 MB each, with retention, and a scorer's load.
func BenchmarkPublishAndLoad(b *testing.B) {
	addrs := map[string]string{"miniredis": ""}
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	addrs["miniredis"] = m.Addr()
	if path, err := exec.LookPath("redis-server"); err == nil {
		addrs["redis"] = startRedis(b, path).addr
	}
	ctx := context.Background()
	for name, addr := range addrs {
		c := newClock()
		s := open(b, addr, Options{Now: c.Now})
		w := acquire(b, s, "bench")
		snap := snapshotOf(b, 1, 1<<20)
		var h millrace.Head
		b.Run(name+"/publish", func(b *testing.B) {
			b.SetBytes(int64(len(snap.Serving) + len(snap.Training)))
			b.ReportAllocs()
			for b.Loop() {
				c.advance(time.Minute) // so that retention has work, and memory an end
				var err error
				if h, err = w.Publish(ctx, snap, PublishOptions{Cause: "learned", Serve: true, Retention: Retention{Keep: 20}}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/load", func(b *testing.B) {
			b.SetBytes(int64(len(snap.Serving)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Load(ctx, "bench", h, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
