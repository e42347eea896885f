package store

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"millrace"
)

// ErrGone is the error of loading a version whose blobs retention has deleted, or a lost replica
// never had. The pointer that led to it is stale: read it again. It wraps millrace.ErrNoSnapshot.
var ErrGone = fmt.Errorf("the version is gone, read the pointer again: %w", millrace.ErrNoSnapshot)

// Options are what a Store takes from its surroundings. The zero value is usable.
type Options struct {
	// Dialer opens connections; plain TCP by default. For rediss:// TLS is spoken over what it returns.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
	Log    *slog.Logger
	Now    func() time.Time
	// Random makes owner words and candidate names; crypto/rand by default.
	Random io.Reader
	// AfterFlip runs after head has moved and before the caller is told. An embedded store makes the
	// flip durable in it; its error becomes the caller's.
	AfterFlip func(ctx context.Context, model string) error
}

// Store keeps snapshots of many models in one Redis. It is safe for concurrent use.
type Store struct {
	client  *redis.Client
	addr    string
	retry   time.Duration
	mode    string
	o       Options
	scripts scripts
	told    faultsTold
}

// Validate lists what is wrong with the spec. It never repeats the URL, which may hold a password.
func (s Spec) Validate() []millrace.Violation {
	var v []millrace.Violation
	add := func(path, message string) { v = append(v, millrace.Violation{Path: path, Message: message}) }
	switch s.Mode {
	case "embedded":
	case "", "external":
		if s.URL == "" {
			add("url", "is missing: write redis://host:port/db, or redis: embedded")
		} else if _, err := parseURL(s.URL); err != nil {
			add("url", err.Error())
		}
	default:
		add("mode", fmt.Sprintf("%q is unknown: embedded or external", s.Mode))
	}
	if s.Timeout <= 0 {
		add("timeout", "must be longer than 0, as 5s")
	}
	if s.Retry < 0 {
		add("retry", "must not be negative")
	}
	return v
}

// parseURL hides what is wrong in detail: the library's errors quote the URL with its password.
func parseURL(url string) (*redis.Options, error) {
	if !strings.HasPrefix(url, "redis://") && !strings.HasPrefix(url, "rediss://") {
		return nil, errors.New("must start with redis:// or rediss://")
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("is no Redis URL: write redis://[user:password@]host:port/db, with special characters percent-encoded")
	}
	return o, nil
}

// Open prepares a Store. It does no I/O; Check or Ready tell whether Redis is there. For an embedded
// Redis the URL is the address that it listens on.
//
// It also sends the Redis library's own log, which is process-wide and would go to standard error,
// to o.Log at debug level.
func Open(spec Spec, o Options) (*Store, error) {
	options, err := parseURL(spec.URL)
	if err != nil {
		return nil, fmt.Errorf("opening store: url %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if spec.Timeout > 0 {
		options.DialTimeout, options.ReadTimeout, options.WriteTimeout = spec.Timeout, spec.Timeout, spec.Timeout
	}
	options.ContextTimeoutEnabled = true
	// The library would dial five times on its own, hiding from Ready and Wait that Redis is away.
	options.DialerRetries = 1
	// Publishing is one pipeline at a time: no pool of its own, and no chatter when connecting.
	options.PipelinePoolSize = -1
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if o.Dialer != nil {
		options.Dialer = dialer(o.Dialer, options.TLSConfig)
	}
	redis.SetLogger(libraryLog{o.Log})
	return &Store{
		client: redis.NewClient(options), addr: options.Addr,
		retry: spec.Retry, mode: spec.Mode, o: o, scripts: newScripts(),
	}, nil
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// dialer puts TLS over a dialer's connections: the library leaves that to a custom dialer.
func dialer(dial dialFunc, config *tls.Config) dialFunc {
	if config == nil {
		return dial
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("speaking TLS: %w", err), conn.Close())
		}
		return secure, nil
	}
}

// libraryLog brings the Redis library's messages into the structured log.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}

// Close closes all connections. What still runs fails.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("closing store: %w", err)
	}
	return nil
}

// failed wraps an error of a command with what was being done and where, but never with how to log
// in there.
func (s *Store) failed(doing string, err error) error {
	return fmt.Errorf("%s at Redis %s: %w", doing, s.addr, err)
}

// word returns n random bytes in hexadecimal.
func (s *Store) word(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.o.Random, b); err != nil {
		return "", fmt.Errorf("drawing a random word: %w", err)
	}
	return hex.EncodeToString(b), nil
}
