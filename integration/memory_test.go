//go:build integration

package integration

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"millrace"
	"millrace/integration/harness"
)

// waitServed waits until what the pipeline serves satisfies.
func (p *pipeline) waitServed(what string, is func(millrace.Head) bool) millrace.Head {
	p.t.Helper()
	var served millrace.Head
	waitFor(p.t, what, func() (bool, string) {
		h, err := p.store.Served(p.t.Context(), p.spec.name)
		served = h
		return err == nil && is(h), fmt.Sprintf("served is %+v, %v", h, err)
	})
	return served
}

// waitInService waits until the scorer has a version with this number in service, and fails when it has refused more
// than so many.
func (s *stage) waitInService(seq uint64, refused float64) {
	s.t.Helper()
	s.waitMetric(1, "millrace_model_info", fmt.Sprintf("version=%q", fmt.Sprint(seq)), `role="scorer"`)
	if n := s.metric("millrace_snapshots_refused_total", `reason="stale"`) + s.metric("millrace_snapshots_refused_total", `reason="other_origin"`); n > refused {
		s.t.Errorf("the scorer has refused %v versions\n%s", n, s.Stderr())
	}
}

// A Redis that keeps nothing is restarted twice. The learner that lives through it, though idle, publishes again; one
// that starts after it restores the store from its state folder, and refuses without. The scorer never notices, nothing
// is learned twice, and one that starts later serves the same.
func TestRedisRestartedEmpty(t *testing.T) {
	redis := harness.NewRedis(t, harness.RedisOptions{Own: true, Args: []string{"--appendonly", "no"}})
	p := newPipeline(t, pipelineSpec{name: "emptied", learns: example(t, "elec"), redis: redis.URL()})
	state, data := filepath.Join(t.TempDir(), "state"), elec(t)
	restart := func() {
		t.Helper()
		if err := redis.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := redis.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	learner := p.running("learn", "--state-dir", state)
	p.produce(data, "--events", "1000")
	p.waitApplied(learner)
	before := p.waitServed("a version", func(h millrace.Head) bool { return true })
	scorer := p.running("score")
	scorer.waitInService(before.Seq, 0)

	restart()
	again := p.waitServed("a version published again", func(h millrace.Head) bool { return h.Newer(before) })
	if again.Origin != before.Origin || again.Epoch != before.Epoch {
		t.Errorf("published again as %+v, it was %+v", again, before)
	}
	scorer.waitInService(again.Seq, 0)
	p.produce(data, "--events", "1000")
	p.waitApplied(learner)
	learner.terminate()
	before = p.waitServed("the last version", func(h millrace.Head) bool { return true })
	scorer.waitInService(before.Seq, 0)

	restart()
	refused := verb(t, "learn", "-c", p.file, "--admin", "127.0.0.1:0")
	for _, want := range []string{"lost its data", "--state-dir", "snapshots import", "--fresh"} {
		if refused.code != 1 || !strings.Contains(refused.stderr, want) {
			t.Errorf("a learner without a state folder: exit code %d, %s, want %q", refused.code, refused.stderr, want)
		}
	}
	if answer, err := redis.Command(t.Context(), "DBSIZE"); err != nil || answer != ":0" {
		t.Errorf("the refused learner left %s keys, %v", answer, err)
	}
	learner = p.running("learn", "--state-dir", state)
	restored := p.waitServed("the restored version", func(h millrace.Head) bool { return h.Newer(before) })
	if restored.Origin != before.Origin || !strings.Contains(learner.Stderr(), "restoring it from the copy") {
		t.Errorf("restored %+v, it was %+v\n%s", restored, before, learner.Stderr())
	}
	scorer.waitInService(restored.Seq, 0)
	p.produce(data, "--events", "1000")
	p.waitApplied(learner)
	learner.terminate()
	last := p.waitServed("the last version", func(h millrace.Head) bool { return true })
	scorer.waitInService(last.Seq, 0)
	later := p.running("score")
	later.waitInService(last.Seq, 0)
	if m := p.checkExact(0); m.Learned != 3000 {
		t.Errorf("learned %d of 3000 events", m.Learned)
	}
}

// A replica that lags behind is promoted: the learner's last versions and epoch are gone. The learner that lives
// publishes again, one that starts later goes on, and the scorer takes all of it for newer.
func TestReplicaPromoted(t *testing.T) {
	primary := harness.NewRedis(t, harness.RedisOptions{Own: true})
	host, port, _ := net.SplitHostPort(primary.Addr())
	replica := harness.NewRedis(t, harness.RedisOptions{Own: true, Args: []string{"--replicaof", host, port}})
	way := newSwitch(t, primary.Addr())
	p := newPipeline(t, pipelineSpec{name: "promoted", learns: example(t, "elec"), redis: "redis://" + way.addr() + "/0"})
	data := elec(t)
	first := p.running("learn")
	p.produce(data, "--events", "500")
	p.waitApplied(first)
	first.terminate()
	old := p.waitServed("a version", func(h millrace.Head) bool { return true })
	waitFor(t, "the replica's copy", func() (bool, string) {
		head, err := replica.Command(t.Context(), "GET", "millrace:{promoted}:head")
		return err == nil && strings.Contains(head, old.Candidate), fmt.Sprint(head, err)
	})
	if answer, err := replica.Command(t.Context(), "REPLICAOF", "NO", "ONE"); err != nil || answer != "+OK" {
		t.Fatal(answer, err)
	}
	learner := p.running("learn") // under an epoch that the replica never hears of
	p.produce(data, "--events", "500")
	p.waitApplied(learner)
	seen := p.waitServed("versions that the replica lacks", func(h millrace.Head) bool { return h.Epoch > old.Epoch })
	scorer := p.running("score")
	scorer.waitInService(seen.Seq, 0)
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	way.to(replica.Addr())

	again := p.waitServed("a version published again", func(h millrace.Head) bool { return h.Newer(seen) })
	if again.Origin != seen.Origin || again.Epoch != seen.Epoch {
		t.Errorf("published again as %+v, scorers saw %+v", again, seen)
	}
	scorer.waitInService(again.Seq, 1) // what the replica had is older, and refused as long as it is there
	p.produce(data, "--events", "500")
	p.waitApplied(learner)
	learner.terminate()
	later := p.running("learn")
	p.produce(data, "--events", "500")
	p.waitApplied(later)
	later.terminate()
	last := p.waitServed("the last version", func(h millrace.Head) bool { return h.Newer(again) })
	scorer.waitInService(last.Seq, 1)
	if m := p.checkExact(0); m.Learned != 2000 {
		t.Errorf("learned %d of 2000 events", m.Learned)
	}
}

// way is an address that leads to one server now and to another later, as that of a Redis with a failover does.
type way struct {
	t        *testing.T
	listener net.Listener
	mu       sync.Mutex
	target   string
	open     []net.Conn
}

func newSwitch(t *testing.T, target string) *way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{t: t, listener: listener, target: target}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.carry(conn)
		}
	}()
	return w
}

func (w *way) addr() string { return w.listener.Addr().String() }

// to leads new connections to another server and ends those to the former.
func (w *way) to(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = target
	for _, conn := range w.open {
		_ = conn.Close()
	}
	w.open = nil
}

func (w *way) carry(client net.Conn) {
	defer client.Close()
	w.mu.Lock()
	target := w.target
	w.open = append(w.open, client)
	w.mu.Unlock()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	_, _ = io.Copy(server, client)
}
