package embedded

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/snapshot"
	"millrace/store"
)

func startRedisT(t testing.TB, o RedisOptions) *Redis {
	t.Helper()
	r, err := StartRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func openStore(t testing.TB, addr string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(store.Spec{Mode: "embedded", URL: "redis://" + addr, Timeout: 5 * time.Second}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

type weight struct{ w, v []float32 }

func (c *weight) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("w", millrace.Tensor{Shape: []int{1}, F32: c.w}, millrace.Serving)
	visit("v", millrace.Tensor{Shape: []int{1}, F32: c.v}, millrace.Training)
}

func (c *weight) Restored() error { return nil }

func snapshotOf(t testing.TB, learned uint64) *millrace.Snapshot {
	t.Helper()
	l, err := snapshot.NewLayout(nil, snapshot.Part{State: &weight{[]float32{float32(learned)}, []float32{1}}})
	if err != nil {
		t.Fatal(err)
	}
	b := l.NewBuffer()
	l.Copy(b)
	return &millrace.Snapshot{Manifest: millrace.Manifest{Learned: learned}, Serving: b.Serving(), Training: b.Training()}
}

func publish(t testing.TB, w *store.Writer, learned uint64) millrace.Head {
	t.Helper()
	h, err := w.Publish(context.Background(), snapshotOf(t, learned), store.PublishOptions{Cause: "learned", Serve: true, Retention: store.Retention{Keep: 2}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func acquire(t testing.TB, s *store.Store, model string) *store.Writer {
	t.Helper()
	w, _, err := s.Acquire(context.Background(), model, "test")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// crash is what a kill -9 at this moment leaves: a copy of the files as they are.
func crash(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, relative), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// afterCrash opens a store on what a crash leaves.
func afterCrash(t testing.TB, dir string) *store.Store {
	t.Helper()
	return openStore(t, startRedisT(t, RedisOptions{Dir: crash(t, dir)}).Addr(), store.Options{})
}

func wantHead(t testing.TB, s *store.Store, model string, want millrace.Head, learned uint64) {
	t.Helper()
	ctx := context.Background()
	h, err := s.Head(ctx, model)
	if err != nil || h != want {
		t.Fatalf("head is %+v, %v; want %+v", h, err, want)
	}
	served, err := s.Served(ctx, model)
	if err != nil || served != want {
		t.Fatalf("served is %+v, %v; want %+v", served, err, want)
	}
	snap, err := s.Load(ctx, model, h, true)
	if err != nil || snap.Manifest.Learned != learned {
		t.Fatalf("loaded %+v, %v", snap.Manifest, err)
	}
}

func TestRedisInMemory(t *testing.T) {
	r := startRedisT(t, RedisOptions{})
	s := openStore(t, r.Addr(), store.Options{AfterFlip: r.Persist})
	h := publish(t, acquire(t, s, "m"), 1)
	wantHead(t, s, "m", h, 1)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// Whoever flips, and whether or not the client does anything about durability: once a flip is
// acknowledged, a crash keeps it.
func TestAcknowledgedFlipsSurvive(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	r := startRedisT(t, RedisOptions{Dir: dir})
	hooked := openStore(t, r.Addr(), store.Options{AfterFlip: r.Persist})
	w := acquire(t, hooked, "a.b-c_D")
	var first millrace.Head
	for i := range uint64(3) {
		h := publish(t, w, i)
		wantHead(t, afterCrash(t, dir), "a.b-c_D", h, i)
		if i == 0 {
			first = h
		}
	}
	// Another process's rollback and epoch, and another model beside it.
	other := openStore(t, r.Addr(), store.Options{})
	back, err := other.Rollback(ctx, "a.b-c_D", first.Seq, "bob")
	if err != nil {
		t.Fatal(err)
	}
	wantHead(t, afterCrash(t, dir), "a.b-c_D", back, 0)
	publish(t, acquire(t, other, "second"), 7)
	w = acquire(t, other, "a.b-c_D")
	s := afterCrash(t, dir)
	if owner, err := s.Owner(ctx, "a.b-c_D"); err != nil || owner.Epoch != w.Epoch() {
		t.Errorf("after the crash the owner is %+v, %v; its epoch was %d", owner, err, w.Epoch())
	}
	if again := acquire(t, s, "a.b-c_D"); again.Epoch() <= w.Epoch() {
		t.Errorf("after the crash epoch %d follows %d", again.Epoch(), w.Epoch())
	}
	if models, err := s.Models(ctx); err != nil || len(models) != 2 {
		t.Errorf("models are %v, %v", models, err)
	}
	versions, err := s.List(ctx, "a.b-c_D")
	if err != nil || len(versions) != 4 || versions[0].Head != back {
		t.Errorf("the history is %+v, %v", versions, err)
	}
}

func TestRedisRestarts(t *testing.T) {
	dir := t.TempDir()
	r := startRedisT(t, RedisOptions{Dir: dir})
	h := publish(t, acquire(t, openStore(t, r.Addr(), store.Options{}), "m"), 5)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r = startRedisT(t, RedisOptions{Dir: dir})
		wantHead(t, openStore(t, r.Addr(), store.Options{}), "m", h, 5)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func files(t testing.TB, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "redis", "model-m", pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDeletedVersionsLeaveNoFiles(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := startRedisT(t, RedisOptions{Dir: dir})
	s := openStore(t, r.Addr(), store.Options{Now: func() time.Time { return now }})
	w := acquire(t, s, "m")
	var last millrace.Head
	for i := range uint64(5) {
		last = publish(t, w, i)
		now = now.Add(time.Hour)
	}
	if got := files(t, dir, "*.serving"); len(got) != 2 {
		t.Errorf("files of versions: %v", got)
	}
	wantHead(t, afterCrash(t, dir), "m", last, 4)
}

// What comes without a script, as from redis-cli, is kept by the next step; candidates without a flip
// are not kept, and expire.
func TestStep(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := startRedisT(t, RedisOptions{Dir: dir, Now: func() time.Time { return now }})
	s := openStore(t, r.Addr(), store.Options{})
	h := publish(t, acquire(t, s, "m"), 1)
	if err := s.Pin(ctx, "m", h.Seq, true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.server.Get("millrace:{m}:c:" + h.Candidate + ":serving"); err != nil {
		t.Fatal(err)
	}
	if err := r.server.Set("millrace:{m}:c:9-9-aa:serving", "x"); err != nil {
		t.Fatal(err)
	}
	r.server.SetTTL("millrace:{m}:c:9-9-aa:serving", time.Minute)
	last := r.step(ctx, now)
	if got := files(t, dir, "9-9-aa.*"); len(got) != 0 {
		t.Errorf("an unpublished candidate was kept: %v", got)
	}
	if versions, err := afterCrash(t, dir).List(ctx, "m"); err != nil || !versions[0].Pinned {
		t.Errorf("the history is %+v, %v", versions, err)
	}
	now = now.Add(-time.Hour)
	last = r.step(ctx, last)
	if !r.server.Exists("millrace:{m}:c:9-9-aa:serving") {
		t.Error("a clock that jumped back expired a key")
	}
	now = now.Add(time.Minute)
	r.step(ctx, last)
	if r.server.Exists("millrace:{m}:c:9-9-aa:serving") {
		t.Error("the unpublished candidate did not expire")
	}
	wantHead(t, s, "m", h, 1)
	r.server.FlushAll()
	r.step(ctx, now)
	if _, err := afterCrash(t, dir).Head(ctx, "m"); err == nil {
		t.Error("a deleted model came back")
	}
}

// A flip that cannot be written is not acknowledged, and the next one mends it.
func TestFullDisk(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	r := startRedisT(t, RedisOptions{Dir: dir})
	s := openStore(t, r.Addr(), store.Options{})
	w := acquire(t, s, "m")
	h := publish(t, w, 1)
	model := filepath.Join(dir, "redis", "model-m")
	if err := os.Rename(model, model+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(model, nil, 0o644); err != nil { // no directory can be made here
		t.Fatal(err)
	}
	if _, err := w.Publish(ctx, snapshotOf(t, 2), store.PublishOptions{Serve: true}); err == nil || !strings.Contains(err.Error(), "MISCONF") {
		t.Fatalf("error is %v", err)
	}
	if err := os.Remove(model); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(model+".away", model); err != nil {
		t.Fatal(err)
	}
	wantHead(t, afterCrash(t, dir), "m", h, 1)
	wantHead(t, afterCrash(t, dir), "m", h, 1)
	next := publish(t, w, 3)
	wantHead(t, afterCrash(t, dir), "m", next, 3)
}

func TestLeftoversAndDamage(t *testing.T) {
	dir := t.TempDir()
	r := startRedisT(t, RedisOptions{Dir: dir})
	h := publish(t, acquire(t, openStore(t, r.Addr(), store.Options{}), "m"), 1)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(dir, "redis", "model-m")
	for _, name := range []string{".pointers.json.1.tmp", "9-9-aa.serving", "9-9-aa.manifest"} {
		if err := os.WriteFile(filepath.Join(model, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "redis", "model-half"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "redis", "model-half", "1-1-aa.serving"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	r = startRedisT(t, RedisOptions{Dir: dir})
	s := openStore(t, r.Addr(), store.Options{})
	wantHead(t, s, "m", h, 1)
	if got := files(t, dir, "9-9-aa.*"); len(got) != 0 {
		t.Errorf("leftovers are still there: %v", got)
	}
	if models, err := s.Models(context.Background()); err != nil || len(models) != 1 {
		t.Errorf("models are %v, %v", models, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"format":2}`} {
		if err := os.WriteFile(filepath.Join(model, "pointers.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := StartRedis(RedisOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), "model-m") {
			t.Errorf("with pointers %q: %v", text, err)
		}
	}
}

func TestRedisRunEndsWithItsContext(t *testing.T) {
	r := startRedisT(t, RedisOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := r.Persist(ctx, "m"); err == nil {
		t.Error("no error for a context that is done")
	}
}

// Scripts that run scripts, fail, or touch no model must not wait for files, or for ever.
func TestOddScripts(t *testing.T) {
	r := startRedisT(t, RedisOptions{Dir: t.TempDir()})
	conn := dialRedis(t, r.Addr())
	for _, test := range [][3]string{
		{"return redis.call('EVAL', 'return 1', '1', 'millrace:{m}:head')", "1", "-"},
		{"return redis.call('NOSUCH')", "1", "-"},
		{"return 7", "1", ":7"},
		{"return redis.call('SET', KEYS[1], 'x')", "1", "+OK"},
	} {
		if got := conn("EVAL", test[0], test[1], "millrace:{m}:odd"); !strings.HasPrefix(got, test[2]) {
			t.Errorf("%s: %q", test[0], got)
		}
	}
	if got := conn("EVAL", "return 8", "0"); got != ":8" {
		t.Errorf("without keys: %q", got)
	}
	if got := conn("MULTI"); got != "+OK" {
		t.Error(got)
	}
	if got := conn("EVAL", "return 9", "1", "millrace:{m}:odd"); got != "+QUEUED" {
		t.Error(got)
	}
	if got := conn("EXEC"); got != "*1" {
		t.Error(got)
	}
}

// A flip may come while a model's keys are being read. Whatever has been read of it, the pointers in
// the file lead to candidates that have files.
func TestPointersOnDiskNeverLeadNowhere(t *testing.T) {
	const old, rounds = 300, 40 // old versions make reading long enough to be met by a flip
	dir := t.TempDir()
	r := startRedisT(t, RedisOptions{Dir: dir})
	set := func(rest, value string) {
		if err := r.server.Set("millrace:{m}:"+rest, value); err != nil {
			t.Error(err)
		}
	}
	for i := range old {
		set(fmt.Sprintf("c:1-1-%x:manifest", i), "old")
	}
	set("head", "1-1-0")
	if err := r.persist("m"); err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		flipped := make(chan struct{})
		candidate := fmt.Sprintf("2-2-%x", i)
		go func() {
			defer close(flipped)
			time.Sleep(time.Duration(i%10) * 20 * time.Microsecond)
			set("c:"+candidate+":manifest", "new")
			set("head", candidate)
		}()
		if err := r.persist("m"); err != nil {
			t.Fatal(err)
		}
		head := r.disk["m"].pointers.Strings["head"]
		if _, err := os.Stat(filepath.Join(dir, "redis", "model-m", head+".manifest")); err != nil {
			t.Fatalf("round %d: the head in the file leads nowhere: %v", i, err)
		}
		<-flipped
	}
}

// A change of a sorted set alone is kept too: what is on disk must not be the server's own memory.
func TestKeepsChangesOfTheIndexAlone(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	r := startRedisT(t, RedisOptions{Dir: dir})
	w := acquire(t, openStore(t, r.Addr(), store.Options{}), "m")
	publish(t, w, 1)
	if _, err := r.server.ZAdd("millrace:{m}:index", 7, "somebody else's"); err != nil {
		t.Fatal(err)
	}
	if err := r.Persist(ctx, "m"); err != nil {
		t.Fatal(err)
	}
	again := startRedisT(t, RedisOptions{Dir: crash(t, dir)})
	if score, err := again.server.ZScore("millrace:{m}:index", "somebody else's"); err != nil || score != 7 {
		t.Errorf("after a crash the index has it with score %v: %v", score, err)
	}
}

// Files are written while scripts run: under the race detector this finds memory that both use.
func TestPersistsBesideScripts(t *testing.T) {
	r := startRedisT(t, RedisOptions{Dir: t.TempDir()})
	w := acquire(t, openStore(t, r.Addr(), store.Options{}), "m")
	done := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := r.persistAll(); err != nil {
				done <- err
				return
			}
		}
	}()
	for i := range uint64(50) {
		publish(t, w, i)
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
