package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"millrace"
)

// Probe does once, on keys of its own beneath the model's prefix, all that a learner and a scorer will do, scripts
// included, and deletes them. It returns a sentence for each thing that would fail, with what to do about it: commands,
// keys or channels that the user may not use, a cluster, a replica, a full server. The model's own keys are read only.
func (s *Store) Probe(ctx context.Context, model string) (missing []string, err error) {
	if err := checkModel(model); err != nil {
		return nil, err
	}
	word, err := s.word(8)
	if err != nil {
		return nil, err
	}
	p := &probe{store: s, model: model, keys: keys{keysOf(model).prefix + "check:" + word + ":"}, owner: word}
	defer func() { // also when the caller has given up
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.client.Options().ReadTimeout)
		defer cancel()
		if cleanErr := p.clean(ctx); cleanErr != nil {
			missing = append(missing, "deleting what was written to find this out: "+why(cleanErr))
		}
	}()
	for _, step := range []struct {
		what string
		try  func(context.Context) error
	}{
		{"scorers: reading the pointers", p.readPointers},
		{"learners: writing a candidate", p.write},
		{"scorers: reading a candidate", p.read},
		{"learners: taking the model (a script)", p.acquire},
		{"learners: publishing a version (a script)", p.flip},
		{"learners: putting back a lost epoch (a script)", p.restore},
		{"learners: deleting old versions (a script)", p.trim},
		{"learners: telling scorers of a version", p.hint},
		{"scorers: listening for versions", p.listen},
	} {
		if err := step.try(ctx); err != nil {
			missing = append(missing, step.what+": "+why(err))
		}
		if ctx.Err() != nil {
			return missing, ctx.Err()
		}
	}
	return missing, nil
}

// why adds to what Redis says, where it is known, what to do about it.
func why(err error) string {
	text := err.Error()
	for _, known := range []struct{ prefix, advice string }{
		{"NOPERM", "give this user the command, and keys and channels that begin with millrace:"},
		{"The user executing the script", "give this user the commands of the script, and keys that begin with millrace:"},
		{"MOVED", "this is one node of a Redis Cluster: name a single Redis or the primary of a replicated one"},
		{"CLUSTERDOWN", "this is one node of a Redis Cluster: name a single Redis or the primary of a replicated one"},
		{"CROSSSLOT", "this is one node of a Redis Cluster: name a single Redis or the primary of a replicated one"},
		{"READONLY", "this is a replica: name the primary"},
		{"OOM", "it is full: give it more memory, or snapshots a smaller bytes_max"},
		{"MISCONF", "it cannot write to its disk"},
		{"NOREPLICAS", "too few of its replicas are reachable"},
		{"ERR unknown command", "the command is renamed or missing on this server"},
	} {
		if redis.HasErrorPrefix(err, known.prefix) || strings.Contains(text, known.prefix) {
			return text + "; " + known.advice
		}
	}
	return text
}

// probe tries what learners and scorers do.
type probe struct {
	store   *Store
	model   string
	keys    keys // its own
	owner   string
	epoch   string
	record  record
	written []string
}

// probeLife is how long keys of a probe live that could not be deleted.
const probeLife = time.Minute

// readPointers also finds pointers that are lost or cannot be read: a learner would refuse to begin.
func (p *probe) readPointers(ctx context.Context) error {
	st, err := p.store.state(ctx, p.model)
	switch {
	case err != nil:
		return err
	case len(st.faults) > 0:
		return fmt.Errorf("%s; `millrace snapshots repair -c FILE` shows what it can mend", strings.Join(st.faults, "; "))
	case st.head.raw == "" && len(st.history) > 0:
		return ErrHeadLost
	}
	return nil
}

func (p *probe) write(ctx context.Context) error {
	candidate := "1-1-" + p.owner
	var err error
	if p.record, err = newRecord(millrace.Head{Seq: 1, Epoch: 1, Owner: p.owner, Candidate: candidate}, p.store.o.Now()); err != nil {
		return err
	}
	pipe := p.store.client.Pipeline()
	for _, key := range p.keys.candidate(candidate) {
		pipe.Set(ctx, key, "probe", probeLife)
		p.written = append(p.written, key)
	}
	pipe.HSet(ctx, p.keys.sizes(), candidate, sizeText(1, p.store.o.Now()))
	p.written = append(p.written, p.keys.sizes())
	_, err = pipe.Exec(ctx)
	p.expire(ctx)
	return err
}

func (p *probe) read(ctx context.Context) error {
	pipe := p.store.client.Pipeline()
	for _, key := range p.keys.candidate(p.record.Candidate) {
		pipe.GetRange(ctx, key, 0, 1)
		pipe.StrLen(ctx, key)
		pipe.Get(ctx, key)
	}
	pipe.HGetAll(ctx, p.keys.sizes())
	_, err := pipe.Exec(ctx)
	if errors.Is(err, redis.Nil) {
		return errors.New("what was just written is not there")
	}
	return err
}

func (p *probe) acquire(ctx context.Context) error {
	k := p.keys
	p.written = append(p.written, k.owner())
	reply, err := p.store.scripts.acquire.Run(ctx, p.store.client, []string{k.owner(), k.head(), k.served(), k.index()},
		p.owner, "check", "1", "0").StringSlice()
	if err != nil {
		return err
	}
	if err := acquireRefusal(k, reply); err != nil {
		return err
	}
	p.epoch = reply[1]
	p.expire(ctx)
	return nil
}

// expire gives all that was written a life of its own: a probe may be killed before it cleans up. Who runs Millrace
// need not be allowed to, so that a refusal says nothing.
func (p *probe) expire(ctx context.Context) {
	pipe := p.store.client.Pipeline()
	for _, key := range p.written {
		pipe.Expire(ctx, key, probeLife)
	}
	_, _ = pipe.Exec(ctx)
}

// script runs a script that the probe's owner may run, and wants OK.
func (p *probe) script(ctx context.Context, script *redis.Script, names []string, args ...any) error {
	if p.epoch == "" {
		return errors.New("not tried, as the model could not be taken")
	}
	answer, err := script.Run(ctx, p.store.client, names, args...).Text()
	if err == nil && answer != "OK" {
		err = fmt.Errorf("it answers %.80q", answer)
	}
	return err
}

func (p *probe) flip(ctx context.Context) error {
	k, blobs := p.keys, p.keys.candidate(p.record.Candidate)
	p.written = append(p.written, k.head(), k.served(), k.index())
	err := p.script(ctx, p.store.scripts.flip, []string{k.owner(), k.head(), k.served(), k.index(), blobs[0], blobs[1], blobs[2]},
		p.epoch, p.owner, "", p.record.raw, "1", "1", "", "", "")
	p.expire(ctx) // what is published stays
	return err
}

func (p *probe) restore(ctx context.Context) error {
	return p.script(ctx, p.store.scripts.restore, []string{p.keys.owner()}, p.epoch, p.owner, "check")
}

func (p *probe) trim(ctx context.Context) error {
	k := p.keys
	return p.script(ctx, p.store.scripts.trim, []string{k.owner(), k.head(), k.served(), k.pinned(), k.index(), k.sizes()},
		p.epoch, p.owner, 0, "nobody")
}

func (p *probe) hint(ctx context.Context) error {
	return p.store.client.Publish(ctx, keysOf(p.model).hint(), "").Err()
}

func (p *probe) listen(ctx context.Context) error {
	subscription := p.store.client.Subscribe(ctx, keysOf(p.model).hint())
	// Receiving heeds the deadline that it is given, and no context.
	defer context.AfterFunc(ctx, func() { _ = subscription.Close() })()
	_, err := subscription.ReceiveTimeout(ctx, p.store.client.Options().ReadTimeout)
	return errors.Join(err, subscription.Close())
}

func (p *probe) clean(ctx context.Context) error {
	if len(p.written) == 0 {
		return nil
	}
	return p.store.client.Unlink(ctx, p.written...).Err()
}
