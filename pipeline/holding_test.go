package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"millrace/config"
)

// slowConn reads no faster than so many bytes a second.
type slowConn struct {
	net.Conn
	rate int
}

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), c.rate/50)])
	time.Sleep(time.Duration(float64(n) / float64(c.rate) * float64(time.Second)))
	return n, err
}

// heldPipeline runs a pipeline on an embedded broker of the least retention, and returns it with its events' producer.
func heldPipeline(t *testing.T, text string, o Options) (r *Pipeline, produce func(ctx context.Context, rows int, size int) (Written, error), ran chan error) {
	t.Helper()
	p, err := config.Parse("held.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	o.Config, o.Learn, o.Score, o.Log = p, true, true, slog.New(slog.DiscardHandler)
	o.Servers.retention = 1 // raised to the least there is
	p.Events.UnknownTopic = config.UnknownTopicCreate
	if r, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	ran = make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); ran <- r.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	if err := r.Begun(t.Context()); err != nil {
		t.Fatal(err)
	}
	external := *p
	external.Kafka.Mode, external.Kafka.Brokers = "external", []string{r.env.kafka.Addr()}
	produce = func(ctx context.Context, rows, size int) (Written, error) {
		n, pad := 0, strings.Repeat("x", size)
		next := func(context.Context) (Row, error) {
			if n == rows {
				return Row{}, io.EOF
			}
			n++
			return Row{Value: fmt.Appendf(nil, `{"id": "e%d", "amount": %d, "y": %d, "pad": %q}`, n, n%7, n%2, pad)}, nil
		}
		written, _, err := ProduceTo(ctx, &external, slog.New(slog.DiscardHandler), next, Produce{})
		return written, err
	}
	return r, produce, ran
}

const heldConfig = `
name: held
events: {topic: held.events, id: id, partitions: 1}
features: {amount: number}
label: {path: y, classes: ["0", "1"]}
model: logistic
snapshots: {every: 200ms, keep: 3}
scores: {start: earliest}
limits: {event: 1MiB}
kafka: embedded
redis: embedded
admin: 127.0.0.1:0
`

// TestProducerFasterThanLearner: more than the log keeps is sent faster than it is learned and scored, and none is
// lost: the producer waits. Without that the run ends with a gap.
func TestProducerFasterThanLearner(t *testing.T) {
	for _, where := range []string{"memory", "data directory"} {
		t.Run(where, func(t *testing.T) {
			const rate = 16 << 20
			var o Options
			if where != "memory" {
				o.Servers.DataDir = t.TempDir()
			}
			o.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return slowConn{c, rate}, err
			}
			var scored atomic.Int64
			o.OnScore = func(_, _ []byte) { scored.Add(1) }
			r, produce, ran := heldPipeline(t, heldConfig, o)
			const rows, size = 320, 256 << 10 // 80 MiB, and the log keeps 32
			written, err := produce(t.Context(), rows, size)
			if err != nil || written.Events != rows {
				t.Fatalf("%+v written: %v", written, err)
			}
			through := make(chan error, 1)
			go func() { through <- r.Through(t.Context()) }()
			select {
			case err := <-ran:
				t.Fatalf("the run ended: %v", err)
			case err := <-through:
				if err != nil {
					t.Fatal(err)
				}
			}
			if l := r.Status().Learning; l.Learned != rows || scored.Load() != rows {
				t.Errorf("%d events are learned and %d scored, of %d", l.Learned, scored.Load(), rows)
			}
		})
	}
}

// TestHeldForNothing: all is learned, and a data directory's log is full of events that wait for labels of days later.
// The run ends with what a person can do, in place of holding its producer for ever.
func TestHeldForNothing(t *testing.T) {
	text := strings.Replace(heldConfig, `label: {path: y, `, `label: {topic: held.labels, id: id, wait: 30d, path: y, `, 1)
	o := Options{Servers: Servers{DataDir: t.TempDir()}}
	_, produce, ran := heldPipeline(t, text, o)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	produced := make(chan error, 1)
	go func() {
		_, err := produce(ctx, 320, 256<<10)
		produced <- err
	}()
	err := <-ran
	if err == nil || !strings.Contains(err.Error(), "held.events/0 is full") || !strings.Contains(err.Error(), "label.wait") {
		t.Errorf("the run ended with %v", err)
	}
	stop()
	if err := <-produced; errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
