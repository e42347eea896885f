package config

import (
	"strings"
	"testing"

	"millrace"
	"millrace/model/calibration"
)

// TestCalibration: what is calibrated where the file does not say, and what is refused.
func TestCalibration(t *testing.T) {
	const classes, number = "label: {path: y, classes: [n, p]", "label: {path: y, type: number"
	file := func(label, model string) string {
		return "name: p\nevents: e\nfeatures: {a: number}\n" + label + "}\nmodel: " + model + "\n"
	}
	for text, want := range map[string]string{
		file(classes, "auto"):                                                                calibration.Auto,
		file(classes, "logistic"):                                                            calibration.None,
		file(classes, "{type: logistic, calibrate: beta}"):                                   calibration.Beta,
		file(classes, "{type: forest, calibrate: none}"):                                     calibration.None,
		file(classes+", class_weights: [1, 9]", "tree"):                                      calibration.None,
		file(classes+", class_weights: {weights: [1, 9], probabilities: corrected}", "tree"): calibration.Auto,
		file(number, "tree"):                                                                 "",
		file(number, "{type: tree, calibrate: none}"):                                        "",
	} {
		if got := parseOne(t, text).Calibration(); got != want {
			t.Errorf("%q calibrates %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		file(number, "{type: tree, calibrate: platt}"):                            "only with a label of classes",
		file(classes+", class_weights: [1, 9]", "{type: tree, calibrate: platt}"): "would undo",
	} {
		if _, err := Parse("p.yaml", []byte(text), nil); err == nil || !strings.Contains(err.Error(), "p.yaml:5:32: model.calibrate: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestCalibrationChanges: a version fits whatever its calibration; a file that says nothing goes on as the version
// does, which one of before calibration was does without.
func TestCalibrationChanges(t *testing.T) {
	const text = "name: p\nevents: e\nfeatures: {a: number}\nlabel: {path: y, classes: [n, p]}\nmodel: {type: tree"
	without := parseOne(t, text+"}")
	spec, _, _ := parseOne(t, text+", calibrate: platt}").CanonicalSpec()
	before := strings.Replace(string(spec), `"calibrate":"platt",`, "", 1)
	for version, want := range map[string]string{string(spec): calibration.Platt, before: calibration.None} {
		m := &millrace.Manifest{Spec: []byte(version)}
		for _, p := range []*Pipeline{without, parseOne(t, text+", calibrate: beta}")} {
			if err := p.Fits(m); err != nil {
				t.Error(err)
			}
			served, err := p.ServedBy(m)
			if err != nil || served.Calibration() != want {
				t.Errorf("a scorer calibrates by %q, want %q: %v", served.Calibration(), want, err)
			}
		}
		if got := without.Beside(m).Calibration(); got != want {
			t.Errorf("a learner goes on with %q, want %q", got, want)
		}
		if got := parseOne(t, text+", calibrate: beta}").Beside(m).Calibration(); got != calibration.Beta {
			t.Errorf("the file says beta, and the learner does %q", got)
		}
	}
}
