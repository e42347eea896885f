package pipeline

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"millrace/config"
	"millrace/consumers"
)

func TestWhatIsReadAgain(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	pieces, err := Build(r.pipeline)
	if err != nil {
		t.Fatal(err)
	}
	// The longest window is 20 s in panes of a twelfth.
	window := 20*time.Second + 20*time.Second/12
	back := reachesBackOf(r.pipeline, pieces.Windows)
	if len(back) != 2 || back[0].topic != "loop.events" || back[0].by.Round(10*time.Millisecond) != (window+30*time.Second).Round(10*time.Millisecond) ||
		back[1].topic != "loop.labels" || back[1].by != 10*time.Second {
		t.Errorf("%+v", back)
	}
	if back := reachesBackOf(r.pipeline, nil); back[0].by != 30*time.Second {
		t.Errorf("without windows: %+v", back)
	}
	early := *r.pipeline
	early.Label.Early = time.Hour
	if back := reachesBackOf(&early, pieces.Windows); back[0].by != time.Hour || back[1].by != time.Hour {
		t.Errorf("with labels that wait longer than events: %+v", back)
	}
	plain := *r.pipeline
	plain.Label.Topic = ""
	if back := reachesBackOf(&plain, pieces.Windows); len(back) != 1 || back[0].by.Round(10*time.Millisecond) != window.Round(10*time.Millisecond) {
		t.Errorf("without late labels: %+v", back)
	}
	if back := reachesBackOf(&plain, nil); len(back) != 0 {
		t.Errorf("without either: %+v", back)
	}
}

func TestLogsAgainstWhatIsReadAgain(t *testing.T) {
	p := &config.Pipeline{Events: config.Events{Topic: "e", Compacted: config.CompactedRefuse}}
	events := reachesBack{topic: "e", by: 31 * 24 * time.Hour, why: "label.wait and the longest window"}
	labels := reachesBack{topic: "l", by: time.Hour, why: "label.early"}
	week := consumers.TopicSettings{Retention: 7 * 24 * time.Hour, Deleted: true, AheadMax: time.Hour}
	forever := consumers.TopicSettings{Retention: consumers.Forever, Deleted: true, AheadMax: consumers.Forever}
	appended := forever
	appended.Appended = true
	compacted := consumers.TopicSettings{Retention: time.Minute, Compacted: true}
	allow := *p
	allow.Events.Compacted = config.CompactedAllow
	for name, c := range map[string]struct {
		p        *config.Pipeline
		back     reachesBack
		settings consumers.TopicSettings
		warned   string // words, each in one warning
		refused  string
	}{
		"a week":            {p, events, week, "topic e keeps records for 7d,31d before,label.wait and the longest window", ""},
		"a week of labels":  {p, labels, week, "", ""},
		"any time":          {p, events, forever, "times far ahead", ""},
		"the broker's time": {p, events, appended, "", ""},
		"nothing told":      {p, events, consumers.TopicSettings{}, "", ""},
		"compacted":         {p, events, compacted, "", "compacted: allow"},
		"compacted, told":   {&allow, events, compacted, "", ""},
		"compacted labels":  {p, labels, compacted, "", ""},
	} {
		warnings, err := c.back.check(c.p, c.settings)
		for _, word := range strings.Split(c.warned, ",") {
			if (len(warnings) > 0) != (c.warned != "") || !strings.Contains(strings.Join(warnings, "\n"), word) {
				t.Errorf("%s: warned of %q, want %q", name, warnings, word)
			}
		}
		if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%s: %v, want %q", name, err, c.refused)
		}
	}
}

// TestCompactedEventsAreRefused: and nothing is taken from whoever learns them.
func TestCompactedEventsAreRefused(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	var said logLines
	r.log = slog.New(slog.NewTextHandler(&said, nil))
	err := r.servers.cluster.EnsureTopic(t.Context(), consumers.TopicSpec{Name: "loop.events", Configs: map[string]string{
		"cleanup.policy": "compact,delete", "retention.ms": "45000"}})
	if err != nil {
		t.Fatal(err)
	}
	err = r.fails()
	if err == nil || !strings.Contains(err.Error(), "loop.events is compacted") {
		t.Errorf("%v", err)
	}
	if owner, err := r.servers.store.Owner(t.Context(), "loop"); err == nil && owner.Epoch != 0 {
		t.Errorf("the refused learner took the model: %+v", owner)
	}
	if !strings.Contains(said.String(), "keeps records for 45s") {
		t.Errorf("it said %s", said.String())
	}
	r.pipeline.Events.Compacted = config.CompactedAllow
	r.run(false, func(*Pipeline) bool { return r.head().Manifest.Epoch > 0 })
}

// TestFirstStartTellsOfRetention: the topics are made by the start itself, after those that exist were asked about.
func TestFirstStartTellsOfRetention(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	broker, err := kfake.NewCluster(kfake.NumBrokers(1)) // whose topics keep records for a week, as Kafka's do
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	r.pipeline.Kafka.Brokers = broker.ListenAddrs()
	r.pipeline.Events.UnknownTopic = config.UnknownTopicCreate
	r.pipeline.Label.Wait, r.pipeline.Label.Early = 30*24*time.Hour, 10*24*time.Hour
	var said logLines
	r.log = slog.New(slog.NewTextHandler(&said, nil))
	begun := func(*Pipeline) bool { return r.head().Manifest.Epoch > 0 }
	r.run(false, begun)
	for _, topic := range []string{"loop.events", "loop.labels"} {
		if strings.Count(said.String(), "topic "+topic+" keeps records for 7d") != 1 {
			t.Errorf("of %s it said %s", topic, said.String())
		}
	}
	r.run(false, begun)
	if n := strings.Count(said.String(), " keeps records for 7d"); n != 4 {
		t.Errorf("of two topics at two starts it said %d times", n)
	}
}

// TestMetricsTellOfRetention: each topic's is its own.
func TestMetricsTellOfRetention(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	for topic, kept := range map[string]string{"loop.events": "90000000", "loop.labels": "7200000"} {
		if err := r.servers.cluster.EnsureTopic(t.Context(), consumers.TopicSpec{Name: topic, Configs: map[string]string{"retention.ms": kept}}); err != nil {
			t.Fatal(err)
		}
	}
	var metrics string
	r.run(false, func(p *Pipeline) bool {
		if r.head().Manifest.Epoch == 0 {
			return false
		}
		_, metrics = get(t, p, "/metrics")
		return strings.Contains(metrics, "millrace_rebuild_retention_seconds{")
	})
	for _, want := range []string{`millrace_rebuild_retention_seconds{pipeline="loop"} 90000`, `millrace_rebuild_labels_retention_seconds{pipeline="loop"} 7200`} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
}
