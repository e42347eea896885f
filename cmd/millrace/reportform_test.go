package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write golden reports anew")

// reportFiles are files of which the reports are kept: classes, numbers with nested fields and more warnings, and one
// of very many features.
func reportFiles(t *testing.T) map[string]string {
	t.Helper()
	var nested, wide strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&nested, `{"id":"e-%d","at":"2026-03-%02dT%02d:30:00Z","shop":{"name":"shop %d","city":"Malmö"},"items":[{"n":1}],`+
			`"price":%d.25,"gift":%t,"text":"so many words, of which each says %d","minutes":%d}`+"\n",
			i, 1+i/60, i%24, i*7919%40, i*104729%997, i%3 == 0, i*31%17, 5+i*104729%997/10)
	}
	nested.WriteString("[1]\n")
	for k := range 300 {
		fmt.Fprintf(&wide, "reading_%03d,", k)
	}
	wide.WriteString("y\n")
	for i := range 200 {
		for k := range 300 {
			fmt.Fprintf(&wide, "%d,", (i*7919+k*104729)%(5+k%90))
		}
		fmt.Fprintf(&wide, "%d\n", i*7919%101%2)
	}
	return map[string]string{
		"orders": ordersFile(t),
		"nested": written(t, "nested.jsonl", nested.String()),
		"wide":   written(t, "wide.csv", wide.String()),
	}
}

// printed is the report of a file for a terminal of so many columns; 0 is none.
func printed(t *testing.T, file string, width int) string {
	t.Helper()
	r := decoded[initReport](t, "init", "--from", file, "--no-try")
	r.Size = &sizeReport{Version: 5 << 20, Held: 128 << 20, Memory: 300 << 20} // which follow from the model's layout
	var b bytes.Buffer
	if err := printReport(&b, &r, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGoldenReports keeps reports from changing unseen, and holds them to what a terminal has: 80 columns, and 30
// lines where there are ten features or so. Nothing moves a cursor or colours.
func TestGoldenReports(t *testing.T) {
	for name, file := range reportFiles(t) {
		for _, width := range []int{0, 80} {
			golden := filepath.Join("testdata", fmt.Sprintf("report-%s-%d.txt", name, width))
			got := printed(t, file, width)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v; -update writes it", err)
			}
			if got != string(want) {
				t.Errorf("%s has changed (-update writes it anew):\n%s", golden, got)
			}
			if n := strings.Count(got, "\n"); n > 40 || name == "orders" && n > 30 {
				t.Errorf("%s has %d lines", golden, n)
			}
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > 0 && n > width || strings.ContainsAny(line, "\x1b\r\t") {
					t.Errorf("%s has a line of %d columns: %q", golden, n, line)
				}
			}
		}
	}
	if wide := printed(t, reportFiles(t)["wide"], 80); !strings.Contains(wide, "\n  and 280 more: number 280\n") {
		t.Errorf("the features that are not named are not counted:\n%s", wide)
	}
}

// TestReportForm: what init writes as JSON is what docs/init-report.schema.json says, and no other words.
func TestReportForm(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "init-report.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.json", doc); err != nil {
		t.Fatal(err)
	}
	form, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	holds := func(name string, args ...string) {
		t.Helper()
		report, err := jsonschema.UnmarshalJSON(strings.NewReader(ok(t, append(args, "--output", "json")...)))
		if err != nil {
			t.Fatal(err)
		}
		if err := form.Validate(report); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, file := range reportFiles(t) {
		holds(name, "init", "--from", file)
	}
	orders := ordersFile(t)
	model := filepath.Join(t.TempDir(), "orders.millrace")
	file := written(t, "orders.yaml", ok(t, "init", "--from", orders, "-q", "--model", "logistic"))
	ok(t, "train", "-c", file, "--out", model, orders)
	holds("a snapshot", "init", "--from-snapshot", model)
	holds("a place for the file", "init", "--from", orders, "--no-try", "--out", filepath.Join(t.TempDir(), "my.yaml"))
	var other map[string]any
	if err := json.Unmarshal([]byte(`{"pipeline":"p","rows":1,"leftOut":[]}`), &other); err != nil || form.Validate(other) == nil {
		t.Errorf("the form takes anything (%v)", err)
	}
}

// TestInitReportsSnapshot: what a snapshot's file has in it is reported as well, without what only data tells.
func TestInitReportsSnapshot(t *testing.T) {
	orders := ordersFile(t)
	model := filepath.Join(t.TempDir(), "orders.millrace")
	file := written(t, "orders.yaml", ok(t, "init", "--from", orders, "-q", "--model", "logistic"))
	ok(t, "train", "-c", file, "--out", model, orders)
	_, out, report := verb(t, "init", "--from-snapshot", model)
	for _, want := range []string{": 2,000 events learned\nlabel outcome (class): ok, fraud (positive)\n", "\n  country  category", "\nsize: a version has "} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		}
	}
	if code, quiet, errOut := verb(t, "init", "--from-snapshot", model, "-q"); code != exitDone || quiet != out || errOut != "" {
		t.Errorf("quiet: exit code %d, %q, another file: %t", code, errOut, quiet != out)
	}
}
