package store

import (
	"context"
	"crypto/tls"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"millrace"
)

const secret = "s3cret"

func TestValidate(t *testing.T) {
	good := Spec{Mode: "external", URL: "redis://user:" + secret + "@localhost:6379/0", Timeout: time.Second}
	tests := map[string]struct {
		change func(s *Spec)
		paths  []string
	}{
		"good":             {func(*Spec) {}, nil},
		"default mode":     {func(s *Spec) { s.Mode = "" }, nil},
		"TLS":              {func(s *Spec) { s.URL = "rediss://h:1/2" }, nil},
		"embedded":         {func(s *Spec) { s.Mode, s.URL = "embedded", "" }, nil},
		"no URL":           {func(s *Spec) { s.URL = "" }, []string{"url"}},
		"other scheme":     {func(s *Spec) { s.URL = "http://user:" + secret + "@h" }, []string{"url"}},
		"no database":      {func(s *Spec) { s.URL = "redis://:" + secret + "@h/x" }, []string{"url"}},
		"bad escape":       {func(s *Spec) { s.URL = "redis://:" + secret + "%zz@h" }, []string{"url"}},
		"mode and timeout": {func(s *Spec) { s.Mode, s.Timeout, s.Retry = "cloud", 0, -1 }, []string{"mode", "timeout", "retry"}},
	}
	for name, test := range tests {
		spec := good
		test.change(&spec)
		var paths []string
		for _, v := range spec.Validate() {
			paths = append(paths, v.Path)
			if strings.Contains(v.Message, secret) || v.Message == "" {
				t.Errorf("%s: message %q", name, v.Message)
			}
		}
		if !slices.Equal(paths, test.paths) {
			t.Errorf("%s: violations of %v, want %v", name, paths, test.paths)
		}
		if _, err := Open(spec, Options{}); slices.Contains(paths, "url") && (err == nil || strings.Contains(err.Error(), secret)) {
			t.Errorf("%s: opening gives %v", name, err)
		}
	}
}

func openURL(t *testing.T, url string, retry time.Duration) *Store {
	t.Helper()
	s, err := Open(Spec{URL: url, Timeout: time.Second, Retry: retry}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestUnreachable(t *testing.T) {
	s := openURL(t, "redis://:"+secret+"@127.0.0.1:1/0", 20*time.Millisecond)
	ctx := context.Background()
	_, checkErr := s.Check(ctx)
	_, _, acquireErr := s.Acquire(ctx, "m", "x")
	_, rollbackErr := s.Rollback(ctx, "m", 1, "x")
	_, listErr := s.List(ctx, "m")
	for doing, err := range map[string]error{
		"checking": checkErr, "acquiring": acquireErr, "rolling back": rollbackErr, "listing": listErr, "waiting": s.Ready(ctx),
	} {
		if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth("right")
	s := openURL(t, "redis://:"+secret+"@"+m.Addr()+"/0", time.Hour)
	err := s.Ready(context.Background()) // at once: more tries would not help
	if err == nil || !strings.Contains(err.Error(), m.Addr()) || strings.Contains(err.Error(), secret) {
		t.Errorf("error is %v", err)
	}
	if err := openURL(t, "redis://:right@"+m.Addr()+"/0", 0).Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestReadyWaits(t *testing.T) {
	m := miniredis.RunT(t)
	// It is the way there that is closed and opened: started again, miniredis accepts before it knows its commands.
	var open atomic.Bool
	refused := make(chan struct{}, 1)
	s, err := Open(Spec{URL: "redis://" + m.Addr() + "/0", Timeout: time.Second, Retry: 10 * time.Second}, Options{
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if !open.Load() {
				select {
				case refused <- struct{}{}:
				default:
				}
				return nil, syscall.ECONNREFUSED
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ready := make(chan error, 1)
	go func() { ready <- s.Ready(context.Background()) }()
	select {
	case err := <-ready:
		t.Fatalf("ready before Redis answered: %v", err)
	case <-refused:
	}
	open.Store(true)
	if err := <-ready; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m.Close()
	wantError(t, s.Ready(ctx), context.Canceled)
}

func TestCheck(t *testing.T) {
	ctx := context.Background()
	embedded, err := Open(Spec{Mode: "embedded", URL: "redis://" + miniredis.RunT(t).Addr()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if warnings, err := embedded.Check(ctx); err != nil || len(warnings) != 0 {
		t.Errorf("embedded: %v, %v", warnings, err)
	}
	// A server that does not tell its settings, as managed ones do.
	silent := openURL(t, "redis://"+miniredis.RunT(t).Addr(), 0)
	if warnings, err := silent.Check(ctx); err != nil || len(warnings) != 2 || !strings.Contains(warnings[0], "noeviction") {
		t.Errorf("silent: %v, %v", warnings, err)
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not on PATH")
	}
	server := openURL(t, "redis://"+startRedis(t, path).addr, 0)
	if warnings, err := server.Check(ctx); err != nil || len(warnings) != 0 {
		t.Errorf("a well set up Redis: %v, %v", warnings, err)
	}
	server.client.ConfigSet(ctx, "maxmemory-policy", "allkeys-lru")
	server.client.ConfigSet(ctx, "appendonly", "no")
	if warnings, err := server.Check(ctx); err != nil || len(warnings) != 2 {
		t.Errorf("a badly set up Redis: %v, %v", warnings, err)
	}
}

func TestWarnings(t *testing.T) {
	tests := map[string]struct {
		got  []string
		want []string
	}{
		"evicts":  {settingWarnings(map[string]string{"maxmemory-policy": "volatile-lru", "maxmemory": "100"}), []string{"may be evicted"}},
		"rdb":     {settingWarnings(map[string]string{"appendonly": "no", "save": "60 1"}), []string{"RDB"}},
		"nothing": {settingWarnings(nil), nil},
		"replica": {replicationWarnings(parseInfo("# Replication\r\nrole:slave\r\nmaster_link_status:down\r\n")), []string{"is a replica", "link"}},
		"lagging": {replicationWarnings(parseInfo("role:master\r\nslave0:ip=10.0.0.1,port=1,state=online,offset=5,lag=60\r\n")), []string{"60 s"}},
		"fine":    {replicationWarnings(parseInfo("role:master\r\nslave0:ip=10.0.0.1,port=1,state=online,offset=5,lag=1\r\nslave_x:1\r\n")), nil},
	}
	for name, test := range tests {
		if len(test.got) != len(test.want) {
			t.Errorf("%s: %v", name, test.got)
			continue
		}
		for i := range test.want {
			if !strings.Contains(test.got[i], test.want[i]) {
				t.Errorf("%s: %q has no %q", name, test.got[i], test.want[i])
			}
		}
	}
}

// A dialer of one's own must not switch TLS off.
func TestDialerSpeaksTLS(t *testing.T) {
	client, server := net.Pipe()
	dial := dialer(func(context.Context, string, string) (net.Conn, error) { return client, nil }, &tls.Config{ServerName: "h"})
	hello := make(chan byte, 1)
	go func() {
		var b [1]byte
		if _, err := server.Read(b[:]); err == nil {
			hello <- b[0]
		}
		_ = server.Close()
	}()
	if _, err := dial(context.Background(), "tcp", "h:1"); err == nil {
		t.Error("no error although the server hung up")
	}
	if got := <-hello; got != 22 { // a TLS handshake record
		t.Errorf("the first byte is %d", got)
	}
}

func TestVictims(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	version := func(seq uint64, candidate string, age time.Duration) record {
		r, err := newRecord(millrace.Head{Seq: seq, Epoch: 1, Candidate: candidate}, now.Add(-age))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	hour := time.Hour
	st := state{
		history: []record{
			version(6, "a", hour), version(5, "c", hour), version(4, "b", hour), version(3, "c", hour), version(2, "b", time.Minute), version(1, "a", hour),
		},
		pinned: map[string]bool{},
	}
	st.head, st.served = st.history[0], st.history[0]
	one := Retention{Keep: 1}
	members, candidates := one.victims(st, nil, now)
	// 6 is head and keeps a; 2 is young and keeps b; c has no version left.
	if !slices.Equal(members, []string{st.history[5].raw, st.history[3].raw, st.history[2].raw, st.history[1].raw}) || !slices.Equal(candidates, []string{"c"}) {
		t.Errorf("members %v, candidates %v", members, candidates)
	}
	st.pinned["c"] = true
	if members, candidates = one.victims(st, nil, now); len(members) != 2 || len(candidates) != 0 {
		t.Errorf("with c pinned: members %v, candidates %v", members, candidates)
	}
	st.history = nil
	for i := range uint64(3 * trimMax) {
		st.history = append(st.history, version(3*trimMax-i, count(3*trimMax-i), hour))
	}
	st.head, st.served = st.history[0], st.history[0]
	if members, candidates = one.victims(st, nil, now); len(members) != trimMax || len(candidates) != trimMax || members[0] != st.history[3*trimMax-1].raw {
		t.Errorf("%d members, %d candidates", len(members), len(candidates))
	}
}

// Within its bytes, retention leaves the last of each minute, then of each hour, and always what must stay.
func TestThinning(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)
	st, held := state{pinned: map[string]bool{}}, map[string]int64{}
	for i := range 240 { // every half minute for two hours, the newest first
		c := count(uint64(240 - i))
		r, err := newRecord(millrace.Head{Seq: uint64(240 - i), Epoch: 1, Candidate: c}, now.Add(-time.Duration(i)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		st.history, held[c] = append(st.history, r), 10
	}
	st.head, st.served = st.history[0], st.history[100]
	left := func(bytesMax int64) (at []string, bytes int64) {
		gone := map[string]bool{}
		for { // a publication deletes so many at most
			members, candidates := Retention{BytesMax: bytesMax}.victims(st, held, now)
			if len(members) == 0 {
				break
			}
			for _, m := range members {
				gone[m] = true
			}
			for _, c := range candidates {
				delete(held, c)
			}
			st.history = slices.DeleteFunc(st.history, func(r record) bool { return gone[r.raw] })
		}
		for _, r := range st.history {
			at, bytes = append(at, time.UnixMilli(r.At).UTC().Format("15:04:05")), bytes+held[r.Candidate]
		}
		return at, bytes
	}
	if at, bytes := left(2400); len(at) != 240 || bytes != 2400 {
		t.Errorf("with room for all: %d versions of %d bytes", len(at), bytes)
	}
	// Of each minute the second goes, the oldest first, but not the served one.
	if at, bytes := left(1500); bytes != 1500 || !slices.Contains(at, "02:40:00") || !slices.Contains(at, "03:29:00") || slices.Contains(at, "01:31:00") {
		t.Errorf("with room for 150: %d bytes, %v", bytes, at)
	}
	if at, _ := left(70); !slices.Equal(at, []string{"03:30:00", "03:29:30", "03:28:30", "03:27:30", "02:59:30", "02:40:00", "01:59:30"}) {
		t.Errorf("with room for 7: %v", at)
	}
	if at, _ := left(1); !slices.Equal(at, []string{"03:30:00", "03:29:30", "02:40:00"}) {
		t.Errorf("without room: %v", at)
	}
}

func FuzzParseRecord(f *testing.F) {
	r, err := newRecord(millrace.Head{
		Seq: 12, Epoch: 3, Owner: "00", Candidate: "12-3-00000000000000aa", Digest: strings.Repeat("a", 64), Cause: "learned", By: "x",
	}, time.UnixMilli(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(r.raw)
	f.Add(`{"seq":1e300}`)
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseRecord(raw)
		if err != nil {
			return
		}
		if r.Seq == 0 || r.Epoch == 0 || strings.ContainsAny(r.Candidate, ":{}/") {
			t.Fatalf("accepted %+v", r)
		}
		again, err := newRecord(r.Head, time.UnixMilli(r.At))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseRecord(again.raw); err != nil || back.Head != r.Head || back.At != r.At {
			t.Fatalf("%+v reads back as %+v, %v", r, back, err)
		}
	})
}
