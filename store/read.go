package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"millrace"
	"millrace/snapshot"
)

// Head is what a learner resumes from; millrace.ErrNoSnapshot when there is none, ErrHeadLost when it cannot be read
// or is gone while there are versions.
func (s *Store) Head(ctx context.Context, model string) (millrace.Head, error) {
	if err := checkModel(model); err != nil {
		return millrace.Head{}, err
	}
	k := keysOf(model)
	r, err := s.pointer(ctx, k.head())
	switch {
	case errors.Is(err, millrace.ErrCorrupt):
		err = fmt.Errorf("%w: %w", ErrHeadLost, err)
	case errors.Is(err, millrace.ErrNoSnapshot):
		left, askErr := s.client.Exists(ctx, k.served(), k.index()).Result()
		if askErr != nil {
			return r.Head, s.failed("looking for versions of "+model, askErr)
		}
		if left > 0 {
			err = fmt.Errorf("%w: %s is gone, and there are versions", ErrHeadLost, k.head())
		}
	}
	return r.Head, err
}

// Served is what scorers load; millrace.ErrNoSnapshot when there is none.
func (s *Store) Served(ctx context.Context, model string) (millrace.Head, error) {
	if err := checkModel(model); err != nil {
		return millrace.Head{}, err
	}
	r, err := s.pointer(ctx, keysOf(model).served())
	return r.Head, err
}

// Owner is who may publish a model's versions: the latest to acquire it, or the person whose flip came after that.
type Owner struct {
	Epoch uint64
	By    string // for people
}

// Owner is the model's owner now; the zero Owner when nobody ever was.
func (s *Store) Owner(ctx context.Context, model string) (Owner, error) {
	if err := checkModel(model); err != nil {
		return Owner{}, err
	}
	fields, err := s.client.HMGet(ctx, keysOf(model).owner(), "epoch", "by").Result()
	if err != nil {
		return Owner{}, s.failed("reading the owner of "+model, err)
	}
	epoch, by, err := parseOwner(fields)
	return Owner{Epoch: epoch, By: by}, err
}

// pointer reads a pointer. What cannot be read wraps millrace.ErrCorrupt; the record then has nothing but the text.
func (s *Store) pointer(ctx context.Context, key string) (record, error) {
	raw, err := s.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return record{}, fmt.Errorf("reading %s: %w", key, millrace.ErrNoSnapshot)
	}
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return record{}, fmt.Errorf("reading %s: %w", key, errWrongType(key, "another type", "string"))
	}
	if err != nil {
		return record{}, s.failed("reading "+key, err)
	}
	r, err := parseRecord(raw)
	if err != nil {
		err = fmt.Errorf("reading %s: %w", key, err)
	}
	return r, err
}

// Load reads the version that h points to and verifies it against h's digest. Training stays nil
// unless asked for. Errors wrap ErrGone or millrace.ErrCorrupt where those fit. Sizes are checked
// before anything large is read.
func (s *Store) Load(ctx context.Context, model string, h millrace.Head, training bool) (millrace.Snapshot, error) {
	var snap millrace.Snapshot
	if err := checkModel(model); err != nil {
		return snap, err
	}
	if !candidateName(h.Candidate) {
		return snap, fmt.Errorf("loading version %d: %w: candidate %.80q", h.Seq, millrace.ErrCorrupt, h.Candidate)
	}
	manifest, err := s.load(ctx, model, h, training, &snap)
	if err != nil {
		return millrace.Snapshot{}, fmt.Errorf("loading version %d (%s) of %s: %w", h.Seq, h.Candidate, model, err)
	}
	if err := snapshot.Verify(snap, manifest, h.Digest); err != nil {
		return millrace.Snapshot{}, fmt.Errorf("verifying version %d (%s) of %s: %w", h.Seq, h.Candidate, model, err)
	}
	return snap, nil
}

func (s *Store) load(ctx context.Context, model string, h millrace.Head, training bool, snap *millrace.Snapshot) ([]byte, error) {
	blobs := keysOf(model).candidate(h.Candidate)
	pipe := s.client.Pipeline()
	text := pipe.GetRange(ctx, blobs[0], 0, snapshot.ManifestBytesMax)
	sizes := [2]*redis.IntCmd{pipe.StrLen(ctx, blobs[1]), pipe.StrLen(ctx, blobs[2])}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, s.failed("reading manifest", err)
	}
	manifest := []byte(text.Val())
	if len(manifest) == 0 {
		return nil, ErrGone
	}
	// The digest comes first: what follows relies on the sizes that the manifest names.
	if got := snapshot.Digest(manifest); got != h.Digest {
		return nil, fmt.Errorf("%w: the manifest's SHA-256 is %s, not %s", millrace.ErrCorrupt, got, h.Digest)
	}
	var err error
	if snap.Manifest, err = snapshot.DecodeManifest(manifest); err != nil {
		return nil, err
	}
	if snap.Manifest.Model != model {
		return nil, fmt.Errorf("%w: it is a snapshot of %q", millrace.ErrCorrupt, snap.Manifest.Model)
	}
	want := [2]millrace.BlobInfo{snap.Manifest.Serving, snap.Manifest.Training}
	into := [2]*[]byte{&snap.Serving, &snap.Training}
	for i, name := range []string{"serving", "training"} {
		if i == 1 && !training {
			break
		}
		switch size := sizes[i].Val(); {
		case size == 0:
			return nil, fmt.Errorf("%s blob: %w", name, ErrGone)
		case size != want[i].Bytes:
			return nil, fmt.Errorf("%w: the %s blob has %d bytes, not %d", millrace.ErrCorrupt, name, size, want[i].Bytes)
		}
		blob, err := s.client.Get(ctx, blobs[i+1]).Bytes()
		if errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("%s blob: %w", name, ErrGone)
		}
		if err != nil {
			return nil, s.failed("reading "+name+" blob", err)
		}
		*into[i] = blob
	}
	return manifest, nil
}
