package config

import (
	"encoding/json"
	"strings"
	"testing"
)

const manySettings = `name: p
events: {topic: e, id: i}
features:
  amount: {type: number, scale: none, missing: indicator}
  "a.b": number
  "${HOME} is: where # it's": {type: category, encode: hash, bits: 9}
  "1": {path: 'deep.with\.dot', type: boolean}
  plain: category
  "yes": {type: number, clip: 4}
  "line\nbreak": number
label: {path: y, classes: [n, "yes", "1", "${X}", "tab\t", "#5"]}
model: {type: mlp, layers: [{units: 8, activation: tanh}, 4], optimizer: {type: adam, rate: 1e-05}, seed: 18446744073709551615, l2: 0.001}
limits: {depth: 3, text: 4KiB}
`

const allTypes = `name: shop
events: {topic: shop.events, id: id, time: time}
features:
  amount: {type: number, missing: mean}
  country: category
  card: {type: category, encode: hash}
  gift: boolean
  remark: {type: text, ngrams: 2}
  basket: bag
  wide: {type: bag, indices: 40001, entries: 9, scale: none}
  created: {type: time, parts: [hour, weekday]}
  seen: time
  country_x_gift: {type: cross, of: [country, gift]}
  last_amounts: {type: lag, of: [amount], key: card, steps: [1, 24], keys: 50}
  n_1h: {type: window, key: card, over: 1h, stat: count}
  spent: {type: window, key: card, of: amount, over: 36h, stat: [sum, mean, max, std], panes: 60, keys: 5000, missing: indicator}
  all_1m: {type: window, over: 1m, stat: since}
  amount_vs: {type: ratio, of: [amount, spent.mean], clip: 4}
label: {path: outcome, classes: [legit, fraud], weight: importance, weight_max: 50, class_weights: {mode: balanced, window: 1000, probabilities: corrected}}
model: {type: svm, update: pegasos, kernel: {type: rbf, features: 64}}
`

// TestFromSpec: the file that is written means the spec it was written from.
func TestFromSpec(t *testing.T) {
	for _, file := range []string{manySettings, base, minimal, allTypes, strings.Replace(allTypes, "{mode: balanced, window: 1000, probabilities: corrected}", "[1, 2.5]", 1),
		strings.Replace(base, "model: {type: mlp, hidden: [8], activation: tanh, optimizer: {type: adam, rate: 0.001}}", "model: {type: auto, budget: 2x}", 1), strings.Replace(base, "classes: [n, p]", "type: number", 1),
		strings.Replace(base, "classes: [n, p]", "type: number, min: 0, max: 99.5, outside: clip", 1)} {
		spec, schema, training := parseOne(t, strings.ReplaceAll(file, "${", "$${")).CanonicalSpec()
		text, differences, err := FromSpec(spec, FileOptions{Name: "other", Redis: "redis://h:1/0", Brokers: []string{"h:1", "h:2"},
			Topic: "the.topic", Notes: []string{"From somewhere", "with\nlines"}})
		if err != nil || len(differences) > 0 {
			t.Fatalf("%v %v\n%s", err, differences, text)
		}
		p := parseOne(t, string(text))
		again, s, tr := p.CanonicalSpec()
		if s != schema || tr != training || string(again) != string(spec) {
			t.Errorf("got\n%s\nwhich is\n%s\nwant\n%s", text, again, spec)
		}
		if p.Name != "other" || p.Redis.URL != "redis://h:1/0" || len(p.Kafka.Brokers) != 2 || p.Events.Topic != "the.topic" || p.Redis.Mode != modeExternal {
			t.Errorf("%+v", p)
		}
		if !strings.HasPrefix(string(text), "# From somewhere\n# with lines\n") {
			t.Errorf("its head is\n%s", text)
		}
	}
}

// TestFromSpecText holds the form: short where that says all.
func TestFromSpecText(t *testing.T) {
	spec, _, _ := parseOne(t, `name: p
events: e
features:
  amount: {type: number, missing: indicator}
  country: category
  "1": number
label: {path: "y", classes: ["no", "yes"]}
model: {type: logistic, optimizer: {type: sgd, rate: 0.1}}
limits: {depth: 8}
`).CanonicalSpec()
	text, _, err := FromSpec(spec, FileOptions{Name: "p", Notes: []string{"From version 3."}})
	want := `# From version 3.

name: p

# Add id: PATH and time: PATH if events have them: snapshots do not say.
events: {topic: p.events}

features:
  amount: {type: number, missing: indicator}
  country: category
  "1": number

label: {path: "y", classes: ["no", "yes"]}

model:
  type: logistic
  loss: cross_entropy
  optimizer: {type: sgd, rate: 0.1, schedule: {type: constant}}
  batch: 1
  calibrate: none

limits: {depth: 8}
`
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, text, want)
	}
}

// TestFromForeignSpec: what this release does not know is said, and what makes no pipeline is refused.
func TestFromForeignSpec(t *testing.T) {
	good, _, _ := parseOne(t, base).CanonicalSpec()
	old := strings.Replace(string(good), `"batch":1,`, "", 1)
	if old == string(good) {
		t.Fatal("the test's spec has no batch")
	}
	if text, differences, err := FromSpec(json.RawMessage(old), FileOptions{Name: "p"}); err != nil || len(differences) != 1 || !strings.Contains(differences[0], "model.batch") {
		t.Errorf("%v %v\n%s", err, differences, text)
	}
	for _, bad := range []string{`{`, `[]`, `{}`, `{"features":[{}]}`, strings.Replace(string(good), `"batch":1`, `"warp":1`, 1)} {
		if text, _, err := FromSpec(json.RawMessage(bad), FileOptions{Name: "p"}); err == nil {
			t.Errorf("%s was taken:\n%s", bad, text)
		}
	}
}
