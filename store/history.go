package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"millrace"
	"millrace/snapshot"
)

// Version is one flip in a model's history. Several may share a candidate: a rollback is a new
// version of an old one.
type Version struct {
	millrace.Head
	At       time.Time // of the flip, by the clock of who made it
	Manifest millrace.Manifest
	IsHead   bool   // learners resume from it
	IsServed bool   // scorers load it
	Pinned   bool   // spared by retention
	Fault    string // why its manifest cannot be read; empty when it can
}

// List is a model's history, newest first, without blobs. It is empty for a model without versions.
func (s *Store) List(ctx context.Context, model string) ([]Version, error) {
	if err := checkModel(model); err != nil {
		return nil, err
	}
	st, err := s.state(ctx, model)
	if err != nil {
		return nil, err
	}
	manifests := map[string]*redis.StringCmd{}
	pipe := s.client.Pipeline()
	for _, r := range st.history {
		if manifests[r.Candidate] == nil {
			manifests[r.Candidate] = pipe.GetRange(ctx, keysOf(model).candidate(r.Candidate)[0], 0, snapshot.ManifestBytesMax)
		}
	}
	if len(manifests) > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, s.failed("reading manifests", err)
		}
	}
	versions := make([]Version, 0, len(st.history))
	for _, r := range st.history {
		v := Version{
			Head: r.Head, At: time.UnixMilli(r.At).UTC(), Pinned: st.pinned[r.Candidate],
			IsHead: r.raw == st.head.raw, IsServed: r.raw == st.served.raw,
		}
		text := []byte(manifests[r.Candidate].Val())
		switch m, err := snapshot.DecodeManifest(text); {
		case len(text) == 0:
			v.Fault = ErrGone.Error()
		case snapshot.Digest(text) != r.Digest:
			v.Fault = millrace.ErrCorrupt.Error() + ": the manifest is not the published one"
		case err != nil:
			v.Fault = err.Error()
		default:
			v.Manifest = m
		}
		versions = append(versions, v)
	}
	return versions, nil
}

// state is all of a model's pointers at one moment; zero records where there are none.
type state struct {
	epoch        uint64
	owner        string
	head, served record
	history      []record // newest first; holds head and served, too
	pinned       map[string]bool
}

func (s *Store) state(ctx context.Context, model string) (state, error) {
	st := state{pinned: map[string]bool{}}
	k := keysOf(model)
	pipe := s.client.TxPipeline() // one moment: a flip changes several keys
	owner := pipe.HMGet(ctx, k.owner(), "epoch", "owner")
	head, served := pipe.Get(ctx, k.head()), pipe.Get(ctx, k.served())
	index, pinned := pipe.ZRange(ctx, k.index(), 0, -1), pipe.SMembers(ctx, k.pinned())
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return st, s.failed("reading the versions of "+model, err)
	}
	var err error
	if st.epoch, st.owner, err = parseOwner(owner.Val()); err != nil {
		return st, err
	}
	seen := map[string]bool{}
	for i, raw := range append([]string{head.Val(), served.Val()}, index.Val()...) {
		if raw == "" {
			continue
		}
		r, err := parseRecord(raw)
		if err != nil {
			return st, fmt.Errorf("reading the versions of %s: %w", model, err)
		}
		switch i {
		case 0:
			st.head = r
		case 1:
			st.served = r
		}
		if !seen[raw] {
			seen[raw] = true
			st.history = append(st.history, r)
		}
	}
	slices.SortFunc(st.history, func(a, b record) int {
		return cmp.Or(cmp.Compare(b.Seq, a.Seq), cmp.Compare(b.Epoch, a.Epoch))
	})
	for _, candidate := range pinned.Val() {
		st.pinned[candidate] = true
	}
	return st, nil
}

// modelsMax bounds Models: beyond it a list for people is no use.
const modelsMax = 10_000

// Models lists the models that have a head, in order. It scans the whole keyspace: for people, not
// for loops.
func (s *Store) Models(ctx context.Context) ([]string, error) {
	models := map[string]bool{}
	scan := s.client.Scan(ctx, 0, "millrace:{*}:head", 1000).Iterator()
	for scan.Next(ctx) && len(models) < modelsMax {
		name := strings.TrimSuffix(strings.TrimPrefix(scan.Val(), "millrace:{"), "}:head")
		if checkModel(name) == nil {
			models[name] = true
		}
	}
	if err := scan.Err(); err != nil {
		return nil, s.failed("listing models", err)
	}
	list := make([]string, 0, len(models))
	for name := range models {
		list = append(list, name)
	}
	slices.Sort(list)
	return list, nil
}
