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
	At       time.Time         `json:"at"` // of the flip, by the clock of who made it
	Manifest millrace.Manifest `json:"manifest"`
	IsHead   bool              `json:"is_head"`         // learners resume from it
	IsServed bool              `json:"is_served"`       // scorers load it
	Pinned   bool              `json:"pinned"`          // spared by retention
	Fault    string            `json:"fault,omitempty"` // why its manifest cannot be read; empty when it can
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

// state is all of a model's pointers at one moment; zero records where there are none. A record that cannot be read has
// nothing but its text.
type state struct {
	epoch        uint64
	owner        string
	time         uint64 // by the store's clock, as an epoch
	head, served record
	history      []record // newest first; holds head and served, too
	seen         map[string]bool
	pinned       map[string]bool
	faults       []string        // what was passed over because it cannot be read
	unreadable   []string        // the index members among that
	badPins      []string        // and the pins
	mistyped     []string        // and the keys of another type
	indexed      map[string]bool // the texts of index members
}

// state reads all pointers. One that cannot be read is passed over and told of, so that the others remain of use.
func (s *Store) state(ctx context.Context, model string) (state, error) {
	k := keysOf(model)
	pipe := s.client.TxPipeline() // one moment: a flip changes several keys
	owner := pipe.HMGet(ctx, k.owner(), "epoch", "owner")
	head, served := pipe.Get(ctx, k.head()), pipe.Get(ctx, k.served())
	index, pinned := pipe.ZRange(ctx, k.index(), 0, -1), pipe.SMembers(ctx, k.pinned())
	clock := pipe.Time(ctx)
	_, _ = pipe.Exec(ctx) // it repeats the first command's error: each is looked at below
	st := state{seen: map[string]bool{}, indexed: map[string]bool{}, pinned: map[string]bool{}, time: epochAt(clock.Val())}
	for _, c := range []struct {
		key, right string
		err        error
	}{
		{k.owner(), "hash", owner.Err()}, {k.head(), "string", head.Err()}, {k.served(), "string", served.Err()},
		{k.index(), "zset", index.Err()}, {k.pinned(), "set", pinned.Err()}, {"its clock", "", clock.Err()},
	} {
		switch {
		case redis.HasErrorPrefix(c.err, "WRONGTYPE"):
			st.faults = append(st.faults, errWrongType(c.key, "another type", c.right).Error())
			st.mistyped = append(st.mistyped, c.key)
		case c.err != nil && !errors.Is(c.err, redis.Nil):
			return st, s.failed("reading the versions of "+model, fmt.Errorf("%s: %w", c.key, c.err))
		}
	}
	var err error
	if st.epoch, st.owner, err = parseOwner(owner.Val()); err != nil {
		st.faults = append(st.faults, k.owner()+": "+err.Error())
	}
	st.head = st.add(k.head(), head.Val())
	st.served = st.add(k.served(), served.Val())
	for _, raw := range index.Val() {
		st.indexed[raw] = true
		if r := st.add(k.index(), raw); r.Seq == 0 {
			st.unreadable = append(st.unreadable, raw)
		}
	}
	slices.SortFunc(st.history, func(a, b record) int {
		return cmp.Or(cmp.Compare(b.Seq, a.Seq), cmp.Compare(b.Epoch, a.Epoch))
	})
	for _, candidate := range pinned.Val() {
		if !candidateName(candidate) {
			st.faults = append(st.faults, fmt.Sprintf("%s: %.60q is no candidate", k.pinned(), candidate))
			st.badPins = append(st.badPins, candidate)
			continue
		}
		st.pinned[candidate] = true
	}
	for _, fault := range st.faults {
		if s.told.news(fault) {
			s.o.Log.WarnContext(ctx, "passing over what cannot be read", "model", model, "fault", fault)
		}
	}
	return st, nil
}

// add parses a pointer and puts it into the history, unless it is there. One that cannot be read becomes a fault.
func (st *state) add(key, raw string) record {
	if raw == "" {
		return record{}
	}
	r, err := parseRecord(raw)
	if err != nil {
		st.faults = append(st.faults, key+": "+err.Error())
		return r
	}
	if !st.seen[raw] {
		st.seen[raw] = true
		st.history = append(st.history, r)
	}
	return r
}

// newestSeq and newestEpoch are the highest numbers in use.
func (st *state) newestSeq() (seq uint64) {
	for _, r := range st.history {
		seq = max(seq, r.Seq)
	}
	return seq
}

func (st *state) newestEpoch() uint64 {
	epoch := st.epoch
	for _, r := range st.history {
		epoch = max(epoch, r.Epoch)
	}
	return epoch
}

// nextEpoch is what a person's flip takes, by the rule of acquireLua.
func (s *Store) nextEpoch(st state) uint64 {
	return max(st.newestEpoch()+1, st.time, epochAt(s.o.Now()))
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
