package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"millrace"
)

// contents reads a model's small keys whole, whatever their types are.
func contents(t *testing.T, s *Store, model string) map[string]string {
	t.Helper()
	ctx, all := context.Background(), map[string]string{}
	for _, key := range keysLike(t, s, "millrace:{"+model+"}:*") {
		if strings.HasPrefix(key, keysOf(model).prefix+"c:") || key == keysOf(model).sizes() {
			continue // what was written and not flipped to goes by itself
		}
		kind := s.client.Type(ctx, key).Val()
		var value any
		switch kind {
		case "string":
			value = s.client.Get(ctx, key).Val()
		case "hash":
			value = s.client.HGetAll(ctx, key).Val()
		case "list":
			value = s.client.LRange(ctx, key, 0, -1).Val()
		case "set":
			value = s.client.SMembers(ctx, key).Val()
		case "zset":
			value = s.client.ZRangeWithScores(ctx, key, 0, -1).Val()
		}
		all[key] = fmt.Sprint(kind, value)
	}
	return all
}

// Whatever a model's keys hold, no script writes half of what it should: it finds the wrong type before it writes, and
// says which key it is and what to do.
func testWrongTypes(t *testing.T, addr string) {
	ctx := context.Background()
	s := open(t, addr, Options{})
	rival := acquire(t, s, challengerOf(t))
	best := unserved(t, rival, 10)
	for _, key := range []string{"owner", "head", "served", "index"} {
		model := modelOf(t) + "." + key
		w := acquire(t, s, model)
		first := publish(t, w, 1)
		publish(t, w, 2)
		broken := keysOf(model).prefix + key
		s.client.Del(ctx, broken)
		s.client.RPush(ctx, broken, "a list")
		before := contents(t, s, model)
		ways := map[string]func() error{
			"acquire": func() error { _, _, err := s.Acquire(ctx, model, "a"); return err },
			"anew":    func() error { _, _, err := s.AcquireWith(ctx, model, AcquireOptions{Anew: true}); return err },
			"publish": func() error {
				_, err := w.Publish(ctx, snapshotOf(t, 3, 64), PublishOptions{Cause: "learned", Serve: true})
				return err
			},
			"rollback": func() error { _, err := s.Rollback(ctx, model, 2, "bob"); return err },
			"promote":  func() error { _, err := s.Promote(ctx, challengerOf(t), best, model, "bob"); return err },
			"trim": func() error {
				answer, err := s.scripts.trim.Run(ctx, s.client, []string{
					keysOf(model).owner(), keysOf(model).head(), keysOf(model).served(), keysOf(model).pinned(), keysOf(model).index(), keysOf(model).sizes(),
				}, count(w.epoch), w.owner, 0).Text()
				return errors.Join(err, wrongType(answer))
			},
		}
		if key == "index" { // without it the history holds head and served alone
			if _, err := s.Rollback(ctx, model, first.Seq, "bob"); !errors.Is(err, errNoVersion) {
				t.Errorf("index: rollback to a version that only it knows: %v", err)
			}
		}
		for name, way := range ways {
			err := way()
			if !errors.Is(err, ErrWrongType) || !strings.Contains(err.Error(), broken+" holds a list") || !strings.Contains(err.Error(), "repair") {
				t.Errorf("%s is a list, %s: %v", key, name, err)
			}
			if after := contents(t, s, model); !maps.Equal(before, after) {
				t.Errorf("%s is a list, %s changed\n%v\nto\n%v", key, name, before, after)
			}
		}
	}
}

// Pins that cannot be read spare everything: retention stands back, and the history is shown all the same.
func testWrongPins(t *testing.T, addr string) {
	ctx, model, c := context.Background(), modelOf(t), newClock()
	s := open(t, addr, Options{Now: c.Now})
	w := acquire(t, s, model)
	for i := range 3 {
		publish(t, w, float32(i))
		c.advance(RetainYoung)
	}
	s.client.RPush(ctx, keysOf(model).pinned(), "a list")
	if h := publish(t, w, 4); head(t, s, model) != h {
		t.Errorf("published %+v", h)
	}
	_ = w.trim(ctx, Retention{Keep: 1}) // it may fail or stand back
	if versions, err := s.List(ctx, model); err != nil || len(versions) != 4 {
		t.Errorf("%d versions, %v", len(versions), err)
	}
}

// One thing that cannot be read takes nothing else with it: it is passed over and told of, once.
func testUnreadable(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	var log bytes.Buffer
	s := open(t, addr, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	k := keysOf(model)
	w := acquire(t, s, model)
	first := publish(t, w, 1)
	second := publish(t, w, 2)
	s.client.Set(ctx, k.served(), "rubbish in served", 0)
	s.client.ZAdd(ctx, k.index(), z(9, "rubbish in the index"))
	s.client.SAdd(ctx, k.pinned(), "rubbish in the pins", first.Candidate)
	s.client.HSet(ctx, k.owner(), "epoch", "rubbish of an owner")

	for range 2 {
		versions, err := s.List(ctx, model)
		if err != nil || len(versions) != 2 || versions[0].Head != second || !versions[0].IsHead || !versions[1].Pinned {
			t.Fatalf("listed %+v, %v", versions, err)
		}
	}
	for _, what := range []string{"served", "the index", "the pins", "an owner"} {
		if n := strings.Count(log.String(), "rubbish in "+what) + strings.Count(log.String(), "rubbish of "+what); n != 1 {
			t.Errorf("%s was told of %d times in\n%s", what, n, log.String())
		}
	}
	_, err := s.Served(ctx, model)
	wantError(t, err, millrace.ErrCorrupt)
	if err := s.Pin(ctx, model, second.Seq, true); err != nil {
		t.Error(err)
	}
	back, err := s.Rollback(ctx, model, first.Seq, "bob")
	if err != nil || learnedOf(t, s, model, back) != 1 || !back.Newer(second) {
		t.Fatalf("rolled back to %+v, %v", back, err)
	}
	if served, err := s.Served(ctx, model); err != nil || served != back {
		t.Errorf("served is %+v, %v", served, err)
	}
	again, h, err := s.Acquire(ctx, model, "learner")
	if err != nil || h != back {
		t.Fatalf("acquired at %+v, %v", h, err)
	}
	if next := publish(t, again, 3); !next.Newer(back) || next.Seq != 4 {
		t.Errorf("published %+v", next)
	}
}

// A head that cannot be read is nothing to begin anew from. The learner that owns the model replaces it, and so does a
// person's rollback.
func testUnreadableHead(t *testing.T, addr string) {
	ctx := context.Background()
	s := open(t, addr, Options{})
	for i, rubbish := range []string{"rubbish", "{}", "[1]", `{"epoch":"x"}`, `{"epoch":1}`} {
		model := fmt.Sprintf("%s.%d", modelOf(t), i)
		w := acquire(t, s, model)
		first := publish(t, w, 1)
		s.client.Set(ctx, keysOf(model).head(), rubbish, 0)
		before := contents(t, s, model)
		_, _, err := s.Acquire(ctx, model, "a")
		if rubbish == `{"epoch":1}` { // a script reads no more of a pointer than its epoch
			wantError(t, err, millrace.ErrCorrupt)
			s.client.HSet(ctx, keysOf(model).owner(), "epoch", count(w.epoch), "owner", w.owner)
		} else {
			wantError(t, err, ErrHeadLost)
			if after := contents(t, s, model); !maps.Equal(before, after) {
				t.Errorf("%s: acquiring changed\n%v\nto\n%v", rubbish, before, after)
			}
		}
		if next := publish(t, w, 2); !next.Newer(first) || head(t, s, model) != next {
			t.Errorf("%s: published %+v", rubbish, next)
		}
		s.client.Set(ctx, keysOf(model).head(), rubbish, 0)
		if back, err := s.Rollback(ctx, model, first.Seq, "bob"); err != nil || head(t, s, model) != back {
			t.Errorf("%s: rolled back to %+v, %v", rubbish, back, err)
		}
	}
}

// Versions without a head are not begun anew over, unless that is what is wanted.
func testHeadLost(t *testing.T, addr string) {
	ctx := context.Background()
	s := open(t, addr, Options{})
	for _, left := range [][]string{{"served", "index"}, {"served"}, {"index"}} {
		model := modelOf(t) + "." + strings.Join(left, ".")
		w := acquire(t, s, model)
		publish(t, w, 1)
		last := publish(t, w, 2)
		for _, key := range []string{"owner", "head", "served", "index"} {
			if !slices.Contains(left, key) {
				s.client.Del(ctx, keysOf(model).prefix+key)
			}
		}
		before := contents(t, s, model)
		_, _, err := s.Acquire(ctx, model, "a")
		if !errors.Is(err, ErrHeadLost) || !strings.Contains(err.Error(), "snapshots repair") {
			t.Errorf("%v left: %v", left, err)
		}
		if after := contents(t, s, model); !maps.Equal(before, after) {
			t.Errorf("%v left: acquiring changed\n%v\nto\n%v", left, before, after)
		}
		next := publish(t, w, 3) // the learner that lives goes on
		if !next.Newer(last) || next.Origin != last.Origin {
			t.Errorf("%v left: published %+v", left, next)
		}
		s.client.Del(ctx, keysOf(model).head())
		anew, h, err := s.AcquireWith(ctx, model, AcquireOptions{Anew: true})
		if err != nil || h != (millrace.Head{}) {
			t.Fatalf("%v left, anew: %+v, %v", left, h, err)
		}
		if begun := publish(t, anew, 4); begun.Seq <= next.Seq || !begun.Newer(next) || begun.Origin == next.Origin {
			t.Errorf("%v left, anew: published %+v after %+v", left, begun, next)
		}
	}
}
