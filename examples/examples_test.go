package examples_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/examples"
	"millrace/files"
)

func TestEmbeddedFile(t *testing.T) {
	data, err := os.ReadFile("payments.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != examples.Payments {
		t.Error("the embedded text is not the file's")
	}
}

// Every pipeline is accepted, and its decoder takes every row of the data it is for.
func TestPipelines(t *testing.T) {
	folder := os.Getenv("MILLRACE_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "data")
	}
	data := map[string]string{
		"payments.yaml":      "", // made by its generator, whose tests check it against the pipeline
		"digits.yaml":        "digits.csv",
		"digits-linear.yaml": "digits.csv", "bikes-linear.yaml": filepath.Join(folder, "bikes.csv"),
		"a9a-ftrl.yaml":  filepath.Join(folder, "a9at.svm"),
		"elec-auto.yaml": filepath.Join(folder, "elec.csv"), "elec-svm.yaml": filepath.Join(folder, "elec.csv"),
		"elec.yaml": filepath.Join(folder, "elec.csv"), "elec-mlp.yaml": filepath.Join(folder, "elec.csv"),
		"a9a.yaml": filepath.Join(folder, "a9at.svm"), "bikes.yaml": filepath.Join(folder, "bikes.csv"),
		"elec-tree.yaml": filepath.Join(folder, "elec.csv"), "elec-forest.yaml": filepath.Join(folder, "elec.csv"),
		"bikes-tree.yaml": filepath.Join(folder, "bikes.csv"),
		"sea-svm.yaml":    filepath.Join(folder, "sea.csv"), "letter-svm.yaml": filepath.Join(folder, "letter.csv"),
		"digits-svm.yaml": "digits.csv", "a9a-svm.yaml": filepath.Join(folder, "a9at.svm"),
		"letter.yaml": filepath.Join(folder, "letter.csv"), "sea.yaml": filepath.Join(folder, "sea.csv"),
	}
	names, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(data) {
		t.Errorf("there are %d pipelines, and %d are known here", len(names), len(data))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			pipeline, err := config.Parse(name, text, nil)
			if err != nil {
				t.Fatal(err)
			}
			path := data[name]
			if path == "" {
				return
			}
			if want := filepath.Base(path); !strings.Contains(string(text), "millrace evaluate -c examples/"+name) || !strings.Contains(string(text), want) {
				t.Errorf("it does not say how %s is evaluated", want)
			}
			if _, err := os.Stat(path); err != nil {
				t.Skipf("accepted; %s is not here to be read (set MILLRACE_DATA to its folder)", filepath.Base(path))
			}
			decodeAll(t, pipeline, path)
		})
	}
}

func decodeAll(t *testing.T, pipeline *config.Pipeline, path string) {
	t.Helper()
	decoder, err := decode.New(pipeline.DecodeSpec())
	if err != nil {
		t.Fatal(err)
	}
	var options files.Options
	for _, c := range pipeline.Features {
		if c.Type == "bag" {
			options.Bag = c.Name
		}
	}
	source, err := files.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	event := decoder.NewEvent()
	for {
		batch, err := source.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range batch.Records {
			if err := decoder.Decode(&batch.Records[i], event); err != nil {
				t.Fatalf("row %d: %v", batch.Records[i].Offset, err)
			}
			if !event.Label.Known {
				t.Fatalf("row %d has no label: %v", batch.Records[i].Offset, event.Label.Fault)
			}
			for k, field := range event.Fields {
				if name := pipeline.Features[k].Name; field.Presence != millrace.Present && !strings.HasSuffix(path, ".svm") {
					t.Fatalf("row %d has no %s", batch.Records[i].Offset, name)
				}
			}
		}
		batch.Release()
	}
}
