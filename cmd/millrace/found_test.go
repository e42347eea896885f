package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"millrace/pipeline"
	"millrace/pipeline/running"
)

// TestFoundWithoutAddresses: produce and snapshots reach the embedded servers of the process that runs their file, and
// say what is missing where none does. A second process beside it takes another address for its metrics.
func TestFoundWithoutAddresses(t *testing.T) {
	text := "name: found\nevents: {topic: found.events, id: id, unknown_topic: create}\nfeatures: {amount: number, card: category}\n" +
		"label: {path: outcome, classes: [legit, fraud]}\nmodel: logistic\nsnapshots: 50ms\nadmin: ADMIN\n"
	file := written(t, "found.yaml", strings.Replace(text, "ADMIN", "127.0.0.1:0", 1))
	if code, _, errOut := verb(t, "snapshots", "list", "-c", file); code != exitUsage || !strings.Contains(errOut, "millrace run -c "+file) {
		t.Errorf("nothing runs: %d, %s", code, errOut)
	}
	first := start(t, file)
	data := written(t, "data.csv", "id,amount,card,outcome\n1,2.5,a,legit\n2,7,b,fraud\n3,1,a,legit\n")
	if out := ok(t, "produce", "-c", file, data); !strings.Contains(out, "3 events written to found.events") {
		t.Errorf("producing: %s", out)
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(ok(t, "snapshots", "list", "-c", file), "learned"); {
		if time.Now().After(deadline) {
			t.Fatal("no version is listed")
		}
		time.Sleep(20 * time.Millisecond)
	}
	statusIsTold(t, file, first)
	changedIsTold(t, file)
	taken := written(t, "second.yaml", strings.Replace(strings.ReplaceAll(text, "found", "second"), "ADMIN", first, 1))
	if second := start(t, taken); second == first || second == "" {
		t.Errorf("both answer at %s", second)
	}
}

// statusIsTold: of the file's process, of all, and by its address, with what it learned and what it rejected.
func statusIsTold(t *testing.T, file, address string) {
	t.Helper()
	bad := written(t, "bad.csv", "id,amount,card,outcome\n4,many,a,legit\n")
	ok(t, "produce", "-c", file, bad)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		out := ok(t, "status", "-c", file)
		if strings.Contains(out, "wrong_type 1, the newest at \"amount\" in found.events/0/3") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the rejected event is not told of: %s", out)
		}
	}
	for _, args := range [][]string{{"-c", file}, {"--url", address}, {}} {
		out := ok(t, append([]string{"status"}, args...)...)
		for _, want := range []string{"found: ready", "learned    3 ", "behind 0, rejected 1;", "baseline: majority", "found.events → found.events.scores", address} {
			if !strings.Contains(out, want) {
				t.Errorf("status %v lacks %q: %s", args, want, out)
			}
		}
	}
	all := decoded[[]told](t, "status", "-c", file)
	if len(all) != 1 || all[0].Process.Config != file || all[0].Status.Learning.Learned != 3 || all[0].Status.Learning.Refused["wrong_type"].Count != 1 ||
		all[0].Status.Scoring.Scored+all[0].Status.Scoring.Unscored != 4 || all[0].Status.Learning.LagRecords != 0 {
		t.Errorf("as JSON: %+v", all)
	}
	if code, _, errOut := verb(t, "status", "-c", written(t, "other.yaml", "")); code != exitFailed || !strings.Contains(errOut, "no process of this machine runs") {
		t.Errorf("of a file that nothing runs: %d, %s", code, errOut)
	}
}

// changedIsTold: status says of a file that was changed or taken away that what runs is not what it says, and no more
// once it is as before.
func changedIsTold(t *testing.T, file string) {
	t.Helper()
	const sentence = "is no longer as this process read it"
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out := ok(t, "status", "-c", file); strings.Contains(out, sentence) {
		t.Errorf("nothing was changed: %s", out)
	}
	for _, change := range []func() error{
		func() error { return os.WriteFile(file, append([]byte("# another\n"), before...), 0o600) },
		func() error { return os.Remove(file) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if all := decoded[[]told](t, "status", "-c", file); len(all) != 1 || len(all[0].Changed) != 1 || all[0].Changed[0] != file {
			t.Errorf("as JSON: %+v", all)
		}
	}
	if out := ok(t, "status", "-c", file); !strings.Contains(out, "file       "+file+" "+sentence) {
		t.Errorf("it was taken away: %s", out)
	}
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := ok(t, "status", "-c", file); strings.Contains(out, sentence) {
		t.Errorf("it is as before: %s", out)
	}
}

// start runs a pipeline file with servers of its own until the test ends, and says where its metrics are.
func start(t *testing.T, file string) string {
	t.Helper()
	p, err := pipeline.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r, err := pipeline.Open(ctx, pipeline.Options{Config: p, File: file, Runtime: running.Folder(os.LookupEnv), Learn: true, Score: true,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(fmt.Errorf("running %s: %w", file, err))
		}
		r.Close()
	})
	return r.Status().Addresses.Admin
}

// TestProduceNeedsNoStore: with brokers in the file, rows are sent while nothing runs that embeds the store.
func TestProduceNeedsNoStore(t *testing.T) {
	r := newRig(t)
	text := strings.NewReplacer("NAME", "storeless", "FEATURE", "distance_km").Replace(loopConfig) + fmt.Sprintf("kafka: {brokers: [%q]}\n", r.kafka)
	r.produce(written(t, "storeless.yaml", text), 3)
}
