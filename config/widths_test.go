package config

import (
	"encoding/json"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
)

// wide is a pipeline of features that are hashed, and of one that is not.
func wide(features, model string) string {
	return "name: p\nevents: e\nfeatures: {n: number, " + features + "}\nlabel: {path: y, classes: [n, p]}\nmodel: " + model + "\n"
}

// TestWidthsAreChosen: what the file leaves out follows from what the model has room for, what it says stays.
func TestWidthsAreChosen(t *testing.T) {
	for _, c := range []struct {
		features, model string
		want            []int // bits of the features after the number
	}{
		{"a: text", "auto", []int{15}},
		{"a: text, b: text, c: text", "auto", []int{14, 14, 14}},
		{"a: text", "{type: auto, state_max: 256MiB}", []int{17}},
		{"a: {type: text, bits: 18}, b: text", "auto", []int{18, 10}},
		{"a: text, b: {type: category, encode: hash}", "logistic", []int{18, 18}},
		{"a: text", "mlp", []int{16}},
		{"a: text", "{type: mlp, hidden: [512]}", []int{13}},
		{"a: text", "forest", []int{18}},
		{"a: {type: bag, indices: 9}", "auto", []int{18}}, // which nothing reads
	} {
		p := parseOne(t, wide(c.features, c.model))
		for i, want := range c.want {
			if got := p.Features[1+i].Bits; got != want {
				t.Errorf("%s for %s: feature %d has %d bits, want %d", c.features, c.model, i, got, want)
			}
		}
	}
}

// TestVersionsKeepTheirWidths: a file that leaves them out goes on from a version of any, one that says others does
// not.
func TestVersionsKeepTheirWidths(t *testing.T) {
	before := versionOf(t, wide("a: {type: text, bits: 18}", "{type: auto, state_max: 192MiB}"))
	before.Spec = json.RawMessage(strings.Replace(string(before.Spec), `,"state_max":"192MiB"`, "", 1))
	if strings.Contains(string(before.Spec), "state_max") {
		t.Fatalf("%s", before.Spec)
	}
	p := parseOne(t, wide("a: text", "auto"))
	beside := p.Beside(before)
	if beside.Features[1].Bits != 18 || beside.Model.StateMax != model.StateMaxBefore || p.Features[1].Bits != 15 || p.Model.StateMax != 0 {
		t.Errorf("beside a version of before: %+v, %s; and by itself %+v", beside.Features[1], beside.Model.StateMax, p.Features[1])
	}
	for _, c := range []struct {
		features, model string
		fits            bool
		named           string
	}{
		{"a: text", "auto", true, ""},
		{"a: {type: text, bits: 18}", "{type: auto, state_max: 192MiB}", true, ""},
		{"a: {type: text, bits: 15}", "auto", false, "features.a.bits: 18 in the snapshot, 15 in the pipeline"},
		{"a: text", "{type: auto, state_max: 64MiB}", false, "model.state_max: 192MiB in the snapshot, 64MiB in the pipeline"},
		{"a: text, b: text", "auto", false, "features.b"},
	} {
		p := parseOne(t, wide(c.features, c.model))
		for who, err := range map[string]error{"a learner": p.Fits(before), "a scorer": p.Serves(before)} {
			if c.fits != (err == nil) || err != nil && !strings.Contains(err.Error(), c.named) {
				t.Errorf("%s of %s, %s: %v", c.features, c.model, who, err)
			}
		}
	}
	served, err := p.ServedBy(before)
	if err != nil || served.Features[1].Bits != 18 || served.Model.StateMax != model.StateMaxBefore {
		t.Errorf("served as %+v, %v", served, err)
	}
	again, err := ParseSpec(before.Spec, "p")
	if err != nil {
		t.Fatal(err)
	}
	if spec, _, _ := again.CanonicalSpec(); string(spec) != string(withBefore(before.Spec)) {
		t.Errorf("read again:\n%s\nwas\n%s", spec, before.Spec)
	}
}

// TestBesideNothing: a version that says nothing changes nothing.
func TestBesideNothing(t *testing.T) {
	p := parseOne(t, wide("a: text", "auto"))
	own, _, _ := p.CanonicalSpec()
	for _, spec := range []string{"", "{", "[]", `{"features":[{"name":"b","bits":9}],"model":{"state_max":"x","type":"auto"}}`} {
		got, _, _ := p.Beside(&millrace.Manifest{Spec: json.RawMessage(spec)}).CanonicalSpec()
		if string(got) != string(own) {
			t.Errorf("beside %q: %s", spec, got)
		}
	}
}
