package consumers

import (
	"testing"
	"time"
)

// TestLagCountsWhatIsWorkedOn: what was taken is behind until it is released.
func TestLagCountsWhatIsWorkedOn(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 10))
	s := b.source(SourceOptions{Topic: topic})
	for left := int64(10); left > 0; {
		batch, err := s.Next(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if lag := s.Lag()[0]; lag != left {
			t.Errorf("%d behind with %d in hand, want %d", lag, len(batch.Records), left)
		}
		left -= int64(len(batch.Records))
		batch.Release()
		if lag := s.Lag()[0]; lag != left {
			t.Errorf("%d behind once they are released, want %d", lag, left)
		}
	}
	b.write(numbered(topic, 0, 10, 15))
	for s.Lag()[0] != 5 && b.ctx.Err() == nil { // nobody takes them
		time.Sleep(time.Millisecond)
	}
	if lag := s.Lag()[0]; lag != 5 {
		t.Errorf("%d behind, want 5", lag)
	}
}
