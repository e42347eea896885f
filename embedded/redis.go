package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"millrace/store/folder"
)

// redisEvery is the pause between steps of the clock that expires keys, and between looks for changes
// that did not come through a script.
const redisEvery = time.Second

// RedisOptions describe an embedded Redis. The zero value keeps everything in memory.
type RedisOptions struct {
	Dir  string // data directory; its subdirectory redis is used. Empty for memory
	Addr string // listens here; 127.0.0.1:0 by default
	Log  *slog.Logger
	Now  func() time.Time
}

// Redis is a running server. It keeps the models' keys of database 0 in its data directory:
//
//   - Pointers (owner, head, served, index, pinned) change through scripts. Before a script's reply
//     leaves the server, whoever sent it, the model is in files. So what a client was told is durable,
//     and a learner and a person's rollback from another process need nothing special.
//   - Other changes to those keys, as with redis-cli, are in files within a second.
//   - Candidates that no flip has published expire, and are in memory only.
type Redis struct {
	server *miniredis.Miniredis
	o      RedisOptions
	addr   string
	unlock func() error

	// scratch holds the peers whose commands run inside the hook, which must not catch them again.
	scratch sync.Map

	mu     sync.Mutex // one writer of files
	disk   map[string]*modelFiles
	closed bool
}

// StartRedis starts a server and loads what the data directory holds. Call Run to expire keys.
func StartRedis(o RedisOptions) (*Redis, error) {
	r, err := startRedis(o)
	if err != nil {
		return nil, fmt.Errorf("starting embedded Redis: %w", err)
	}
	return r, nil
}

func startRedis(o RedisOptions) (_ *Redis, err error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Redis{
		server: miniredis.NewMiniRedis(), o: o, disk: map[string]*modelFiles{},
		unlock: func() error { return nil },
	}
	if o.Dir != "" {
		r.o.Dir = filepath.Join(o.Dir, "redis")
		if r.unlock, err = folder.Lock(r.o.Dir, 0o750); err != nil {
			return nil, err
		}
		if err := r.load(); err != nil {
			return nil, errors.Join(err, r.unlock())
		}
	}
	if err := r.server.StartAddr(o.Addr); err != nil {
		return nil, errors.Join(err, r.unlock())
	}
	r.addr = r.server.Addr()
	if o.Dir != "" {
		r.server.Server().SetPreHook(r.hook)
	}
	return r, nil
}

// Addr is the server's address, host:port.
func (r *Redis) Addr() string { return r.addr }

// Run expires keys and keeps changes made by others, until ctx is done.
func (r *Redis) Run(ctx context.Context) error {
	ticker := time.NewTicker(redisEvery)
	defer ticker.Stop()
	last := r.o.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		last = r.step(ctx, last)
	}
}

// step is one tick: it takes the server from one time to now.
func (r *Redis) step(ctx context.Context, last time.Time) time.Time {
	now := r.o.Now()
	// The server has no clock of its own for expiry. A wall clock that jumps back expires nothing.
	if passed := now.Sub(last); passed > 0 {
		r.server.FastForward(passed)
	}
	if err := r.persistAll(); err != nil {
		// The next tick tries again; a flip that cannot be kept tells its client.
		r.o.Log.ErrorContext(ctx, "keeping snapshots failed", "error", err)
	}
	return now
}

// Persist makes the model's published versions and pointers durable and returns when they are. After
// a flip there is nothing left to do, as its reply waited for the same; it is cheap then.
func (r *Redis) Persist(ctx context.Context, model string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.persist(model)
}

// Close keeps what changed last, stops the server and gives the data directory back.
func (r *Redis) Close() error {
	r.server.Close()
	err := r.persistAll()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	if err = errors.Join(err, r.unlock()); err != nil {
		return fmt.Errorf("closing embedded Redis: %w", err)
	}
	return nil
}

// hook runs a script and makes its model durable before the client gets the reply. It answers true
// when it has dealt with the command.
func (r *Redis) hook(client *server.Peer, command string, args ...string) bool {
	if command != "EVAL" && command != "EVALSHA" {
		return false
	}
	if _, inside := r.scratch.Load(client); inside {
		return false
	}
	// The script's reply goes to a peer of its own, which shares the client's connection state.
	var reply bytes.Buffer
	peer := server.NewPeer(bufio.NewWriter(&reply))
	peer.Ctx, peer.Resp3 = client.Ctx, client.Resp3
	r.scratch.Store(peer, nil)
	r.server.Server().Dispatch(peer, append([]string{command}, args...))
	r.scratch.Delete(peer)
	peer.Flush()
	client.Ctx = peer.Ctx
	// A script that failed changed nothing. This also lets scripts pass that try to run scripts,
	// which hold the server's lock: reading the server from here would wait for ever.
	if model := scriptModel(args); model != "" && !strings.HasPrefix(reply.String(), "-") {
		if err := r.persist(model); err != nil {
			r.o.Log.Error("keeping a flip failed", "model", model, "error", err)
			client.WriteError("MISCONF the change is in memory but could not be written to the data directory")
			return true
		}
	}
	client.WriteRaw(reply.String())
	return true
}

// scriptModel is the model of a script's first key; its arguments are script, number of keys, keys.
func scriptModel(args []string) string {
	if len(args) < 3 || args[1] == "0" {
		return ""
	}
	model, _, _ := splitKey(args[2])
	return model
}
