package pipeline

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"millrace/config"
	"millrace/learner"
)

// TestFittingSnapshots: what is named fits, and what fits is left alone.
func TestFittingSnapshots(t *testing.T) {
	for _, c := range []struct {
		every time.Duration
		mib   int64 // of a version
		want  time.Duration
		most  int64 // bytes_max in MiB
	}{
		{5 * time.Second, 9, 5 * time.Second, 128},
		{5 * time.Second, 10, 10 * time.Second, 128},
		{2 * time.Second, 5, 5 * time.Second, 128},
		{5 * time.Second, 20, 15 * time.Second, 128},
		{5 * time.Second, 32, 30 * time.Second, 128},
		{5 * time.Second, 33, 30 * time.Second, 192},
		{5 * time.Second, 63, 30 * time.Second, 256},
		{time.Minute, 63, time.Minute, 192},
		{0, 63, 0, 128}, // by events alone
		{0, 65, 0, 192},
	} {
		s := learner.SnapshotsSpec{Every: c.every, BytesMax: 128 << 20}
		got := FittingSnapshots(s, c.mib<<20)
		if got.Every != c.want || int64(got.BytesMax) != c.most<<20 || stays(got.Every)*(c.mib<<20) > int64(got.BytesMax) {
			t.Errorf("%d MiB every %s: every %s within %s", c.mib, c.every, got.Every, got.BytesMax)
		}
	}
}

// TestHeldIsSaid: check names what to write, and is content with a file that has it.
func TestHeldIsSaid(t *testing.T) {
	for snapshots, want := range map[string]string{
		"5s":                              "more than snapshots.bytes_max (128MiB): snapshots.every: 15s would do",
		"15s":                             "",
		"{every: 15s, bytes_max: 64MiB}":  "snapshots.every: 30s and snapshots.bytes_max: 128MiB would do",
		"{every: 2m, bytes_max: 10MiB}":   "snapshots.bytes_max: 64MiB would do",
		"{every: 5s, bytes_max: 1GiB}":    "",
		"{every: 30s, bytes_max: 128MiB}": "",
	} {
		text := fmt.Sprintf("name: s\nevents: s.events\nfeatures: {n: number}\nlabel: {path: \"y\", classes: [n, p]}\nmodel: forest\nsnapshots: %s\n", snapshots)
		p, err := config.Parse("s.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Check(t.Context(), p, "s.yaml", CheckOptions{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(found.Warnings, "\n"); !strings.Contains(said, want) || (want == "") != (said == "") {
			t.Errorf("%s with versions of %d bytes: %q, want %q", snapshots, found.Snapshot, said, want)
		}
	}
}
