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
	taken := written(t, "second.yaml", strings.Replace(strings.ReplaceAll(text, "found", "second"), "ADMIN", first, 1))
	if second := start(t, taken); second == first || second == "" {
		t.Errorf("both answer at %s", second)
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
