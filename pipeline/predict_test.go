package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/files"
	"millrace/snapshot"
)

// predicted are the lines for the records as rows of a file, and what became of them.
func predicted(t *testing.T, p *config.Pipeline, o Predicting, records []millrace.Record) ([]string, Predicted) {
	t.Helper()
	var text bytes.Buffer
	for i := range records {
		text.Write(records[i].Value)
		text.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Log = slog.New(slog.DiscardHandler)
	predictor, err := OpenPredictor(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return predictedFile(t, predictor, path, false)
}

func predictedFile(t *testing.T, predictor *Predictor, path string, number bool) ([]string, Predicted) {
	t.Helper()
	fo, err := predictor.Options(files.Input{})
	if err != nil {
		t.Fatal(err)
	}
	src, err := files.Open(path, fo)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var out strings.Builder
	done, err := predictor.Predict(t.Context(), src, &out, number, nil)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), done
}

// TestRowsAreScoredAsEventsAre: the line of a row is, to the byte, what a running scorer writes for the same event when
// it comes after all that the topic holds; windows and all.
func TestRowsAreScoredAsEventsAre(t *testing.T) {
	r := windowsRig(t, 1)
	r.createEvents()
	all := r.swipes(2000, 1, 5)
	before, rows := all[:1500], all[1500:]
	r.send(before)
	lines, done := predicted(t, r.pipeline, Predicting{}, rows)
	r.send(rows)
	r.score(func(*Pipeline) bool { return r.committed() == int64(len(all)) })
	scores := r.scores()
	if len(lines) != len(rows) || done.Rows != uint64(len(rows)) {
		t.Fatalf("%d lines of %d rows, counted %d", len(lines), len(rows), done.Rows)
	}
	same, refused := 0, 0
	for i := range rows {
		if bytes.Equal(rows[i].Value, []byte(`{"amount":"much"}`)) {
			if !strings.Contains(lines[i], `"reason":"wrong_type"`) || !strings.HasPrefix(lines[i], `{"row":`) {
				t.Errorf("row %d, which is no event: %s", i+1, lines[i])
			}
			refused++
			continue
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(string(rows[i].Value), `{"id":"`), `"`)
		if len(scores[id]) == 0 || scores[id][0] != lines[i] {
			t.Fatalf("row %d: %s\n  the scorer has %s", i+1, lines[i], scores[id])
		}
		same++
	}
	if uint64(same) != done.Scored || done.Faults[millrace.ReasonWrongType] != uint64(refused) || refused == 0 {
		t.Errorf("%d scored and %d refused; counted %d and %v", same, refused, done.Scored, done.Faults)
	}
	if done.First == nil || !strings.HasPrefix(lines[done.First.Row-1], `{"row":`) {
		t.Errorf("the first that is not scored: %+v", done.First)
	}
}

// TestColdRowsAreScoredAsEvaluated: with empty windows rows see those before them, at their own times, and nothing of
// the topic.
func TestColdRowsAreScoredAsEvaluated(t *testing.T) {
	r := windowsRig(t, 1)
	r.createEvents()
	r.send(r.swipes(200, 1, 7))
	head, err := r.servers.store.Served(t.Context(), "loop")
	if err != nil {
		t.Fatal(err)
	}
	version, err := r.servers.store.Load(t.Context(), "loop", head, true)
	if err != nil {
		t.Fatal(err)
	}
	_, pieces, err := Revive(&version)
	if err != nil {
		t.Fatal(err)
	}
	rows := r.swipes(800, 1, 5)
	want := r.expected(pieces, head.Seq, rows)
	cold, _ := predicted(t, r.pipeline, Predicting{Cold: true}, rows)
	warm, _ := predicted(t, r.pipeline, Predicting{}, rows)
	found, differ := 0, 0
	for i, line := range cold {
		id, _, _ := strings.Cut(strings.TrimPrefix(line, `{"id":"`), `"`)
		if want[id] == "" {
			continue
		}
		if found++; line != want[id] {
			t.Fatalf("row %d: %s\n  want %s", i+1, line, want[id])
		}
		if warm[i] != line {
			differ++
		}
	}
	if found != len(want) || differ == 0 {
		t.Errorf("%d of %d rows found, %d of them otherwise after the topic", found, len(want), differ)
	}
}

// TestRowsOfASnapshotFile: a snapshot file scores without any server, and lines keep the rows' order, however many
// workers score them. A file of other features is refused.
func TestRowsOfASnapshotFile(t *testing.T) {
	r := newRig(t, 1)
	p := r.pipeline
	pieces, err := Build(p)
	if err != nil {
		t.Fatal(err)
	}
	s := pieces.Snapshot(Manifest(p, ""))
	file := filepath.Join(t.TempDir(), "loop.millrace")
	if err := snapshot.WriteFile(file, s); err != nil {
		t.Fatal(err)
	}
	paid := rows(5000, false)
	rows := make([]millrace.Record, 0, len(paid))
	for _, value := range paid {
		rows = append(rows, millrace.Record{Value: value})
	}
	rows[4000].Value = []byte("{")
	away := *p
	away.Kafka.Brokers, away.Redis.URL = []string{"127.0.0.1:1"}, "redis://127.0.0.1:1/0"
	lines, done := predicted(t, &away, Predicting{Snapshot: file}, rows)
	if done.Rows != 5000 || done.Scored != 4999 || done.First == nil || done.First.Row != 4001 {
		t.Fatalf("%+v", done)
	}
	for i, line := range lines {
		var id string
		if i == 4000 {
			id = `{"row":4001,"reason":"malformed_json"`
		} else {
			from, _, _ := strings.Cut(string(rows[i].Value), ",")
			id = from
		}
		if !strings.HasPrefix(line, id) {
			t.Fatalf("line %d is %s, want that of %s", i+1, line, rows[i].Value)
		}
	}
	w := windowsRig(t, 1).pipeline
	if _, err := OpenPredictor(t.Context(), w, Predicting{Snapshot: file, Cold: true, Log: r.log}); !errors.Is(err, millrace.ErrIncompatible) {
		t.Errorf("a snapshot of other features: %v", err)
	}
}

// failing is a writer that takes no more.
type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// TestPredictingEnds: with the writer, with the context, and never hangs.
func TestPredictingEnds(t *testing.T) {
	r := newRig(t, 1)
	pieces, err := Build(r.pipeline)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	file, data := filepath.Join(directory, "loop.millrace"), filepath.Join(directory, "rows.jsonl")
	if err := snapshot.WriteFile(file, pieces.Snapshot(Manifest(r.pipeline, ""))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(data, bytes.Join(rows(20_000, false), []byte{'\n'}), 0o600); err != nil {
		t.Fatal(err)
	}
	predictor, err := OpenPredictor(t.Context(), r.pipeline, Predicting{Snapshot: file, Log: r.log})
	if err != nil {
		t.Fatal(err)
	}
	predict := func(ctx context.Context, out io.Writer) error {
		src, err := files.Open(data, files.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		_, err = predictor.Predict(ctx, src, out, false, nil)
		return err
	}
	if err := predict(t.Context(), &failing{after: 3}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer that fails: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := predict(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt: %v", err)
	}
}
