package store

import (
	"context"
	"errors"
	"testing"

	"millrace"
)

// A writer that publishes nothing notices all the same that the store has forgotten what it published, or that somebody
// else owns the model.
func testStanding(t *testing.T, addr string) {
	ctx := context.Background()
	s := open(t, addr, Options{})
	for name, c := range map[string]struct {
		lose func(model string, first, last millrace.Head, k keys)
		want error
	}{
		"nothing":  {func(string, millrace.Head, millrace.Head, keys) {}, nil},
		"all":      {func(model string, _, _ millrace.Head, _ keys) { empty(t, s, model) }, millrace.ErrEpochLost},
		"owner":    {func(_ string, _, _ millrace.Head, k keys) { s.client.Del(ctx, k.owner()) }, millrace.ErrEpochLost},
		"head":     {func(_ string, _, _ millrace.Head, k keys) { s.client.Del(ctx, k.head()) }, millrace.ErrEpochLost},
		"rubbish":  {func(_ string, _, _ millrace.Head, k keys) { s.client.Set(ctx, k.head(), "rubbish", 0) }, millrace.ErrEpochLost},
		"served":   {func(_ string, _, _ millrace.Head, k keys) { s.client.Del(ctx, k.served()) }, millrace.ErrEpochLost},
		"a blob":   {func(_ string, _, last millrace.Head, k keys) { s.client.Del(ctx, k.candidate(last.Candidate)[1]) }, millrace.ErrEpochLost},
		"old blob": {func(_ string, first, _ millrace.Head, k keys) { s.client.Del(ctx, k.candidate(first.Candidate)[1]) }, nil},
		"newest": {func(_ string, _, _ millrace.Head, k keys) {
			s.client.Set(ctx, k.head(), s.client.ZRange(ctx, k.index(), 0, 0).Val()[0], 0)
		}, millrace.ErrEpochLost},
		"another": {func(model string, _, _ millrace.Head, _ keys) { acquire(t, s, model) }, millrace.ErrFenced},
		"same epoch": {func(_ string, _, _ millrace.Head, k keys) {
			s.client.HSet(ctx, k.owner(), "owner", "another")
		}, millrace.ErrFenced},
		"rollback": {func(model string, first, _ millrace.Head, _ keys) {
			if _, err := s.Rollback(ctx, model, first.Seq, "bob"); err != nil {
				t.Error(err)
			}
		}, millrace.ErrFenced},
	} {
		model := modelOf(t) + "." + name[:1] + name[len(name)-2:]
		w := acquire(t, s, model)
		if err := w.Standing(ctx); err != nil {
			t.Errorf("%s: before the first version: %v", name, err)
		}
		first, last := publish(t, w, 1), publish(t, w, 2)
		if err := w.Standing(ctx); err != nil {
			t.Errorf("%s: after a publication: %v", name, err)
		}
		c.lose(model, first, last, keysOf(model))
		if err := w.Standing(ctx); !errors.Is(err, c.want) {
			t.Errorf("%s lost: %v, want %v", name, err, c.want)
		}
		if !errors.Is(c.want, millrace.ErrEpochLost) {
			continue
		}
		again := publish(t, w, 2)
		if err := w.Standing(ctx); err != nil || !again.Newer(last) || again.Origin != last.Origin {
			t.Errorf("%s lost, after publishing %+v again: %v", name, again, err)
		}
	}
}
