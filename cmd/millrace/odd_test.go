package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"millrace/offline"
)

// odd is a file as somebody has it.
type odd struct {
	name  string
	write func(tb testing.TB) []string // DATA, and flags that it needs
	stdin bool                         // the file is standard input
	// report and file are what init must say of it on standard error and in the pipeline file; never is in neither.
	report, file []string
	never        string
	// plain is the same data as most would write it: what is learned from both must be as good, and best at the least.
	plain func(tb testing.TB) []string
	best  float64
	// rejected are the rows that cannot be read, and are dead letters of a topic.
	rejected uint64
}

const oddRows = 2500

// TestOddFiles: whatever way a file is written in, init says what it made of it, and auto learns from it as well as
// from the same data in plain writing.
func TestOddFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("learns some thirty files")
	}
	plain := map[string]float64{}
	for _, o := range slices.Concat(oddNumbers(), oddTimes(), oddValues(), oddLabels(), oddShapes(), oddContainers()) {
		t.Run(o.name, func(t *testing.T) {
			accuracy := o.learned(t)
			args := o.plain(t)
			text, err := os.ReadFile(args[0])
			if err != nil {
				t.Fatal(err)
			}
			if _, known := plain[string(text)]; !known {
				twin := odd{write: func(testing.TB) []string { return args }}
				plain[string(text)] = twin.learned(t)
			}
			least := max(o.best, plain[string(text)]-0.01)
			t.Logf("accuracy %.4f, at least %.4f", accuracy, least)
			if math.IsNaN(accuracy) || accuracy < least {
				t.Errorf("accuracy %.4f, want at least %.4f", accuracy, least)
			}
		})
	}
}

// learned has init write a pipeline file of the data, looks at what it says, and is the accuracy of that file.
func (o *odd) learned(t *testing.T) float64 {
	t.Helper()
	args := o.write(t)
	var in []byte
	if o.stdin {
		var err error
		if in, err = os.ReadFile(args[0]); err != nil {
			t.Fatal(err)
		}
		args[0] = "-"
	}
	my := filepath.Join(t.TempDir(), "my.yaml")
	report, _ := o.run(t, in, append([]string{"init", "--name", "my", "--out", my, "--from"}, args...))
	text, err := os.ReadFile(my)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range o.report {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q:\n%s", want, report)
		}
	}
	for _, want := range o.file {
		if !strings.Contains(string(text), want) {
			t.Errorf("the pipeline file does not say %q:\n%s", want, text)
		}
	}
	if o.never != "" && (strings.Contains(report, o.never) || strings.Contains(string(text), o.never)) {
		t.Errorf("one of both says %q:\n%s\n%s", o.never, report, text)
	}
	_, out := o.run(t, in, append([]string{"evaluate", "-c", my, "--output", "json"}, args...))
	var s offline.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	if s.Events != oddRows || s.Rejected != o.rejected || s.Learned != oddRows-o.rejected || s.Accuracy == nil {
		t.Fatalf("%d events, %d learned, %d rejected; want %d rejected:\n%s\n%s", s.Events, s.Learned, s.Rejected, o.rejected, report, text)
	}
	return *s.Accuracy
}

// TestRaggedRowsAreSaidOnce: init says how many rows cannot be read, and which is the first, in one place.
func TestRaggedRowsAreSaidOnce(t *testing.T) {
	path := file(t, "data.csv", "a,y\n"+strings.Repeat("1,yes\n2,no\n", 200)+"3\n4,5,6\n")[0]
	for _, verb := range []string{"init", "evaluate"} {
		report, _ := (&odd{}).run(t, nil, []string{verb, path})
		if strings.Count(report, "data.csv:402") != 1 || strings.Contains(report, "another number of cells") || !strings.Contains(report, "cell where the header names 2") {
			t.Errorf("%s:\n%s", verb, report)
		}
	}
}

// TestIndexIsLeftOutAlike: evaluate says of a column without a name what init says, with the pipeline file and without.
func TestIndexIsLeftOutAlike(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "%d,%d,%s\n", i, i%7, []string{"yes", "no"}[i%2])
	}
	path, my := file(t, "data.csv", ",a,y\n"+text.String())[0], filepath.Join(t.TempDir(), "my.yaml")
	for _, args := range [][]string{{"init", path, "--out", my}, {"evaluate", "-c", my, path}, {"evaluate", path}} {
		if report, _ := (&odd{}).run(t, nil, args); strings.Contains(report, "called c1") || !strings.Contains(report, "it is left out") {
			t.Errorf("%s:\n%s", args[0], report)
		}
	}
}

// run runs a verb that must succeed, with standard input.
func (o *odd) run(t *testing.T, in []byte, args []string) (errOut, out string) {
	t.Helper()
	var o1, e bytes.Buffer
	root := newRoot(&app{in: bytes.NewReader(in), out: &o1, err: &e})
	root.SetArgs(args)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("millrace %s: %v\n%s", strings.Join(args, " "), err, &e)
	}
	return e.String(), o1.String()
}

// plainly writes a table as most do.
func plainly(of table) func(testing.TB) []string {
	return func(tb testing.TB) []string { return of.csv(tb, "data.csv") }
}

func oddNumbers() []odd {
	s := sales(oddRows)
	all := func(write func(int, string) string) table {
		return s.with("amount", write).with("balance", write).with("rate", write)
	}
	return []odd{
		{name: "eu numbers and semicolons", plain: plainly(s), report: []string{"eu numbers"}, file: []string{"amount: {type: number, format: eu}"},
			write: func(tb testing.TB) []string { return file(tb, "data.csv", all(continental).text(";", "\n")) }},
		{name: "us thousands and dollars", plain: plainly(s), report: []string{"us numbers", "currencies are passed over"}, file: []string{"amount: {type: number, format: us}"},
			write: plainly(s.with("amount", func(i int, c string) string { return "$ " + american(i, c) }))},
		{name: "units", plain: plainly(s), report: []string{`numbers with the unit kg, as `}, file: []string{"amount: {type: number, unit: kg}", `rate: {type: number, unit: "°C"}`},
			write: plainly(s.with("amount", func(_ int, c string) string { return c + " kg" }).with("rate", func(_ int, c string) string { return c + "°C" }))},
		{name: "durations", plain: plainly(s), file: []string{"amount: {type: number, format: duration}"},
			write: plainly(s.with("amount", func(_ int, c string) string {
				whole, fraction, _ := strings.Cut(c, ".")
				n, _ := strconv.Atoi(whole)
				return fmt.Sprintf("%02d:%02d:%02d.%s", n/3600, n/60%60, n%60, fraction)
			}))},
		{name: "several units", plain: plainly(s.without("rate")), report: []string{"rate is ", "numbers in several units (", "to learn from them as numbers, write them in one"},
			write: plainly(s.with("rate", func(i int, c string) string { return c + []string{" kg", " lb"}[i%2] }))},
		{name: "magnitudes", plain: plainly(s), report: []string{"which multiply"}, file: []string{"rate: {type: number, unit: [M, k]}"},
			write: plainly(s.with("rate", func(i int, c string) string { return c + "k" }).with("rate", func(i int, c string) string {
				if v, _ := strconv.ParseFloat(strings.TrimSuffix(c, "k"), 64); v > 60 {
					return strconv.FormatFloat(v/1000, 'f', -1, 64) + "M"
				}
				return c
			}))},
		{name: "numbers as a spreadsheet's texts", plain: plainly(s), file: []string{"amount: {type: number, format: us}"},
			write: plainly(s.with("amount", func(_ int, c string) string { return "'" + c }))},
		{name: "accounting's dash", plain: plainly(s.with("amount", blank(9, ""))), file: []string{`values: ["-"]`},
			write: plainly(s.with("amount", american).with("amount", blank(9, " - ")))},
		{name: "half eu, half us", plain: plainly(s.without("amount")), report: []string{"its numbers are written in two ways", "(events 1 to 1,250)", "write them alike"},
			write: plainly(s.with("amount", func(i int, c string) string {
				if i < oddRows/2 {
					return continental(i, c)
				}
				return american(i, c)
			}))},
		{name: "percent", plain: plainly(s), file: []string{"rate: {type: number, format: us}", "12.5 % counts as 12.5"},
			write: plainly(s.with("rate", func(_ int, c string) string { return c + " %" }))},
		{name: "parentheses", plain: plainly(s), report: []string{"us numbers"}, file: []string{"balance: {type: number, format: us}"},
			write: plainly(s.with("balance", func(i int, c string) string {
				if c, negative := strings.CutPrefix(american(i, c), "-"); negative {
					return "(" + c + ")"
				}
				return american(i, c)
			}))},
		{name: `markers \N and -`, plain: plainly(s.with("amount", blank(9, "")).with("rate", blank(7, ""))),
			report: []string{`\N`}, file: []string{`values: ["-"]`},
			write: plainly(s.with("amount", blank(9, `\N`)).with("rate", blank(7, "-")))},
	}
}

func oddTimes() []odd {
	n := nights(oddRows)
	as := func(layout string) func(testing.TB) []string { return plainly(n.with("created", clock(layout))) }
	return []odd{
		{name: "with a zone and without", plain: plainly(n), report: []string{"1,250 of 2,500 times with a clock say no zone and count as UTC"},
			write: plainly(n.with("created", func(i int, c string) string { return strings.TrimSuffix(c, map[bool]string{true: "Z"}[i%2 == 0]) }))},
		{name: "SQL date-times", plain: plainly(n), write: as("2006-01-02 15:04:05"), report: []string{"time created", "its parts go round in UTC"}, file: []string{"parts: [hour"}},
		{name: "German months", plain: plainly(n), report: []string{"time created"}, file: []string{"parts: [hour"},
			write: plainly(n.with("created", func(i int, c string) string {
				c = clock("2. January 2006 15:04")(i, c)
				return strings.NewReplacer("January", "Januar", "February", "Februar", "March", "März", "May", "Mai", "June", "Juni", "July", "Juli", "October", "Oktober", "December", "Dezember").Replace(c)
			}))},
		{name: "dd.mm.yyyy", plain: plainly(n), write: as("02.01.2006 15:04"), report: []string{"time created"}, file: []string{"format: dmy"}},
		{name: "mm/dd/yyyy", plain: plainly(n), write: as("01/02/2006 15:04:05"), report: []string{"time created"}, file: []string{"format: mdy"}},
		{name: "Unix seconds", plain: plainly(n), write: as("unix"), report: []string{"time created"}, file: []string{"parts: [hour"}},
		{name: "dates that may be both", plain: plainly(earlyDays(oddRows)), report: []string{"time created"}, file: []string{"format: mdy", "weekday"},
			write: plainly(earlyDays(oddRows).with("created", func(_ int, c string) string { return c[5:7] + "/" + c[8:10] + "/" + c[:4] }))},
		{name: "dates that may be both, the other way", plain: plainly(earlyDays(oddRows)), report: []string{"time created"}, file: []string{"format: dmy", "weekday"},
			write: plainly(earlyDays(oddRows).with("created", func(_ int, c string) string { return c[8:10] + "/" + c[5:7] + "/" + c[:4] }))},
	}
}

func oddValues() []odd {
	s, places := sales(oddRows), []string{"01067", "04103", "10115", "20095", "99084"}
	shop := func(cell string) int { n, _ := strconv.Atoi(cell); return n - 1 }
	return []odd{
		{name: "pandas' floats for categories", plain: plainly(s.renamed("shop", "shop_code").with("shop_code", blank(11, ""))), file: []string{"shop_code: {type: category"},
			write: plainly(s.renamed("shop", "shop_code").with("shop_code", func(i int, c string) string { return blank(11, "")(i, c+".0") }))},
		{name: "zip codes", plain: plainly(s.with("shop", func(_ int, c string) string { return "k" + c })), file: []string{"zip: category"},
			write: plainly(s.renamed("shop", "zip").with("zip", func(_ int, c string) string { return places[shop(c)] }))},
		{name: "account numbers", plain: plainly(s), report: []string{"account_no: "}, never: "account_no: number",
			write: plainly(s.and(1, "account_no", func(i int) string { return fmt.Sprint(4000000000 + int64(i)*7919%100003) }))},
		{name: "sequence numbers", plain: plainly(s), report: []string{"left out:\n  nr: counts the rows"},
			write: plainly(s.and(0, "nr", func(i int) string { return fmt.Sprint(i + 1) }))},
		{name: "a field that begins late", report: []string{"values from event 1251 on only"}, file: []string{"rate: {type: number, missing: indicator}"},
			write: plainly(s.with("rate", func(i int, c string) string { return map[bool]string{true: c}[i >= oddRows/2] })),
			plain: plainly(s.with("rate", func(i int, c string) string { return map[bool]string{true: c}[i >= oddRows/2] }))},
	}
}

func oddLabels() []odd {
	s := sales(oddRows)
	return []odd{
		{name: "a label of yes and no", plain: plainly(s), report: []string{"yes 47.7 % (positive)"}, file: []string{`positive: "yes"`},
			write: plainly(s)},
		{name: "a label in several spellings", plain: plainly(s), report: []string{"are read as one, yes"}, file: []string{"ignore_case: true"},
			write: plainly(s.with("paid", func(i int, c string) string {
				return []string{c, c, " " + c, strings.ToUpper(c), c + " "}[i%5]
			}))},
		{name: "a label that is not the last", plain: plainly(s), report: []string{"label churned (class)", "because of its name"}, file: []string{"path: churned", "Ja"},
			write: plainly(s.renamed("paid", "x").and(1, "churned", func(i int) string { return map[string]string{"yes": "Ja", "no": "Nein"}[s.rows[i][5]] }).without("x"))},
	}
}

func oddShapes() []odd {
	s := sales(oddRows)
	text := func(name, text string, flags ...string) func(testing.TB) []string {
		return func(tb testing.TB) []string { return append(file(tb, name, text), flags...) }
	}
	accents := s.with("shop", func(_ int, c string) string { return "Köln " + c })
	numbered := s.and(0, "", strconv.Itoa)
	lines := strings.SplitAfter(s.text(",", "\n"), "\n")
	lines[100], lines[200] = "one,two\n", strings.TrimSuffix(lines[200], "\n")+",1,2,3\n"
	return []odd{
		{name: "semicolons", plain: plainly(s), write: text("data.csv", s.text(";", "\n"))},
		{name: "tabs", plain: plainly(s), write: text("data.txt", s.text("\t", "\n"))},
		{name: "pipes", plain: plainly(s), write: text("data.txt", s.text("|", "\n"))},
		{name: "latin1", plain: plainly(accents), write: text("data.csv", narrow(accents.text(",", "\n")), "--encoding", "latin1")},
		{name: "UTF-16", plain: plainly(accents), write: text("data.csv", wide(accents.text("\t", "\r\n")))},
		{name: "no header", plain: plainly(s), report: []string{"label c6 (class)", "no header"}, file: []string{"c2: number"}, write: text("data.csv", s.body(",", "\n"))},
		{name: "pandas' index", plain: plainly(s), never: "unnamed", write: text("data.csv", numbered.text(",", "\n"))},
		{name: "comments", plain: plainly(s), report: []string{"2 comment lines skipped"}, write: text("data.csv", "# of the till\n# in SEK\n"+s.text(",", "\n"))},
		{name: "CR", plain: plainly(s), write: text("data.csv", s.text(",", "\r"))},
		{name: "joined with their headers", plain: plainly(s), report: []string{"data.csv: 1 row skipped, the header again"}, never: "class paid is rare",
			write: text("data.csv", strings.Join(slices.Insert(strings.SplitAfter(s.text(",", "\n"), "\n"), 1000, strings.Join(s.names, ",")+"\n"), ""))},
		{name: "sep= and a trailing delimiter", plain: plainly(s), write: text("data.csv", "sep=;\n"+strings.ReplaceAll(s.text(";", "\n"), "\n", ";\n"))},
		{name: "ragged rows", plain: plainly(s), report: []string{"2 events skipped", "data.csv:101"}, rejected: 2, write: text("data.csv", strings.Join(lines, ""))},
	}
}

func oddContainers() []odd {
	s := sales(oddRows)
	plain := s.text(",", "\n")
	return []odd{
		{name: "LIBSVM with queries", plain: plainly(s), report: []string{"label y (class)"}, never: "qid: number",
			write: func(tb testing.TB) []string { return file(tb, "data.svm", s.ranked()) }},
		{name: "a JSON array", plain: plainly(s), write: func(tb testing.TB) []string { return file(tb, "data.json", s.array()) }},
		{name: "an object around a JSON array", plain: plainly(s), report: []string{`the rows are those of "data"`},
			write: func(tb testing.TB) []string {
				return file(tb, "data.json", `{"n": 2500, "data": `+s.array()+`, "next": null}`)
			}},
		{name: "gzip", plain: plainly(s), write: func(tb testing.TB) []string { return file(tb, "data.csv.gz", gzipped(tb, plain)) }},
		{name: "zstd", plain: plainly(s), write: func(tb testing.TB) []string { return file(tb, "data.csv.zst", zstandard(tb, plain)) }},
		{name: "Parquet", plain: plainly(s), write: func(tb testing.TB) []string { return file(tb, "data.parquet", s.parquet(tb)) }},
		{name: "standard input", plain: plainly(s), stdin: true, report: []string{"stdin: 2,500 events"}, write: plainly(s)},
		{name: "several files", plain: plainly(s), report: []string{"2,500 events"}, write: func(tb testing.TB) []string {
			dir := tb.TempDir()
			for i, part := range []table{{s.names, s.rows[:1000]}, {s.names, s.rows[1000:]}} {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("2024-%02d.csv", i+1)), []byte(part.text(",", "\n")), 0o600); err != nil {
					tb.Fatal(err)
				}
			}
			return []string{filepath.Join(dir, "2024-*.csv")}
		}},
	}
}
