package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"millrace"
)

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("pipeline.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("pipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate checks a YAML file as an editor would: by its JSON form.
func validate(t testing.TB, schema *jsonschema.Schema, file string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(file), &v); err != nil {
		return err
	}
	data, err := json.Marshal(stringKeys(v))
	if err != nil {
		return err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

// stringKeys gives mappings the string keys that JSON has.
func stringKeys(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, item := range x {
			x[k] = stringKeys(item)
		}
	case map[any]any:
		out := make(map[string]any, len(x))
		for k, item := range x {
			name, _ := json.Marshal(k)
			out[strings.Trim(string(name), `"`)] = stringKeys(item)
		}
		return out
	case []any:
		for i := range x {
			x[i] = stringKeys(x[i])
		}
	}
	return v
}

func TestSchemaAcceptsWhatParseAccepts(t *testing.T) {
	schema := compileSchema(t)
	files := map[string]string{"minimal": minimal, "full": full}
	paths, err := filepath.Glob("../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, "testdata/design.yaml") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = string(data)
	}
	for i, line := range []string{
		"kafka: embedded", "kafka: {mode: embedded}", `kafka: {brokers: ["h:1"], tls: {enabled: true, ca: f}}`, "redis: embedded",
		"snapshots: 1h2m3.5s", "snapshots: {every: 0s, events: 5}", "scores: s", "scores: {include: []}", `admin: ":1"`,
		"limits: {event: 2 MiB}", "admin: {pprof: true}", "challengers: [other.yaml, b/c.yaml]", "redis: {timeout: 100µs}",
		`limits: {depth: "${COUNT}"}`, "snapshots: ${EVERY}", `admin: {pprof: "${TRUE}"}`,
	} {
		files[string(rune('a'+i))+": "+line] = minimal + line + "\n"
	}
	for _, swap := range [][2]string{
		{"e\n", "{topic: e, start: 2026-01-31T12:00:00Z}\n"},
		{"e\n", `{topic: e, start: "2026-01-31T12:00:00.25+02:00"}` + "\n"},
		{"{a: number}", "{a: {type: number, clip: 3}}"},
		{"{a: number}", "{a: number, c: category, t: {type: text, ngrams: 2}, x: {type: bag, indices: 9}, at: {type: time, parts: [hour]}, " +
			"ac: {type: cross, of: [a, c]}, l: {type: lag, of: [a], key: c, steps: [1, 24]}, ll: {type: lag, of: [label], key: c, steps: [1]}}"},
		{"{a: number}", "{a: number, c: category, n: {type: window, key: c, over: 1h, stat: count}, r: {type: ratio, of: [a, w.mean]}, " +
			"w: {type: window, key: c, of: a, over: 1d12h, stat: [mean, std], panes: 60, keys: 5}, d: {type: window, over: 7d, of: c, stat: [distinct]}}"},
		{"{a: number}", "{1: number, true: boolean, b: {type: category}}"},
		{"[n, p]", "[n, p], positive: n"}, {"[n, p]", "[0, 1], positive: 0"}, {"[n, p]", "[false, true], positive: true"},
		{"[n, p]", "[n, p], weight: a, weight_max: 5, class_weights: balanced"}, {"[n, p]", "[n, p], class_weights: [1, 50.5]"},
		{"[n, p]", "[n, p], class_weights: {mode: balanced, window: 1000, max: 20, probabilities: corrected}"},
		{"[n, p]", "[0, 1.5, true, x]"}, {"logistic", "{type: mlp, layers: [8, {units: 4}], optimizer: {type: adam, schedule: inverse_time}}"},
	} {
		files[swap[1]] = strings.Replace(minimal, swap[0], swap[1], 1)
	}
	files["late"] = late(", id: $key, time: at, wait: 1d12h, missing: {class: n, hold: 1h}, assume: n, early: 1m, dead_letters: d") + "join: 64MiB\n"
	files["late number"] = strings.Replace(late(", missing: 1.5"), "classes: [n, p]", "type: number", 1)
	files["late number"] = strings.Replace(files["late number"], "logistic", "linear", 1) + "join: {memory: 1GiB}\n"
	files["bounds"] = strings.Replace(strings.Replace(minimal, "classes: [n, p]", "type: number, min: 0, max: 1e3, outside: clip", 1), "logistic", "linear", 1)
	for title, file := range files {
		if _, err := Parse("p.yaml", []byte(file), env); err != nil {
			t.Errorf("%s: Parse: %v", title, err)
		}
		if err := validate(t, schema, file); err != nil {
			t.Errorf("%s: schema: %v", title, err)
		}
	}
}

// Unknown fields are refused by both, at every place where a mapping can stand.
func TestUnknownFieldsAreRefusedByBoth(t *testing.T) {
	schema := compileSchema(t)
	places := strings.Split(full, "{")
	for i := 1; i < len(places); i++ {
		file := strings.Join(places[:i], "{") + "{" + "bogus: 1, " + strings.Join(places[i:], "{")
		checkRefused(t, schema, file)
	}
	for _, section := range []string{"kafka:\n", "events:\n", "model:\n"} {
		checkRefused(t, schema, strings.Replace(full, section, section+"  bogus: 1\n", 1))
	}
	checkRefused(t, schema, "bogus: 1\n"+full)
}

func checkRefused(t *testing.T, schema *jsonschema.Schema, file string) {
	t.Helper()
	_, err := Parse("p.yaml", []byte(file), env)
	var problems Errors
	if !errors.As(err, &problems) || !strings.HasPrefix(problems[0].Message, "unknown field") {
		t.Errorf("Parse: %v of\n%s", err, file)
	}
	if validate(t, schema, file) == nil {
		t.Errorf("the schema accepts\n%s", file)
	}
}

// What a schema can know it must refuse, so that an editor underlines it.
func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	for _, swap := range [][2]string{
		{"name: p\n", ""}, {"events: e\n", ""}, {"features: {a: number}\n", ""}, {"model: logistic\n", ""},
		{"name: p", "name: a b"}, {"name: p", "name: [p]"}, {"number", "float"}, {"{a: number}", "{}"}, {"{a: number}", "{a: {}}"},
		{"{a: number}", "{a: {type: time, parts: [second]}}"}, {"{a: number}", "{a: {type: bag, indices: many}}"},
		{"logistic", "logistics"}, {"logistic", "{type: logistic, l2: high}"}, {"logistic", "{type: logistic, seed: -1}"},
		{"logistic", "{type: mlp, hidden: [x]}"}, {"logistic", "{type: mlp, layers: [{activation: tanh}]}"},
		{"[n, p]", "[n, p], class_weights: 5"}, {"[n, p]", "[n, p], class_weights: [a, b]"}, {"[n, p]", "n"}, {"logistic", "logistic\nsnapshots: 5"}, {"logistic", "logistic\nsnapshots: 5 seconds"},
		{"logistic", "logistic\nlimits: {event: 5}"}, {"logistic", "logistic\nscores: {include: [bogus]}"},
		{"events: e", "events: {topic: e, start: yesterday}"}, {"events: e", "events: {id: i}"}, {"events: e", "events: e/f"},
	} {
		file := strings.Replace(minimal, swap[0], swap[1], 1)
		if _, err := Parse("p.yaml", []byte(file), env); err == nil {
			t.Errorf("Parse accepts\n%s", file)
		}
		if validate(t, schema, file) == nil {
			t.Errorf("the schema accepts\n%s", file)
		}
	}
}

// TestVerdicts: of every setting it is known who must agree on it, and conditions in tags speak of settings that there
// are.
func TestVerdicts(t *testing.T) {
	parts := map[string]int{}
	var walk func(typ reflect.Type, path string, section verdict)
	walk = func(typ reflect.Type, path string, section verdict) {
		sh := shapeOf(typ)
		for _, f := range sh.fields {
			at, v := joinPath(path, f.name), f.hash.or(section)
			names := []string{f.hash.when.Name}
			for _, r := range millrace.Readers(typ.Field(f.index).Tag.Get("of")) {
				names = append(names, r.If.Name)
			}
			for _, name := range names {
				if _, ok := sh.find(name); !ok && name != "" {
					t.Errorf("%s: a tag speaks of %s, which is no setting beside it", at, name)
				}
			}
			inner := f.typ
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				walk(inner, at, v)
				continue
			}
			switch v.part {
			case partSchema, partTraining, partKept, partServed, partNone:
				parts[v.part]++
			default:
				t.Errorf("%s: the verdict is %q; write hash:\"schema\", \"training\", \"kept\", \"served\" or \"none\" on %s, as package config says", at, v.part, typ)
			}
		}
	}
	walk(reflect.TypeFor[Pipeline](), "", verdict{})
	for part, least := range map[string]int{partSchema: 30, partTraining: 30, partKept: 1, partServed: 1, partNone: 30} {
		if parts[part] < least {
			t.Errorf("only %d settings are %s", parts[part], part)
		}
	}
}

// TestSecrets: what holds a password, alone or within a URL, is tagged, and no message about it quotes the file.
func TestSecrets(t *testing.T) {
	var secret []string
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for _, f := range shapeOf(typ).fields {
			if f.secret {
				secret = append(secret, joinPath(path, f.name))
			}
			if f.typ.Kind() == reflect.Struct {
				walk(f.typ, joinPath(path, f.name))
			}
		}
	}
	walk(reflect.TypeFor[Pipeline](), "")
	if want := []string{"kafka.sasl", "kafka.sasl.password", "redis.url"}; !reflect.DeepEqual(secret, want) {
		t.Errorf("secret are %v, want %v", secret, want)
	}
	for _, section := range []string{"redis: {url: 'redis//:hunter2hunter2'}", "kafka: {brokers: ['h:1'], sasl: hunter2hunter2}"} {
		_, err := Parse("p.yaml", []byte(minimal+section+"\n"), nil)
		if err == nil || strings.Contains(err.Error(), "hunter2hunter2") {
			t.Errorf("%s: %v", section, err)
		}
	}
}

// Every field of every spec is documented, has a type that a file can hold, and a name of its own.
func TestShapes(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		names := map[string]bool{}
		for _, f := range shapeOf(typ).fields {
			if f.doc == "" || names[f.name] || strings.Trim(f.name, "abcdefghijklmnopqrstuvwxyz_0123456789.") != "" {
				t.Errorf("%s.%s: no doc, a name twice, or a name that is not in lower case", typ, f.name)
			}
			names[f.name] = true
			switch kindOf(f.typ) {
			case kindStruct:
				walk(f.typ)
			case kindKeyed, kindList:
				if f.typ.Elem().Kind() == reflect.Struct {
					walk(f.typ.Elem())
				}
			}
		}
	}
	walk(reflect.TypeFor[Pipeline]())
	if len(seen) < 14 {
		t.Errorf("only %d specs", len(seen))
	}
}
