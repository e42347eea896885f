package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/files"
)

// TestCellsAreEvents: a table's row and the same event as JSON are one event, whether its cells are numbers in a
// format, words for nothing or categories.
func TestCellsAreEvents(t *testing.T) {
	p, err := config.Parse("p.yaml", []byte(`name: p
events: {topic: e}
features:
  eu: {type: number, format: eu, missing: {values: ["-"]}}
  n: number
  flag: boolean
  shop: category
label: {path: "y", type: number, format: eu}
model: linear
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := Build(p)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f.csv")
	rows := "eu;n;flag;shop;y\n1.234;12;true;1.0;1.000\n-;NA;NULL;1.10;2,5\n1.234,5 €;1e3;false;007;7\n"
	if err := os.WriteFile(path, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := files.Open(path, fileOptions(p))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	batch, err := src.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i, json := range []string{
		`{"eu":"1.234","n":"12","flag":true,"shop":1,"y":"1.000"}`,
		`{"eu":"-","n":"NA","flag":"NULL","shop":1.10,"y":2.5}`,
		`{"eu":1234.5,"n":1000,"flag":false,"shop":"007","y":"7"}`,
	} {
		row, event := pieces.Decoder.NewEvent(), pieces.Decoder.NewEvent()
		if err := pieces.Decoder.Decode(&batch.Records[i], row); err != nil {
			t.Fatalf("%s: %v", batch.Records[i].Value, err)
		}
		if err := pieces.Decoder.Clone().Decode(&millrace.Record{Value: []byte(json)}, event); err != nil {
			t.Fatalf("%s: %v", json, err)
		}
		if !reflect.DeepEqual(row.Fields, event.Fields) || row.Label != event.Label {
			t.Errorf("%s: %+v %+v, want %+v %+v of %s", batch.Records[i].Value, row.Fields, row.Label, event.Fields, event.Label, json)
		}
	}
	// What a table leaves out among numbers is what decoding takes for nothing there.
	for _, word := range []string{"NA", "?", "NaN", "nan", "N/A", "n/a", "null", "NULL", "-", "None", "1", "na"} {
		if files.Missing([]byte(word)) != millrace.MissingWord([]byte(word)) {
			t.Errorf("%q is missing to a file or to an event alone", word)
		}
	}
}
