package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// RedisOptions are what a test may want of its server; the zero value is a good default.
type RedisOptions struct {
	// Args are added to redis-server's command line and win over the harness's own.
	Args []string
	// Own asks for a server of the test's own also when MILLRACE_TEST_REDIS names one.
	Own bool
}

// Redis is a redis-server with an append-only file that is synced at every write, and without eviction: what a
// snapshot's acknowledgement promises.
type Redis struct {
	server
	addr string
}

// StartRedis starts a server with its data and log under dir and waits until it answers, or takes the one that
// MILLRACE_TEST_REDIS names (host:port, or a redis:// URL). The caller ends it with Stop.
func StartRedis(ctx context.Context, dir string, o RedisOptions) (*Redis, error) {
	if addr := os.Getenv("MILLRACE_TEST_REDIS"); addr != "" && !o.Own {
		host, _, _ := strings.Cut(strings.TrimPrefix(addr, "redis://"), "/")
		r := &Redis{addr: host}
		return r, r.ping(ctx)
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("starting Redis needs redis-server (apt-get install redis-server), " +
			"or name a running server in MILLRACE_TEST_REDIS")
	}
	dir = filepath.Join(dir, "redis")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("preparing Redis: %w", err)
	}
	for attempt := 1; ; attempt++ {
		ports, err := freePorts(1)
		if err != nil {
			return nil, err
		}
		r := &Redis{addr: fmt.Sprintf("127.0.0.1:%d", ports[0])}
		args := []string{
			"--port", strconv.Itoa(ports[0]), "--bind", "127.0.0.1", "--dir", dir,
			"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction",
		}
		r.server = server{
			command: Command{Path: path, Args: append(args, o.Args...), Stdout: filepath.Join(dir, "redis.log")},
			ping:    r.ping,
		}
		err = r.start(ctx)
		if err == nil {
			return r, nil
		}
		if attempt == startAttempts || !portTaken(err) {
			return nil, err
		}
	}
}

// ping says PING in Redis' inline form. A server that still loads its data answers -LOADING.
func (r *Redis) ping(ctx context.Context) error {
	answer, err := r.Command(ctx, "PING")
	if err != nil {
		return err
	}
	if answer != "+PONG" {
		return fmt.Errorf("asking Redis: it answers %q to PING", answer)
	}
	return nil
}

// Command sends one command of plain words and returns the first line of the answer as the protocol spells it ("+OK",
// ":3", "-ERR …"; for a bulk string its content). It is meant for tests that look at or disturb the server.
func (r *Redis) Command(ctx context.Context, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.addr)
	if err != nil {
		return "", fmt.Errorf("asking Redis: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", fmt.Errorf("asking Redis: %w", err)
		}
	}
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := conn.Write([]byte(request.String())); err != nil {
		return "", fmt.Errorf("asking Redis: %w", err)
	}
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	if err == nil && len(line) > 1 && line[0] == '$' && line[1] != '-' {
		line, err = readBulk(reader, line)
	}
	if err != nil {
		return "", fmt.Errorf("asking Redis: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// bulkMax bounds a bulk answer; tests look at pointers and counters, not at blobs.
const bulkMax = 1 << 20

func readBulk(reader *bufio.Reader, header string) (string, error) {
	size, err := strconv.Atoi(strings.TrimSpace(header[1:]))
	if err != nil || size > bulkMax {
		return "", fmt.Errorf("reading a bulk answer %q: no size of at most %d", header, bulkMax)
	}
	content := make([]byte, size)
	if _, err := io.ReadFull(reader, content); err != nil {
		return "", err
	}
	return string(content), nil
}

// Addr returns the server's address, host:port.
func (r *Redis) Addr() string { return r.addr }

// URL returns the address of its database 0 as a pipeline file spells it.
func (r *Redis) URL() string { return "redis://" + r.addr + "/0" }
