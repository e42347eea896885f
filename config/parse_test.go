package config

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"millrace/consumers"
	"millrace/decode"
	"millrace/features"
	"millrace/learner"
	"millrace/model"
	"millrace/scorer"
	"millrace/store"
)

var update = flag.Bool("update", false, "write the golden messages anew")

const minimal = `name: p
events: e
features: {a: number}
label: {path: y, classes: [n, p]}
model: logistic
`

// env is the environment of the tests.
func env(name string) (string, bool) {
	v, ok := map[string]string{
		"TEXT": "small", "SPACED": "a b", "EMPTY": "", "NUMBER": "0.25", "COUNT": "32", "TRUE": "true", "NAME": "p1",
		"MAPPING": "{a: number}", "LIST": "[a, b]", "SECRET": "hunter22", "DIGITS": "12345", "EVERY": "7s",
		"SECRET_URL": "redis://me:hunter22@h:x y", "URL": "redis://me:hunter22@localhost:6379/1",
	}[name]
	return v, ok
}

// parseOne parses a file that must be right.
func parseOne(t *testing.T, text string) *Pipeline {
	t.Helper()
	p, err := Parse("p.yaml", []byte(text), env)
	if err != nil {
		t.Fatalf("Parse: %v\nof\n%s", err, text)
	}
	return p
}

// golden is a case of testdata/broken.txt.
type golden struct{ title, file, message string }

func readGolden(t *testing.T) (comment string, cases []golden) {
	t.Helper()
	data, err := os.ReadFile("testdata/broken.txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(data), "\n=== ")
	for _, part := range parts[1:] {
		title, rest, _ := strings.Cut(part+"\n", "\n")
		file, message, found := strings.Cut(rest, "------\n")
		if !found {
			t.Fatalf("%s: no ------", title)
		}
		cases = append(cases, golden{title, file, strings.TrimRight(message, "\n") + "\n"})
	}
	return parts[0] + "\n", cases
}

func TestBrokenFilesSayWhatIsWrong(t *testing.T) {
	comment, cases := readGolden(t)
	var out strings.Builder
	out.WriteString(comment)
	for _, c := range cases {
		p, err := Parse("p.yaml", []byte(c.file), env)
		if err == nil {
			t.Errorf("%s: accepted", c.title)
			continue
		}
		if p != nil {
			t.Errorf("%s: a pipeline beside an error", c.title)
		}
		var problems Errors
		if !errors.As(err, &problems) {
			t.Errorf("%s: error is %T", c.title, err)
		}
		got := err.Error() + "\n"
		if strings.Contains(got, "hunter22") {
			t.Errorf("%s: a secret is shown: %s", c.title, got)
		}
		if got != c.message && !*update {
			t.Errorf("%s:\n%s\ngot\n%s\nwant\n%s", c.title, c.file, got, c.message)
		}
		out.WriteString("=== " + c.title + "\n" + c.file + "------\n" + got)
	}
	if *update {
		if err := os.WriteFile("testdata/broken.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBytesThatAreNoText(t *testing.T) {
	for _, c := range []struct{ title, file, want string }{
		{"empty", "", "p.yaml:1:1: the file is empty; a pipeline needs name, events, features, label and model"},
		{"latin 1", "name: p\n# gr\xfc\xdfe\n", "p.yaml:2:5: byte 0xfc is not UTF-8; save the file as UTF-8"},
		{"UTF-16", "\xff\xfen\x00", "p.yaml:1:1: byte 0xff is not UTF-8; save the file as UTF-8"},
		{"too large", strings.Repeat("#\n", fileBytesMax), "p.yaml:1:1: the file is larger than 4 MiB, the most a pipeline file may have"},
	} {
		_, err := Parse("p.yaml", []byte(c.file), nil)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.title, err, c.want)
		}
	}
}

func TestAliasesAreBounded(t *testing.T) {
	file := minimal + "x: &a [" + strings.Repeat("a,", 1000) + "]\n"
	// Aliases of aliases grow without bound on paper; no type nests as deep.
	file += "y: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nz: [*b,*b,*b,*b]\nlimits: {event: *b}\n"
	_, err := Parse("p.yaml", []byte(file), nil)
	if err == nil || !strings.Contains(err.Error(), "limits.event: found a list") {
		t.Error(err)
	}
	_, err = Parse("p.yaml", []byte("name: p\nmodel: &m {type: mlp, layers: [*m]}\n"), nil)
	if err == nil {
		t.Error("a model inside itself was accepted")
	}
	var many strings.Builder
	many.WriteString("limits: &c {type: number, path: a, scale: none, missing: zero, nulls: zero, encode: hash, cap: 1, bits: 1, clip: 1}\nfeatures:\n")
	for i := range 30_000 {
		many.WriteString(" a" + strings.Repeat("b", i%7) + string(rune('a'+i%26)) + time.Duration(i).String() + ": *c\n")
	}
	_, err = Parse("p.yaml", []byte(many.String()), nil)
	if err == nil || !strings.Contains(err.Error(), "the file holds more than 262144 values") {
		t.Errorf("%.300v", err)
	}
}

func TestAliasesSaveTyping(t *testing.T) {
	p := parseOne(t, strings.Replace(minimal, "{a: number}", "{a: &n {type: number, missing: mean}, b: *n}", 1))
	want := features.Columns{
		{Name: "a", Path: "a", Type: "number", Scale: "standard", Missing: "mean", Encode: "onehot", Cap: 64, Bits: 18, Clip: 8, Ngrams: 1, Entries: 4096},
		{Name: "b", Path: "b", Type: "number", Scale: "standard", Missing: "mean", Encode: "onehot", Cap: 64, Bits: 18, Clip: 8, Ngrams: 1, Entries: 4096},
	}
	if !reflect.DeepEqual(p.Features, want) {
		t.Errorf("got %+v", p.Features)
	}
}

func TestMinimalFileTakesDefaults(t *testing.T) {
	want := &Pipeline{
		Name:  "p",
		Kafka: consumers.Spec{Mode: "embedded", Timeout: 10 * time.Second, Retry: 30 * time.Second},
		Redis: store.Spec{Mode: "embedded", Timeout: 5 * time.Second, Retry: 30 * time.Second},
		Events: Events{
			Topic: "e", Format: "json", Start: "earliest", UnknownTopic: "create", Partitions: 1, Compacted: "refuse", DeadLetters: "e.dead",
		},
		Features: features.Columns{{
			Name: "a", Path: "a", Type: "number", Scale: "standard", Missing: "zero", Encode: "onehot", Cap: 64, Bits: 18, Clip: 8, Ngrams: 1, Entries: 4096,
		}},
		Label: labelDefaults(decode.LabelSpec{Path: "y", Type: "class", Classes: []string{"n", "p"}}),
		Model: model.Spec{Type: "logistic"},
		Snapshots: learner.SnapshotsSpec{Every: 5 * time.Second, Keep: 20, BytesMax: 128 << 20, UnpublishedMax: 50_000_000,
			Checkpoints: 10 * time.Minute, CheckpointBytesMax: 1 << 30},
		Scores: scorer.Spec{
			Topic: "e.scores", Include: []string{"id", "model", "version", "class", "probabilities", "time"}, Start: "latest",
		},
		Limits: decode.Limits{Event: 1 << 20, Depth: 32, Text: 1 << 10},
		Join:   Join{Memory: 256 << 20},
		Admin:  Admin{Listen: "127.0.0.1:9464"},
	}
	if got := parseOne(t, minimal); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestDesignExample(t *testing.T) {
	got, err := Load("testdata/design.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string, t features.Type, missing string) features.Column {
		return features.Column{
			Name: name, Path: name, Type: t, Scale: "standard", Missing: missing, Encode: "onehot", Cap: 64, Bits: 18, Clip: 8, Ngrams: 1, Entries: 4096,
		}
	}
	want := &Pipeline{
		Name: "payments",
		Kafka: consumers.Spec{
			Mode: "external", Brokers: []string{"localhost:9092"}, Timeout: 10 * time.Second, Retry: 30 * time.Second,
		},
		Redis: store.Spec{
			Mode: "external", URL: "redis://localhost:6379/0", Timeout: 5 * time.Second, Retry: 30 * time.Second,
		},
		Events: Events{
			Topic: "payments.events", Format: "json", ID: "id", Time: decode.TimeSpec{Path: "time"}, Key: "id", Start: "earliest",
			UnknownTopic: "wait", Partitions: 1, Compacted: "refuse", DeadLetters: "payments.events.dead",
		},
		Features: features.Columns{
			column("amount", "number", "mean"), column("country", "category", "zero"), column("hour", "number", "zero"),
		},
		Label: labelDefaults(decode.LabelSpec{Path: "outcome", Type: "class", Classes: []string{"legit", "fraud"}}),
		Model: model.Spec{
			Type: "mlp", Hidden: []int{64, 64}, Activation: "relu", Optimizer: model.OptimizerSpec{Type: "adam", Rate: 0.001},
		},
		Snapshots: learner.SnapshotsSpec{Every: 5 * time.Second, Keep: 20, BytesMax: 1 << 30, UnpublishedMax: 50_000_000,
			Checkpoints: 10 * time.Minute, CheckpointBytesMax: 1 << 30},
		Scores: scorer.Spec{
			Topic: "payments.scores", Include: []string{"id", "model", "version", "class", "probabilities", "time"}, Start: "latest",
		},
		Limits: decode.Limits{Event: 1 << 20, Depth: 32, Text: 1 << 10},
		Join:   Join{Memory: 256 << 20},
		Admin:  Admin{Listen: "127.0.0.1:9464"},
	}
	if now, err := DigestOf("testdata/design.yaml"); err != nil || got.Digest() == "" || got.Digest() != now {
		t.Errorf("digest %q, of the file %q: %v", got.Digest(), now, err)
	}
	got.digest = ""
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if spec := got.DecodeSpec(); spec.ID != "id" || spec.Time.Path != "time" || len(spec.Columns) != 3 || spec.Limits != want.Limits {
		t.Errorf("DecodeSpec: %+v", spec)
	}
	if got.Target().Classes != 2 {
		t.Errorf("Target: %+v", got.Target())
	}
}

// labelDefaults adds what every label has, with an effect only where labels come later.
func labelDefaults(l decode.LabelSpec) decode.LabelSpec {
	l.Wait, l.Early = 30*24*time.Hour, 10*time.Minute
	return l
}

// full spells every section out, with every short form somewhere.
const full = `name: all-of_it.1
kafka:
  brokers: ["h1:9092", "h2:9093"]
  tls: true
  sasl: {mechanism: scram-sha-256, username: u, password: "pass word"}
  timeout: 1m30s
  retry: 0s
redis: {url: rediss://h:6379/3, timeout: 200ms, retry: 1.5s}
events:
  topic: e
  format: json
  id: meta.id
  time: meta.at
  key: a
  start: 2026-01-31T12:00:00.5+01:00
  unknown_topic: fail
  partitions: 8
  dead_letters: e.bad
features:
  a: number
  deep: {type: number, path: 'b.c\.d', scale: none, missing: indicator, nulls: reject}
  "with space": {type: category, encode: hash, bits: 12}
  7: boolean
label: {path: y, classes: [0, 1.50, true, null-ish, "x y"]}
model:
  type: mlp
  layers: [64, {units: 32, activation: tanh}]
  activation: relu
  init: he
  loss: cross_entropy
  optimizer: {type: sgd, rate: 5e-2, momentum: .9, nesterov: true, schedule: {type: inverse_time, decay: 1e-4, power: 0.5}}
  l1: 0
  l2: 1e-6
  clip: 5
  batch: 0x10
  seed: 18446744073709551615
snapshots: {every: 0s, events: 1_000_000, keep: 5, unpublished_max: 10000000}
scores: {topic: s, include: [id, version], start: earliest}
limits: {event: 64KiB, depth: 4, text: 200 B}
admin: {listen: ":0", pprof: true}
`

func TestFullFile(t *testing.T) {
	p := parseOne(t, full)
	for what, pair := range map[string][2]any{
		"brokers":  {p.Kafka.Brokers, []string{"h1:9092", "h2:9093"}},
		"tls":      {p.Kafka.TLS.Enabled, true},
		"password": {p.Kafka.SASL.Password, "pass word"},
		"timeout":  {p.Kafka.Timeout, 90 * time.Second},
		"retry":    {p.Redis.Retry, 1500 * time.Millisecond},
		"classes":  {p.Label.Classes, []string{"0", "1.50", "true", "null-ish", "x y"}},
		"feature":  {p.Features[3].Name, "7"},
		"path":     {p.Features[1].Path, `b.c\.d`},
		"nulls":    {p.Features[1].Nulls, "reject"},
		"layers":   {p.Model.Layers, []model.LayerSpec{{Units: 64}, {Units: 32, Activation: "tanh"}}},
		"batch":    {p.Model.Batch, 16},
		"seed":     {p.Model.Seed, uint64(18446744073709551615)},
		"hash":     {p.FeatureSpec().Seed, uint64(18446744073709551615)},
		"momentum": {p.Model.Optimizer.Momentum, 0.9},
		"events":   {p.Snapshots.Events, uint64(1_000_000)},
		"every":    {p.Snapshots.Every, time.Duration(0)},
		"include":  {p.Scores.Include, []string{"id", "version"}},
		"limits":   {p.Limits, decode.Limits{Event: 64 << 10, Depth: 4, Text: 200}},
		"admin":    {p.Admin, Admin{Listen: ":0", PProf: true}},
		"unknown":  {p.Events.UnknownTopic, "fail"},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
	at, ok := p.Events.StartTime()
	if want := time.Date(2026, 1, 31, 11, 0, 0, 5e8, time.UTC); !ok || !at.Equal(want) {
		t.Errorf("start: %v %v", at, ok)
	}
	if _, ok := parseOne(t, minimal).Events.StartTime(); ok {
		t.Error("earliest is no time")
	}
}

func TestVariables(t *testing.T) {
	p := parseOne(t, `name: ${NAME}
kafka: {brokers: ["${MISSING:localhost}:${MISSING:9092}"], sasl: {mechanism: plain, username: u, password: "${DIGITS}"}}
redis: {url: "${URL}"}
events: {topic: "e${EMPTY:not this}", partitions: "${COUNT}"}
features: {a: "${MISSING:number}", b: {type: number, clip: "${MISSING:3}"}}
label: {path: y, classes: ["${DIGITS}", "$${x}"]}
model: {type: logistic, l2: "${NUMBER}", optimizer: {type: sgd, momentum: 0.5, nesterov: "${TRUE}"}}
snapshots: ${EVERY}
`)
	for what, pair := range map[string][2]any{
		"name":       {p.Name, "p1"},
		"broker":     {p.Kafka.Brokers[0], "localhost:9092"},
		"password":   {p.Kafka.SASL.Password, "12345"},
		"url":        {p.Redis.URL, "redis://me:hunter22@localhost:6379/1"},
		"empty":      {p.Events.Topic, "e"},
		"partitions": {p.Events.Partitions, 32},
		"type":       {p.Features[0].Type, features.Number},
		"clip":       {p.Features[1].Clip, 3.0},
		"classes":    {p.Label.Classes, []string{"12345", "${x}"}},
		"l2":         {p.Model.L2, 0.25},
		"nesterov":   {p.Model.Optimizer.Nesterov, true},
		"every":      {p.Snapshots.Every, 7 * time.Second},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestLoad(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte("nam: p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, nil)
	if err == nil || !strings.HasPrefix(err.Error(), path+":1:1: events: required and missing") &&
		!strings.HasPrefix(err.Error(), path+":1:1: nam: unknown field") {
		t.Errorf("got %v", err)
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	var file strings.Builder
	for i := range 5000 {
		file.WriteString("x" + time.Duration(i).String() + ": 1\n")
	}
	_, err := Parse("p.yaml", []byte(file.String()), nil)
	var problems Errors
	if !errors.As(err, &problems) || len(problems) != problemsMax {
		t.Fatalf("%d problems", len(problems))
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != problemsPrintedMax+1 || lines[problemsPrintedMax] != "and 900 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/broken.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(data), "\n=== ")[1:] {
		_, file, _ := strings.Cut(part, "\n")
		file, _, _ = strings.Cut(file, "------\n")
		f.Add([]byte(file))
	}
	f.Add([]byte(minimal))
	f.Add([]byte(full))
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("p.yaml", data, env)
		if (p == nil) == (err == nil) {
			t.Fatalf("pipeline %v, error %v", p, err)
		}
		if err != nil {
			var problems Errors
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("error is %T %v", err, err)
			}
			for _, p := range problems {
				if p.Line < 1 || p.Column < 1 || p.Message == "" || p.File != "p.yaml" || strings.ContainsAny(p.String(), "\n\r") {
					t.Fatalf("problem without a place: %+v", p)
				}
			}
			return
		}
		spec, _, _ := p.CanonicalSpec()
		if differences := diff(spec, spec); len(differences) > 0 {
			t.Fatalf("differs from itself: %q", differences)
		}
		var invalid *jsonschema.ValidationError
		if err := validate(t, schema, string(data)); errors.As(err, &invalid) {
			t.Fatalf("the schema refuses what Parse accepts: %v", err)
		}
	})
}

// The pipeline in the documentation of features is one that Parse takes.
func TestDocumentedFeatures(t *testing.T) {
	data, err := os.ReadFile("../docs/FEATURES.md")
	if err != nil {
		t.Fatal(err)
	}
	// The page shows a whole file first, then events and a label, and windows, as they would stand in one.
	var files []string
	indented := false
	for _, line := range strings.Split(string(data), "\n") {
		text, ok := strings.CutPrefix(line, "    ")
		if ok = ok && !strings.HasPrefix(text, "millrace "); ok {
			if !indented {
				files = append(files, "")
			}
			files[len(files)-1] += text + "\n"
		}
		indented = ok
	}
	if len(files) != 3 {
		t.Fatalf("the documentation shows %d files", len(files))
	}
	parseOne(t, "name: p\nfeatures: {a: number}\nmodel: svm\n"+strings.NewReplacer("time: {path: created", "id: i, time: {path: created",
		"outcome,", "outcome, classes: [a, b],").Replace(files[1]))
	files[1] = strings.Replace(minimal, "{a: number}", "\n  amount: number\n  card: category\n  merchant: category\n  "+
		strings.ReplaceAll(strings.TrimSpace(files[2]), "\n", "\n  "), 1)
	for i, want := range []int{11, 4} {
		p := parseOne(t, files[i])
		kinds := map[string]bool{}
		for _, c := range p.Features {
			kinds[string(c.Type)] = true
		}
		if len(kinds) != want {
			t.Errorf("the documentation shows %d types of features", len(kinds))
		}
		if _, err := features.New(p.FeatureSpec()); err != nil {
			t.Error(err)
		}
	}
}

// Windows of several statistics are one feature of the file and a field each of the event.
func TestWindowsAreExpandedForDecoderAndExtractor(t *testing.T) {
	p := parseOne(t, strings.Replace(minimal, "{a: number}",
		"{a: number, c: category, w: {type: window, key: c, of: a, over: 1h, stat: [sum, max]}, r: {type: ratio, of: [a, w.sum]}, n: {type: window, over: 1m, stat: count}}", 1))
	if len(p.Features) != 5 || p.Features[2].Keys != 1_000_000 || p.Features[2].Panes != 12 || p.Features[2].Over != time.Hour {
		t.Errorf("%+v", p.Features)
	}
	for _, columns := range []features.Columns{p.DecodeSpec().Columns, p.FeatureSpec().Columns} {
		var names []string
		for _, c := range columns {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != "a c w.sum w.max r n" {
			t.Errorf("columns %s", got)
		}
	}
}
