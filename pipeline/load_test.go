package pipeline

import (
	"testing"

	"millrace/config"
)

// A row without any feature is a fault, unless the pipeline learns from what is missing.
func TestFileOptionsKnowFeatures(t *testing.T) {
	for missing, want := range map[string]bool{"mean": true, "indicator": false} {
		text := "name: p\nevents: e\nfeatures:\n  amount: {type: number, path: a\\.b, missing: " + missing +
			"}\n  card: category\nlabel: {path: y, classes: [0, 1]}\nmodel: logistic\n"
		p, err := config.Parse("p.yaml", []byte(text), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		o := fileOptions(p)
		if o.Features("a.b") != want || o.Features("card") != want || o.Features("y") || o.Features("amount") {
			t.Errorf("%s: the features are not those of the pipeline", missing)
		}
	}
}
