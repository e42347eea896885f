package infer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
	"millrace/config/infer"
	"millrace/decode"
	"millrace/features"
	"millrace/files"
)

// An object with hundreds of keys is a bag, of words or of indices; one with few is a set of features.
func TestBagsAreFound(t *testing.T) {
	for _, c := range []struct {
		name, key string
		keys      int
		value     func(i int) string
		want      features.Column
	}{
		{"words", "word%d", 600, func(i int) string { return fmt.Sprint(i % 3) }, features.Column{Type: features.Bag, Scale: "standard", Bits: 12}},
		{"indices", "%d", 600, func(int) string { return "1" }, features.Column{Type: features.Bag, Scale: "none", Bits: 18, Indices: 600}},
		{"few", "word%d", 40, func(int) string { return "1" }, features.Column{}},
		{"texts", "word%d", 600, func(i int) string { return fmt.Sprintf(`"%d"`, i%4) }, features.Column{}},
	} {
		r := run(t, infer.Options{}, repeat(600, func(i int) string {
			var entries []string
			for k := range 5 {
				n := (i*7 + k*131) % c.keys
				entries = append(entries, fmt.Sprintf(`"`+c.key+`":%s`, n, c.value(n)))
			}
			return fmt.Sprintf(`{"a":%d,"words":{%s},"y":%d}`, i%50, strings.Join(entries, ","), i%2)
		})...)
		if c.want.Type == "" {
			if len(r.Features) != c.keys+1 {
				t.Errorf("%s: %d features", c.name, len(r.Features))
			}
			continue
		}
		if got := types(r); got != "a:number words:bag" {
			t.Errorf("%s: %s", c.name, got)
			continue
		}
		if f := column(t, r, "words"); f.Scale != c.want.Scale || f.Bits != c.want.Bits || f.Indices != c.want.Indices || f.Entries != 4096 {
			t.Errorf("%s: %+v", c.name, f)
		}
		if !strings.Contains(string(r.YAML), "# 600 different keys, at most 5 an event") {
			t.Errorf("%s: the file does not say how many keys there are:\n%s", c.name, r.YAML)
		}
	}
}

// wideRows is a stream of 40 classes over 40,000 columns, 150 of them in an event: each class prefers
// 2,000 columns of its own.
func wideRows(n int) string {
	random := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for range n {
		class := random.IntN(40)
		fmt.Fprint(&b, class)
		index := 0
		for k := range 150 {
			index = max(index+1, k*266)
			if random.IntN(4) == 0 {
				index += (class + 40*random.IntN(6)) % 250
			} else {
				index += random.IntN(250)
			}
			fmt.Fprintf(&b, " %d:%.3f", index, random.Float64())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// A wide LIBSVM file becomes one bag, and every row an event of it.
func TestWideFilesAreBags(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wide.svm")
	if err := os.WriteFile(path, []byte(wideRows(2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	indices, err := files.Indices(path, files.Options{})
	if err != nil || indices < 39_000 || indices > 41_000 {
		t.Fatalf("%d indices, %v", indices, err)
	}
	open := func() *files.Source {
		s, err := files.Open(path, files.Options{Bag: "x"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	defer s.Close()
	r, err := infer.FromSource(context.Background(), s.Next, infer.Options{Bag: "x", Indices: indices, RowsMax: 100, ScanAll: true})
	if err != nil {
		t.Fatal(err)
	}
	p := accept(t, r)
	if f := column(t, r, "x"); f.Type != features.Bag || f.Indices != indices || len(r.Classes) != 40 || len(r.Features) != 1 {
		t.Errorf("%+v, classes %q", r.Features, r.Classes)
	}
	d, err := decode.New(p.DecodeSpec())
	if err != nil {
		t.Fatal(err)
	}
	x, err := features.New(p.FeatureSpec())
	if err != nil {
		t.Fatal(err)
	}
	id, shape, err := x.View(millrace.ViewStandard)
	if err != nil || shape.Width != indices || !shape.Sparse {
		t.Fatalf("%+v, %v", shape, err)
	}
	in, e := x.NewInput(), d.NewEvent()
	again := open()
	defer again.Close()
	rows := 0
	for {
		b, err := again.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			if err := errors.Join(d.Decode(&b.Records[i], e)); err != nil {
				t.Fatal(err)
			}
			if err := x.Extract(in, e); err != nil || len(in[id].Index) < 148 || !e.Label.Known { // a value of 0.000 is none
				t.Fatalf("row %d: %d entries, %v", rows, len(in[id].Index), err)
			}
			rows++
		}
		b.Release()
	}
	if rows != 2000 {
		t.Errorf("%d rows", rows)
	}
}

// Arrays of strings are bags, and times that went round are read by their parts.
func TestTagsAndTimes(t *testing.T) {
	texts := repeat(1000, func(i int) string {
		missing := ""
		if i%4 > 0 {
			missing = fmt.Sprintf(`"due_at":%d,`, 1_600_000_000+i*86_400)
		}
		return fmt.Sprintf(`{%s"time":%d,"tags":["t%d","t%d"],"more":[%s],"mixed":["a",1],"born":"20%02d-01-0%dT0%d:00:00Z","y":%d}`,
			missing, 1_700_000_000+i, i%30, i%7, strings.Repeat(`"x",`, i%3)+`"y"`, 10+i%3, 1+i%9, i%10, i%2)
	})
	r := run(t, infer.Options{}, texts...)
	if got, want := types(r), "tags:bag more:bag born:time due_at:time since_born:since since_due_at:since"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	if c := column(t, r, "tags"); c.Scale != "none" || c.Bits != 10 || c.Indices != 0 {
		t.Errorf("%+v", c)
	}
	for name, want := range map[string]string{"due_at": "[weekday month] indicator", "born": "[hour weekday] zero"} {
		if c := column(t, r, name); fmt.Sprint(c.Parts, " ", c.Missing) != want {
			t.Errorf("%s: %v %s, want %s", name, c.Parts, c.Missing, want)
		}
	}
	for _, want := range []string{"# 30 different texts, at most 2 an event", "missing in 25 %", "#   mixed: a list or an object"} {
		if !strings.Contains(string(r.YAML), want) {
			t.Errorf("the file does not say %q:\n%s", want, r.YAML)
		}
	}
	p := accept(t, r)
	decodes(t, p, texts)
}

// Of events that have nothing but a time, its parts are the features; with another field those that have come round
// are.
func TestTimeAlone(t *testing.T) {
	events := func(step int, more string) []string {
		return repeat(500, func(i int) string { return fmt.Sprintf(`{"time":%d,%s"y":%d.5}`, 1_700_000_000+i*step, more, i%7) })
	}
	for _, test := range []struct {
		name        string
		step        int
		more        string
		types, want string
	}{
		{"weeks", 3600, "", "time:time", "time: {type: time, parts: [hour, weekday]}  # the events' own time; its parts go round in UTC"},
		{"minutes", 1, "", "time:time", "time: {type: time, parts: [hour]}  # the events' own time, as there is no other feature; of less than two days"},
		{"another feature", 3600, `"a":1,`, "a:number time:time", "time: time"},
		{"another feature, for minutes", 1, `"a":1,`, "a:number", "time: time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			texts := events(test.step, test.more)
			r := run(t, infer.Options{}, texts...)
			if types(r) != test.types || r.Time != "time" || !strings.Contains(string(r.YAML), test.want) {
				t.Errorf("%s", r.YAML)
			}
			decodes(t, accept(t, r), texts)
		})
	}
}

// What people wrote is read word by word; names and codes are left out.
func TestTexts(t *testing.T) {
	texts := repeat(200, func(i int) string {
		return fmt.Sprintf(`{"review":"the %dth time that I bought it, and \"%d\" stars","who":"Person %d","y":%d}`, i, i*i, i, i%2)
	})
	r := run(t, infer.Options{}, texts...)
	if types(r) != "review:text" || !strings.Contains(string(r.YAML), "#   who: nearly every value is another one") ||
		!strings.Contains(string(r.YAML), "# 10 words on average") {
		t.Errorf("%s", r.YAML)
	}
	decodes(t, accept(t, r), texts)
}
