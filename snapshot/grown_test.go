package snapshot

import (
	"errors"
	"strings"
	"testing"

	"millrace"
)

// grown is a sample that once had no hashes and no weights.
type grown struct{ *sample }

func (g grown) Added(name string) bool { return name == "hashes" || name == "weights" }

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

// TestTrainingTensorsMayBeAdded: an older training blob is restored with zeros for what it lacks.
func TestTrainingTensorsMayBeAdded(t *testing.T) {
	for _, portable := range []bool{false, true} {
		old := copyOf(mustLayout(t, Part{"m", without(newSample(4).filled(), "hashes")}))
		now := newSample(4).filled()
		layout, err := newLayout(nil, []Part{{"m", grown{now}}}, portable)
		if err != nil {
			t.Fatal(err)
		}
		if err := layout.Restore(old.Serving(), old.Training()); err != nil {
			t.Fatal(err)
		}
		for _, h := range now.hashes {
			if h != 0 {
				t.Errorf("hashes are %v, want zeros", now.hashes)
			}
		}
		if want := newSample(4).filled(); now.offsets[1] != want.offsets[1] || now.restored != 1 {
			t.Errorf("offsets are %v, restored %d times", now.offsets, now.restored)
		}
	}
}

// TestOnlyAddedTrainingTensorsMayLack: others may not, nor may any of the serving blob, which scorers would use.
func TestOnlyAddedTrainingTensorsMayLack(t *testing.T) {
	for _, lacking := range []string{"steps", "weights"} {
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
