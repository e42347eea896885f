//go:build integration

package harness

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestKafkaKeepsItsRecordsOverKillAndRestart(t *testing.T) {
	k := NewKafka(t, KafkaOptions{Own: true})
	addr := k.Addr()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic("events"),
		kgo.ConsumeTopics("events"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, "events"); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(ctx, kgo.StringRecord("before")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := k.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if k.Addr() != addr {
		t.Errorf("restarted on %s, want %s", k.Addr(), addr)
	}
	records := client.PollFetches(ctx).Records()
	if len(records) != 1 || string(records[0].Value) != "before" {
		t.Errorf("read %d records after the restart, want the one produced before", len(records))
	}
	if err := k.Stop(); err != nil {
		t.Error(err)
	}
}

func TestRedisKeepsItsKeysOverKillAndRestart(t *testing.T) {
	r := NewRedis(t, RedisOptions{Own: true})
	want := func(answer string, words ...string) {
		t.Helper()
		got, err := r.Command(t.Context(), words...)
		if err != nil || got != answer {
			t.Errorf("%v answers %q, %v, want %q", words, got, err, answer)
		}
	}
	want("+OK", "SET", "a", "two words")
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := r.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("two words", "GET", "a")
	want("$-1", "GET", "b")
	if err := r.Restart(t.Context()); err == nil {
		t.Error("Restart of a running server is no error")
	}
}

func TestPrometheusAnswers(t *testing.T) {
	p := NewPrometheus(t, "global: {scrape_interval: 1s}\nscrape_configs: []\n")
	samples, err := p.Query(t.Context(), "1 + 1")
	if err != nil || len(samples) != 1 || samples[0].Value != 2 {
		t.Errorf("1 + 1 = %v, %v", samples, err)
	}
	samples, err = p.Query(t.Context(), `vector(3)`)
	if err != nil || len(samples) != 1 || samples[0].Value != 3 {
		t.Errorf("vector(3) = %v, %v", samples, err)
	}
	var refused *QueryError
	if _, err = p.Query(t.Context(), "rate("); !errors.As(err, &refused) || refused.Kind != "bad_data" {
		t.Errorf("a query that does not parse returns %v", err)
	}
	if _, err = os.Stat(p.LogPath()); err != nil {
		t.Error(err)
	}
	if samples, err = p.Query(t.Context(), "absent_metric"); err != nil || len(samples) != 0 {
		t.Errorf("a metric that nobody exports gives %v, %v", samples, err)
	}
}
