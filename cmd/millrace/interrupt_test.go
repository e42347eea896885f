package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace/offline"
	"millrace/pipeline"
)

// pressedRows is a file without an end, which Ctrl-C is pressed in the midst of.
type pressedRows struct {
	header, rows string
	after        int // bytes
	press        func()
}

func (e *pressedRows) Read(p []byte) (int, error) {
	if e.header != "" {
		n := copy(p, e.header)
		e.header = e.header[n:]
		return n, nil
	}
	if e.after < 0 {
		e.press()
	}
	n := copy(p, e.rows)
	e.rows = e.rows[n:] + e.rows[:n]
	e.after -= n
	return n, nil
}

// pressed runs a verb over endless rows until Ctrl-C.
func pressed(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	ctx, press := interruptible(t.Context())
	defer press(0)
	note := strings.Repeat("n", 100) // so that few rows fill what is read ahead
	in := &pressedRows{"a,y,note\n", strings.Repeat("1,p,"+note+"\n-1,n,"+note+"\n", 100), 4 << 20, func() { press(syscall.SIGINT) }}
	var o, e bytes.Buffer
	code = execute(ctx, args, &app{in: io.Reader(in), out: &o, err: &e})
	return code, o.String(), e.String()
}

// TestInterruptedTellsSoFar: Ctrl-C ends what learns files with the figures so far, says that it did, and exits with
// 130, in words and as JSON.
func TestInterruptedTellsSoFar(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline})
	for _, args := range []string{"evaluate my.yaml -", "compare my.yaml -", "train my.yaml - --out kept.millrace",
		"evaluate my.yaml - --predictions predicted.csv"} {
		code, out, errOut := pressed(t, strings.Fields(args)...)
		if code != 130 || !strings.Contains(out, "(interrupted: so far)") || !strings.Contains(out, "majority") ||
			!strings.Contains(errOut, "millrace: interrupted after ") {
			t.Errorf("millrace %s: %d, %s%s", args, code, out, errOut)
		}
		code, out, errOut = pressed(t, append(strings.Fields(args), "-o", "json")...)
		var s offline.Summary
		if err := json.Unmarshal([]byte(out), &s); code != 130 || err != nil || s.Events == 0 || !s.Interrupted {
			t.Errorf("millrace %s -o json: %d, %s%s", args, code, out, errOut)
		}
	}
	if _, err := os.Stat("kept.millrace"); err == nil {
		t.Error("an interrupted training without --keep left a snapshot")
	}
	if text, err := os.ReadFile("predicted.csv"); err != nil || !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("predictions so far: %v", err)
	}
}

// TestInterruptedTrainingIsKept: with --keep an interrupted training delivers what it has learned.
func TestInterruptedTrainingIsKept(t *testing.T) {
	r := newRig(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/my.yaml", []byte(shortPipeline), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := pressed(t, "train", dir+"/my.yaml", "-", "--keep", "--out", dir+"/kept.millrace")
	if code != 130 || !strings.Contains(out, "snapshot: "+dir+"/kept.millrace") {
		t.Fatalf("training: %d, %s%s", code, out, errOut)
	}
	stored := written(t, "stored.yaml", strings.TrimSuffix(shortPipeline, "\n")+"\nredis: {url: \"redis://"+r.redis+"/0\"}\n")
	ok(t, "snapshots", "import", dir+"/kept.millrace", stored)
	if out := ok(t, "snapshots", "show", stored); !strings.Contains(out, "imported") {
		t.Errorf("the head: %s", out)
	}
	// A version that was trained or imported is not replaced in silence, and nothing is learned in vain.
	code, out, errOut = pressed(t, "train", stored, "-")
	if code != exitFailed || out != "" || !strings.Contains(errOut, "--fresh") {
		t.Errorf("training over a served version: %d, %s%s", code, out, errOut)
	}
	if code, out, errOut = pressed(t, "train", stored, "-", "--fresh", "--keep"); code != 130 || !strings.Contains(out, "snapshot: version 2 of short") {
		t.Errorf("training with --fresh and --keep: %d, %s%s", code, out, errOut)
	}
}

// TestOutIsTriedBeforeTheWork: what cannot be written is said before anything is read.
func TestOutIsTriedBeforeTheWork(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline})
	for _, args := range []string{"train my.yaml absent.csv --out absent/a.millrace", "train my.yaml absent.csv --out .",
		"produce --generate payments --events 10 --out absent/a.jsonl", "evaluate my.yaml absent.csv --predictions absent/a.csv"} {
		if code, _, errOut := verb(t, strings.Fields(args)...); code != exitUsage || strings.Contains(errOut, "absent.csv") {
			t.Errorf("millrace %s: %d, %s", args, code, errOut)
		}
	}
}

// TestInterruptedSendingTellsSoFar: Ctrl-C ends what sends rows of files with what was written, says so and exits with
// 130. What ends with a signal alone, as it goes round for ever, was not interrupted.
func TestInterruptedSendingTellsSoFar(t *testing.T) {
	r := newRig(t)
	text := strings.TrimSuffix(shortPipeline, "\n") + "\nadmin: 127.0.0.1:0\n"
	embeds := written(t, "my.yaml", text)
	file := written(t, "my.yaml", text+"kafka: {brokers: ["+r.kafka+"]}\n")
	p, err := pipeline.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errOut := pressed(t, "produce", "-c", file, "-")
	n := 0
	if _, err := fmt.Sscanf(out, "%d events written to "+p.Events.Topic, &n); err != nil || code != 130 || n == 0 ||
		!strings.Contains(out, "(interrupted: so far)") || !strings.Contains(errOut, "millrace: interrupted") || len(r.topic(p.Events.Topic, n)) != n {
		t.Errorf("produce: %d, %s%s", code, out, errOut)
	}
	code, out, errOut = pressed(t, "run", "-c", embeds, "--from", "-", "-o", "json")
	var s feedSummary
	if err := json.Unmarshal([]byte(out), &s); err != nil || code != 130 || s.Events == 0 || !s.Interrupted {
		t.Errorf("run --from: %d, %s%s", code, out, errOut)
	}
	ctx, press := interruptible(t.Context())
	defer press(0)
	time.AfterFunc(300*time.Millisecond, func() { press(syscall.SIGINT) })
	var o, e bytes.Buffer
	data := written(t, "data.csv", "a,y\n1,p\n-1,n\n")
	if code := execute(ctx, []string{"produce", "-c", file, data, "--loop", "--rate", "1000"}, &app{out: &o, err: &e}); code != 0 || strings.Contains(o.String(), "interrupted") {
		t.Errorf("produce --loop: %d, %s%s", code, o.String(), e.String())
	}
}

// TestCtrlCAfterAllRows: a run that has sent the rows of its files goes on until Ctrl-C, which interrupts nothing.
func TestCtrlCAfterAllRows(t *testing.T) {
	embeds := written(t, "my.yaml", strings.TrimSuffix(shortPipeline, "\n")+"\nadmin: 127.0.0.1:0\n")
	data := written(t, "data.csv", "a,y\n1,p\n-1,n\n")
	ctx, press := interruptible(t.Context())
	defer press(0)
	var o bytes.Buffer
	var e lockedBuffer
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, []string{"run", "-c", embeds, "--from", data}, &app{out: &o, err: &e}) }()
	for !strings.Contains(e.String(), "all rows are sent") {
		select {
		case code := <-ended:
			t.Fatalf("it ended by itself: %d, %s", code, e.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	press(syscall.SIGINT)
	if code := <-ended; code != 0 || strings.Contains(o.String()+e.String(), "interrupted") || !strings.HasPrefix(o.String(), "short: 2 events") {
		t.Errorf("%d, %s%s", code, o.String(), e.String())
	}
}
