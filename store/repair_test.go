package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"millrace"
)

// repaired applies a repair, after making sure that without apply nothing changes.
func repaired(t *testing.T, s *Store, model string) Repair {
	t.Helper()
	ctx, before := context.Background(), contents(t, s, model)
	dry, err := s.Repair(ctx, model, RepairOptions{Serve: true, By: "bob"})
	if err != nil || dry.Applied {
		t.Fatalf("dry run: %+v, %v", dry, err)
	}
	if after := contents(t, s, model); !maps.Equal(before, after) {
		t.Errorf("a dry run changed\n%v\nto\n%v", before, after)
	}
	done, err := s.Repair(ctx, model, RepairOptions{Apply: true, Serve: true, By: "bob"})
	if err != nil || done.Applied != (len(dry.Steps) > 0) || len(done.Steps) != len(dry.Steps) || len(done.Faults) != len(dry.Faults) {
		t.Fatalf("dry run %+v, applied %+v, %v", dry, done, err)
	}
	again, err := s.Repair(ctx, model, RepairOptions{Serve: true})
	if err != nil || len(again.Steps) > 0 || len(again.Faults) > 0 {
		t.Errorf("after the repair: %+v, %v", again, err)
	}
	return done
}

// Whatever of the pointers is lost or cannot be read is there again after a repair, as it was where the index has it; a
// learner goes on from the same head, and what a scorer serves is still what it served.
func testRepair(t *testing.T, addr string) {
	ctx := context.Background()
	s := open(t, addr, Options{})
	lose := func(s *Store, keys ...string) {
		for _, key := range keys {
			s.client.Del(ctx, key)
		}
	}
	for name, damage := range map[string]func(k keys){
		"head":          func(k keys) { lose(s, k.head()) },
		"head and own":  func(k keys) { lose(s, k.head(), k.owner()) },
		"both pointers": func(k keys) { lose(s, k.head(), k.served()) },
		"index":         func(k keys) { lose(s, k.index()) },
		"all":           func(k keys) { lose(s, k.head(), k.served(), k.index(), k.owner()) },
		"rubbish": func(k keys) {
			s.client.Set(ctx, k.head(), "rubbish", 0)
			s.client.Set(ctx, k.served(), "rubbish", 0)
			s.client.ZAdd(ctx, k.index(), z(1, "rubbish"))
			s.client.SAdd(ctx, k.pinned(), "rubbish!")
		},
		"types": func(k keys) {
			for _, key := range []string{k.owner(), k.head(), k.served(), k.index(), k.pinned()} {
				lose(s, key)
				s.client.RPush(ctx, key, "a list")
			}
		},
	} {
		model := modelOf(t) + "." + strings.ReplaceAll(name, " ", ".")
		w := acquire(t, s, model)
		publish(t, w, 1)
		last := publish(t, w, 2)
		unpublished, err := w.write(ctx, snapshotOf(t, 666, 64), "learned")
		if err != nil {
			t.Fatal(err)
		}
		damage(keysOf(model))
		done := repaired(t, s, model)
		if len(done.Faults) == 0 || done.Versions != 2 || done.Head.Candidate != last.Candidate || done.Served != done.Head {
			t.Errorf("%s: repaired %+v", name, done)
		}
		versions, err := s.List(ctx, model)
		if err != nil || len(versions) != 2 || !versions[0].IsHead || !versions[0].IsServed || versions[0].Fault+versions[1].Fault != "" {
			t.Errorf("%s: listed %+v, %v", name, versions, err)
		}
		indexed := name != "all" && name != "types"
		if got := head(t, s, model); indexed && got != last || got.Seq != last.Seq || got.Epoch != last.Epoch || got.Digest != last.Digest ||
			got.Origin != last.Origin || got.Candidate == unpublished.Candidate {
			t.Errorf("%s: head is %+v, was %+v", name, got, last)
		}
		if name == "types" {
			if aside := keysLike(t, s, "millrace:{"+model+"}:*.aside-*"); len(aside) != 5 {
				t.Errorf("set aside %v", aside)
			}
		}
		next := publish(t, acquire(t, s, model), 3)
		if !next.Newer(last) || !next.Follows(last) || next.Origin != last.Origin || next.Seq != 3 {
			t.Errorf("%s: a learner went on to %+v after %+v", name, next, last)
		}
	}
}

// A repair passes over what is damaged, and serves nothing that has learned nothing.
func testRepairChooses(t *testing.T, addr string) {
	ctx, model := context.Background(), modelOf(t)
	s := open(t, addr, Options{})
	if r, err := s.Repair(ctx, model, RepairOptions{Apply: true}); err != nil || len(r.Faults)+len(r.Steps) > 0 || r.Applied {
		t.Errorf("a model that never was: %+v, %v", r, err)
	}
	w := acquire(t, s, model)
	if _, err := w.Publish(ctx, snapshotOf(t, 0, 64), PublishOptions{Cause: millrace.CauseFirst}); err != nil {
		t.Fatal(err)
	}
	s.client.Del(ctx, keysOf(model).head(), keysOf(model).index())
	if r := repaired(t, s, model); r.Head.Seq != 1 || r.Head.Cause != millrace.CauseFirst || r.Served != (millrace.Head{}) {
		t.Errorf("an empty version alone: %+v", r)
	}
	w = acquire(t, s, model)
	good, bits, cut := publish(t, w, 2), publish(t, w, 3), publish(t, w, 4)
	s.client.SetRange(ctx, keysOf(model).candidate(bits.Candidate)[1], 100, "xx")
	s.client.Append(ctx, keysOf(model).candidate(cut.Candidate)[2], "x")
	s.client.Del(ctx, keysOf(model).head())
	r, err := s.Repair(ctx, model, RepairOptions{Apply: true, Serve: true, By: "bob"})
	if err != nil || r.Head != good || r.Served != good || head(t, s, model) != good {
		t.Errorf("repaired %+v, %v; the good one is %+v", r, err, good)
	}
	for _, damaged := range []millrace.Head{bits, cut} {
		if !slices.ContainsFunc(r.Faults, func(f string) bool { return strings.Contains(f, "version "+count(damaged.Seq)) }) {
			t.Errorf("version %d is not among the faults %v", damaged.Seq, r.Faults)
		}
	}
	if served, err := s.Served(ctx, model); err != nil || served != good {
		t.Errorf("served is %+v, %v", served, err)
	}
	// A challenger's repair leaves it unserved.
	s.client.Del(ctx, keysOf(model).head(), keysOf(model).served())
	if r, err := s.Repair(ctx, model, RepairOptions{Apply: true}); err != nil || r.Head != good || r.Served != (millrace.Head{}) {
		t.Errorf("without serving: %+v, %v", r, err)
	}
}
