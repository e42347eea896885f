package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// sizeText is a candidate's entry among the sizes: its bytes, and when it was written in Unix milliseconds.
func sizeText(bytes int64, at time.Time) string { return fmt.Sprintf("%d:%d", bytes, at.UnixMilli()) }

func parseSize(text string) (bytes int64, at time.Time, ok bool) {
	first, second, _ := strings.Cut(text, ":")
	bytes, err := strconv.ParseInt(first, 10, 64)
	millis, err2 := strconv.ParseInt(second, 10, 64)
	return bytes, time.UnixMilli(millis), err == nil && err2 == nil && bytes >= 0
}

// sizesOf is what each of the model's candidates holds, in bytes: those of its versions, and those written lately that
// were never published.
func (s *Store) sizesOf(ctx context.Context, model string, st state) (map[string]int64, error) {
	k := keysOf(model)
	noted, err := s.client.HGetAll(ctx, k.sizes()).Result()
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		// Retention must not stand still for bookkeeping. What somebody put there is kept under another name.
		aside := k.sizes() + ":aside"
		s.o.Log.WarnContext(ctx, "a key holds another type than its own: renamed", "key", k.sizes(), "to", aside)
		err = s.client.Rename(ctx, k.sizes(), aside).Err()
	}
	if err != nil {
		return nil, s.failed("reading the sizes of "+model, err)
	}
	published := make(map[string]bool, len(st.history))
	for _, v := range st.history {
		if v.Candidate != "" {
			published[v.Candidate] = true
		}
	}
	sizes := make(map[string]int64, len(published))
	var gone []string
	for candidate, text := range noted {
		bytes, at, ok := parseSize(text)
		switch {
		case ok && (published[candidate] || s.o.Now().Sub(at) < candidateLife):
			sizes[candidate] = bytes
		case !published[candidate]:
			gone = append(gone, candidate)
		}
	}
	if len(gone) > 0 {
		if err := s.client.HDel(ctx, k.sizes(), gone...).Err(); err != nil {
			return nil, s.failed("forgetting sizes of "+model, err)
		}
	}
	return sizes, s.askSizes(ctx, k, published, sizes)
}

// askSizes asks for sizes that are not noted: of versions that a program of before has written.
func (s *Store) askSizes(ctx context.Context, k keys, published map[string]bool, sizes map[string]int64) error {
	asked := map[string][3]*redis.IntCmd{}
	pipe := s.client.Pipeline()
	for candidate := range published {
		if _, ok := sizes[candidate]; ok || len(asked) >= trimMax { // the others next time
			continue
		}
		var lengths [3]*redis.IntCmd
		for i, key := range k.candidate(candidate) {
			lengths[i] = pipe.StrLen(ctx, key)
		}
		asked[candidate] = lengths
	}
	if len(asked) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return s.failed("asking for sizes", err)
	}
	note := s.client.Pipeline()
	for candidate, lengths := range asked {
		sizes[candidate] = lengths[0].Val() + lengths[1].Val() + lengths[2].Val()
		note.HSet(ctx, k.sizes(), candidate, sizeText(sizes[candidate], s.o.Now()))
	}
	if _, err := note.Exec(ctx); err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return s.failed("noting sizes", err)
	}
	return nil
}
