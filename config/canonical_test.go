package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"millrace"
)

func TestCanonicalSpecIsExact(t *testing.T) {
	// The model's own defaults are its own tests' business: what it resolves stands in the file here.
	spec, _, _ := parseOne(t, strings.Replace(minimal, "logistic",
		"{type: logistic, optimizer: {type: adagrad, rate: 0.1, epsilon: 1e-10}}", 1)).CanonicalSpec()
	want := `{"features":[{"clip":8,"missing":"zero","name":"a","path":"a","scale":"standard","type":"number"}],` +
		`"label":{"classes":["n","p"],"path":"y","type":"class"},"limits":{"depth":32,"event":"1MiB","text":"1KiB"},` +
		`"model":{"batch":1,"calibrate":"none","loss":"cross_entropy","optimizer":{"epsilon":1e-10,"rate":0.1,"schedule":{"type":"constant"},"type":"adagrad"},"type":"logistic"}}`
	if string(spec) != want {
		t.Errorf("got\n%s\nwant\n%s", spec, want)
	}
}

// TestCanonicalPositive: what versions remember of the positive class, which is nothing where it is the last one: so
// versions of before fit.
func TestCanonicalPositive(t *testing.T) {
	for positive, want := range map[string]string{
		"":              `"label":{"classes":["n","p"],"path":"y","type":"class"}`,
		", positive: p": `"label":{"classes":["n","p"],"path":"y","type":"class"}`,
		", positive: n": `"label":{"classes":["n","p"],"path":"y","positive":"n","type":"class"}`,
	} {
		spec, _, _ := parseOne(t, strings.Replace(minimal, "[n, p]", "[n, p]"+positive, 1)).CanonicalSpec()
		if !strings.Contains(string(spec), want) {
			t.Errorf("%s: %s", positive, spec)
		}
		again, err := ParseSpec(spec, "q")
		if err != nil || again.Label.PositiveName() != map[bool]string{true: "n", false: "p"}[strings.HasSuffix(positive, "n")] {
			t.Errorf("%s: read back as %+v, %v", positive, again, err)
		}
	}
}

const base = `name: p
events: {topic: e}
features:
  a: number
  c: {type: category, encode: hash}
label: {path: y, classes: [n, p]}
model: {type: mlp, hidden: [8], activation: tanh, optimizer: {type: adam, rate: 0.001}}
`

// What changes which hash decides who refuses a snapshot.
func TestHashes(t *testing.T) {
	_, schema, training := parseOne(t, base).CanonicalSpec()
	for _, c := range []struct {
		from, to         string
		schema, training bool // changed
	}{
		{"name: p", "name: q\nkafka: {brokers: ['h:1']}\nredis: {url: 'redis://h:1'}\nadmin: ':1'\nsnapshots: 9s\nscores: s", false, false},
		{"{topic: e}", "{topic: f, id: i, time: t, start: latest}", false, false},
		{"a: number", "a: {missing: zero, path: a, scale: standard, type: number, clip: 8.0}", false, false},
		{"hidden: [8], activation: tanh", "layers: [{units: 8, activation: tanh}], activation: relu", false, false},
		{"rate: 0.001", "rate: 1e-3, schedule: constant", false, false},
		{"a: number", "b: number", true, false},
		{"a: number", "a: {type: number, scale: none}", true, false},
		{"a: number", "a: {type: number, missing: mean}", true, false},
		{"  a: number\n", "  b: number\n  a: number\n", true, false},
		{"encode: hash}", "encode: hash, bits: 9}", true, false},
		{"[n, p]", "[p, n]", true, false},
		{"[n, p]", "[n, p], positive: n", true, false},
		{"[n, p]", "[n, p], positive: p", false, false}, // as without
		{"[n, p]", "[n, p, q]", true, false},
		{"classes: [n, p]", "type: number", true, true}, // the loss follows the label
		{"[8]", "[9]", true, false},
		{"tanh", "relu", true, true}, // the initial weights follow the activation
		{"rate: 0.001", "rate: 0.1", false, true},
		{"type: adam", "type: sgd", false, true},
		{"hidden", "l2: 0.1, hidden", false, true},
		{"hidden", "seed: 3, hidden", false, true}, // scorers take the version's
		{"  a: number\n", "  a: number\n  t: text\n", true, false},
		{"  a: number\n", "  a: number\n  ac: {type: cross, of: [a, c]}\n", true, false},
		{"encode: hash}", "encode: hash, nulls: reject}", true, false},
		{"  a: number\n", "  a: number\n  w: {type: window, key: c, over: 1h, stat: count}\n", true, false},
		{"path: y", "path: z", false, true},
		{"[n, p]", "[n, p], weight: w", false, true},
		{"[n, p]", "[n, p], class_weights: balanced", false, true},
		{"[n, p]", "[n, p], class_weights: {weights: [1, 2], probabilities: corrected}", true, false}, // scorers divide by them
		{"name: p", "name: p\nlimits: {depth: 3}", false, true},
	} {
		file := strings.Replace(base, c.from, c.to, 1)
		_, s, tr := parseOne(t, file).CanonicalSpec()
		if (s != schema) != c.schema || (tr != training) != c.training {
			t.Errorf("%s → %s: schema changed %v, training changed %v", c.from, c.to, s != schema, tr != training)
		}
	}
}

// TestBoundsOfLabels: a least label of 0 is another pipeline than none, for learners and not for scorers, and
// rejecting is what bounds do without a word.
func TestBoundsOfLabels(t *testing.T) {
	spec := func(label string) (all, schema string) {
		spec, schema, _ := parseOne(t, strings.Replace(base, "classes: [n, p]", label, 1)).CanonicalSpec()
		return string(spec), schema
	}
	none, schema := spec("type: number")
	zero, same := spec("type: number, min: 0")
	if !strings.Contains(zero, `"min":0`) || zero == none || same != schema {
		t.Errorf("a least label of 0: %s\nwithout: %s", zero, none)
	}
	if said, _ := spec("type: number, min: 0.0, outside: reject"); said != zero {
		t.Errorf("rejected by a word: %s\nwithout it: %s", said, zero)
	}
}

// One meaning has one hash, however it is spelt.
func TestHashesOfWeights(t *testing.T) {
	with := func(weights string) string {
		spec, _, _ := parseOne(t, strings.Replace(base, "[n, p]", "[n, p], class_weights: "+weights, 1)).CanonicalSpec()
		return string(spec)
	}
	for _, c := range [][2]string{
		{"[1, 50]", "{mode: given, weights: [1, 5e1]}"}, {"[1, 50]", "{weights: [1.0, 50]}"}, {"balanced", "{mode: balanced}"},
	} {
		if a, b := with(c[0]), with(c[1]); a != b {
			t.Errorf("%s and %s differ:\n%s\n%s", c[0], c[1], a, b)
		}
	}
	if with("[1, 50]") == with("[1, 51]") || with("balanced") == with("{mode: balanced, window: 9}") {
		t.Error("what differs has one spec")
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"p", "p", nil},
		{"a: number", "a: {type: number, scale: none}", []string{
			"features.a.clip: 8 in the snapshot, not in the pipeline",
			"features.a.scale: standard in the snapshot, none in the pipeline",
		}},
		{"  a: number\n", "  b: number\n", []string{
			"features.a: in the snapshot, not in the pipeline",
			"features.b: not in the snapshot, in the pipeline",
		}},
		{"  a: number\n  c: {type: category, encode: hash}\n", "  c: {type: category, encode: hash}\n  a: number\n", []string{
			"features: in the order a, c in the snapshot, c, a in the pipeline",
		}},
		{"[n, p]", "[n, p, q]", []string{"label.classes: [n, p] in the snapshot, [n, p, q] in the pipeline"}},
		{"[8]", "[8, 4]", []string{
			"model.layers: [{activation: tanh, units: 8}] in the snapshot, [{activation: tanh, units: 8}, {activation: tanh, units: 4}] in the pipeline",
		}},
		{"rate: 0.001", "rate: 0.1", []string{"model.optimizer.rate: 0.001 in the snapshot, 0.1 in the pipeline"}},
		{"hidden", "seed: 18446744073709551615, hidden", []string{"model.seed: not in the snapshot, 18446744073709551615 in the pipeline"}},
		{"name: p", "name: p\nlimits: {event: 1GiB}", []string{"limits.event: 1MiB in the snapshot, 1GiB in the pipeline"}},
	} {
		a, _, _ := parseOne(t, base).CanonicalSpec()
		b, _, _ := parseOne(t, strings.Replace(base, c.from, c.to, 1)).CanonicalSpec()
		if got := diff(a, b); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s → %s: got\n%s", c.from, c.to, strings.Join(got, "\n"))
		}
	}
	good, _, _ := parseOne(t, base).CanonicalSpec()
	if got := diff(json.RawMessage(`{`), good); len(got) != 1 || !strings.Contains(got[0], "the snapshot's spec cannot be read") {
		t.Errorf("broken spec: %q", got)
	}
	if got := diff(good, json.RawMessage(`[]`)); len(got) != 1 {
		t.Errorf("another kind of spec: %q", got)
	}
}

// Settings that a type does not read are in no hash, so that features of new types leave the others as they are.
func TestCanonicalColumns(t *testing.T) {
	for column, want := range map[string]string{
		"boolean":                        `{"missing":"zero","name":"a","path":"a","type":"boolean"}`,
		"{type: category, encode: hash}": `{"bits":18,"encode":"hash","missing":"zero","name":"a","path":"a","type":"category"}`,
		"{type: text, ngrams: 2}":        `{"bits":18,"missing":"zero","name":"a","ngrams":2,"path":"a","type":"text"}`,
		"bag":                            `{"bits":18,"entries":4096,"missing":"zero","name":"a","path":"a","scale":"standard","type":"bag"}`,
		"{type: bag, indices: 9}":        `{"entries":4096,"indices":9,"missing":"zero","name":"a","path":"a","scale":"standard","type":"bag"}`,
		"{type: time, parts: [hour]}":    `{"missing":"zero","name":"a","parts":["hour"],"path":"a","type":"time"}`,
	} {
		spec, _, _ := parseOne(t, strings.Replace(minimal, "number", column, 1)).CanonicalSpec()
		var got struct{ Features []json.RawMessage }
		if err := json.Unmarshal(spec, &got); err != nil || string(got.Features[0]) != want {
			t.Errorf("%s: %s, want %s", column, got.Features, want)
		}
	}
}

// TestCanonicalSpecOfSettingsThatMayChange: a pinned expert is no part of either hash, so that a learner goes on with
// another one; a loss that changes what a prediction means is part of the schema.
func TestCanonicalSpecOfSettingsThatMayChange(t *testing.T) {
	hashes := func(model string) (schema, training string) {
		_, schema, training = parseOne(t, strings.NewReplacer("logistic", model).Replace(minimal)).CanonicalSpec()
		return schema, training
	}
	schema, training := hashes("auto")
	pinnedSchema, pinnedTraining := hashes("{type: auto, pin: svm-pa1}")
	if schema != pinnedSchema || training != pinnedTraining {
		t.Error("pinning an expert makes another pipeline")
	}
	if same, _ := hashes("{type: auto, budget: 4}"); same != schema {
		t.Error("a budget of 4 is not 4x")
	}
	if other, _ := hashes("{type: auto, budget: 2x}"); other == schema {
		t.Error("another budget has the same schema")
	}
}

// The time that windows go by is the scorer's business, too; without windows it is nobody's.
func TestWindowsAgreeOnTheTimeOfEvents(t *testing.T) {
	windows := strings.Replace(base, "  a: number\n", "  a: number\n  w: {type: window, key: c, over: 90m, stat: [count, since]}\n", 1)
	with := func(file, events string) *Pipeline {
		return parseOne(t, strings.Replace(file, "{topic: e}", events, 1))
	}
	spec, schema, training := with(windows, "{topic: e, time: at}").CanonicalSpec()
	if !strings.Contains(string(spec), `"events":{"time":"at"}`) || !strings.Contains(string(spec), `"over":"1h30m"`) {
		t.Errorf("the spec is %s", spec)
	}
	for events, same := range map[string]bool{"{topic: f, time: at, id: i}": true, "{topic: e}": false, "{topic: e, time: when}": false} {
		_, s, tr := with(windows, events).CanonicalSpec()
		if (s == schema) != same || tr != training {
			t.Errorf("%s: schema the same %v, training the same %v", events, s == schema, tr == training)
		}
		err := with(windows, events).Serves(&millrace.Manifest{Spec: spec})
		if (err == nil) != same || err != nil && !strings.Contains(err.Error(), "events") {
			t.Errorf("%s: %v", events, err)
		}
	}
	again, err := ParseSpec(spec, "p")
	if err != nil || again.Events.Time.Path != "at" {
		t.Fatalf("%+v (%v)", again, err)
	}
	if s, _, _ := again.CanonicalSpec(); string(s) != string(spec) {
		t.Errorf("read back it is %s", s)
	}
	if s, _, _ := with(base, "{topic: e, time: at}").CanonicalSpec(); strings.Contains(string(s), "events") {
		t.Errorf("without windows it is %s", s)
	}
}
