package modeltest

import (
	"fmt"
	"testing"
)

// Agree checks that the models of two cases, which learn the same examples by different arithmetic, predict the same to
// within the first one's tolerance, from the first example to the last.
func Agree(t *testing.T, name string, a, b Case) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		one, other := newLearner(a.Model), newLearner(b.Model)
		for i, e := range a.Examples {
			if err := a.compare(t, one, other, e); err != nil {
				t.Fatalf("example %d of %d: %v", i, len(a.Examples), err)
			}
		}
	})
}

// compare predicts and learns one example with both.
func (c *Case) compare(t *testing.T, one, other *learner, e Example) error {
	t.Helper()
	for _, l := range []*learner{one, other} {
		if err := l.learn(e); err != nil {
			return fmt.Errorf("learning: %w", err)
		}
	}
	if c.Model.Outputs() == 1 {
		if a, b := one.value(t), other.value(t); !c.near(a, b) {
			return fmt.Errorf("values are %v and %v", a, b)
		}
		return nil
	}
	if !c.predicts(one.dst, other.dst) {
		return fmt.Errorf("predictions are %v and %v", one.dst, other.dst)
	}
	return nil
}
