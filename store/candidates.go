package store

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"millrace"
	"millrace/snapshot"
)

// found is a candidate that is there with all it needs.
type found struct {
	digest   string
	manifest millrace.Manifest
}

// candidatesPage is how many candidates are looked at in one round trip.
const candidatesPage = 100

// candidates are a model's published versions that are whole by their sizes. One that still expires was never
// published.
func (s *Store) candidates(ctx context.Context, model string) (map[string]found, error) {
	prefix, suffix := keysOf(model).prefix+"c:", ":manifest"
	all, page := map[string]found{}, []string{}
	scan := s.client.Scan(ctx, 0, prefix+"*"+suffix, 1000).Iterator()
	for scan.Next(ctx) {
		name := strings.TrimSuffix(strings.TrimPrefix(scan.Val(), prefix), suffix)
		if !candidateName(name) {
			continue
		}
		if page = append(page, name); len(page) == candidatesPage {
			if err := s.look(ctx, model, page, all); err != nil {
				return nil, err
			}
			page = page[:0]
		}
	}
	if err := scan.Err(); err != nil {
		return nil, s.failed("listing candidates", err)
	}
	return all, s.look(ctx, model, page, all)
}

func (s *Store) look(ctx context.Context, model string, names []string, all map[string]found) error {
	type commands struct {
		manifest          *redis.StringCmd
		serving, training *redis.IntCmd
		life              *redis.DurationCmd
	}
	if len(names) == 0 {
		return nil
	}
	pipe, asked := s.client.Pipeline(), make([]commands, len(names))
	for i, name := range names {
		blobs := keysOf(model).candidate(name)
		asked[i] = commands{pipe.GetRange(ctx, blobs[0], 0, snapshot.ManifestBytesMax), pipe.StrLen(ctx, blobs[1]),
			pipe.StrLen(ctx, blobs[2]), pipe.TTL(ctx, blobs[0])}
	}
	if _, err := pipe.Exec(ctx); err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return s.failed("reading manifests", err)
	}
	for i, c := range asked {
		if errors.Join(c.manifest.Err(), c.serving.Err(), c.training.Err(), c.life.Err()) != nil || c.life.Val() >= 0 {
			continue
		}
		text := []byte(c.manifest.Val())
		m, err := snapshot.DecodeManifest(text)
		if err == nil && m.Model == model && m.Serving.Bytes == c.serving.Val() && m.Training.Bytes == c.training.Val() {
			all[names[i]] = found{snapshot.Digest(text), m}
		}
	}
	return nil
}
