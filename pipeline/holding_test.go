package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/embedded"
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

// heldBytes are what the log keeps, and a quarter more before producers wait.
const heldBytes = 2 << 20

// heldPipeline runs a pipeline on an embedded broker that keeps little, and returns it with its events' producer.
func heldPipeline(t *testing.T, text string, o Options) (r *Pipeline, produce func(ctx context.Context, rows int, size int) (Written, error), ran chan error) {
	t.Helper()
	p, err := config.Parse("held.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	o.Config, o.Learn, o.Score, o.Log = p, true, true, slog.New(slog.DiscardHandler)
	o.Servers.retention, o.Servers.batch = heldBytes, heldBytes/2
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

// forLabels waits so long that a log which survives the process is full before.
var forLabels = strings.Replace(heldConfig, `label: {path: y, `, `label: {topic: held.labels, id: id, wait: 30d, path: y, `, 1)

// TestProducerFasterThanLearner: more than the log keeps is sent faster than it is learned and scored, and none is
// lost: the producer waits. Without that the run ends with a gap.
func TestProducerFasterThanLearner(t *testing.T) {
	for _, where := range []string{"memory", "data directory"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			const rate = 4 << 20
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
			const rows, size = 300, 16 << 10 // more than twice as much as the log keeps
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
	o := Options{Servers: Servers{DataDir: t.TempDir()}, patience: 300 * time.Millisecond}
	_, produce, ran := heldPipeline(t, forLabels, o)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	produced := make(chan error, 1)
	go func() {
		_, err := produce(ctx, 320, 16<<10)
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

// TestCalledOffWhileHeld: a producer that is held back ends when it is called off, be it of the process that embeds the
// broker or another one, and knows what was written. Without that it would wait for the drain's time to pass.
func TestCalledOffWhileHeld(t *testing.T) {
	for _, who := range []string{"another process", "the run"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			r, produce, ran := heldPipeline(t, forLabels, Options{Servers: Servers{DataDir: t.TempDir()}})
			if who == "the run" {
				produce = func(ctx context.Context, rows, size int) (Written, error) {
					next := func(context.Context) (Row, error) {
						return Row{Value: fmt.Appendf(nil, `{"pad": %q}`, strings.Repeat("x", size))}, nil
					}
					return r.Produce(ctx, next, Produce{Events: uint64(rows)})
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			type end struct {
				Written
				error
			}
			ended := make(chan end, 1)
			go func() {
				written, err := produce(ctx, 320, 16<<10)
				ended <- end{written, err}
			}()
			for len(r.env.kafka.Full()) == 0 {
				select {
				case e := <-ended:
					t.Fatalf("it ended before it was held: %+v", e)
				case err := <-ran:
					t.Fatalf("the run ended: %v", err)
				case <-time.After(5 * time.Millisecond):
				}
			}
			stop()
			e := <-ended
			if e.error != nil || e.Events == 0 || e.Events >= 320 || int64(e.Events) != r.env.kafka.Ends("held.events")[0] {
				t.Errorf("it says %+v; the log ends at %v", e, r.env.kafka.Ends("held.events"))
			}
		})
	}
}

// TestLearningNeeds: what is kept for a learner, the champion's or a challenger's: what it has not applied, and where
// the log outlives the process what the newest version goes on from. A challenger that has not begun holds nobody.
func TestLearningNeeds(t *testing.T) {
	p, err := config.Parse("held.yaml", []byte(heldConfig), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	at := &headMarks{positions: []millrace.Position{{Topic: "held.events", Partition: 0, Offset: 70}, {Topic: "held.events", Partition: 1, Offset: 9}},
		rebuild: []millrace.Mark{{Topic: "held.events", Partition: 0, Offset: 30}, {Topic: "held.events", Partition: 1, Offset: 10}}}
	for name, c := range map[string]struct {
		champion string
		marks    *headMarks
		ended    bool
		want     []embedded.Reader
	}{
		"a champion that has not begun":   {want: []embedded.Reader{{Topic: "held.events", Needed: map[int32]int64{}}}},
		"a challenger that has not begun": {champion: "x"},
		"a champion":                      {marks: at, want: []embedded.Reader{{Topic: "held.events", Needed: map[int32]int64{0: 30, 1: 9}}}},
		"a challenger":                    {champion: "x", marks: at, want: []embedded.Reader{{Topic: "held.events", Needed: map[int32]int64{0: 30, 1: 9}}}},
		"a challenger that has ended":     {champion: "x", marks: at, ended: true},
	} {
		e := newEnvironment(p, slog.New(slog.DiscardHandler))
		if e.champion = c.champion; c.marks != nil {
			e.marks.Store(c.marks)
		}
		if c.ended {
			e.ended.Store(&ending{})
		}
		if got := e.learningNeeds(nil, nil, true); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s needs %v, want %v", name, got, c.want)
		}
	}
}
