package pipeline

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"millrace/learner"
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

// TestStatusOfLateLabels: delays are in seconds, losses by delay are named for what they are, and what is not known yet
// is left out.
func TestStatusOfLateLabels(t *testing.T) {
	if s := lateStatus(nil, 2); s != nil {
		t.Errorf("no labels come later, and it says %+v", s)
	}
	some := learner.Late{Waiting: 3, Oldest: time.Minute, Names: map[string]uint64{"joined": 2},
		Delay:  learner.LabelDelay{Labels: 2, Mean: 1500 * time.Millisecond, Median: 2 * time.Second, Percent95: time.Hour},
		Losses: []learner.DelayedLoss{{Delay: "1m", Loss: 0.25}, {Delay: "more", Loss: 0.5}}}
	const delay = `,"label_delay":{"labels":2,"mean_seconds":1.5,"median_seconds":2,"95_percent_within_seconds":3600}`
	for _, c := range []struct {
		late    learner.Late
		classes int
		want    string
	}{
		{some, 2, delay + `,"by_label_delay":[{"delay":"1m","log_loss":0.25},{"delay":"more","log_loss":0.5}]}`},
		{some, 0, delay + `,"by_label_delay":[{"delay":"1m","mae":0.25},{"delay":"more","mae":0.5}]}`},
		{learner.Late{Waiting: 3, Oldest: time.Minute, Names: some.Names}, 2, `}`},
	} {
		got, err := json.Marshal(lateStatus(&c.late, c.classes))
		if want := `{"waiting":3,"kept":0,"names":{"joined":2},"oldest_seconds":60` + c.want; err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
