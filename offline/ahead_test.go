package offline

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/learner"
)

// TestReadingAheadEnds: whatever ends a race, nothing of it goes on reading, decoding or learning, and what was read
// before an error has been learned.
func TestReadingAheadEnds(t *testing.T) {
	data := bytes.Join(rows(), []byte{'\n'})
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.jsonl.gz")
	if err := os.WriteFile(cut, packed.Bytes()[:packed.Len()*3/4], 0o600); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	c, err := Evaluate(t.Context(), parsed(t), Data{Events: cut}, nil, unseen)
	if err == nil || !strings.Contains(err.Error(), "the gzip file ends early") {
		t.Errorf("a file that was cut off: %v", err)
	}
	if n := c.Pass.Events; n < uint64(learner.ChunkRecords(0)) {
		t.Errorf("%d rows before the cut were learned", n)
	}
	whole := written(t, data)
	ctx, cancel := context.WithCancel(t.Context())
	c, err = (&Data{}).alone(parsed(t))
	if err != nil {
		t.Fatal(err)
	}
	c.Predicted = func(*millrace.Record, *millrace.Event, []float64) { cancel() }
	if err := Race(ctx, Data{Events: whole}, []*Contender{c}, unseen); !errors.Is(err, context.Canceled) {
		t.Errorf("a race that was called off: %v", err)
	}
	if _, err := Evaluate(t.Context(), parsed(t), Data{Events: whole}, nil, unseen); err != nil {
		t.Error(err)
	}
	for range 100 { // a goroutine that has returned may still be counted
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// TestMixturesInAnyCompany: a mixture whose parts go side by side holds the same weights and figures on one core, on
// several, and beside others, which share events and cores.
func TestMixturesInAnyCompany(t *testing.T) {
	text := strings.Replace(raceConfig, "{type: mlp, hidden: [8], optimizer: adam, batch: 3}", "{type: auto, budget: 0.5x}", 1)
	p := parsedText(t, text)
	data := Data{Events: written(t, bytes.Join(rows(), []byte{'\n'}))}
	run := func(cores int, names ...string) []byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		var all []*Contender
		for _, name := range names {
			all = append(all, NewContender(name, p, data))
		}
		if err := errors.Join(append(Failures(all), Race(t.Context(), data, all, unseen))...); err != nil {
			t.Fatal(err)
		}
		state := stateOf(all[0])
		for _, c := range all[1:] {
			if !bytes.Equal(stateOf(c), state) {
				t.Errorf("%s, on %d cores, differs from %s", c.Name, cores, all[0].Name)
			}
		}
		return state
	}
	want := run(1, "one")
	if !bytes.Equal(run(4, "one"), want) || !bytes.Equal(run(4, "one", "two", "three"), want) {
		t.Error("on several cores, or beside others, another state")
	}
}

// stateOf are the bytes of a contender's snapshot.
func stateOf(c *Contender) []byte {
	b := c.Pieces.Layout.NewBuffer()
	c.Pieces.Layout.Copy(b)
	return append(bytes.Clone(b.Serving()), b.Training()...)
}
