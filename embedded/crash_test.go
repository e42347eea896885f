package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
	"millrace/store"
)

// childVariable makes this test binary a server process of its own, to be killed.
const childVariable = "MILLRACE_TEST_EMBEDDED_DIR"

type addresses struct{ Kafka, Redis, Cluster string }

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := serve(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// serve runs both servers until the process is killed, or its parent is gone.
func serve(dir string) error {
	k, err := StartKafka(KafkaOptions{Dir: dir, Topics: map[string]int{"events": 1}})
	if err != nil {
		return err
	}
	r, err := StartRedis(RedisOptions{Dir: dir})
	if err != nil {
		return err
	}
	go func() { _ = k.Run(context.Background()) }()
	go func() { _ = r.Run(context.Background()) }()
	if err := json.NewEncoder(os.Stdout).Encode(addresses{k.Addr(), r.Addr(), k.ClusterID()}); err != nil {
		return err
	}
	_, err = bufio.NewReader(os.Stdin).ReadByte()
	return err
}

func startChild(t *testing.T, dir string) (addresses, func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childVariable+"="+dir)
	child.Stderr = os.Stderr
	if _, err := child.StdinPipe(); err != nil { // closes when this process ends
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	t.Cleanup(kill)
	var a addresses
	if err := json.NewDecoder(out).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a, kill
}

// Records and snapshots are acknowledged while the process is killed, again and again. Afterwards every
// acknowledged record is in the log at its offset, the head is the last acknowledged one or a newer one,
// it loads, and its position is within the log.
func TestKillNine(t *testing.T) {
	const rounds = 4
	dir := t.TempDir()
	var produced atomic.Int64 // acknowledged records: offsets 0 to produced-1
	var last millrace.Head
	cluster := ""
	for round := range rounds {
		a, kill := startChild(t, dir)
		if cluster == "" {
			cluster = a.Cluster
		}
		if a.Cluster != cluster {
			t.Fatalf("cluster %s became %s", cluster, a.Cluster)
		}
		checkAfterKill(t, a, &produced, last)
		ctx, cancel := context.WithCancel(context.Background())
		enough := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			produceUntilKilled(ctx, t, a.Kafka, &produced)
		}()
		published := make(chan millrace.Head, 1)
		go func() { published <- publishUntilKilled(ctx, t, a.Redis, &produced, 10+7*round, enough) }()
		<-enough
		kill()
		cancel()
		<-done
		if h := <-published; h != (millrace.Head{}) {
			last = h
		}
	}
	a, _ := startChild(t, dir)
	checkAfterKill(t, a, &produced, last)
	if produced.Load() == 0 || last.Seq < 10*rounds {
		t.Errorf("only %d records and %d versions", produced.Load(), last.Seq)
	}
}

func produceUntilKilled(ctx context.Context, t *testing.T, addr string, produced *atomic.Int64) {
	// Without retries: what was on its way when the broker died has an unknown outcome, and stays so.
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("events"), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))
	if err != nil {
		t.Error(err)
		return
	}
	defer context.AfterFunc(ctx, c.Close)()
	for {
		n := produced.Load()
		r, err := c.ProduceSync(ctx, &kgo.Record{Value: fmt.Appendf(nil, "%d", n)}).First()
		if err != nil {
			return
		}
		if r.Offset != n {
			t.Errorf("record %d was acknowledged at offset %d", n, r.Offset)
			return
		}
		produced.Store(n + 1)
	}
}

// publishUntilKilled reports the last acknowledged head, and closes enough after n of them.
func publishUntilKilled(ctx context.Context, t *testing.T, addr string, produced *atomic.Int64, n int, enough chan struct{}) (last millrace.Head) {
	s, err := store.Open(store.Spec{URL: "redis://" + addr}, store.Options{})
	if err != nil {
		t.Error(err)
		return last
	}
	defer func() { _ = s.Close() }()
	w, _, err := s.Acquire(ctx, "m", "test")
	if err != nil {
		t.Error(err)
		close(enough)
		return last
	}
	for i := 0; ; i++ {
		snap := snapshotOf(t, uint64(i))
		snap.Manifest.Positions = []millrace.Position{{Topic: "events", Offset: produced.Load()}}
		h, err := w.Publish(ctx, snap, store.PublishOptions{Cause: "learned", Serve: true})
		if err != nil {
			if i < n {
				t.Error(err)
				close(enough)
			}
			return last
		}
		last = h
		if i+1 == n {
			close(enough)
		}
	}
}

func checkAfterKill(t *testing.T, a addresses, produced *atomic.Int64, last millrace.Head) {
	t.Helper()
	ctx := context.Background()
	ends, err := kadm.NewClient(clientOf(t, a.Kafka)).ListEndOffsets(ctx, "events")
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup("events", 0)
	if end.Offset < produced.Load() {
		t.Fatalf("the log ends at %d, %d records were acknowledged", end.Offset, produced.Load())
	}
	if end.Offset > produced.Load()+1 {
		t.Fatalf("the log ends at %d, though only one record beyond %d was on its way", end.Offset, produced.Load())
	}
	for i, value := range consume(t, a.Kafka, "events", int(end.Offset)) {
		if value != fmt.Sprint(i) {
			t.Fatalf("offset %d holds %q", i, value)
		}
	}
	produced.Store(end.Offset) // a record may have been kept whose acknowledgement was lost
	if last == (millrace.Head{}) {
		return
	}
	s := openStore(t, a.Redis, store.Options{})
	h, err := s.Head(ctx, "m")
	if err != nil || last.Newer(h) {
		t.Fatalf("head is %+v, %v; %+v was acknowledged", h, err, last)
	}
	if served, err := s.Served(ctx, "m"); err != nil || served != h {
		t.Fatalf("served is %+v, %v; head %+v", served, err, h)
	}
	snap, err := s.Load(ctx, "m", h, true)
	if err != nil {
		t.Fatal(err)
	}
	if p := snap.Manifest.Positions[0].Offset; p > end.Offset {
		t.Fatalf("the snapshot is at %d, the log ends at %d", p, end.Offset)
	}
}

// dialRedis speaks the wire protocol by hand and answers each command with its reply's first line.
func dialRedis(t *testing.T, addr string) func(args ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := bufio.NewReader(conn)
	return func(args ...string) string {
		t.Helper()
		var b strings.Builder
		fmt.Fprintf(&b, "*%d\r\n", len(args))
		for _, arg := range args {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
		}
		if _, err := conn.Write([]byte(b.String())); err != nil {
			t.Fatal(err)
		}
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
}
