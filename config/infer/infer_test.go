package infer_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/decode"
	"millrace/features"
	"millrace/files"
	"millrace/model"
	"millrace/payments"
)

// events is a source of the given JSON texts, two a batch.
func events(texts ...string) func(context.Context) (*millrace.Batch, error) {
	at := 0
	return func(context.Context) (*millrace.Batch, error) {
		if at == len(texts) {
			return nil, io.EOF
		}
		b := millrace.NewBatch(nil)
		b.Topic = "shop.events"
		for n := 0; n < 2 && at < len(texts); n++ {
			b.Records = append(b.Records, millrace.Record{Topic: b.Topic, Offset: int64(at), Value: []byte(texts[at])})
			at++
		}
		return b, nil
	}
}

// repeat makes n events by formatting each number from 0 into text.
func repeat(n int, text func(i int) string) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = text(i)
	}
	return texts
}

func run(t testing.TB, o infer.Options, texts ...string) *infer.Result {
	t.Helper()
	r, err := infer.FromSource(context.Background(), events(texts...), o)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, r)
	return r
}

// accept checks that config takes the file and reads the same out of it as the result says.
func accept(t testing.TB, r *infer.Result) *config.Pipeline {
	t.Helper()
	p, err := config.Parse("pipeline.yaml", r.YAML, nil)
	if err != nil {
		t.Fatalf("refused: %v\n%s", err, r.YAML)
	}
	if p.Name != r.Name || p.Label.Path != r.Label || p.Model.Type != r.Model || p.Events.ID != r.ID || p.Events.Time.Path != r.Time {
		t.Errorf("name %q, label %q, model %q, id %q, time %q, want those of %+v",
			p.Name, p.Label.Path, p.Model.Type, p.Events.ID, p.Events.Time, r)
	}
	if !slices.Equal(p.Label.Classes, r.Classes) {
		t.Errorf("classes %q, want %q", p.Label.Classes, r.Classes)
	}
	if len(p.Features) != len(r.Features) {
		t.Fatalf("%d features, want %d\n%s", len(p.Features), len(r.Features), r.YAML)
	}
	for i, want := range r.Features {
		got := p.Features[i]
		got.Path, want.Path = got.EventPath(), want.EventPath()
		if got.Nulls == got.Missing { // which is its default
			got.Nulls = ""
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("feature %+v, want %+v", got, want)
		}
	}
	return p
}

// types lists features as name:type.
func types(r *infer.Result) string {
	var list []string
	for _, f := range r.Features {
		list = append(list, f.Name+":"+string(f.Type))
	}
	return strings.Join(list, " ")
}

func column(t testing.TB, r *infer.Result, name string) features.Column {
	t.Helper()
	for _, f := range r.Features {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("there is no feature %q in %s", name, types(r))
	return features.Column{}
}

func TestTypes(t *testing.T) {
	r := run(t, infer.Options{}, repeat(200, func(i int) string {
		distance := fmt.Sprintf(`,"distance":%d.5`, i)
		if i%10 == 0 {
			distance = ""
		}
		return fmt.Sprintf(`{"id":"e%d","time":"2025-01-01T00:00:%02dZ","seen_at":%d,"amount":%d,"shop":{"kind":"k%d","zip_id":%d},
			"gift":%t,"remark":"text %d","tags":[1],"nothing":null,"word":"w%d","many":"m%d","fix":7,"outcome":"%s"%s}`,
			i, i%60, 1_700_000_000+i, i*i, i%5, i%7, i%2 == 0, i, i%60, i%150, []string{"fraud", "legit", "legit"}[i%3], distance)
	})...)
	want := "amount:number shop.kind:category shop.zip_id:category gift:boolean word:category many:category fix:number distance:number since_seen_at:since"
	if types(r) != want {
		t.Errorf("features %s, want %s", types(r), want)
	}
	if r.Name != "shop" || r.ID != "id" || r.Time != "time" || r.Label != "outcome" || !r.Guessed || r.Model != "auto" {
		t.Errorf("got %+v", r)
	}
	if want := []string{"legit", "fraud"}; !slices.Equal(r.Classes, want) {
		t.Errorf("classes %q, want %q: the last is the one looked for", r.Classes, want)
	}
	if c := column(t, r, "distance"); c.Missing != "indicator" {
		t.Errorf("a feature missing in 10 %% has missing: %s", c.Missing)
	}
	if c := column(t, r, "word"); c.Cap != 128 {
		t.Errorf("60 values have cap %d, want room for more", c.Cap)
	}
	for _, want := range []string{
		"# always 7 so far", "# missing in 10 %", "# 5 different values", "shop.zip_id: category",
		"#   remark: nearly every value is another one", "#   tags: a list or an object", "#   nothing: no event has a value",
		"#   seen_at: a time, another one than time", "topic: shop.events",
	} {
		if !strings.Contains(string(r.YAML), want) {
			t.Errorf("the file does not say %q:\n%s", want, r.YAML)
		}
	}
}

// TestMissingWords: what the source leaves out among numbers is no value, what stands among texts is one. Only words
// that do not always say so are named.
func TestMissingWords(t *testing.T) {
	missing := func(text []byte) bool { return string(text) == "NA" || string(text) == "?" || string(text) == "-" }
	texts := repeat(1000, func(i int) string {
		number, mixed := strconv.Itoa(i%300), strconv.Itoa(i%300)
		if i%50 == 0 {
			number = `"-"`
		}
		if i%50 == 1 {
			number, mixed = `"?"`, `"?"`
		}
		if i%50 == 2 {
			mixed = `"odd"`
		}
		return fmt.Sprintf(`{"number":%s,"mixed":%s,"text":"%s","y":"%s"}`, number, mixed, []string{"NA", "a", "b"}[i%3], []string{"NA", "no", "yes"}[i%3])
	})
	r := run(t, infer.Options{Missing: missing}, texts...)
	if got := types(r); got != "number:number mixed:number text:category" {
		t.Error(got)
	}
	if c := column(t, r, "number"); c.Missing != "indicator" {
		t.Errorf("4 %% are missing, and it has missing: %s", c.Missing)
	}
	if want := []string{"no", "yes"}; !slices.Equal(r.Classes, want) {
		t.Errorf("classes %q, want %q", r.Classes, want)
	}
	for _, want := range []string{"number: {type: number, missing: {as: indicator, values: [\"-\"]}}", "mixed: {type: number, missing: indicator}", "missing in 4.0 %; there it says - and ?", "20 of 980 values do not read as numbers", "missing in 2.0 %; there it says ?",
		"# 3 different values", "# Where it says NA there is nothing to learn"} {
		if !strings.Contains(string(r.YAML), want) {
			t.Errorf("the file does not say %q:\n%s", want, r.YAML)
		}
	}
	if r := run(t, infer.Options{}, texts...); !slices.Contains(r.Classes, "NA") {
		t.Errorf("a source that leaves nothing out has classes %q", r.Classes)
	}
}

// TestModelSpec: what callers are told a family starts with is what the file says.
func TestModelSpec(t *testing.T) {
	dense := repeat(60, func(i int) string { return fmt.Sprintf(`{"a":%d,"y":"k%d"}`, i, i%2) })
	sparse := repeat(60, func(i int) string { return fmt.Sprintf(`{"%d":1,"y":"k%d"}`, i%9+1, i%2) })
	for _, family := range model.Suitable(model.TargetSpec{Classes: 2}) {
		for _, texts := range [][]string{dense, sparse} {
			r := run(t, infer.Options{Model: family}, texts...)
			p, target := accept(t, r), model.TargetSpec{Classes: 2}
			if got, want := p.Model.Resolve(target), infer.ModelSpec(family, r.Sparse).Resolve(target); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, sparse %v: the file says %+v, ModelSpec %+v", family, r.Sparse, got, want)
			}
			note := "# Others: "
			if family == "auto" {
				note = "# auto: a mixture of experts that needs no tuning; others: logistic, svm, mlp, tree, forest."
			}
			if !strings.Contains(string(r.YAML), note) {
				t.Errorf("no %q in\n%s", note, r.YAML)
			}
		}
	}
	if o := infer.ModelSpec("logistic", true).Optimizer; o.Type != model.RuleAdaGrad || o.Schedule.Type != model.ScheduleAdaptive {
		t.Errorf("sparse events start with %+v, which may not follow", o)
	}
	if r := run(t, infer.Options{}, sparse...); !r.Sparse || run(t, infer.Options{}, dense...).Sparse {
		t.Error("what is sparse is not said")
	}
}

func TestManyValuesAreHashed(t *testing.T) {
	r := run(t, infer.Options{}, repeat(2000, func(i int) string {
		return fmt.Sprintf(`{"user":"u%d","y":%d}`, i%800, i%2)
	})...)
	if c := column(t, r, "user"); c.Encode != "hash" || c.Bits != 14 {
		t.Errorf("800 values: %+v", c)
	}
}

func TestLabels(t *testing.T) {
	integers := func(distinct, rows int) []string {
		return repeat(rows, func(i int) string { return fmt.Sprintf(`{"a":%d,"y":%d}`, i, i%distinct) })
	}
	values := func(texts ...string) []string {
		return repeat(60, func(i int) string { return fmt.Sprintf(`{"a":%d,"y":%s}`, i, texts[i%len(texts)]) })
	}
	cases := []struct {
		name   string
		o      infer.Options
		events []string
		want   string
	}{
		{"two integers", infer.Options{}, integers(2, 10), "auto 0 1"},
		{"few integers", infer.Options{}, integers(12, 240), "auto 0 1 2 3 4 5 6 7 8 9 10 11"},
		{"few, but too few rows", infer.Options{}, integers(12, 100), "auto"},
		{"many integers", infer.Options{}, integers(51, 5000), "auto"},
		{"many, asked for classes", infer.Options{Model: "logistic"}, integers(3, 30), "logistic 0 1 2"},
		{"classes for a tree", infer.Options{Model: "tree"}, values(`"a"`, `"b"`), "tree a b"},
		{"numbers for a mixture", infer.Options{Model: "auto"}, values("1.5", "2", "3"), "auto"},
		{"asked for a number", infer.Options{Model: "linear"}, integers(2, 100), "linear"},
		{"numbers for an mlp", infer.Options{Model: "mlp"}, values("1.5", "2", "3"), "mlp"},
		{"classes for an mlp", infer.Options{Model: "mlp"}, values(`"a"`, `"b"`, `"c"`), "mlp a b c"},
		{"one value in two spellings", infer.Options{}, values("1", "1.0", "-1"), "auto -1 1"},
		{"booleans", infer.Options{}, values("true", "false"), "auto false true"},
		{"texts sorted as numbers", infer.Options{}, values(`"10"`, `"9"`, `"8"`), "auto 8 9 10"},
		{"yes and no", infer.Options{}, values(`"yes"`, `"no"`, `"yes"`), "auto no yes"},
		{"the rarer last", infer.Options{}, values(`"red"`, `"blue"`, `"red"`), "auto red blue"},
		{"needs quotes", infer.Options{}, values(`"on, off"`, `"1.50"`, `"${HOME}"`, `"a\"b\\"`, `" "`), `auto   ${HOME} 1.50 a"b\ on, off`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, c.o, c.events...)
			if got := strings.TrimSpace(r.Model + " " + strings.Join(r.Classes, " ")); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A long list of classes is wrapped, and means the same.
func TestManyClasses(t *testing.T) {
	r := run(t, infer.Options{}, repeat(2000, func(i int) string {
		return fmt.Sprintf(`{"a":%d,"y":"class, \"%d\""}`, i, i%100)
	})...)
	if len(r.Classes) != 100 {
		t.Errorf("%d classes, want 100", len(r.Classes))
	}
	for _, line := range strings.Split(string(r.YAML), "\n") {
		if len(line) > 120 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
}

func TestLabelNames(t *testing.T) {
	for _, c := range []struct {
		asked, event, want string
		guessed            bool
	}{
		{"", `{"class":1,"a":%d,"b":2}`, "class", true},
		{"", `{"a":%d,"Target":1,"b":2}`, "Target", true},
		{"", `{"a":1,"b":%d,"row_id":%[1]d}`, "b", true},
		{"x.y", `{"x":{"y":%d},"y":2}`, "x.y", false},
		{"a.b", `{"a.b":%d,"c":2}`, `a\.b`, false},
	} {
		r := run(t, infer.Options{Label: c.asked, Model: "linear"}, repeat(10, func(i int) string { return fmt.Sprintf(c.event, i) })...)
		if r.Label != c.want || r.Guessed != c.guessed {
			t.Errorf("asked for %q in %s: got %q (a guess: %t)", c.asked, c.event, r.Label, r.Guessed)
		}
	}
}

// Names that YAML or paths would read otherwise come back as they are.
func TestNamesThatNeedCare(t *testing.T) {
	names := []string{
		"1", "y ", "no", "ON", "null", "~", "a: b", "#c", "- d", "{e}", "[f]", "'g'", `"h"`, "é", "0x1", "1e3", "<<", "a,b",
		"${HOME}", "*i", "&j", "!k", "%l", "@m", "`n", "x\ny", `back\\slash`, "dot.ted", "2025-01-01", ".5", ".nan", "\u2028", "😀", "\u0085", "\u007f", "\ufeff", "\u00a0",
	}
	var event strings.Builder
	event.WriteString("{")
	for _, name := range names {
		fmt.Fprintf(&event, "%s:%%[1]d.5,", jsonText(name))
	}
	event.WriteString(`"dot":{"ted":1},"y":%[2]d}`)
	texts := repeat(50, func(i int) string {
		return fmt.Sprintf(strings.ReplaceAll(event.String(), "%l", "%%l"), i, i%2)
	})
	r := run(t, infer.Options{}, texts...)
	p := accept(t, r)
	if len(p.Features) != len(names)+1 {
		t.Errorf("%d features, want %d", len(p.Features), len(names)+1)
	}
	for i, name := range names {
		keys, err := features.SplitPath(p.Features[i].EventPath())
		if err != nil || len(keys) != 1 || keys[0] != name {
			t.Errorf("the path %q leads to %q (%v), want %q", p.Features[i].EventPath(), keys, err, name)
		}
	}
	decodes(t, p, texts)
}

func jsonText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString("\\" + string(r))
		case r < ' ':
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// decodes checks that the pipeline's decoder takes every event, label and all.
func decodes(t testing.TB, p *config.Pipeline, texts []string) {
	t.Helper()
	d, err := decode.New(p.DecodeSpec())
	if err != nil {
		t.Fatal(err)
	}
	e := d.NewEvent()
	for i, text := range texts {
		if err := d.Decode(&millrace.Record{Value: []byte(text)}, e); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if e.Label.Fault != nil || !e.Label.Known {
			t.Fatalf("event %d: its label: %v", i, e.Label.Fault)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		o      infer.Options
		events []string
		want   string
	}{
		{infer.Options{}, nil, "no events"},
		{infer.Options{}, []string{"[1]", "x"}, "none of 2 events is a JSON object; the first: shop.events, record 0"},
		{infer.Options{}, []string{`{"y":1}`, `{"y":2}`}, `nothing to learn "y" from: the events have no other field`},
		{infer.Options{}, []string{`{"id":1,"y":1}`, `{"id":2,"y":2}`}, `nothing to learn "y" from: id: the id of events`},
		{infer.Options{}, []string{`{"a":1,"y":"x"}`}, "always"},
		{infer.Options{}, []string{`{"id":1}`}, "no field looks like a label"},
		{infer.Options{Label: "z"}, []string{`{"a":1,"b":2}`}, `no field "z" for the label; the events have a, b`},
		{infer.Options{Label: "a"}, []string{`{"a":null,"b":2}`}, "no value"},
		{infer.Options{Label: "y"}, []string{"x", `{"a":1,"y":"n"}`, `{"a":2,"y":"n"}`}, `nothing to tell apart; beside them 1 cannot be read; the first: shop.events, record 0: "x" is no JSON object`},
		{infer.Options{Model: "linear"}, []string{`{"a":1,"y":"x"}`}, "predicts numbers"},
		{infer.Options{Model: "bush"}, []string{`{"a":1}`}, "unknown model"},
		{infer.Options{}, repeat(1001, func(i int) string { return fmt.Sprintf(`{"a":1,"y":"c%d"}`, i) }), "no field looks like a label; name one with --label: a is always the same, y is a text"},
		{infer.Options{Label: "y"}, repeat(1001, func(i int) string { return fmt.Sprintf(`{"a":1,"y":"c%d"}`, i) }), "too many for classes"},
	} {
		_, err := infer.FromSource(context.Background(), events(c.events...), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.o, err, c.want)
		}
	}
	failed := errors.New("away")
	_, err := infer.FromSource(context.Background(), func(context.Context) (*millrace.Batch, error) { return nil, failed }, infer.Options{})
	if !errors.Is(err, failed) {
		t.Errorf("a source that fails gives %v", err)
	}
}

// once is a source of one batch.
func once(b *millrace.Batch) func(context.Context) (*millrace.Batch, error) {
	return func(context.Context) (*millrace.Batch, error) {
		if b == nil {
			return nil, io.EOF
		}
		given := b
		b = nil
		return given, nil
	}
}

// Rows that are no objects are skipped and counted; reading stops where it was told to, or when the
// context ends after something was seen.
func TestReading(t *testing.T) {
	texts := append([]string{"x", `{"a":1,"y":0}`, "[]"}, repeat(50, func(i int) string { return fmt.Sprintf(`{"a":1,"y":%d}`, i%2) })...)
	r := run(t, infer.Options{RowsMax: 20}, texts...)
	if r.Skipped != 2 || r.Rows != 18 {
		t.Errorf("%d rows and %d skipped, want 18 and 2", r.Rows, r.Skipped)
	}
	faulty := millrace.NewBatch(nil)
	faulty.Topic, faulty.Records = "f.csv", []millrace.Record{
		{Topic: "f.csv", Value: []byte("1,2,3"), Fault: &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: "f.csv:2: 3 cells"}}}
	if _, err := infer.FromSource(context.Background(), once(faulty), infer.Options{}); err == nil ||
		!strings.Contains(err.Error(), "none of 1 rows can be read; the first: f.csv:2: 3 cells") {
		t.Errorf("a faulty row gives %v", err)
	}
	if want := "#   The first: shop.events, record 0: \"x\" is no JSON object\n"; !strings.Contains(string(r.YAML), want) {
		t.Errorf("the file does not say %q:\n%s", want, r.YAML)
	}
	ctx, cancel := context.WithCancel(context.Background())
	source := events(texts[:10]...)
	r, err := infer.FromSource(ctx, func(ctx context.Context) (*millrace.Batch, error) {
		b, err := source(ctx)
		if errors.Is(err, io.EOF) {
			cancel()
			return nil, ctx.Err()
		}
		return b, err
	}, infer.Options{})
	if err != nil || r.Rows != 8 {
		t.Errorf("after the context's end: %+v, %v", r, err)
	}
}

// Classes that only come late in a file are found, features are not looked for there.
func TestScanAll(t *testing.T) {
	texts := repeat(300, func(i int) string {
		if i == 290 {
			return `{"late":1,"a":1,"y":"rare"}`
		}
		return fmt.Sprintf(`{"a":%d,"y":"c%d"}`, i, i%2)
	})
	r := run(t, infer.Options{RowsMax: 100, ScanAll: true}, texts...)
	if !slices.Equal(r.Classes, []string{"c0", "c1", "rare"}) || types(r) != "a:number" || r.Rows != 100 {
		t.Errorf("got classes %q, features %s from %d rows", r.Classes, types(r), r.Rows)
	}
	if r := run(t, infer.Options{RowsMax: 100}, texts...); len(r.Classes) != 2 {
		t.Errorf("without a scan: classes %q", r.Classes)
	}
}

func TestConnections(t *testing.T) {
	o := infer.Options{Name: "n", Topic: "t", Brokers: []string{"a:1", "[::1]:2"}, Redis: "redis://h:1/0"}
	p := accept(t, run(t, o, `{"a":1,"y":0}`, `{"a":2,"y":1}`))
	if !slices.Equal(p.Kafka.Brokers, o.Brokers) || p.Redis.URL != o.Redis || p.Events.Topic != "t" || p.Name != "n" {
		t.Errorf("got %+v, %+v, %+v", p.Kafka, p.Redis, p.Events)
	}
}

func TestPayments(t *testing.T) {
	g := payments.New(1)
	texts := repeat(5000, func(int) string { return string(g.Next(nil)) })
	r := run(t, infer.Options{}, texts...)
	want := "card:category amount:number currency:category merchant_category:category country:category hour:number card_age_days:number " +
		"card_present:boolean device:category distance_km:number attempts_last_hour:number email_domain:category"
	if types(r) != want || r.ID != "id" || r.Time != "time" || !slices.Equal(r.Classes, []string{"legit", "fraud"}) {
		t.Errorf("got %s; %+v", types(r), r)
	}
	decodes(t, accept(t, r), texts)
}

func TestDataFiles(t *testing.T) {
	number := func(from, to int) (names []string) {
		for i := from; i <= to; i++ {
			names = append(names, fmt.Sprint(i))
		}
		return names
	}
	folder := os.Getenv("MILLRACE_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	for _, c := range []struct {
		file     string
		features int
		scale    string
		classes  []string
		model    string
	}{
		{"elec.csv", 8, "standard", number(0, 1), "auto"},
		{"sea.csv", 3, "standard", number(0, 1), "auto"},
		{"letter.csv", 16, "standard", number(0, 25), "auto"},
		{"digits.csv", 64, "standard", number(0, 9), "auto"},
		{"bikes.csv", 12, "standard", nil, "auto"},
		{"a9at.svm", 122, "none", number(0, 1), "auto"}, // no event of it has the 123rd
	} {
		t.Run(c.file, func(t *testing.T) {
			path := filepath.Join(folder, c.file)
			if _, err := os.Stat(path); err != nil {
				t.Skipf("%s is not here; set MILLRACE_DATA to the folder that holds it", c.file)
			}
			for _, model := range []string{"", "mlp"} {
				s, err := files.Open(path, files.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				r, err := infer.FromSource(context.Background(), s.Next, infer.Options{Model: model, ScanAll: true})
				if err != nil {
					t.Fatal(err)
				}
				accept(t, r)
				var file map[string]any
				if err := yaml.Unmarshal(r.YAML, &file); err != nil {
					t.Error(err)
				}
				if r.Label != "y" || !slices.Equal(r.Classes, c.classes) || len(r.Features) != c.features {
					t.Errorf("label %s with classes %q and %d features", r.Label, r.Classes, len(r.Features))
				}
				if want := cmp.Or(model, c.model); r.Model != want {
					t.Errorf("model %s, want %s", r.Model, want)
				}
				for _, f := range r.Features {
					if f.Type != features.Number || f.Scale != c.scale || f.Missing != "zero" {
						t.Errorf("feature %+v", f)
					}
				}
			}
		})
	}
}

// FuzzEvents: whatever the events are, a file that is written is a file that config takes.
func FuzzEvents(f *testing.F) {
	f.Add(`{"a":1,"y":0}`, `{"a":2,"y":1}`, `{"b.c":"x\n","d":{"e":true}}`)
	f.Add(`{"":1,"y":"a"}`, `{"y":"b","z":[1]}`, `{"\u2028 #":null,"y":"${A}"}`)
	f.Add(`{"1":1,"y":0}`, `{"2":1e400,"y":1}`, `{"y":1.50}`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		r, err := infer.FromSource(context.Background(), events(a, b, c, a), infer.Options{})
		if err == nil {
			accept(t, r)
		}
	})
}

// TestWidthsFollowValues: where hashed features have no room for all their columns, one of more values keeps as many as
// one of fewer, and the file says what they would have.
func TestWidthsFollowValues(t *testing.T) {
	for _, first := range []string{"a", "z"} { // the order of fields says nothing
		r := run(t, infer.Options{Label: "y"}, repeat(9000, func(i int) string {
			many, few := fmt.Sprintf(`"%s":"m%d"`, first, i*7%6000), fmt.Sprintf(`"f":"f%d"`, i%2500)
			if first == "z" {
				many, few = few, many
			}
			return fmt.Sprintf(`{%s,%s,"y":"k%d"}`, many, few, i%2)
		})...)
		many, few := column(t, r, first), column(t, r, "f")
		if many.Bits != 15 || few.Bits != 14 {
			t.Errorf("6000 values get %d bits, 2500 %d", many.Bits, few.Bits)
		}
		for _, want := range []string{"; bits: 17 with a larger model.state_max\n", "; bits: 16 with a larger model.state_max\n"} {
			if !strings.Contains(string(r.YAML), want) {
				t.Errorf("the file does not say %q:\n%s", want, r.YAML)
			}
		}
	}
}
