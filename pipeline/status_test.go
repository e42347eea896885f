package pipeline

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestRestartWithNothingNew: it tells of the version that it goes on from, as of one of its own. What lines in the log
// tell of losses is of recent events, and named so.
func TestRestartWithNothingNew(t *testing.T) {
	const n = 300
	r := newRig(t, 1)
	r.produce(rows(n, false))
	r.run(false, learnedAll(n))
	head := r.head().Manifest.Seq
	var said logLines
	r.log = slog.New(slog.NewTextHandler(&said, nil))
	r.run(false, func(p *Pipeline) bool {
		at := learningStatus(p.env, p.learner.Load())
		return learnedAll(n)(p) && at.Version == head
	})
	_, last, ok := strings.Cut(said.String(), "msg=stopped")
	if !ok || !strings.Contains(last, fmt.Sprintf(" version=%d ", head)) || !strings.Contains(last, " recent_log_loss=") || strings.Contains(last, " log_loss=") {
		t.Errorf("version %d, and it said %s", head, said.String())
	}
}
