package config

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"millrace"
)

// versionOf is the manifest of what a pipeline learned, with hashes as another release may have made them.
func versionOf(t *testing.T, file string) *millrace.Manifest {
	t.Helper()
	spec, _, _ := parseOne(t, file).CanonicalSpec()
	return &millrace.Manifest{Model: "p", Spec: spec, SchemaHash: "of another release", TrainingHash: "of another release"}
}

// TestFits: which settings a learner, and which a scorer, may have otherwise than the version has them, and that those
// which they may not are named.
func TestFits(t *testing.T) {
	const svm = "{type: svm, c: 1, update: pa1}"
	weights := func(w string) string {
		return strings.Replace(minimal, "[n, p]", "[n, p], class_weights: "+w, 1)
	}
	counts := strings.NewReplacer("classes: [n, p]", "type: number", "logistic", "{type: linear, loss: poisson}").Replace(minimal)
	model := func(m string) string { return strings.Replace(minimal, "logistic", m, 1) }
	for _, c := range []struct {
		version, file string
		serves, fits  bool
		named         string
	}{
		{minimal, minimal, true, true, ""},
		{minimal, strings.Replace(minimal, "name: p", "name: q\nsnapshots: 9s", 1), true, true, ""},
		{minimal, strings.Replace(minimal, "a: number", "b: number", 1), false, false, "features.b"},
		{minimal, strings.Replace(minimal, "path: y", "path: z", 1), true, false, "label.path"},
		{minimal, strings.Replace(minimal, "a: number", "a: text", 1), false, false, "features.a.type"},
		{model("{type: logistic, seed: 1}"), model("{type: logistic, seed: 2}"), true, false, "model.seed"},
		{model(svm), model("{type: svm, c: 2, update: pa1}"), true, false, "model.c"},
		{model(svm), model("{type: svm, update: pa1}"), false, false, "model.c"},
		{model(svm), model("{type: svm, c: 1, update: pa2}"), false, false, "model.update"},
		{model(svm), model("{type: svm, c: 1, update: pa1, average: true}"), false, false, "model.average"},
		{model(svm), model("{type: svm, c: 1, update: pa1, kernel: rbf}"), false, false, "model.kernel"},
		{model("{type: logistic, optimizer: adagrad}"), model("{type: logistic, optimizer: adam}"), true, false, "model.optimizer.type"},
		{model("{type: logistic, optimizer: normalized}"), model("{type: logistic, optimizer: normalized_adaptive}"), false, false, "model.optimizer.type"},
		{model("{type: logistic, l2: 0.1}"), model("{type: logistic, l2: 0.2}"), true, false, "model.l2"},
		{counts, strings.Replace(counts, "poisson", "squared", 1), false, false, "model.loss"},
		{strings.Replace(counts, "poisson", "huber", 1), strings.Replace(counts, "poisson", "squared", 1), true, false, "model.loss"},
		{minimal, strings.Replace(minimal, "[n, p]", "[n, p], positive: p", 1), true, true, ""},
		{strings.Replace(minimal, "[n, p]", "[n, p], positive: p", 1), minimal, true, true, ""},
		{minimal, strings.Replace(minimal, "[n, p]", "[n, p], positive: n", 1), false, false, "label.positive"},
		{strings.Replace(minimal, "[n, p]", "[n, p], positive: n", 1), minimal, false, false, "label.positive"},
		{weights("[1, 2]"), weights("[1, 3]"), true, false, "label.class_weights.weights"},
		{weights("{weights: [1, 2], probabilities: corrected}"), weights("{weights: [1, 3], probabilities: corrected}"), false, false, "label.class_weights.weights"},
		{weights("balanced"), weights("{mode: balanced, probabilities: corrected}"), false, false, "label.class_weights.probabilities"},
		{weights("{mode: balanced, probabilities: corrected}"), weights("{mode: balanced, window: 9, probabilities: corrected}"), true, false, "label.class_weights.window"},
		{model("auto"), model("{type: auto, pin: svm-pa1}"), true, true, ""},
		{model("auto"), model("{type: auto, budget: 2x}"), false, false, "model.budget"},
	} {
		version, p := versionOf(t, c.version), parseOne(t, c.file)
		for _, check := range []struct {
			who  string
			err  error
			want bool
		}{{"a learner", p.Fits(version), c.fits}, {"a scorer", p.Serves(version), c.serves}} {
			var misfit *Misfit
			switch {
			case check.want != (check.err == nil):
				t.Errorf("%s\nof a version of\n%s\ngoes on for %s: %v, want %v", c.file, c.version, check.who, check.err, check.want)
			case check.err != nil && (!errors.Is(check.err, millrace.ErrIncompatible) || !errors.As(check.err, &misfit) ||
				!strings.Contains(check.err.Error(), "\n  "+c.named)):
				t.Errorf("%s: %v, which does not name %s", check.who, check.err, c.named)
			}
		}
	}
}

// TestFitsUnknownSettings: what a newer release's learner set must not be passed over, nor a version without settings.
func TestFitsUnknownSettings(t *testing.T) {
	p := parseOne(t, minimal)
	for _, swap := range [][2]string{{`"type":"logistic"`, `"type":"logistic","warp":9`}, {`"features":[`, `"windows":[1],"features":[`}, {`"name":"a"`, `"name":"a","warp":1`}} {
		version := versionOf(t, minimal)
		version.Spec = json.RawMessage(strings.Replace(string(version.Spec), swap[0], swap[1], 1))
		for _, err := range []error{p.Fits(version), p.Serves(version)} {
			if !errors.Is(err, millrace.ErrIncompatible) {
				t.Errorf("%s: %v", swap[1], err)
			}
		}
	}
	for _, spec := range []string{``, `{`, `[]`, `{"features":3,"model":[],"label":"y"}`, `{"features":[3],"model":{"optimizer":1}}`} {
		version := &millrace.Manifest{Spec: json.RawMessage(spec)}
		_, servedErr := p.ServedBy(version)
		for _, err := range []error{p.Fits(version), p.Serves(version), servedErr} {
			if !errors.Is(err, millrace.ErrIncompatible) {
				t.Errorf("%s: %v", spec, err)
			}
		}
	}
}

// TestServedBy: a scorer builds what the version's learner had, and keeps what is its own.
func TestServedBy(t *testing.T) {
	theirs := strings.Replace(minimal, "logistic", "{type: auto, seed: 18446744073709551615, pin: forest}", 1)
	own := strings.Replace(minimal, "logistic", "{type: auto, seed: 2, pin: svm-pa1}\nscores: {topic: mine}", 1)
	p, err := parseOne(t, own).ServedBy(versionOf(t, theirs))
	if err != nil || p.Model.Seed != 1<<64-1 || p.Model.Pin != "svm-pa1" || p.Scores.Topic != "mine" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := parseOne(t, own).ServedBy(versionOf(t, minimal)); !errors.Is(err, millrace.ErrIncompatible) {
		t.Errorf("of another family: %v", err)
	}
}
