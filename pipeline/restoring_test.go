package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/consumers"
	"millrace/scorer"
)

// redis sends the rig's store one command and returns its answer: the first line, or a bulk string's content.
func (r *rig) redis(words ...string) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.servers.redis.Addr())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(w), w)
	}
	answer := bufio.NewReader(conn)
	line, err := answer.ReadString('\n')
	line = strings.TrimSpace(line)
	if n, isBulk := strings.CutPrefix(line, "$"); err == nil && isBulk {
		size, _ := strconv.Atoi(n)
		content := make([]byte, max(size, 0))
		_, err = io.ReadFull(answer, content)
		line = string(content)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return line
}

// following runs a scorer that lives for as long as the test, as those in processes of their own do.
func (r *rig) following() *scorer.Scorer {
	r.t.Helper()
	e := r.open()
	s, err := newScorer(e, scorer.NewMetrics(prometheus.NewRegistry(), r.pipeline.Label.Classes, time.Now))
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Run(ctx); err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(func() { cancel(); done.Wait() })
	return s
}

// waitServes waits until the scorer serves a version with so many events that satisfies also.
func waitServes(t *testing.T, s *scorer.Scorer, learned uint64, also func(millrace.Head) bool) millrace.Head {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		v := s.Current()
		if v != nil && v.Manifest.Learned == learned && also(v.Head) {
			return v.Head
		}
		if time.Now().After(deadline) {
			t.Fatalf("the scorer does not serve a version with %d events, but %+v", learned, v)
		}
	}
}

func whatever(millrace.Head) bool { return true }

// TestEmptiedStoreIsRestored: a learner that starts on a store that lost its data puts back the copy in its state
// folder. A scorer that lives through it goes on, and the state is, bit for bit, that of a learner that never lost
// anything.
func TestEmptiedStoreIsRestored(t *testing.T) {
	const n = 2000
	data := rows(n, false)
	whole := newRig(t, 1)
	whole.produce(data)
	whole.run(false, learnedAll(n))
	want := whole.head()

	r := newRig(t, 1)
	r.pipeline.State = filepath.Join(t.TempDir(), "state")
	r.produce(data[:n/2])
	r.run(false, learnedAll(n/2))
	s := r.following()
	before := waitServes(t, s, n/2, whatever)
	r.redis("FLUSHALL")
	r.run(false, func(*Pipeline) bool { return true }) // it has nothing to learn, and restores at once
	restored := waitServes(t, s, n/2, func(h millrace.Head) bool { return h.Newer(before) })
	if restored.Cause != millrace.CauseRestored || restored.Origin != before.Origin {
		t.Errorf("restored %+v, it was %+v", restored, before)
	}
	r.produce(data[n/2:])
	r.run(false, learnedAll(n))
	waitServes(t, s, n, whatever)
	if got := r.head(); got.Manifest.Origin != before.Origin || !bytes.Equal(got.Serving, want.Serving) || !bytes.Equal(got.Training, want.Training) {
		t.Errorf("after the loss: %+v", got.Manifest)
	}

	// An older head of the same lineage is what a lagging replica has. Settings that differ are refused as ever.
	older := r.redis("GET", "millrace:{loop}:head")
	r.produce(data[:100])
	r.run(false, learnedAll(n+100))
	seen := waitServes(t, s, n+100, whatever)
	r.redis("SET", "millrace:{loop}:head", older)
	r.redis("SET", "millrace:{loop}:served", older)
	r.run(false, func(*Pipeline) bool { return true })
	waitServes(t, s, n+100, func(h millrace.Head) bool { return h.Newer(seen) })
	r.redis("FLUSHALL")
	r.pipeline.Limits.Event++
	err := r.fails()
	if err == nil || !strings.Contains(err.Error(), "other settings") || r.redis("DBSIZE") != ":0" {
		t.Errorf("with other settings: %v", err)
	}
}

// fails opens a learner that must be refused.
func (r *rig) fails() error {
	r.t.Helper()
	p, err := open(r.t.Context(), Options{Config: r.pipeline, Learn: true, Log: r.log}, nil)
	if err == nil {
		p.Close()
	}
	return err
}

// TestEmptiedStoreIsNotBegunAnew: without a copy, a learner whose group has positions refuses a store that knows
// nothing of it, and says what to do. On purpose it begins anew, and scorers that live through it go over to the new
// model.
func TestEmptiedStoreIsNotBegunAnew(t *testing.T) {
	const n = 300
	r := newRig(t, 1)
	r.produce(rows(n, false))
	r.run(false, learnedAll(n))
	s := r.following()
	before := waitServes(t, s, n, whatever)
	r.redis("FLUSHALL")
	err := r.fails()
	for _, want := range []string{"lost its data", "loop.learner", "import", "--state-dir", "--fresh"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a new learner on the emptied store: %v, want %q in it", err, want)
		}
	}
	if got := r.redis("DBSIZE"); got != ":0" {
		t.Errorf("the refused learner left %s keys", got)
	}
	r.fresh()
	after := waitServes(t, s, n, func(h millrace.Head) bool { return h.Newer(before) })
	if after.Origin == before.Origin || after.Began != millrace.CauseFresh {
		t.Errorf("begun on purpose: %+v after %+v", after, before)
	}
}

// fresh runs a learner from the topic's beginning to its end.
func (r *rig) fresh() {
	r.t.Helper()
	ctx, stop := context.WithCancel(r.t.Context())
	p, err := open(ctx, Options{Config: r.pipeline, Learn: true, Fresh: true, Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer p.Close()
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); !learnedAll(300)(p) && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		r.t.Fatal(err)
	}
}

// TestImportAfterALoss: the copy is a snapshot file like any other, which a person may import on another machine.
func TestImportAfterALoss(t *testing.T) {
	const n = 300
	r := newRig(t, 1)
	r.pipeline.State = t.TempDir()
	r.produce(rows(n, false))
	r.run(false, learnedAll(n))
	s := r.following()
	before := waitServes(t, s, n, whatever)
	r.redis("FLUSHALL")
	file := filepath.Join(r.pipeline.State, "loop", "newest.millrace")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy: %v, %v", info, err)
	}
	snap, err := ReadSnapshot(r.pipeline, file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(t.Context(), r.servers.store.Store, r.pipeline, &snap, millrace.CauseImported, false); err != nil {
		t.Fatal(err)
	}
	waitServes(t, s, n, func(h millrace.Head) bool { return h.Newer(before) && h.Began == millrace.CauseImported })
	r.pipeline.State = "" // another machine
	r.produce(rows(100, false))
	r.run(false, learnedAll(n+100))
	waitServes(t, s, n+100, whatever)
}

// TestIdleLearnerNotices: a learner without events publishes again when the store has lost what it had, and scorers
// that start later find it. What has learned nothing is not served.
func TestIdleLearnerNotices(t *testing.T) {
	const n = 300
	r := newRig(t, 1)
	r.produce(rows(n, false))
	s := r.following()
	var before millrace.Head
	r.run(false, func(p *Pipeline) bool {
		if !learnedAll(n)(p) {
			return false
		}
		if before == (millrace.Head{}) {
			before = waitServes(t, s, n, whatever)
			r.redis("FLUSHALL")
		}
		h, err := r.servers.store.Served(t.Context(), "loop")
		return err == nil && h.Newer(before)
	})
	after := waitServes(t, s, n, func(h millrace.Head) bool { return h.Newer(before) })
	if after.Origin != before.Origin || after.Epoch != before.Epoch {
		t.Errorf("published again as %+v, it was %+v", after, before)
	}
	waitServes(t, r.following(), n, whatever)

	empty := newRig(t, 1)
	if err := empty.servers.cluster.EnsureTopic(t.Context(), consumers.TopicSpec{Name: "loop.events", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	flushed := false
	empty.run(false, func(*Pipeline) bool {
		if !flushed {
			flushed = true
			empty.redis("FLUSHALL")
		}
		_, err := empty.servers.store.Head(t.Context(), "loop")
		return err == nil
	})
	if got := empty.redis("EXISTS", "millrace:{loop}:served"); got != ":0" {
		t.Error("a model that has learned nothing is served")
	}
}

// TestForgetfulStore: a store in this process's memory alone is empty at every start, which is no loss.
func TestForgetfulStore(t *testing.T) {
	const n = 200
	r := newRig(t, 1)
	r.produce(rows(n, false))
	r.pipeline.Redis.Mode, r.pipeline.Redis.URL = "embedded", ""
	for range 2 {
		r.run(true, learnedAll(n))
	}
	r.pipeline.State = t.TempDir()
	r.run(true, learnedAll(n))
	r.produce(rows(n, false))
	r.run(true, learnedAll(2*n)) // it has not begun anew: the topic holds no more
}
