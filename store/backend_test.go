package store

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"millrace"
	"millrace/snapshot"
)

// backend is one Redis that the whole suite runs against.
type backend struct {
	name string
	addr string
}

// backends are miniredis and, where it is installed, a real Redis.
func backends(t *testing.T) []backend {
	all := []backend{{"miniredis", miniredis.RunT(t).Addr()}}
	if path, err := exec.LookPath("redis-server"); err == nil {
		all = append(all, backend{"redis", startRedis(t, path).addr})
	} else {
		t.Log("redis-server is not on PATH: the suite runs on miniredis only")
	}
	return all
}

// server is a real Redis process.
type server struct {
	path, dir, addr string
	extra           []string
	process         *exec.Cmd
}

func startRedis(t testing.TB, path string, extra ...string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{path: path, dir: t.TempDir(), addr: listener.Addr().String(), extra: extra}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", s.dir,
		"--appendonly", "yes", "--save", "",
	}, s.extra...)
	s.process = exec.Command(s.path, args...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.addr); err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not come up")
		}
	}
}

// kill is kill -9 of this process alone.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func open(t testing.TB, addr string, o Options) *Store {
	t.Helper()
	spec := Spec{URL: "redis://" + addr + "/0", Timeout: 5 * time.Second, Retry: 5 * time.Second}
	s, err := Open(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// modelOf gives every test a model of its own, so that one server serves them all.
func modelOf(t testing.TB) string {
	return strings.Map(func(c rune) rune {
		if c == '/' || c == '#' {
			return '.'
		}
		return c
	}, t.Name())
}

// component is a component with one weight in either blob.
type component struct{ serving, training []float32 }

func (c *component) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("w", millrace.Tensor{Shape: []int{len(c.serving)}, F32: c.serving}, millrace.Serving)
	visit("v", millrace.Tensor{Shape: []int{len(c.training)}, F32: c.training}, millrace.Training)
}

func (c *component) Restored() error { return nil }

// snapshotOf is a snapshot whose weights are all value, of about the given size.
func snapshotOf(t testing.TB, value float32, size int) *millrace.Snapshot {
	t.Helper()
	c := &component{make([]float32, size/4+1), make([]float32, size/4+1)}
	for i := range c.serving {
		c.serving[i], c.training[i] = value, -value
	}
	l, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "m", State: c})
	if err != nil {
		t.Fatal(err)
	}
	b := l.NewBuffer()
	l.Copy(b)
	snap := &millrace.Snapshot{
		Manifest: millrace.Manifest{Cluster: "c", Spec: []byte(`{}`), Learned: uint64(value)},
		Serving:  b.Serving(), Training: b.Training(),
	}
	snapshot.Seal(snap)
	return snap
}

func acquire(t testing.TB, s *Store, model string) *Writer {
	t.Helper()
	w, _, err := s.Acquire(context.Background(), model, "test")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func publish(t testing.TB, w *Writer, value float32) millrace.Head {
	t.Helper()
	h, err := w.Publish(context.Background(), snapshotOf(t, value, 64), PublishOptions{Cause: "learned", Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// learnedOf loads what h points to and reads its value back.
func learnedOf(t testing.TB, s *Store, model string, h millrace.Head) uint64 {
	t.Helper()
	snap, err := s.Load(context.Background(), model, h, true)
	if err != nil {
		t.Fatal(err)
	}
	return snap.Manifest.Learned
}

func head(t testing.TB, s *Store, model string) millrace.Head {
	t.Helper()
	h, err := s.Head(context.Background(), model)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantError(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want one that wraps %v", err, target)
	}
}

// keysLike lists a model's keys.
func keysLike(t testing.TB, s *Store, pattern string) []string {
	t.Helper()
	var found []string
	// Braces are no wildcards to Redis, but the brackets of a subtest's name would be.
	scan := s.client.Scan(context.Background(), 0, pattern, 1000).Iterator()
	for scan.Next(context.Background()) {
		found = append(found, scan.Val())
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// fault is what happens to one write of a client.
type fault int

const (
	pass fault = iota
	dropRequest
	dropReply
)

// faults is a network that damages chosen requests.
type faults struct {
	mu     sync.Mutex
	choose func(request string) fault
}

func (f *faults) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return &faultConn{Conn: conn, faults: f}, err
}

func (f *faults) set(choose func(string) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choose = choose
}

// dropFlips damages the next n flips.
func (f *faults) dropFlips(s *Store, n int, how fault) *int {
	seen := new(int)
	f.set(func(request string) fault {
		if !isFlip(s, request) {
			return pass
		}
		*seen++
		if *seen <= n {
			return how
		}
		return pass
	})
	return seen
}

func isFlip(s *Store, request string) bool {
	return strings.Contains(request, s.scripts.flip.Hash()) || strings.Contains(request, "return 'GONE'")
}

type faultConn struct {
	net.Conn
	faults *faults
	broken bool
}

var errInjected = errors.New("injected: connection reset")

func (c *faultConn) Write(b []byte) (int, error) {
	c.faults.mu.Lock()
	how := pass
	if c.faults.choose != nil {
		how = c.faults.choose(string(b))
	}
	c.faults.mu.Unlock()
	switch how {
	case dropRequest:
		_ = c.Close()
		return 0, errInjected
	case dropReply:
		c.broken = true
	}
	return c.Conn.Write(b)
}

// Read of a broken connection first takes the reply, so that the server has certainly done its work.
func (c *faultConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.broken && err == nil {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// clock is a settable clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func nan() float32 { return float32(math.NaN()) }

// eventually awaits a condition that another goroutine brings about.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("this never happened: " + what)
		}
	}
}
