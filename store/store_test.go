package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace"
)

// TestStore is the one suite that every backend passes.
func TestStore(t *testing.T) {
	suite := map[string]func(t *testing.T, addr string){
		"publish":            testPublish,
		"fencing":            testFencing,
		"zombie":             testZombie,
		"lost reply":         testLostReply,
		"lost acquire":       testLostAcquire,
		"unknown outcome":    testUnknownOutcome,
		"failover":           testFailover,
		"epoch keeps going":  testEpochKeepsGoing,
		"rollback":           testRollback,
		"rollback race":      testRollbackRace,
		"promote":            testPromote,
		"challenger":         testChallenger,
		"challenger race":    testChallengerRace,
		"challenger refuses": testChallengerRefuses,
		"rollback refuses":   testRollbackRefuses,
		"retention":          testRetention,
		"numbers go on":      testNumbersGoOn,
		"unpublished go":     testUnpublishedGo,
		"retention by bytes": testRetentionByBytes,
		"retention fenced":   testRetentionFenced,
		"retention changed":  testRetentionChanged,
		"corruption":         testCorruption,
		"corrupt pointer":    testCorruptPointer,
		"race":               testRace,
		"wait for a hint":    testWaitHint,
		"wait by polling":    testWaitPoll,
		"wait is cancelled":  testWaitCancelled,
		"after flip":         testAfterFlip,
		"candidates expire":  testCandidatesExpire,
		"refuses not finite": testRefusesNotFinite,
		"list and models":    testListAndModels,
		"wrong types":        testWrongTypes,
		"wrong pins":         testWrongPins,
		"unreadable":         testUnreadable,
		"unreadable head":    testUnreadableHead,
		"head lost":          testHeadLost,
		"epochs":             testEpochs,
		"epochs of before":   testEpochsOfBefore,
		"origins":            testOrigins,
		"emptied":            testEmptied,
		"repair":             testRepair,
		"standing":           testStanding,
		"repair chooses":     testRepairChooses,
		"keyed":              testKeyed,
	}
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			for name, test := range suite {
				t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
					t.Parallel()
					test(t, b.addr)
				})
			}
		})
	}
}

func testPublish(t *testing.T, addr string) {
	ctx, model, c := context.Background(), modelOf(t), newClock()
	s := open(t, addr, Options{Now: c.Now})
	w, h, err := s.Acquire(ctx, model, "alice")
	if err != nil || h != (millrace.Head{}) || w.Epoch() < epochAt(c.Now()) || len(w.Owner()) != 32 {
		t.Fatalf("first acquire: %+v, %+v, %v", w, h, err)
	}
	_, err = s.Head(ctx, model)
	wantError(t, err, millrace.ErrNoSnapshot)
	first, err := w.Publish(ctx, snapshotOf(t, 1, 64), PublishOptions{Cause: "first"})
	if err != nil {
		t.Fatal(err)
	}
	if first.Seq != 1 || first.Epoch != w.Epoch() || first.Cause != "first" || first.By != "alice" || first.Owner != w.Owner() {
		t.Errorf("first head is %+v", first)
	}
	if got := head(t, s, model); got != first {
		t.Errorf("head is %+v, published %+v", got, first)
	}
	_, err = s.Served(ctx, model)
	wantError(t, err, millrace.ErrNoSnapshot)

	want := snapshotOf(t, 2, 1<<20)
	second, err := w.Publish(ctx, want, PublishOptions{Cause: "learned", Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	served, err := s.Served(ctx, model)
	if err != nil || served != second || !second.Newer(first) {
		t.Errorf("served is %+v, %v; published %+v after %+v", served, err, second, first)
	}
	got, err := s.Load(ctx, model, served, true)
	if err != nil {
		t.Fatal(err)
	}
	m := got.Manifest
	if m.Model != model || m.Epoch != w.Epoch() || m.Seq != 2 || m.Parent != first.Candidate || !m.CreatedAt.Equal(c.Now()) || m.Learned != 2 {
		t.Errorf("manifest is %+v", m)
	}
	if !slices.Equal(got.Serving, want.Serving) || !slices.Equal(got.Training, want.Training) {
		t.Error("other blobs came back")
	}
	if got, err = s.Load(ctx, model, served, false); err != nil || got.Training != nil || got.Serving == nil {
		t.Errorf("a scorer's load gave a training blob of %d bytes, %v", len(got.Training), err)
	}
}

func testFencing(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	a := acquire(t, s, model)
	last := publish(t, a, 1)
	b, h, err := s.Acquire(ctx, model, "b")
	if err != nil || h != last || b.Epoch() <= a.Epoch() || b.Owner() == a.Owner() {
		t.Fatalf("second acquire: head %+v, epoch %d, %v", h, b.Epoch(), err)
	}
	_, err = a.Publish(ctx, snapshotOf(t, 2, 64), PublishOptions{Serve: true})
	wantError(t, err, millrace.ErrFenced)
	if got := head(t, s, model); got != last {
		t.Errorf("the fenced writer moved the head to %+v", got)
	}
	if got := publish(t, b, 3); got.Seq != 2 || got.Epoch != b.Epoch() || got.Origin != last.Origin || got.Origin == "" {
		t.Errorf("b published %+v", got)
	}
}

// A writer that slept through its successor's publications writes a candidate with the same number as a
// published version. Nothing of that version may change.
func testZombie(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	zombie := acquire(t, s, model)
	publish(t, zombie, 1)
	successor := acquire(t, s, model)
	good := publish(t, successor, 2)
	_, err := zombie.Publish(ctx, snapshotOf(t, 666, 64), PublishOptions{Serve: true})
	wantError(t, err, millrace.ErrFenced)
	if got := learnedOf(t, s, model, good); got != 2 {
		t.Errorf("the published version now holds %d", got)
	}
	for _, key := range keysOf(model).candidate(good.Candidate) {
		if ttl := s.client.TTL(ctx, key).Val(); ttl != -1 {
			t.Errorf("%s expires in %v", key, ttl)
		}
	}
	left := keysLike(t, s, "millrace:{"+model+"}:c:2-"+count(zombie.Epoch())+"-*")
	if len(left) != 3 {
		t.Fatalf("the zombie left %v", left)
	}
	for _, key := range left {
		if ttl := s.client.TTL(ctx, key).Val(); ttl <= 0 || ttl > candidateLife {
			t.Errorf("the zombie's %s expires in %v", key, ttl)
		}
	}
}

// The client library sends the script again when its reply is lost: the flip recognises itself.
func testLostReply(t *testing.T, addr string) {
	model, f := modelOf(t), &faults{}
	s := open(t, addr, Options{Dialer: f.dial})
	w := acquire(t, s, model)
	first := publish(t, w, 1)
	for i, how := range []fault{dropReply, dropRequest} {
		seen := f.dropFlips(s, 1, how)
		h := publish(t, w, float32(i+2))
		if *seen < 2 || h.Seq != first.Seq+uint64(i)+1 || head(t, s, model) != h {
			t.Errorf("fault %d: %d flips sent, published %+v, head %+v", how, *seen, h, head(t, s, model))
		}
	}
	if versions, err := s.List(context.Background(), model); err != nil || len(versions) != 3 {
		t.Errorf("%d versions, %v", len(versions), err)
	}
}

func testLostAcquire(t *testing.T, addr string) {
	model, f := modelOf(t), &faults{}
	// With a clock ahead of the server's the epoch is known: taken twice it would be one more.
	ahead := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, addr, Options{Dialer: f.dial, Now: func() time.Time { return ahead }})
	acquire(t, s, model+".other") // the script's source goes over only once a server
	dropped := false
	f.set(func(request string) fault {
		if !dropped && strings.Contains(request, s.scripts.acquire.Hash()) {
			dropped = true
			return dropReply
		}
		return pass
	})
	w := acquire(t, s, model)
	if h := publish(t, w, 1); h.Epoch != w.Epoch() || w.Epoch() != epochAt(ahead) || !dropped {
		t.Errorf("the writer has epoch %d, published %+v", w.Epoch(), h)
	}
}

// When every repetition's reply is lost, too, reading the head settles the outcome. When that fails,
// the next publication finds out and follows on.
func testUnknownOutcome(t *testing.T, addr string) {
	ctx, model, f := context.Background(), modelOf(t), &faults{}
	s := open(t, addr, Options{Dialer: f.dial})
	w := acquire(t, s, model)
	publish(t, w, 1)
	f.dropFlips(s, 1000, dropReply)
	settled := publish(t, w, 2)
	if head(t, s, model) != settled {
		t.Errorf("head is %+v, published %+v", head(t, s, model), settled)
	}
	away := false
	f.set(func(request string) fault {
		away = away || isFlip(s, request)
		if !away {
			return pass
		}
		if isFlip(s, request) {
			return dropReply
		}
		return dropRequest
	})
	if _, err := w.Publish(ctx, snapshotOf(t, 3, 64), PublishOptions{Serve: true}); err == nil {
		t.Fatal("no error although nothing could be asked")
	}
	f.set(nil)
	// Whether the flip went through nobody knows: a server may drop what a connection that has gone had
	// sent. Either way the next one must stand.
	unknown := head(t, s, model)
	if n := learnedOf(t, s, model, unknown); n != 2 && n != 3 {
		t.Fatalf("head is %+v", unknown)
	}
	if next := publish(t, w, 4); !next.Newer(unknown) || head(t, s, model) != next {
		t.Errorf("published %+v after %+v", next, unknown)
	}
}

// backup copies a model's keys as a lagging replica would have them.
func backup(t *testing.T, s *Store, model string) (restore func()) {
	t.Helper()
	ctx, k := context.Background(), keysOf(model)
	owner := s.client.HGetAll(ctx, k.owner()).Val()
	pointers := map[string]string{}
	for _, key := range []string{k.head(), k.served()} {
		pointers[key] = s.client.Get(ctx, key).Val()
	}
	index := s.client.ZRangeWithScores(ctx, k.index(), 0, -1).Val()
	candidates := keysLike(t, s, "millrace:{"+model+"}:c:*")
	return func() {
		var gone []string
		for _, key := range keysLike(t, s, "millrace:{"+model+"}:*") {
			if !slices.Contains(candidates, key) {
				gone = append(gone, key)
			}
		}
		s.client.Del(ctx, gone...)
		for name, value := range owner {
			s.client.HSet(ctx, k.owner(), name, value)
		}
		for key, value := range pointers {
			if value != "" {
				s.client.Set(ctx, key, value, 0)
			}
		}
		if len(index) > 0 {
			s.client.ZAdd(ctx, k.index(), index...)
		}
	}
}

func testFailover(t *testing.T, addr string) {
	ctx := context.Background()
	s := open(t, addr, Options{})
	t.Run("epoch and versions lost", func(t *testing.T) {
		model := modelOf(t)
		publish(t, acquire(t, s, model), 1)
		restore := backup(t, s, model)
		w := acquire(t, s, model)
		publish(t, w, 2)
		seen := publish(t, w, 3)
		restore()
		next := publish(t, w, 4)
		if !next.Newer(seen) || head(t, s, model) != next || learnedOf(t, s, model, next) != 4 {
			t.Errorf("published %+v although scorers saw %+v", next, seen)
		}
		if w2 := acquire(t, s, model); w2.Epoch() <= w.Epoch() {
			t.Errorf("epoch %d follows %d", w2.Epoch(), w.Epoch())
		}
	})
	t.Run("versions lost", func(t *testing.T) {
		model := modelOf(t)
		w := acquire(t, s, model)
		publish(t, w, 1)
		restore := backup(t, s, model)
		seen := publish(t, w, 2)
		restore()
		if next := publish(t, w, 3); !next.Newer(seen) || head(t, s, model) != next {
			t.Errorf("published %+v although scorers saw %+v", next, seen)
		}
	})
	t.Run("everything lost", func(t *testing.T) {
		model := modelOf(t)
		restore := backup(t, s, model)
		w := acquire(t, s, model)
		seen := publish(t, w, 1)
		restore()
		if next := publish(t, w, 2); !next.Newer(seen) || head(t, s, model) != next {
			t.Errorf("published %+v although scorers saw %+v", next, seen)
		}
	})
	t.Run("another took the same epoch", func(t *testing.T) {
		model := modelOf(t)
		publish(t, acquire(t, s, model), 1)
		restore := backup(t, s, model)
		ahead := open(t, addr, Options{Now: func() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }})
		mine := acquire(t, ahead, model)
		publish(t, mine, 2)
		restore()
		other := acquire(t, ahead, model)
		if other.Epoch() != mine.Epoch() {
			t.Fatalf("epochs %d and %d", other.Epoch(), mine.Epoch())
		}
		_, err := mine.Publish(ctx, snapshotOf(t, 3, 64), PublishOptions{Serve: true})
		wantError(t, err, millrace.ErrFenced)
		publish(t, other, 4)
	})
}

// A store that forgets the epoch again and again is reported, not fought for ever.
func testEpochKeepsGoing(t *testing.T, addr string) {
	model, f := modelOf(t), &faults{}
	s, other := open(t, addr, Options{Dialer: f.dial}), open(t, addr, Options{})
	w := acquire(t, s, model)
	publish(t, w, 1)
	f.set(func(request string) fault {
		if isFlip(s, request) {
			other.client.Del(context.Background(), keysOf(model).owner())
		}
		return pass
	})
	_, err := w.Publish(context.Background(), snapshotOf(t, 2, 64), PublishOptions{Serve: true})
	wantError(t, err, millrace.ErrEpochLost)
	f.set(nil)
	publish(t, w, 3)
}

func testRollback(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	first := publish(t, w, 1)
	publish(t, w, 2)
	third := publish(t, w, 3)
	back, err := s.Rollback(ctx, model, first.Seq, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if back.Seq != 4 || back.Epoch <= w.Epoch() || back.Origin != third.Origin || back.Candidate != first.Candidate || back.Cause != "rollback" || back.By != "bob" || !back.Newer(third) {
		t.Errorf("rolled back to %+v", back)
	}
	if served, err := s.Served(ctx, model); err != nil || served != back || head(t, s, model) != back || learnedOf(t, s, model, served) != 1 {
		t.Errorf("served is %+v, %v", served, err)
	}
	_, err = w.Publish(ctx, snapshotOf(t, 5, 64), PublishOptions{Serve: true})
	wantError(t, err, millrace.ErrFenced)

	again, h, err := s.Acquire(ctx, model, "learner")
	if err != nil || h != back || again.Epoch() <= back.Epoch {
		t.Fatalf("acquired epoch %d at %+v, %v", again.Epoch(), h, err)
	}
	next := publish(t, again, 6)
	versions, err := s.List(ctx, model)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	for _, v := range versions {
		seqs = append(seqs, v.Seq)
		if v.IsHead != (v.Head == next) || v.IsServed != (v.Head == next) || v.Fault != "" || v.At.IsZero() {
			t.Errorf("version %+v", v)
		}
	}
	if !slices.Equal(seqs, []uint64{5, 4, 3, 2, 1}) || versions[0].Manifest.Parent != first.Candidate || versions[1].Manifest.Learned != 1 {
		t.Errorf("the history is %+v", versions)
	}
}

// A rollback while the learner publishes as fast as it can comes through, and ends the learner.
func testRollbackRace(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	target := publish(t, w, 1)
	fenced := make(chan error, 1)
	go func() {
		for i := float32(2); ; i++ {
			if _, err := w.Publish(ctx, snapshotOf(t, i, 64), PublishOptions{Serve: true}); err != nil {
				fenced <- err
				return
			}
			time.Sleep(time.Millisecond) // a learner learns in between
		}
	}()
	back, err := s.Rollback(ctx, model, target.Seq, "bob")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, <-fenced, millrace.ErrFenced)
	if got := head(t, s, model); got != back {
		t.Errorf("head is %+v, rolled back to %+v", got, back)
	}
}

func testPromote(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	good := publish(t, w, 1)
	refused, err := w.Publish(ctx, snapshotOf(t, 2, 64), PublishOptions{Cause: "learned"}) // the gate said no
	if err != nil {
		t.Fatal(err)
	}
	if served, err := s.Served(ctx, model); err != nil || served != good {
		t.Fatalf("served is %+v, %v", served, err)
	}
	h, err := s.Rollback(ctx, model, refused.Seq, "bob")
	if err != nil || h.Cause != "promoted" || h.Candidate != refused.Candidate {
		t.Errorf("promoted to %+v, %v", h, err)
	}
}

func testRollbackRefuses(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	_, err := s.Rollback(ctx, model, 1, "bob")
	wantError(t, err, millrace.ErrNoSnapshot)
	w := acquire(t, s, model)
	first, second := publish(t, w, 1), publish(t, w, 2)
	if _, err := s.Rollback(ctx, model, 9, "bob"); err == nil || !strings.Contains(err.Error(), "holds 1 to 2") {
		t.Errorf("error is %v", err)
	}
	s.client.SetRange(ctx, keysOf(model).candidate(first.Candidate)[2], 20, "x")
	_, err = s.Rollback(ctx, model, first.Seq, "bob")
	wantError(t, err, millrace.ErrCorrupt)
	s.client.Del(ctx, keysOf(model).candidate(first.Candidate)[2])
	_, err = s.Rollback(ctx, model, first.Seq, "bob")
	wantError(t, err, ErrGone)
	if got := head(t, s, model); got != second {
		t.Errorf("head moved to %+v", got)
	}
	publish(t, w, 3) // the learner was not fenced
}

func testRetention(t *testing.T, addr string) {
	ctx, model, c := context.Background(), modelOf(t), newClock()
	s := open(t, addr, Options{Now: c.Now})
	w := acquire(t, s, model)
	options := PublishOptions{Cause: "learned", Serve: true, Retention: Retention{Keep: 3}}
	publishOld := func(serve bool) {
		t.Helper()
		options.Serve = serve
		if _, err := w.Publish(ctx, snapshotOf(t, 1, 64), options); err != nil {
			t.Fatal(err)
		}
		c.advance(RetainYoung + time.Second)
	}
	seqs := func() (list []uint64) {
		t.Helper()
		versions, err := s.List(ctx, model)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range versions {
			if v.Fault != "" {
				t.Errorf("version %d: %s", v.Seq, v.Fault)
			}
			list = append(list, v.Seq)
		}
		return list
	}
	for range 4 {
		publishOld(true)
	}
	if err := s.Pin(ctx, model, 2, true); err != nil {
		t.Fatal(err)
	}
	publishOld(true)
	if got := seqs(); !slices.Equal(got, []uint64{5, 4, 3, 2}) {
		t.Errorf("with 2 pinned: %v", got)
	}
	for range 4 {
		publishOld(false) // 5 stays served
	}
	if got := seqs(); !slices.Equal(got, []uint64{9, 8, 7, 5, 2}) {
		t.Errorf("with 5 served: %v", got)
	}
	if keys := keysLike(t, s, "millrace:{"+model+"}:c:*"); len(keys) != 15 {
		t.Errorf("%d keys for 5 versions", len(keys))
	}
	// A rollback to 7 keeps its blobs for as long as that flip is kept, though 7 itself is old.
	if _, err := s.Rollback(ctx, model, 7, "bob"); err != nil {
		t.Fatal(err)
	}
	w = acquire(t, s, model)
	publishOld(true)
	publishOld(true)
	if got := seqs(); !slices.Equal(got, []uint64{12, 11, 10, 2}) {
		t.Errorf("after the rollback: %v", got)
	}
	if err := s.Pin(ctx, model, 2, false); err != nil {
		t.Fatal(err)
	}
	options.Keep = 1 // of its Retention
	for range 5 {    // young ones stay, whatever keep says
		if _, err := w.Publish(ctx, snapshotOf(t, 1, 64), options); err != nil {
			t.Fatal(err)
		}
	}
	if got := seqs(); !slices.Equal(got, []uint64{17, 16, 15, 14, 13}) {
		t.Errorf("young ones: %v", got)
	}
}

// What all candidates hold stays within the bound, those that no flip has published included, and is told.
func testRetentionByBytes(t *testing.T, addr string) {
	ctx, model, c := context.Background(), modelOf(t), newClock()
	s := open(t, addr, Options{Now: c.Now})
	w := acquire(t, s, model)
	total := func() (bytes int64) {
		t.Helper()
		for _, key := range keysLike(t, s, "millrace:{"+model+"}:c:*") {
			bytes += s.client.StrLen(ctx, key).Val()
		}
		return bytes
	}
	publishOne := func(bytesMax int64) {
		t.Helper()
		o := PublishOptions{Cause: "learned", Serve: true, Retention: Retention{Keep: 1000, BytesMax: bytesMax}}
		if _, err := w.Publish(ctx, snapshotOf(t, 1, 1000), o); err != nil {
			t.Fatal(err)
		}
		c.advance(20 * time.Second)
	}
	publishOne(0)
	one := total()
	for range 20 {
		publishOne(6*one + one/2)
	}
	if got := total(); got > 6*one+one/2 || got < 5*one {
		t.Errorf("versions of %d bytes hold %d, the bound is six and a half", one, got)
	}
	if h := w.Held(); h.Bytes != total() || h.Versions != 6 {
		t.Errorf("held: %+v, and there are %d bytes", h, total())
	}
	// A writer that died before its flip has left a candidate, which counts; and sizes that nobody noted are asked.
	dead := acquire(t, s, model)
	if _, err := dead.write(ctx, snapshotOf(t, 2, 3000), "learned"); err != nil {
		t.Fatal(err)
	}
	for candidate := range s.client.HGetAll(ctx, keysOf(model).sizes()).Val() {
		if candidate != dead.unpublished {
			s.client.HDel(ctx, keysOf(model).sizes(), candidate)
		}
	}
	w = acquire(t, s, model)
	publishOne(6*one + one/2)
	if got := total(); got > 6*one+one/2 {
		t.Errorf("with an unpublished candidate they hold %d of %d bytes", got, 6*one+one/2)
	}
	if h := w.Held(); h.Bytes != total() {
		t.Errorf("held: %+v, and there are %d bytes", h, total())
	}
	// Something else under the key of the sizes does not keep retention from its work.
	s.client.Del(ctx, keysOf(model).sizes())
	s.client.RPush(ctx, keysOf(model).sizes(), "a list")
	for range 3 {
		publishOne(6*one + one/2)
	}
	if kind := s.client.Type(ctx, keysOf(model).sizes()).Val(); kind != "hash" || w.Held().Bytes > 6*one+one/2 {
		t.Errorf("the sizes are a %s, and the versions hold %d bytes", kind, w.Held().Bytes)
	}
}

// A writer whose flips are refused, one after the other, leaves one candidate at most.
func testUnpublishedGo(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	first := publish(t, w, 1)
	for i := range 5 {
		if _, err := w.write(ctx, snapshotOf(t, float32(i), 64), "learned"); err != nil {
			t.Fatal(err)
		}
	}
	if keys := keysLike(t, s, "millrace:{"+model+"}:c:*"); len(keys) != 6 {
		t.Errorf("%d keys, want three for the published and three for the last unpublished candidate", len(keys))
	}
	if n := s.client.HLen(ctx, keysOf(model).sizes()).Val(); n != 2 {
		t.Errorf("%d sizes are noted, want 2", n)
	}
	// One that came through after all is spared: the next write finds it the head.
	r, err := w.write(ctx, snapshotOf(t, 7, 64), "learned")
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := w.flip(ctx, r, true); err != nil || answer != "OK" {
		t.Fatal(answer, err)
	}
	if w.unpublished != r.Candidate {
		t.Fatalf("the writer knows of the flip")
	}
	second := publish(t, w, 8)
	for _, h := range []millrace.Head{first, r.Head, second} {
		if _, err := s.Load(ctx, model, h, true); err != nil {
			t.Errorf("version %d: %v", h.Seq, err)
		}
	}
}

func testRetentionFenced(t *testing.T, addr string) {
	ctx, model, c := context.Background(), modelOf(t), newClock()
	s := open(t, addr, Options{Now: c.Now})
	w := acquire(t, s, model)
	for i := range 3 {
		publish(t, w, float32(i))
		c.advance(RetainYoung)
	}
	acquire(t, s, model)
	if err := w.trim(ctx, Retention{Keep: 1}); err != nil {
		t.Fatal(err)
	}
	if versions, err := s.List(ctx, model); err != nil || len(versions) != 3 {
		t.Errorf("a fenced writer left %d versions, %v", len(versions), err)
	}
}

// Between retention's look and its deletion a version may become served or pinned.
func testRetentionChanged(t *testing.T, addr string) {
	ctx, model, f, c := context.Background(), modelOf(t), &faults{}, newClock()
	s, other := open(t, addr, Options{Dialer: f.dial, Now: c.Now}), open(t, addr, Options{})
	w := acquire(t, s, model)
	first := publish(t, w, 1)
	publish(t, w, 2)
	c.advance(RetainYoung)
	f.set(func(request string) fault {
		if strings.Contains(request, s.scripts.trim.Hash()) || strings.Contains(request, "'CHANGED'") {
			if err := other.Pin(ctx, model, first.Seq, true); err != nil {
				t.Error(err)
			}
		}
		return pass
	})
	if err := w.trim(ctx, Retention{Keep: 1}); err != nil {
		t.Fatal(err)
	}
	if got := learnedOf(t, s, model, first); got != 1 {
		t.Errorf("the version pinned meanwhile holds %d", got)
	}
}

func testCorruption(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	for i, name := range []string{"manifest", "serving", "training"} {
		tests := map[string]struct {
			damage func(key string, old []byte)
			target error
		}{
			"a bit":    {func(key string, old []byte) { old[len(old)/2] ^= 1; s.client.Set(ctx, key, old, 0) }, millrace.ErrCorrupt},
			"cut":      {func(key string, old []byte) { s.client.Set(ctx, key, old[:len(old)-1], 0) }, millrace.ErrCorrupt},
			"longer":   {func(key string, _ []byte) { s.client.Append(ctx, key, "x") }, millrace.ErrCorrupt},
			"gone":     {func(key string, _ []byte) { s.client.Del(ctx, key) }, ErrGone},
			"replaced": {func(key string, _ []byte) { s.client.Set(ctx, key, "{}", 0) }, millrace.ErrCorrupt},
		}
		for how, test := range tests {
			h := publish(t, w, 1)
			key := keysOf(model).candidate(h.Candidate)[i]
			old, err := s.client.Get(ctx, key).Bytes()
			if err != nil {
				t.Fatal(err)
			}
			test.damage(key, old)
			snap, err := s.Load(ctx, model, h, true)
			if !errors.Is(err, test.target) || snap.Serving != nil {
				t.Errorf("%s, %s: error is %v, want %v", name, how, err, test.target)
			}
			if _, err = s.Load(ctx, model, h, false); (err == nil) != (name == "training") {
				t.Errorf("%s, %s: a scorer's error is %v", name, how, err)
			}
		}
	}
	h := publish(t, w, 1)
	h.Digest = strings.Repeat("0", 64)
	_, err := s.Load(ctx, model, h, false)
	wantError(t, err, millrace.ErrCorrupt)
}

func testCorruptPointer(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	h := publish(t, acquire(t, s, model), 1)
	for _, bad := range []string{"x", "{}", `{"seq":1}`, `{"seq":1,"epoch":1,"digest":"` + h.Digest + `","candidate":"../../x"}`} {
		s.client.Set(ctx, keysOf(model).served(), bad, 0)
		_, err := s.Served(ctx, model)
		wantError(t, err, millrace.ErrCorrupt)
	}
	// Another model's version under this model's name.
	stranger := modelOf(t) + ".b"
	for i, key := range keysOf(model).candidate(h.Candidate) {
		s.client.Set(ctx, keysOf(stranger).candidate(h.Candidate)[i], s.client.Get(ctx, key).Val(), 0)
	}
	_, err := s.Load(ctx, stranger, h, false)
	wantError(t, err, millrace.ErrCorrupt)
	if _, err := s.Head(ctx, "no{such}"); err == nil {
		t.Error("a name with braces was accepted")
	}
}

// Many learners fight over one model. Whoever wins, there is one chain of heads: every version follows
// the one before it, none is lost, and numbers only rise.
func testRace(t *testing.T, addr string) {
	const learners, publications = 6, 8
	ctx, model := context.Background(), modelOf(t)
	var mu sync.Mutex
	published := map[string]millrace.Head{}
	var group sync.WaitGroup
	for range learners {
		group.Go(func() {
			s := open(t, addr, Options{})
			w := acquire(t, s, model)
			for done := 0; done < publications; {
				h, err := w.Publish(ctx, snapshotOf(t, 1, 64), PublishOptions{Cause: "learned", Serve: done%3 > 0})
				if errors.Is(err, millrace.ErrFenced) {
					if w, _, err = s.Acquire(ctx, model, "again"); err == nil {
						continue
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				done++
				mu.Lock()
				published[h.Candidate] = h
				mu.Unlock()
			}
		})
	}
	group.Wait()
	s := open(t, addr, Options{})
	versions, err := s.List(ctx, model)
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != learners*publications || len(published) != len(versions) {
		t.Fatalf("%d versions for %d acknowledged publications", len(versions), len(published))
	}
	slices.Reverse(versions)
	parent := ""
	for i, v := range versions {
		if v.Seq != uint64(i+1) || v.Manifest.Parent != parent || published[v.Candidate] != v.Head || v.Manifest.Seq != v.Seq {
			t.Fatalf("version %d is %+v after %q", i+1, v, parent)
		}
		if i > 0 && !v.Newer(versions[i-1].Head) {
			t.Fatalf("version %+v is not newer than %+v", v.Head, versions[i-1].Head)
		}
		parent = v.Candidate
	}
	if last := versions[len(versions)-1]; !last.IsHead || head(t, s, model) != last.Head {
		t.Errorf("the head is %+v, not the last version", head(t, s, model))
	}
}

func testAfterFlip(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	var at millrace.Head
	var failure error
	var s *Store
	s = open(t, addr, Options{AfterFlip: func(_ context.Context, got string) error {
		if got != model {
			t.Errorf("model is %q", got)
		}
		at = head(t, s, model)
		return failure
	}})
	w := acquire(t, s, model)
	if h := publish(t, w, 1); at != h {
		t.Errorf("at the flip of %+v the head was %+v", h, at)
	}
	failure = errors.New("disk full")
	_, err := w.Publish(ctx, snapshotOf(t, 2, 64), PublishOptions{Serve: true})
	wantError(t, err, failure)
	_, err = s.Rollback(ctx, model, 1, "bob")
	wantError(t, err, failure)
	failure = nil
	publish(t, acquire(t, s, model), 3)
}

func testCandidatesExpire(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	r, err := w.write(ctx, snapshotOf(t, 1, 64), "learned")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keysOf(model).candidate(r.Candidate) {
		if ttl := s.client.TTL(ctx, key).Val(); ttl <= 0 || ttl > candidateLife {
			t.Errorf("%s expires in %v", key, ttl)
		}
		s.client.Del(ctx, key)
	}
	// Expired between writing and flipping: refused, and written anew by the next attempt.
	if answer, err := w.flip(ctx, r, true); answer != "GONE" || err != nil {
		t.Errorf("flip to a candidate that is gone: %q, %v", answer, err)
	}
	if h := publish(t, w, 2); h.Seq != 2 {
		t.Errorf("published %+v", h)
	}
}

func testRefusesNotFinite(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	_, err := w.Publish(ctx, snapshotOf(t, nan(), 64), PublishOptions{Serve: true})
	wantError(t, err, millrace.ErrCorrupt)
	_, err = s.Head(ctx, model)
	wantError(t, err, millrace.ErrNoSnapshot)
}

func testListAndModels(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	if versions, err := s.List(ctx, model); err != nil || len(versions) != 0 {
		t.Errorf("before anything: %v, %v", versions, err)
	}
	w := acquire(t, s, model)
	h := publish(t, w, 1)
	publish(t, w, 2)
	s.client.Del(ctx, keysOf(model).candidate(h.Candidate)[0])
	versions, err := s.List(ctx, model)
	if err != nil || len(versions) != 2 || versions[0].Fault != "" || !strings.Contains(versions[1].Fault, "gone") {
		t.Errorf("listed %+v, %v", versions, err)
	}
	models, err := s.Models(ctx)
	if err != nil || !slices.Contains(models, model) {
		t.Errorf("models are %v, %v", models, err)
	}
}

// A number is used once, also when the head was put back to an older version than the history holds.
func testNumbersGoOn(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	w := acquire(t, s, model)
	first := publish(t, w, 1)
	publish(t, w, 2)
	third := publish(t, w, 3)
	for _, raw := range s.client.ZRange(ctx, keysOf(model).index(), 0, -1).Val() {
		if r, err := parseRecord(raw); err == nil && r.Seq == first.Seq {
			s.client.Set(ctx, keysOf(model).head(), raw, 0)
		}
	}
	w = acquire(t, s, model)
	if h := publish(t, w, 4); h.Seq != third.Seq+1 {
		t.Errorf("after %d, with the head at %d, comes %d", third.Seq, first.Seq, h.Seq)
	}
}
