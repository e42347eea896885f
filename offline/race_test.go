package offline

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/drift"
	"millrace/learner"
	"millrace/payments"
	"millrace/pipeline"
)

const raceConfig = `
name: race
events: {topic: race.events, id: id}
features:
  amount: {type: number, missing: indicator}
  country: {type: category, encode: hash, bits: 10}
  card_present: boolean
label: {path: outcome, classes: [legit, fraud]}
model: {type: mlp, hidden: [8], optimizer: adam, batch: 3}
`

func parsed(t *testing.T) *config.Pipeline {
	t.Helper()
	p, err := config.Parse("race.yaml", []byte(raceConfig), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rows are payments, every tenth of them spoilt; their number is no multiple of a chunk.
func rows() [][]byte {
	g := payments.New(7)
	out := make([][]byte, 2*learner.ChunkRecords(0)+17)
	for i := range out {
		out[i] = g.Next(nil)
		if i%10 == 9 {
			out[i] = []byte(`{"amount":"much","outcome":"legit"}`)
		}
	}
	return out
}

func written(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func unseen(int64) func(int64) { return func(int64) {} }

// TestFileIsTheStream: whoever learns a file holds what the stream's learner would hold after the same rows, bit for
// bit, alone or beside others; several passes are the same rows again.
func TestFileIsTheStream(t *testing.T) {
	data := rows()
	path := written(t, append(bytes.Join(data, []byte("\n")), '\n'))
	p := parsed(t)
	want, err := pipeline.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	learnAll := func() (learned, rejected uint64) {
		event := want.Decoder.NewEvent()
		for i, row := range data {
			at := drift.Place{Offset: int64(i)}
			want.Trainer.Drift.Arriving(at)
			want.Trainer.Drift.Learning(at)
			err := want.Decoder.Decode(&millrace.Record{Value: row}, event)
			if err == nil {
				err = want.Trainer.Apply(event)
			}
			if err != nil {
				rejected++
				continue
			}
			learned++
		}
		return learned, rejected
	}
	learned, rejected := learnAll()
	equal := func(what string, got millrace.Snapshot) {
		t.Helper()
		s := want.Snapshot(pipeline.Manifest(p, ""))
		if !bytes.Equal(got.Serving, s.Serving) || !bytes.Equal(got.Training, s.Training) {
			t.Errorf("%s: the state differs from that of the rows learned one by one", what)
		}
	}

	c, err := Evaluate(t.Context(), p, Data{Events: path}, nil, unseen)
	if err != nil {
		t.Fatal(err)
	}
	if c.Pass.Learned != learned || c.Pass.Rejections() != rejected || rejected != uint64(len(data)/10) || c.Pass.First() == "" {
		t.Errorf("%+v; want %d learned, %d rejected", c.Pass, learned, rejected)
	}
	equal("alone", c.Pieces.Snapshot(pipeline.Manifest(p, "")))
	other := *p
	other.Model.Seed = 9
	contenders := []*Contender{NewContender("one", p, Data{}), NewContender("other", &other, Data{}), NewContender("again", p, Data{})}
	if err := Race(t.Context(), Data{Events: path}, contenders, unseen); err != nil {
		t.Fatal(err)
	}
	equal("beside others", contenders[0].Pieces.Snapshot(pipeline.Manifest(p, "")))
	equal("beside its twin", contenders[2].Pieces.Snapshot(pipeline.Manifest(p, "")))

	want.Trainer.Progressive.Reset()
	want.Trainer.Drift.Reset()
	learnAll()
	want.Trainer.Progressive.Reset()
	want.Trainer.Drift.Reset()
	_, trained, err := Train(t.Context(), p, Data{Events: path}, 2, func(int) Progress { return unseen })
	if err != nil || trained.Manifest.Learned != 2*learned || trained.Manifest.Rejected != 2*rejected || len(trained.Manifest.Positions) != 0 {
		t.Fatalf("%+v, %v", trained.Manifest, err)
	}
	equal("trained twice", trained)
}

// TestNothingToLearn: a file that is not there is a mistake of whoever named it; one without a usable row says why.
func TestNothingToLearn(t *testing.T) {
	p := parsed(t)
	var usage config.UsageError
	if _, err := Evaluate(t.Context(), p, Data{Events: filepath.Join(t.TempDir(), "none.jsonl")}, nil, unseen); !errors.As(err, &usage) {
		t.Errorf("no file: %v", err)
	}
	var none *NoneLearnedError
	_, err := Evaluate(t.Context(), p, Data{Events: written(t, []byte("{\"amount\":\"much\",\"outcome\":\"legit\"}\n"))}, nil, unseen)
	if !errors.As(err, &none) || none.Pass.Rejected[millrace.ReasonWrongType] != 1 || none.Pass.First() == "" {
		t.Errorf("nothing usable: %v", err)
	}
	_, err = Evaluate(t.Context(), p, Data{Events: written(t, []byte("\n"))}, nil, unseen)
	if !errors.As(err, &none) || none.Pass.Events != 0 {
		t.Errorf("no rows: %v", err)
	}
}

// TestRaceOfNone: without a model that could be built a race says why there is none.
func TestRaceOfNone(t *testing.T) {
	p := parsed(t)
	p.Model.Hidden, p.Model.Layers = []int{-1}, nil
	none := NewContender("broken", p, Data{})
	err := Race(t.Context(), Data{Events: written(t, bytes.Join(rows(), []byte("\n")))}, []*Contender{none}, unseen)
	var usage config.UsageError
	if none.Err == nil || !errors.As(err, &usage) || !errors.Is(err, none.Err) {
		t.Errorf("%v, of a contender with %v", err, none.Err)
	}
}
