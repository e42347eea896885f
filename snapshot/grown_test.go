package snapshot

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"millrace"
)

// grown is a sample that once had no hashes and no weights.
type grown struct{ *sample }

func (g grown) State(visit func(string, millrace.Tensor, millrace.Role)) {
	g.sample.State(func(name string, x millrace.Tensor, role millrace.Role) {
		x.Added = name == "hashes" || name == "weights"
		visit(name, x, role)
	})
}

// without is a sample's state less some tensors.
func without(s *sample, names ...string) stateOf {
	return func(visit func(string, millrace.Tensor, millrace.Role)) {
		s.State(func(name string, x millrace.Tensor, role millrace.Role) {
			for _, n := range names {
				if n == name {
					return
				}
			}
			visit(name, x, role)
		})
	}
}

// TestTensorsMayBeAdded: older blobs are restored, and what they lack is as the component was made, whatever it became
// meanwhile. What they have is restored.
func TestTensorsMayBeAdded(t *testing.T) {
	for _, portable := range []bool{false, true} {
		old := copyOf(mustLayout(t, Part{"m", without(newSample(4).filled(), "hashes", "weights")}))
		now, made := newSample(4), newSample(4)
		for _, s := range []*sample{now, made} {
			copy(s.weights, []float32{1.5, -2, 3})
			s.hashes[2] = 7
		}
		layout, err := newLayout(nil, "", []Part{{"m", grown{now}}}, portable)
		if err != nil {
			t.Fatal(err)
		}
		now.filled()
		if err := layout.Restore(old.Serving(), old.Training()); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(now.hashes, made.hashes) || !reflect.DeepEqual(now.weights, made.weights) {
			t.Errorf("hashes are %v and weights %v, want %v and %v", now.hashes, now.weights, made.hashes, made.weights)
		}
		if want := newSample(4).filled(); now.offsets[1] != want.offsets[1] || now.restored != 1 {
			t.Errorf("offsets are %v, restored %d times", now.offsets, now.restored)
		}
		newer := copyOf(mustLayout(t, Part{"m", grown{newSample(4).filled()}}))
		if err := layout.Restore(newer.Serving(), newer.Training()); err != nil || now.hashes[2] != newSample(4).filled().hashes[2] {
			t.Errorf("a newer blob: %v, hashes are %v", err, now.hashes)
		}
	}
}

// TestOnlyAddedTensorsMayLack: others may not, as whatever stands in their place would be served or learned on.
func TestOnlyAddedTensorsMayLack(t *testing.T) {
	for _, lacking := range []string{"steps", "ids"} {
		old := copyOf(mustLayout(t, Part{"m", without(newSample(4).filled(), lacking)}))
		now := newSample(4)
		err := mustLayout(t, Part{"m", grown{now}}).Restore(old.Serving(), old.Training())
		if !errors.Is(err, millrace.ErrIncompatible) || !strings.Contains(err.Error(), "lacks m."+lacking) || now.restored != 0 {
			t.Errorf("without %s: %v", lacking, err)
		}
	}
	// A tensor that is there must fit, added or not.
	old := copyOf(mustLayout(t, Part{"m", newSample(5).filled()}))
	if err := mustLayout(t, Part{"m", grown{newSample(4)}}).Restore(old.Serving(), old.Training()); !errors.Is(err, millrace.ErrIncompatible) {
		t.Errorf("another shape: %v", err)
	}
}
