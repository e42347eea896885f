package pipeline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"
)

// relay stands between a pipeline and its servers. Frozen, it takes connections and what is written, and answers
// nothing: as a server that hangs, or a network that drops packets.
type relay struct {
	t        *testing.T
	mu       sync.Mutex
	listener map[string]net.Listener
	conns    []net.Conn
	frozen   map[string]chan struct{} // by the server's address; closed when it is frozen
	wait     sync.WaitGroup
}

func newRelay(t *testing.T) *relay {
	r := &relay{t: t, listener: map[string]net.Listener{}, frozen: map[string]chan struct{}{}}
	t.Cleanup(func() {
		r.mu.Lock()
		for _, l := range r.listener {
			_ = l.Close()
		}
		for _, c := range r.conns {
			_ = c.Close()
		}
		r.mu.Unlock()
		r.wait.Wait()
	})
	return r
}

// dial connects to a server by way of the relay, over TCP.
func (r *relay) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	l := r.listener[address]
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			r.mu.Unlock()
			return nil, err
		}
		r.listener[address], r.frozen[address] = l, r.state(address)
		r.wait.Go(func() { r.accept(l, address) })
	}
	r.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, network, l.Addr().String())
}

// state is closed when the server is frozen; the lock is held.
func (r *relay) state(address string) chan struct{} {
	if r.frozen[address] == nil {
		r.frozen[address] = make(chan struct{})
	}
	return r.frozen[address]
}

// freeze makes a server hang.
func (r *relay) freeze(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.state(address))
}

func (r *relay) accept(l net.Listener, address string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, client, server)
		frozen := r.state(address)
		r.mu.Unlock()
		r.wait.Go(func() { r.carry(server, client, frozen) })
		r.wait.Go(func() { r.carry(client, server, frozen) })
	}
}

// carry copies until one side ends, or swallows what comes once the server is frozen.
func (r *relay) carry(to, from net.Conn, frozen chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-frozen:
			if err == nil {
				continue
			}
			return // and the other side is left waiting
		default:
		}
		if _, writeErr := to.Write(buffer[:n]); writeErr != nil || err != nil {
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// TestShutdownIsBounded: whichever server hangs, the end comes within the time that it may take, also while nothing has
// begun yet. Time-outs of single requests are longer than all of it.
func TestShutdownIsBounded(t *testing.T) {
	const timeout = 12 * time.Second
	for _, test := range []struct {
		name         string
		kafka, redis bool
		idle         bool // nothing is left to publish, to write or to commit
	}{
		{name: "Redis", redis: true},
		{name: "Kafka", kafka: true},
		{name: "both", kafka: true, redis: true},
		{name: "both, idle", kafka: true, redis: true, idle: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := challenged(t, 1)
			r.slow()
			between := newRelay(t)
			data := rows(20_000, true)
			r.produce(data[:2000])
			s, err := open(t.Context(), Options{Config: r.pipeline, Learn: true, Score: true, Log: slog.New(slog.DiscardHandler),
				ShutdownTimeout: timeout, dial: between.dial}, r.challengers)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			waitFor(t, func() bool { return bothLearned(2000)(s) && s.scoring.loop.Finished() >= 2000 })
			if test.idle {
				time.Sleep(1200 * time.Millisecond) // all is published and committed
			}
			if test.redis {
				between.freeze(r.servers.redis.Addr())
			}
			if !test.idle { // then there is something to publish, and scores and dead letters are on their way
				r.produce(data[2000:])
				waitFor(t, func() bool { return bothLearned(4000)(s) })
			}
			if test.kafka {
				between.freeze(r.servers.kafka.Addr())
			}
			time.Sleep(300 * time.Millisecond) // so that somebody waits for an answer
			began := time.Now()
			stop()
			select {
			case err := <-ended:
				// With Kafka alone away, all may be acknowledged by chance.
				unpublished := test.redis && !test.idle
				if unpublished && err == nil || test.idle && err != nil || errors.Is(err, context.Canceled) {
					t.Errorf("it ended with %v", err)
				}
			case <-time.After(timeout + 30*time.Second):
				t.Fatal("it does not end")
			}
			took := time.Since(began)
			t.Logf("the end took %s", took)
			if took > timeout+slack {
				t.Errorf("the end took %s, and may take %s", took, timeout)
			}
			if s.abandoned.Load() {
				t.Error("something was given up: a wait has no deadline")
			}
		})
	}
}

// slack is for a machine that is busy.
const slack = 5 * time.Second

// slow makes single requests take longer than a shutdown may.
func (r *rig) slow() {
	for _, p := range append(r.challengers, r.pipeline) {
		p.Kafka.Timeout, p.Redis.Timeout = 20*time.Second, 20*time.Second
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not done in time")
		}
	}
}

// TestEndWhileOpening: a server that hangs from the first moment does not hold up the end that comes meanwhile.
func TestEndWhileOpening(t *testing.T) {
	for _, frozen := range []string{"Kafka", "Redis"} {
		t.Run(frozen, func(t *testing.T) {
			r := newRig(t, 1)
			r.slow()
			between := newRelay(t)
			if frozen == "Kafka" {
				between.freeze(r.servers.kafka.Addr())
			} else {
				between.freeze(r.servers.redis.Addr())
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- Run(ctx, Options{Config: r.pipeline, Learn: true, Score: true, Log: slog.New(slog.DiscardHandler), dial: between.dial})
			}()
			time.Sleep(300 * time.Millisecond)
			began := time.Now()
			stop()
			if err := <-ended; err != nil {
				t.Errorf("it ended with %v", err)
			}
			if took := time.Since(began); took > slack {
				t.Errorf("the end took %s", took)
			}
		})
	}
}

// TestWhatOutlastsTheShutdownIsGivenUp: a wait without a deadline, of which there should be none, ends the process's
// patience and not the bound.
func TestWhatOutlastsTheShutdownIsGivenUp(t *testing.T) {
	var r Pipeline
	r.o.ShutdownTimeout = 50 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	stop()
	release := make(chan struct{})
	err := r.wait(ctx, func() error { <-release; return io.EOF })
	close(release)
	if err == nil || errors.Is(err, io.EOF) || !r.abandoned.Load() {
		t.Errorf("it ended with %v", err)
	}
}
