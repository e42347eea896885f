package store

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// A server on which all works has nothing missing, and nothing is left on it.
func TestProbeLeavesNothing(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			ctx, model := context.Background(), modelOf(t)
			s := open(t, b.addr, Options{})
			if missing, err := s.Probe(ctx, model); err != nil || len(missing) != 0 {
				t.Errorf("missing %q, %v", missing, err)
			}
			if keys := keysLike(t, s, "*"); len(keys) != 0 {
				t.Errorf("left behind: %v", keys)
			}
			w := acquire(t, s, model)
			h := publish(t, w, 1)
			before := contents(t, s, model)
			if missing, err := s.Probe(ctx, model); err != nil || len(missing) != 0 {
				t.Errorf("beside a version: missing %q, %v", missing, err)
			}
			if after := contents(t, s, model); len(after) != len(before) || head(t, s, model) != h {
				t.Errorf("it changed %v to %v", before, after)
			}
			publish(t, w, 2) // the writer still owns the model
		})
	}
}

// What a user may not do, a cluster, a replica and a full server are named, each with what to do.
func TestProbeNamesWhatIsMissing(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not on PATH")
	}
	ctx := context.Background()
	missing := func(t *testing.T, url string) []string {
		t.Helper()
		missing, err := openURL(t, url, 0).Probe(ctx, "m")
		if err != nil {
			t.Fatal(err)
		}
		return missing
	}
	plain := startRedis(t, path)
	admin := openURL(t, "redis://"+plain.addr, 0)
	acl := func(rules ...string) []string {
		t.Helper()
		args := []any{"ACL", "SETUSER", "u", "reset", "on", ">p"}
		for _, r := range rules {
			args = append(args, r)
		}
		if err := admin.client.Do(ctx, args...).Err(); err != nil {
			t.Fatal(err)
		}
		return missing(t, "redis://u:p@"+plain.addr)
	}
	want := func(t *testing.T, got []string, parts ...string) {
		t.Helper()
		if len(got) != len(parts) {
			t.Errorf("missing %q, want %q", got, parts)
			return
		}
		for i := range got {
			for part := range strings.SplitSeq(parts[i], "…") {
				if !strings.Contains(got[i], part) {
					t.Errorf("missing %q, want %q in it", got[i], part)
				}
			}
		}
	}
	want(t, acl("+@all", "~*", "&*"))
	want(t, acl("+@all", "~millrace:*", "&millrace:*"))
	want(t, acl("+@all", "-expire", "~millrace:*", "&millrace:*")) // only the probe itself would use it
	want(t, acl("+@all", "-zadd", "~millrace:*", "&millrace:*"), "publishing a version…give this user")
	want(t, acl("+@all", "~millrace:*"), "telling scorers…NOPERM", "listening…NOPERM")
	scripts := acl("+@all", "-@scripting", "~millrace:*", "&millrace:*")
	want(t, scripts, "taking the model…NOPERM", "publishing…not tried", "lost epoch…not tried", "deleting old versions…not tried")
	// A scorer needs no more than reading and listening: only what learners do is missing.
	reader := acl("+get", "+getrange", "+strlen", "+subscribe", "+unsubscribe", "+ping", "+hello", "+client", "+hmget", "+zrange", "+smembers",
		"+multi", "+exec", "+time", "+hgetall", "~millrace:*", "&millrace:*")
	if slices.ContainsFunc(reader, func(m string) bool {
		return strings.HasPrefix(m, "scorers:") && !strings.Contains(m, "what was just written is not there")
	}) || len(reader) < 4 {
		t.Errorf("for a user who only reads: %q", reader)
	}

	replica := startRedis(t, path, "--replicaof", "127.0.0.1 "+plain.addr[strings.LastIndex(plain.addr, ":")+1:])
	got := missing(t, "redis://"+replica.addr)
	if !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, "name the primary") }) {
		t.Errorf("on a replica: %q", got)
	}
	cluster := startRedis(t, path, "--cluster-enabled", "yes")
	if got := missing(t, "redis://"+cluster.addr); !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, "Redis Cluster") }) {
		t.Errorf("on a node of a cluster: %q", got)
	}
	full := startRedis(t, path, "--maxmemory", "1mb")
	if got := missing(t, "redis://"+full.addr); !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, "it is full") }) {
		t.Errorf("on a full server: %q", got)
	}
}

func TestProbeOfAServerThatIsAway(t *testing.T) {
	m := miniredis.RunT(t)
	s := open(t, m.Addr(), Options{})
	m.Close()
	if missing, err := s.Probe(context.Background(), "m"); err == nil && len(missing) == 0 {
		t.Error("nothing is missing")
	}
	if _, err := s.Probe(context.Background(), "no good name"); err == nil {
		t.Error("a bad name passes")
	}
}

// subscribing is a connection whose subscriptions the server never hears of.
type subscribing struct {
	net.Conn
	tried func()
}

func (c subscribing) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("\r\nsubscribe\r\n")) {
		c.tried()
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// A server that stops to answer is named within the time that a command may take. Whoever gives the probe up before
// leaves nothing behind either: pointers do not expire.
func TestProbeWithoutAnswer(t *testing.T) {
	addr := miniredis.RunT(t).Addr()
	probe := func(ctx context.Context, timeout time.Duration, tried func()) ([]string, error) {
		s, err := Open(Spec{URL: "redis://" + addr + "/0", Timeout: timeout}, Options{
			Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				return subscribing{conn, tried}, err
			}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Probe(ctx, "m")
	}
	nothingLeft := func() {
		t.Helper()
		if keys := keysLike(t, open(t, addr, Options{}), "*"); len(keys) != 0 {
			t.Errorf("left behind: %v", keys)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	missing, err := probe(ctx, time.Second, func() {})
	if err != nil || len(missing) != 1 || !strings.Contains(missing[0], "listening for versions") {
		t.Errorf("missing %q, %v", missing, err)
	}
	nothingLeft()

	given, giveUp := context.WithCancel(t.Context())
	if _, err := probe(given, time.Minute, giveUp); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	nothingLeft()
}
