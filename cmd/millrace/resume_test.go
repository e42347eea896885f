package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/embedded"
	"millrace/pipeline/running"
)

// process starts millrace as a process of its own.
func process(t *testing.T, args ...string) (cmd *exec.Cmd, errOut *lockedBuffer) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], args...)
	errOut = &lockedBuffer{}
	cmd.Stderr, cmd.Env = errOut, append(os.Environ(), asMillrace+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, errOut
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// arrived counts the records of a topic's ids; it returns when there are n of them, however often each.
func arrived(ctx context.Context, t *testing.T, kafka, topic string, n int) map[string]int {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ids := map[string]int{}
	for got := 0; got < n; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records came", got, n)
		}
		for _, rec := range fetches.Records() {
			ids[string(rec.Key)]++
			got++
		}
	}
	return ids
}

// eachOnce fails unless all n ids came, once each.
func eachOnce(t *testing.T, ids map[string]int, n int) {
	t.Helper()
	for id, times := range ids {
		if times != 1 {
			t.Fatalf("row %s was sent %d times", id, times)
		}
	}
	if len(ids) != n {
		t.Fatalf("%d different rows were sent, want %d", len(ids), n)
	}
}

// TestRunFromKilled: a run that is killed while it sends is started again and goes on, over several partitions; no row
// is missing and none is there twice. A file that was changed is sent from its first row.
func TestRunFromKilled(t *testing.T) {
	const rows = 9000
	k, err := embedded.StartKafka(embedded.KafkaOptions{Topics: map[string]int{"from.events": 3}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	s, err := embedded.StartRedis(embedded.RedisOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file := written(t, "from.yaml", fromConfig+fmt.Sprintf("kafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n", k.Addr(), s.Addr()))
	data := written(t, "data.csv", fromRows(rows))
	for _, upTo := range []int{500, 3000, 5500} {
		cmd, errOut := process(t, "run", "-c", file, "--from", data, "--rate", "20000")
		arrived(t.Context(), t, k.Addr(), "from.events", upTo)
		kill(t, cmd)
		if upTo > 500 && !strings.Contains(errOut.String(), "going on behind the rows that were sent before") {
			t.Errorf("it does not say that it goes on: %s", errOut.String())
		}
	}
	// A scorer's group waits for members that were killed, so that these runs are not let come to their end either.
	until := func(records int, told string) map[string]int {
		cmd, errOut := process(t, "run", "-c", file, "--from", data)
		ids := arrived(t.Context(), t, k.Addr(), "from.events", records)
		for deadline := time.Now().Add(time.Minute); !strings.Contains(errOut.String(), told); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it does not say %q: %s", told, errOut.String())
			}
		}
		kill(t, cmd)
		return ids
	}
	eachOnce(t, until(rows, "all rows are sent"), rows)
	eachOnce(t, until(rows, "nothing was sent: the topic had all rows already"), rows)

	data = written(t, "changed.csv", fromRows(3))
	if ids := until(rows+3, "or of this one before it changed"); ids["0"] != 2 || ids["1"] != 2 || ids["2"] != 2 || ids["3"] != 1 {
		t.Errorf("a changed file is not sent from its first row: %v", ids)
	}
}

// TestRunFromKilledEmbedded: the same where servers are embedded, and die with the run.
func TestRunFromKilledEmbedded(t *testing.T) {
	const rows = 9000
	file, data, dir := written(t, "from.yaml", fromConfig), written(t, "data.csv", fromRows(rows)), t.TempDir()
	args := []string{"run", "-c", file, "--from", data, "--data-dir", dir}
	for range 2 {
		cmd, _ := process(t, append(args, "--rate", "9000")...)
		for embeddedKafka(t, file) == "" {
			time.Sleep(time.Millisecond)
		}
		arrived(t.Context(), t, embeddedKafka(t, file), "from.events", 300)
		kill(t, cmd)
	}
	s := decoded[feedSummary](t, append(args, "--until-done", "--log-level", "error")...)
	if s.Events == 0 || s.Events == rows {
		t.Errorf("the last run sent %d rows", s.Events)
	}
	k, err := embedded.StartKafka(embedded.KafkaOptions{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	eachOnce(t, arrived(t.Context(), t, k.Addr(), "from.events", rows), rows)
}

// embeddedKafka is where the process that runs a file has its broker; empty while there is none.
func embeddedKafka(t *testing.T, file string) string {
	t.Helper()
	all, err := running.All(running.Folder(os.LookupEnv))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range running.Of(all, file) {
		return p.Addresses.Kafka
	}
	return ""
}
