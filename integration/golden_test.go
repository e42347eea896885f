package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/features"
	"millrace/learner"
	"millrace/model"
	"millrace/model/family"
	"millrace/snapshot"
)

// The golden snapshots are what earlier releases left behind: each a pipeline file, the snapshot after goldenLearned
// events, and what that release then predicted. They are never rewritten. For another pipeline put its file beside them
// and run
//
//	go test ./integration -run TestGolden -golden
//
// which writes only what is not there yet, so that a file stays the work of the release that made it.
var golden = flag.Bool("golden", false, "write the golden snapshots that are missing")

const (
	goldenFolder  = "testdata/golden"
	goldenLearned = 120 // events that are in the snapshots
	goldenRelease = "0.1"
)

// goldenPredictions are what the release that made a snapshot predicted for the events after it.
type goldenPredictions struct {
	Release string      `json:"release"`
	Served  [][]float64 `json:"served"`  // by the snapshot, for all events after it
	Resumed [][]float64 `json:"resumed"` // the same, each event learned after it was predicted
}

// pieces are what learners and scorers build from a pipeline.
type pieces struct {
	extractor *features.Extractor
	model     model.Model
	trainer   *learner.Trainer
	decoder   *decode.Decoder
	learner   *snapshot.Layout
	scorer    *snapshot.Layout
}

func newPieces(t *testing.T, p *config.Pipeline) *pieces {
	t.Helper()
	x, err := features.New(p.FeatureSpec())
	if err != nil {
		t.Fatal(err)
	}
	m, err := family.New(p.Model, p.Target(), x)
	if err != nil {
		t.Fatal(err)
	}
	m = model.Weighted(m, p.ClassWeights())
	out := &pieces{extractor: x, model: m, trainer: learner.NewTrainer(x, m, p.Target().Classes)}
	if out.decoder, err = decode.New(p.DecodeSpec()); err != nil {
		t.Fatal(err)
	}
	featuresPart, modelPart := snapshot.Part{Prefix: "features", State: x}, snapshot.Part{Prefix: "model", State: m}
	if out.scorer, err = snapshot.NewLayout(nil, featuresPart, modelPart); err != nil {
		t.Fatal(err)
	}
	if out.learner, err = snapshot.NewLayout(map[string]string{"model": p.Name}, featuresPart, modelPart,
		snapshot.Part{Prefix: "progressive", State: out.trainer.Progressive}); err != nil {
		t.Fatal(err)
	}
	return out
}

// learn learns events, and returns what was predicted for each before.
func (p *pieces) learn(t *testing.T, lines [][]byte) (predictions [][]float64) {
	t.Helper()
	e := p.decoder.NewEvent()
	for _, line := range lines {
		if err := p.decoder.Decode(&millrace.Record{Value: line}, e); err != nil {
			t.Fatal(err)
		}
		prediction, err := p.trainer.Predict(e)
		if err != nil {
			t.Fatal(err)
		}
		predictions = append(predictions, append([]float64(nil), prediction...))
		if err := p.trainer.Learn(e, prediction); err != nil {
			t.Fatal(err)
		}
		p.trainer.Observe(e)
	}
	return predictions
}

// predict predicts events as a scorer does.
func (p *pieces) predict(t *testing.T, lines [][]byte) (predictions [][]float64) {
	t.Helper()
	e, input, scratch := p.decoder.NewEvent(), p.extractor.NewInput(), p.model.NewScratch()
	for _, line := range lines {
		if err := p.decoder.Decode(&millrace.Record{Value: line}, e); err != nil {
			t.Fatal(err)
		}
		if err := p.extractor.Extract(input, e); err != nil {
			t.Fatal(err)
		}
		prediction := make([]float32, p.model.Outputs())
		p.model.Predict(prediction, input, scratch)
		if len(prediction) == 1 {
			predictions = append(predictions, []float64{model.ValueOf(p.model).Value(prediction[0])})
			continue
		}
		var wide []float64
		for _, v := range prediction {
			wide = append(wide, float64(v))
		}
		predictions = append(predictions, wide)
	}
	return predictions
}

// snapshot is the learner's state under a manifest that a store would take.
func (p *pieces) snapshot(pipeline *config.Pipeline) millrace.Snapshot {
	buffer := p.learner.NewBuffer()
	p.learner.Copy(buffer)
	s := millrace.Snapshot{Serving: buffer.Serving(), Training: buffer.Training(), Manifest: millrace.Manifest{
		Model: pipeline.Name, Epoch: 1, Seq: 1, CreatedAt: time.UnixMilli(1767225600000).UTC(), Learned: goldenLearned, Profile: model.Profile()}}
	s.Manifest.Spec, s.Manifest.SchemaHash, s.Manifest.TrainingHash = pipeline.CanonicalSpec()
	snapshot.Seal(&s)
	return s
}

func goldenEvents(t *testing.T) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(goldenFolder, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func goldenPipeline(t *testing.T, file string) *config.Pipeline {
	t.Helper()
	p, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// writeGolden makes a snapshot and its predictions by this release, unless they are there.
func writeGolden(t *testing.T, file string, events [][]byte) {
	t.Helper()
	base := strings.TrimSuffix(file, ".yaml")
	if _, err := os.Stat(base + ".json"); err == nil {
		return
	}
	p := goldenPipeline(t, file)
	made := newPieces(t, p)
	made.learn(t, events[:goldenLearned])
	if err := snapshot.WriteFile(base+".millrace", made.snapshot(p)); err != nil {
		t.Fatal(err)
	}
	want := goldenPredictions{Release: goldenRelease, Served: made.predict(t, events[goldenLearned:])}
	want.Resumed = made.learn(t, events[goldenLearned:])
	data, err := json.Marshal(want)
	if err := errors.Join(err, os.WriteFile(base+".json", append(data, '\n'), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestGolden: a snapshot of an earlier release is served and learned on as that release would have done.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(goldenFolder + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	events := goldenEvents(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			if *golden {
				writeGolden(t, file, events)
			}
			s, want := readGolden(t, file)
			p := goldenPipeline(t, file)
			if err := p.Fits(&s.Manifest); err != nil {
				t.Fatal(err)
			}
			rest := events[goldenLearned:]
			for _, seed := range []uint64{p.Model.Seed, 0, 12345} { // a scorer's file may say another, or none
				reseeded := *p
				reseeded.Model.Seed = seed
				served, err := reseeded.ServedBy(&s.Manifest)
				if err != nil {
					t.Fatal(err)
				}
				scoring := newPieces(t, served)
				if err := scoring.scorer.Restore(s.Serving, nil); err != nil {
					t.Fatal(err)
				}
				compare(t, "served", scoring.predict(t, rest), want.Served, s.Manifest.Profile)
			}
			learning := newPieces(t, p)
			if err := learning.learner.Restore(s.Serving, s.Training); err != nil {
				t.Fatal(err)
			}
			compare(t, "learned on", learning.learn(t, rest), want.Resumed, s.Manifest.Profile)
		})
	}
}

func readGolden(t *testing.T, file string) (s millrace.Snapshot, want goldenPredictions) {
	t.Helper()
	base := strings.TrimSuffix(file, ".yaml")
	s, err := snapshot.ReadFile(base + ".millrace")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(base + ".json")
	if err := errors.Join(err, json.Unmarshal(data, &want)); err != nil {
		t.Fatal(err)
	}
	return s, want
}

// compare holds predictions to those of the release that made a snapshot: to rounding, as processors and releases may
// add in another order.
func compare(t *testing.T, what string, got, want [][]float64, profile string) {
	t.Helper()
	const tolerance = 1e-3
	if len(got) != len(want) {
		t.Fatalf("%s: %d predictions, want %d", what, len(got), len(want))
	}
	for i := range want {
		for k, v := range want[i] {
			if math.Abs(got[i][k]-v) > tolerance*max(1, math.Abs(v)) {
				t.Fatalf("%s: event %d is predicted as %v, the snapshot's release (profile %s) had %v", what, i, got[i], profile, want[i])
			}
		}
	}
}
