package pipeline

import (
	"errors"
	"strings"
	"testing"

	"millrace/config"
)

// TestNothingIsAssumedYet: a setting that would change nothing is refused.
func TestNothingIsAssumedYet(t *testing.T) {
	p, err := config.Parse("p.yaml", []byte("name: p\nevents: {topic: e, id: id}\nfeatures: {a: number}\n"+
		"label: {path: y, classes: [n, p], topic: l, assume: n}\nmodel: logistic\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var usage config.UsageError
	if _, err := Build(p); !errors.As(err, &usage) || !strings.Contains(err.Error(), "label.assume") {
		t.Errorf("%v", err)
	}
}
