package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"millrace"
	"millrace/explain"
	"millrace/offline"
	"millrace/pipeline"
	"millrace/store"
)

// result is what a verb writes with --output json.
type result struct {
	verb string
	file string // the schema's, in docs/json
	of   reflect.Type
}

// results are those of all verbs but init, whose schema is docs/init-report.schema.json.
func results() []result {
	return []result{
		{"check", "check", reflect.TypeFor[pipeline.Checked]()},
		{"compare", "compare", reflect.TypeFor[offline.Comparison]()},
		{"dead list", "dead-list", reflect.TypeFor[[]deadReason]()},
		{"dead replay", "dead-replay", reflect.TypeFor[[]pipeline.Replayed]()},
		{"dead show", "dead-show", reflect.TypeFor[shownLetter]()},
		{"demo, run --from", "run-from", reflect.TypeFor[feedSummary]()},
		{"evaluate", "evaluate", reflect.TypeFor[offline.Summary]()},
		{"evaluate --seeds", "evaluate-seeds", reflect.TypeFor[offline.SeedSummary]()},
		{"explain", "explain", reflect.TypeFor[explain.Report]()},
		{"predict", "predict", reflect.TypeFor[predictedRows]()},
		{"produce", "produce", reflect.TypeFor[produced]()},
		{"produce --generate --out", "produce-out", reflect.TypeFor[generatedFiles]()},
		{"snapshots import, snapshots rollback", "snapshots-head", reflect.TypeFor[millrace.Head]()},
		{"snapshots list", "snapshots-list", reflect.TypeFor[[]versionRow]()},
		{"snapshots promote", "snapshots-promote", reflect.TypeFor[pipeline.Promotion]()},
		{"snapshots repair", "snapshots-repair", reflect.TypeFor[store.Repair]()},
		{"snapshots show", "snapshots-show", reflect.TypeFor[shownVersion]()},
		{"status", "status", reflect.TypeFor[[]told]()},
		{"train", "train", reflect.TypeFor[trainedModel]()},
		{"version", "version", reflect.TypeFor[release]()},
	}
}

const jsonFolder = "../../docs/json"

// TestJSONForms: the schemas in docs/json, and the keys in docs/JSON.md, are those of what verbs write. After a change,
// go test ./cmd/millrace -run TestJSONForms -update writes them anew.
func TestJSONForms(t *testing.T) {
	var document strings.Builder
	types := map[string]schema{}
	for _, r := range results() {
		form := formOf(t, r.of, "What millrace "+r.verb+" --output json writes")
		text, err := json.MarshalIndent(form, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		same(t, filepath.Join(jsonFolder, r.file+".schema.json"), append(text, '\n'))
		for name, def := range form["$defs"].(schema) {
			types[name] = def.(schema)
		}
		root := typeText(form)
		fmt.Fprintf(&document, "| `%s` | %s | [%s.schema.json](json/%s.schema.json) |\n", r.verb, root, r.file, r.file)
	}
	head := "| verb | writes | schema |\n|---|---|---|\n" + document.String() + "| `init` | see [INIT.md](INIT.md) | [init-report.schema.json](init-report.schema.json) |\n"
	text, err := os.ReadFile("../../docs/JSON.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]string{"verbs": head, "keys": keysText(types)} {
		part := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n.*?<!-- end -->`)
		if !part.Match(text) {
			t.Fatalf("docs/JSON.md has no place for %s", name)
		}
		text = part.ReplaceAllLiteral(text, []byte("<!-- "+name+" -->\n"+block+"<!-- end -->"))
	}
	same(t, "../../docs/JSON.md", text)
}

// same holds a file to a text, or writes it anew.
func same(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if there, err := os.ReadFile(file); err != nil || !bytes.Equal(there, text) {
		t.Errorf("%s is not in step with what verbs write (%v): run go test ./cmd/millrace -run TestJSONForms -update", file, err)
	}
}

// keysText are tables of the keys of all objects.
func keysText(types map[string]schema) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(types)) {
		fmt.Fprintf(&b, "\n### %s\n\n| key | is | what |\n|---|---|---|\n", name)
		properties, required := types[name]["properties"].(schema), types[name]["required"].([]string)
		for _, key := range slices.Sorted(maps.Keys(properties)) {
			form := properties[key].(schema)
			is := typeText(form)
			if !slices.Contains(required, key) {
				is += ", or left out"
			}
			what, _ := form["description"].(string)
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, is, strings.ReplaceAll(what, "|", `\|`))
		}
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// typeText is a form in a few words.
func typeText(form schema) string {
	if ref, ok := form["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(strings.ReplaceAll(name, ".", "")))
	}
	if either, ok := form["anyOf"].([]schema); ok {
		return typeText(either[0]) + " or null"
	}
	kind, null := form["type"], ""
	if both, ok := kind.([]string); ok {
		kind, null = both[0], " or null"
	}
	switch {
	case kind == nil:
		return "anything"
	case kind == "array":
		return "list of " + typeText(form["items"].(schema)) + null
	case kind == "object":
		return "by name " + typeText(form["additionalProperties"].(schema)) + null
	case form["format"] == "date-time":
		return "time (RFC 3339)" + null
	}
	return kind.(string) + null
}

// TestJSONIsSnakeCase: every key of every result but those that former releases had, and each of these beside its own.
func TestJSONIsSnakeCase(t *testing.T) {
	right, old := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`), regexp.MustCompile(`^[A-Z][A-Za-z]*$`)
	former := 0
	for _, r := range results() {
		for name, def := range formOf(t, r.of, "")["$defs"].(schema) {
			keys := def.(schema)["properties"].(schema)
			for key := range keys {
				if right.MatchString(key) {
					continue
				}
				former++
				snake := strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(key, "${1}_$2"))
				if !strings.HasPrefix(r.verb, "snapshots ") || !old.MatchString(key) || keys[snake] == nil {
					t.Errorf("%s: %s has the key %q", r.verb, name, key)
				}
			}
		}
	}
	if former != 13 {
		t.Errorf("%d keys of former releases, want 6 of snapshots list and 7 of show", former)
	}
}

// TestJSONHolds: what verbs write is what their schemas say, which take nothing else.
func TestJSONHolds(t *testing.T) {
	r := newRig(t)
	h := &jsonHolds{t: t, seen: map[string]bool{}}
	file, rival := r.file("loop", "distance_km"), r.file("rival", "attempts_last_hour")
	dir := t.TempDir()
	rows, model := filepath.Join(dir, "rows.jsonl"), filepath.Join(dir, "loop.millrace")
	h.holds("produce-out", "produce", "--generate", "payments", "--events", "400", "--out", rows)
	h.holds("check", "check", "-c", file, "--connect")
	h.holds("evaluate", "evaluate", "-c", file, rows)
	h.holds("evaluate-seeds", "evaluate", "-c", file, "--seeds", "2", rows)
	h.holds("compare", "compare", "-c", file, "-c", rival, rows)
	h.holds("train", "train", "-c", file, "--out", model, rows)
	h.holds("explain", "explain", "-c", file, "--snapshot", model, `{"amount":12,"distance_km":3}`)
	h.holds("version", "version")
	h.holds("snapshots-repair", "snapshots", "repair", "-c", file)
	h.holds("snapshots-list", "snapshots", "list", "-c", file)
	h.holds("produce", "produce", "-c", file, rows)
	bad := written(t, "bad.jsonl", `{"id":"b","amount":"many","distance_km":1,"outcome":"legit"}`+"\n")
	h.holds("produce", "produce", "-c", file, bad)
	r.learn(file, learned(401), rival)
	h.holds("status", "status", "-c", file)
	h.holds("snapshots-list", "snapshots", "list", "-c", file)
	h.holds("snapshots-show", "snapshots", "show", "-c", file)
	h.holds("snapshots-repair", "snapshots", "repair", "-c", file)
	h.holds("dead-list", "dead", "list", "-c", file)
	h.holds("dead-show", "dead", "show", "loop.events/0/400", "-c", file)
	h.holds("dead-replay", "dead", "replay", "-c", file, "--dry-run")
	newest := decoded[[]store.Version](t, "snapshots", "list", "-c", file)[0].Head.Seq
	h.holds("snapshots-head", "snapshots", "rollback", fmt.Sprint(newest), "-c", file)
	h.holds("snapshots-head", "snapshots", "import", model, "-c", file, "--fresh")
	h.holds("snapshots-promote", "snapshots", "promote", "rival", "-c", r.file("loop", "attempts_last_hour"))
	h.holds("run-from", "demo", "--events", "300")
	_, _, errOut := verb(t, "predict", "--snapshot", model, "-c", file, rows, bad, "--output", "json")
	h.check("predict", errOut)
	status := start(t, written(t, "own.yaml", "name: own\nevents: {topic: own.events, unknown_topic: create}\nfeatures: {a: number}\n"+
		"label: {path: y, classes: [n, p]}\nmodel: logistic\nadmin: 127.0.0.1:0\n"))
	h.holds("status", "status", "--url", status)
	h.holds("status", "status")
	for _, of := range results() {
		if !h.seen[of.file] {
			t.Errorf("%s was not tried", of.verb)
		}
	}
}

type jsonHolds struct {
	t    *testing.T
	seen map[string]bool
}

func (h *jsonHolds) holds(name string, args ...string) {
	h.t.Helper()
	h.check(name, ok(h.t, append(args, "--output", "json")...))
}

func (h *jsonHolds) check(name, text string) {
	h.t.Helper()
	h.seen[name] = true
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	form, err := c.Compile(filepath.Join(jsonFolder, name+".schema.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	found, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		h.t.Fatalf("%s: %v: %s", name, err, text)
	}
	if err := form.Validate(found); err != nil {
		h.t.Errorf("%s: %v: %.2000s", name, err, text)
	}
	object := found
	if list, ok := found.([]any); ok {
		if len(list) == 0 {
			return
		}
		object = list[0]
	}
	object.(map[string]any)["another"] = true
	if form.Validate(found) == nil {
		h.t.Errorf("the form of %s takes anything", name)
	}
}
