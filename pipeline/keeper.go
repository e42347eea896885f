package pipeline

import (
	"context"

	"millrace"
	"millrace/store"
)

// answered asks the store, and does not wait for its answer once ctx has ended: the Redis library looks at ctx between
// its attempts only, so that a server which takes a question and says nothing would hold the end up. What is asked then
// fails by itself when the store closes; ask must not touch afterwards what the caller goes on using.
func answered[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := ask()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// keeper is a store whose methods return when their context ends, whatever the server does.
type keeper struct{ *store.Store }

func (k keeper) Ready(ctx context.Context) error {
	_, err := answered(ctx, func() (struct{}, error) { return struct{}{}, k.Store.Ready(ctx) })
	return err
}

func (k keeper) Check(ctx context.Context) ([]string, error) {
	return answered(ctx, func() ([]string, error) { return k.Store.Check(ctx) })
}

func (k keeper) Head(ctx context.Context, model string) (millrace.Head, error) {
	return answered(ctx, func() (millrace.Head, error) { return k.Store.Head(ctx, model) })
}

func (k keeper) Served(ctx context.Context, model string) (millrace.Head, error) {
	return answered(ctx, func() (millrace.Head, error) { return k.Store.Served(ctx, model) })
}

func (k keeper) Probe(ctx context.Context, model string) ([]string, error) {
	return answered(ctx, func() ([]string, error) { return k.Store.Probe(ctx, model) })
}

func (k keeper) Owner(ctx context.Context, model string) (store.Owner, error) {
	return answered(ctx, func() (store.Owner, error) { return k.Store.Owner(ctx, model) })
}

func (k keeper) Wait(ctx context.Context, model string, known millrace.Head) (millrace.Head, error) {
	return answered(ctx, func() (millrace.Head, error) { return k.Store.Wait(ctx, model, known, pollEvery) })
}

func (k keeper) Load(ctx context.Context, model string, h millrace.Head, training bool) (millrace.Snapshot, error) {
	return answered(ctx, func() (millrace.Snapshot, error) { return k.Store.Load(ctx, model, h, training) })
}

// AcquireWith makes the caller the model's one writer.
func (k keeper) AcquireWith(ctx context.Context, model string, o store.AcquireOptions) (writer, millrace.Head, error) {
	got, err := answered(ctx, func() (acquired, error) {
		w, h, err := k.Store.AcquireWith(ctx, model, o)
		return acquired{w, h}, err
	})
	return writer{got.writer}, got.head, err
}

type acquired struct {
	writer *store.Writer
	head   millrace.Head
}

// writer is a store's writer whose Publish returns when its context ends. The snapshot's blobs must then be left alone.
type writer struct{ *store.Writer }

func (w writer) Publish(ctx context.Context, s *millrace.Snapshot, o store.PublishOptions) (millrace.Head, error) {
	own := *s // the manifest is filled in, perhaps when the caller has long gone on
	head, err := answered(ctx, func() (millrace.Head, error) { return w.Writer.Publish(ctx, &own, o) })
	if err == nil {
		*s = own
	}
	return head, err
}

func (w writer) Standing(ctx context.Context) error {
	_, err := answered(ctx, func() (struct{}, error) { return struct{}{}, w.Writer.Standing(ctx) })
	return err
}
