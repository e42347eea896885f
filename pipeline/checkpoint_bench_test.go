//go:build unix

package pipeline

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/join/disk"
	"millrace/learner"
	"millrace/merge"
	"millrace/snapshot"
	"millrace/store/folder"
)

// keyedOf is a stream with the state by key of b.N events, each of a key of its own or of one of a million, and what it
// was made from: what waits has no label.
func keyedOf(b *testing.B, text string, keys int) (*Pieces, *millrace.Manifest) {
	b.Helper()
	p := benchPipeline(b, text)
	pieces, err := Build(p)
	if err != nil {
		b.Fatal(err)
	}
	overflowIn(b, p, pieces)
	e := pieces.Decoder.NewEvent()
	pieces.Stream.Begin([]millrace.Position{{Topic: "e"}, {Topic: "l"}})
	for i := range b.N {
		rec := benchRecord(i, keys)
		if err := pieces.Decoder.Decode(&rec, e); err != nil {
			b.Fatal(err)
		}
		if _, why := pieces.Stream.Event(e, &rec); why != nil {
			b.Fatal(why)
		}
	}
	m := &millrace.Manifest{Model: "p", Positions: []millrace.Position{{Topic: "e", Offset: int64(b.N)}, {Topic: "l"}}, Spec: []byte("{}")}
	m.Keyed = pieces.Stream.Keyed(m.Positions)
	s := millrace.Snapshot{Manifest: *m}
	snapshot.Seal(&s)
	return pieces, &s.Manifest
}

// overflowIn gives pieces a disk for what waits, where the pipeline has one.
func overflowIn(b *testing.B, p *config.Pipeline, pieces *Pieces) {
	b.Helper()
	if p.Join.Disk == 0 {
		return
	}
	s, err := disk.Open(b.TempDir(), int64(p.Join.Disk))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	pieces.Join.Overflow(s)
}

// benchRecord is an event's.
func benchRecord(i, keys int) millrace.Record {
	at := int64(1_700_000_000_000 + i)
	return millrace.Record{Topic: "e", Offset: int64(i), Time: at,
		Value: fmt.Appendf(nil, `{"id":"tx-%d","t":%d,"card":"c%d","a":%d.5,"b":%d}`, i, at, i%keys, i%977, i%13)}
}

// BenchmarkCheckpoint writes and reads checkpoints of the state by key of b.N events, in processor time: copy is what
// a copy in memory of all of it takes, which learning stands still for but for what is on disk; keep what the last one
// takes at a clean end, start what a start takes that reads one, and log what one takes that reads the log.
func BenchmarkCheckpoint(b *testing.B) {
	windows := "  n: {type: window, key: card, over: 5m, stat: count}\n  s: {type: window, key: card, of: a, over: 5m, stat: sum}\n"
	for _, c := range []struct {
		name, text string
		keys       int
	}{
		{"windows of 100,000 keys", windows + "label: {path: y, classes: [n, p]}\n", 100_000},
		{"windows, each event of its own key", strings.ReplaceAll(windows, "5m", "1h") + "label: {path: y, classes: [n, p]}\n", math.MaxInt},
		{"waiting", "label: {path: y, classes: [n, p], topic: l, wait: 30d}\njoin: {memory: 4GiB}\n", 100_000},
		{"waiting on disk", "label: {path: y, classes: [n, p], topic: l, wait: 30d}\njoin: {memory: 16MiB, disk: 4GiB}\n", 100_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			pieces, m := keyedOf(b, c.text, c.keys)
			waiting := []byte(nil)
			if pieces.Join != nil {
				waiting = pieces.Join.AppendState(nil)
			}
			f, err := folder.Open(b.TempDir(), "p", func(path string, what error) { b.Errorf("%s: %v", path, what) })
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			var blocks [][]byte
			copied := processorTime(b, func() error {
				return pieces.Stream.Checkpoint(func(_ byte, block []byte) error {
					blocks = append(blocks, bytes.Clone(block))
					return nil
				})
			})
			var n int64
			kept := processorTime(b, func() (err error) {
				n, err = f.KeepCheckpoint(b.Context(), *m, "s", 8<<30, pieces.Stream.Checkpoint)
				return err
			})
			started := processorTime(b, func() error { return restoreOf(b, c.text, m, waiting, f) })
			log := logFrom(b, c.text, m, waiting, c.keys)
			b.ReportMetric(log*1e3, "log-ms")
			b.ReportMetric(copied*1e3, "copy-ms")
			b.ReportMetric(kept*1e3, "keep-ms")
			b.ReportMetric(started*1e3, "start-ms")
			b.ReportMetric(float64(n)/1e6, "MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processorTime is how many seconds of processors something takes, which does not depend on what else is running.
func processorTime(b *testing.B, do func() error) float64 {
	b.Helper()
	used := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	runtime.GC()
	before := used()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return used() - before
}

// restoreOf starts from the checkpoint in a folder.
func restoreOf(b *testing.B, text string, m *millrace.Manifest, waiting []byte, f *folder.Folder) error {
	b.Helper()
	p := benchPipeline(b, text)
	again, err := Build(p)
	if err != nil {
		return err
	}
	overflowIn(b, p, again)
	all := f.Checkpoints(func(path string, err error) { b.Error(path, err) })
	if len(all) != 1 {
		return fmt.Errorf("there are %d checkpoints", len(all))
	}
	r := learner.Rebuilding{Stream: again.Stream, Manifest: learner.Restored(m, &all[0].Manifest), Waiting: waiting, Decoder: again.Decoder,
		Checkpoint: func(write func(kind byte, block []byte) error) error { return all[0].Read(b.Context(), write) }}
	if again.Labels != nil {
		r.Labels = again.Labels
	}
	_, err = r.Run(b.Context())
	if err == nil && again.Join != nil && again.Join.Stats().Waiting != b.N {
		err = fmt.Errorf("%d events wait", again.Join.Stats().Waiting)
	}
	return err
}

// logFrom is what a start from the log takes, whose records are in memory.
func logFrom(b *testing.B, text string, m *millrace.Manifest, waiting []byte, keys int) float64 {
	b.Helper()
	p := benchPipeline(b, text)
	again, err := Build(p)
	if err != nil {
		b.Fatal(err)
	}
	overflowIn(b, p, again)
	events := &logInMemory{}
	for i := range b.N {
		events.records = append(events.records, benchRecord(i, keys))
	}
	events.next = int(m.Keyed.Rebuild[0].Offset)
	r := learner.Rebuilding{Stream: again.Stream, Manifest: m, Waiting: waiting, Decoder: again.Decoder,
		Merger: merge.New(merge.Options{Sources: []merge.Source{merge.Of(events)}, Now: time.Now})}
	if again.Labels != nil {
		r.Labels = again.Labels
	}
	return processorTime(b, func() error {
		_, err := r.Run(b.Context())
		if err == nil && again.Join != nil && again.Join.Stats().Waiting != b.N {
			err = fmt.Errorf("%d events wait", again.Join.Stats().Waiting)
		}
		return err
	})
}
