//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
	"millrace/snapshot"
	"millrace/store"
)

// figures is what evaluate and train print as JSON, as far as it is compared here.
type figures struct {
	Events, Learned, Rejected uint64
	Accuracy                  float64
	LogLoss                   float64 `json:"log_loss"`
}

// The whole loop over one partition, stopped and started in its middle, against three other ways to learn the same
// rows: undisturbed from the topic, from the file with evaluate, and from the file with train. All must agree to the
// bit.
func TestWholeLoopOnePartition(t *testing.T) {
	data := elec(t)
	p := newPipeline(t, pipelineSpec{name: "elec", learns: example(t, "elec")})
	first := p.running("run")
	producing := p.producing(data, "--rate", "15000")
	first.waitMetric(8000, "millrace_learned_events_total")
	first.terminate()
	middle, _ := p.head()
	if n := middle.Manifest.Learned; n < 8000 || n >= elecRows {
		t.Errorf("the first run learned %d events, want some of the %d", n, elecRows)
	}

	second := p.running("run")
	if want := fmt.Sprintf("msg=resuming model=elec seq=%d learned=%d rejected=0", middle.Seq, middle.Manifest.Learned); !strings.Contains(second.Stderr(), want) {
		t.Errorf("the second run does not say %q:\n%s", want, second.Stderr())
	}
	if rows := producing.end(); rows != elecRows {
		t.Errorf("produced %d rows, want %d", rows, elecRows)
	}
	p.waitApplied(second)
	p.waitScored(second)
	second.terminate()
	got := p.checkExact(0)
	if versions := p.checkScores(nil); len(versions) < 3 {
		t.Errorf("scores come from versions %v, want several", versions)
	}

	checkSameLearning(t, "an undisturbed run", p.elsewhere().learnAll("--fresh"), got)
	evaluated := decoded[figures](t, must(t, "evaluate", "-c", p.file, data, "--output", "json"))
	listed := decoded[[]store.Version](t, must(t, "snapshots", "list", "-c", p.file, "--output", "json"))
	if m := listed[0].Manifest.Metrics; m["accuracy"] != evaluated.Accuracy || m["log_loss"] != evaluated.LogLoss {
		t.Errorf("progressive accuracy %v and log-loss %v, by evaluate %v and %v", m["accuracy"], m["log_loss"],
			evaluated.Accuracy, evaluated.LogLoss)
	}
	out := filepath.Join(t.TempDir(), "elec.millrace")
	must(t, "train", "-c", p.file, data, "--out", out)
	trained, err := snapshot.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if trained.Manifest.Serving != got.Serving {
		t.Errorf("train's serving blob is %v, the stream's %v", trained.Manifest.Serving, got.Serving)
	}
}

// Four partitions and a network: the order of events is not fixed, that each is learned once is.
func TestWholeLoopFourPartitions(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "digits", learns: example(t, "digits"), partitions: 4})
	first := p.running("run")
	producing := p.producing(digits(t), "--rate", "900")
	first.waitMetric(400, "millrace_learned_events_total")
	first.terminate()
	second := p.running("run")
	rows := producing.end()
	p.waitApplied(second)
	p.waitScored(second)
	second.terminate()
	if m := p.checkExact(0); m.Learned != rows || m.Metrics["accuracy"] < 0.8 {
		t.Errorf("learned %d of %d rows with accuracy %.3f, want all and at least 0.8", m.Learned, rows, m.Metrics["accuracy"])
	}
	p.checkScores(nil)
	for partition, end := range p.ends(p.spec.topic) {
		if end == 0 {
			t.Errorf("partition %d got no rows", partition)
		}
	}
}

// checkSameLearning compares all learned state of two manifests, by the checksums of both blobs.
func checkSameLearning(t *testing.T, other string, want, got millrace.Manifest) {
	t.Helper()
	if got.Learned != want.Learned || got.Rejected != want.Rejected {
		t.Errorf("learned %d and rejected %d, %s %d and %d", got.Learned, got.Rejected, other, want.Learned, want.Rejected)
	}
	if got.Serving != want.Serving {
		t.Errorf("the serving blob is %v, that of %s %v", got.Serving, other, want.Serving)
	}
	if got.Training != want.Training {
		t.Errorf("the training blob is %v, that of %s %v", got.Training, other, want.Training)
	}
}
