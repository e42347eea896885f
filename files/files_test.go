package files

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"millrace"
)

// put writes a file and returns its path.
func put(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	data := []byte(text)
	if strings.HasSuffix(name, ".gz") {
		var b strings.Builder
		w := gzip.NewWriter(&b)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		data = []byte(b.String())
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// all reads every value of a source; a fault is put behind its value.
func all(t testing.TB, path string, o Options) []string {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	for {
		b, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.From != int64(len(got)) || b.To != b.From+int64(len(b.Records)) {
			t.Fatalf("a batch of offsets [%d, %d) with %d records after %d rows", b.From, b.To, len(b.Records), len(got))
		}
		for i := range b.Records {
			r := &b.Records[i]
			if r.Offset != int64(len(got)) || r.Topic != filepath.Base(path) {
				t.Fatalf("row %d is %s at offset %d", len(got), r.Topic, r.Offset)
			}
			text := string(r.Value)
			if r.Fault != nil {
				text += " <" + r.Fault.Detail + ">"
			}
			got = append(got, text)
		}
		b.Release()
	}
}

func TestFormats(t *testing.T) {
	cases := []struct {
		name, file, text string
		want             []string
	}{
		{"cells", "f.csv", "a,b,c,d\n1,-2.5e3,true,x\n,,,\n01,.5,1.,+1\nNaN,inf,0x1F,1e5\n 3 ,False, x ,\n",
			[]string{
				`{"a":1,"b":-2.5e3,"c":true,"d":"x"}`, `,,, <f.csv:3: all cells are empty or missing: remove the row>`, `{"a":"01","b":".5","c":"1.","d":"+1"}`,
				`{"a":"NaN","b":"inf","c":"0x1F","d":1e5}`, `{"a":3,"b":false,"c":" x "}`,
			}},
		{"quotes", "f.csv", "\"a\",\"b\"\"c\"\r\n\"x, \"\"y\"\"\",\"line\r\nfeed\"\r\n\"1\",\"\"\n",
			[]string{`{"a":"x, \"y\"","b\"c":"line\nfeed"}`, `{"a":1}`}},
		{"faults", "f.csv", "a,b\n1\n1,2,3\nx\"y,2\n\"z\"z,2\n{},{},{}\n3,4\n\"5,6\n7,8\n",
			[]string{
				`1 <f.csv:2: 1 cell where the header names 2>`,
				`1,2,3 <f.csv:3: 3 cells where the header names 2: a cell that holds the delimiter stands in quotes>`,
				`x"y,2 <f.csv:4:2: a quote inside a cell that does not start with one>`,
				`"z"z,2 <f.csv:5:1: a quoted cell with text after its closing quote; quotes inside it are doubled>`,
				`# {},{},{} <f.csv:6: 3 cells where the header names 2: a cell that holds the delimiter stands in quotes>`,
				`{"a":3,"b":4}`,
				`"5,6 <f.csv:8:1: a quoted cell that is not closed>`,
				`{"a":7,"b":8}`,
			}},
		{"stray quote spares what follows", "f.csv", "a,b\n\"x,1\n\"y\",2\n3,4\n",
			[]string{`"x,1 <f.csv:2:1: a quoted cell with text after its closing quote; quotes inside it are doubled>`,
				`{"a":"y","b":2}`, `{"a":3,"b":4}`}},
		{"lines after a multi-line row", "f.csv", "a,b\n\"x\n\ny\",1\n1\n",
			[]string{`{"a":"x\n\ny","b":1}`, `1 <f.csv:5: 1 cell where the header names 2>`}},
		{"dots stay", "f.csv", "a.x,b,a.\n1,,3\n", []string{`{"a.x":1,"a.":3}`}},
		{"mark, blank lines, no last ending", "f.csv", "\xef\xbb\xbfa, b\n\n1,2\n\n3,4", []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}},
		{"semicolons", "f.csv", "a;b\n1;x,y\n", []string{`{"a":1,"b":"x,y"}`}},
		{"controls", "f.csv", "a\nb\x01c\t\n", []string{`{"a":"b\u0001c\t"}`}},
		{"tsv", "f.tsv", "a\tb\n1\tx,y\n\"p\tq\"\t2\n", []string{`{"a":1,"b":"x,y"}`, `{"a":"p\tq","b":2}`}},
		{"gzip", "f.csv.gz", "a\n1\n", []string{`{"a":1}`}},
		{"json lines", "f.jsonl", "{\"a\":1}\r\n\n not json\n{\"b\":2}", []string{`{"a":1}`, `not json`, `{"b":2}`}},
		{"ndjson", "f.ndjson.gz", "{\"a\":1}\n", []string{`{"a":1}`}},
		{"json array", "f.json", "[{\"a\":\"]}\\\"\"},\n {\"b\":[1,\n{}]}, 7, \"x\",null]\n",
			[]string{`{"a":"]}\""}`, "{\"b\":[1,\n{}]}", `7`, `"x"`, `null`}},
		{"json objects", "f.json", "{\"a\":1}{\"b\":2}\n{\n}\n3", []string{`{"a":1}`, `{"b":2}`, "{\n}", `3`}},
		{"json cut off", "f.json", "{\"a\":1}\n{\"b\":", []string{`{"a":1}`, `# {"b": <f.json:2: a JSON value that the file's end cuts off>`}},
		{"libsvm", "f.svm", "# remark\n+1 1:1 22:.5 123:-2e3 # end\n-1\n0 0:1.\n",
			[]string{`{"y":1,"1":1,"22":0.5,"123":-2e3}`, `{"y":-1}`, `{"y":0,"0":1}`}},
		{"libsvm faults", "f.libsvm", "1 a:1\n1 2:1 2:1\n1  2:x\nnan 1:1\n1 qid\n1 1:inf\n1 1:1e999\n1 1:+-1\n",
			[]string{
				`1 a:1 <f.libsvm:1:3: the index "a" is no whole number>`,
				`1 2:1 2:1 <f.libsvm:2:7: the index 2 after 2: indices rise along a line; sort its entries>`,
				`1  2:x <f.libsvm:3:6: the value "x" is no finite number>`,
				`nan 1:1 <f.libsvm:4:1: the label "nan" is no finite number>`,
				`1 qid <f.libsvm:5:3: "qid" where index:value belongs>`,
				`1 1:inf <f.libsvm:6:5: the value "inf" is no finite number>`,
				`{"y":1,"1":1e999}`, // as JSON has it; the decoder refuses it as not_finite
				`1 1:+-1 <f.libsvm:8:5: the value "+-1" is no finite number>`,
			}},
		{"empty", "f.jsonl", "", nil},
		{"header only", "f.csv", "a,b\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, records := range []int{0, 1, 2} {
				if got := all(t, put(t, c.file, c.text), Options{BatchRecords: records}); !slices.Equal(got, c.want) {
					t.Errorf("batches of %d: got\n%s\nwant\n%s", records, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
				}
			}
		})
	}
}

func TestBagsOfLIBSVM(t *testing.T) {
	path := put(t, "f.svm", "# remark\n+1 1:1 22:.5 0123:-2e3 # 9:9\n-1\n0 0:1.\n1 7:\n1 7: 2\n1 5:1 a:2\n")
	got := all(t, path, Options{Bag: `w"`})
	want := []string{
		`{"y":1,"w\"":{"1":1,"22":0.5,"123":-2e3}}`, `{"y":-1,"w\"":{}}`, `{"y":0,"w\"":{"0":1}}`,
		`1 7: <f.svm:5:5: the value "" is no finite number>`, `1 7: 2 <f.svm:6:5: the value "" is no finite number>`,
		`1 5:1 a:2 <f.svm:7:7: the index "a" is no whole number>`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := Open(path, Options{Bag: "y"}); err == nil || !strings.Contains(err.Error(), "label") {
		t.Errorf("a bag named as the label: %v", err)
	}
}

func TestIndices(t *testing.T) {
	for text, want := range map[string]int{
		"1 1:1 40000:2\n0 3:1\n": 40001, "1 0:1": 1, "1\n-1\n": 0, "": 0, "1 5:1\t7:2 # 90:1\n1 99999999999999999999:1\n1 a:1\n": 8,
	} {
		if got, err := Indices(put(t, "f.svm", text), Options{}); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	if got, err := Indices(put(t, "f.csv", "a\n1:2\n"), Options{}); err != nil || got != 0 {
		t.Errorf("CSV: %d, %v", got, err)
	}
	if _, err := Indices("nowhere.svm", Options{}); err == nil {
		t.Error("no error without a file")
	}
}

func TestMissingColumns(t *testing.T) {
	o := Options{Missing: func(column string) bool { return column == "n" }}
	path := put(t, "gaps.csv", "n,w\nNA,NA\n ? ,?\nNaN,\n1,null\n\"N/A\",n/a\nNAN,x\n")
	want := []string{`{"w":"NA"}`, `{"w":"?"}`, `NaN, <gaps.csv:4: all cells are empty or missing: remove the row>`, `{"n":1,"w":"null"}`, `{"w":"n/a"}`, `{"n":"NAN","w":"x"}`}
	if got := all(t, path, o); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStringsColumns(t *testing.T) {
	o := Options{Strings: func(column string) bool { return column == "code" }}
	got := all(t, put(t, "f.csv", "code,n\n1.0,1.0\ntrue,true\n"), o)
	want := []string{`{"code":"1.0","n":1.0}`, `{"code":"true","n":true}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"f.csv", "", "no header"},
		{"f.csv", "\"a\n", "f.csv:1:1: a quoted cell that is not closed"},
		{"f.csv", "a,\xe9\n1,2\n", "f.csv:1:3: the byte 0xe9 is not UTF-8: where all of the file is windows-1252 (latin1), say --encoding windows-1252"},
		{"f.csv", "a\x00,\x00b\x00\n", "perhaps UTF-16: say --encoding utf-16le"},
		{"f.csv", "\x1f\x8b\x08\x00", "it begins as gzip files do, but is none"},
		{"f.jsonl", "PK\x03\x04", "a ZIP archive or a spreadsheet"},
		{"f.csv", "PAR1", "the file is damaged"},
		{"f.csv", "\x28\xb5\x2f\xfd", "reading f.csv: unexpected EOF"},
		{"f.txt", "a\n", "neither its name nor its beginning tells its format"},
		{"f.txt.gz", "a\n", "neither its name nor its beginning tells its format"},
	}
	for _, c := range cases {
		_, err := Open(put(t, c.name, c.text), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %q: got %v, want %q", c.name, c.text, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.csv"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
	if _, err := Open(t.TempDir(), Options{Input: Input{Shape: Shape{Format: "csv"}}}); err == nil || !strings.Contains(err.Error(), "is a directory: name a file in it") {
		t.Errorf("a folder gives %v", err)
	}
	if _, err := Open(put(t, "f.csv", "a\n"), Options{Input: Input{Shape: Shape{Format: "xml"}}}); err == nil {
		t.Error("an unknown format is taken")
	}
	if got := all(t, put(t, "f.txt", "a\n1\n"), Options{Input: Input{Shape: Shape{Format: "csv"}}}); len(got) != 1 {
		t.Errorf("a named format gives %q", got)
	}
}

// A file cut off within its compression delivers what it holds, then says what is wrong.
func TestTruncatedGzip(t *testing.T) {
	path := put(t, "f.csv.gz", "a\n"+strings.Repeat("1234567\n7654321\n9\n", 5000))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{BatchRecords: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b, err := s.Next(context.Background())
	if err != nil || len(b.Records) == 0 {
		t.Fatalf("the first batch: %v", err)
	}
	for range 2 {
		if _, err = s.Next(context.Background()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("then: %v, want an unexpected end", err)
		}
	}
}

func TestLoop(t *testing.T) {
	s, err := Open(put(t, "f.csv.gz", "a\n1\n2\n3\n"), Options{Loop: true, BatchRecords: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	for range 4 {
		b, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Records {
			got = append(got, fmt.Sprintf("%d=%s", r.Offset, r.Value))
		}
		b.Release()
	}
	want := `0={"a":1} 1={"a":2} 2={"a":3} 3={"a":1} 4={"a":2} 5={"a":3} 6={"a":1} 7={"a":2}`
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// A file without rows ends instead of turning for ever.
	empty, err := Open(put(t, "f.csv", "a\n"), Options{Loop: true})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := empty.Next(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("a looped file without rows: %v", err)
	}
}

// Batches stay whole while others are read, and progress reaches the size.
func TestBatchesAreIndependent(t *testing.T) {
	path := put(t, "f.csv", "a\n"+strings.Repeat("1\n2\n", 100))
	s, err := Open(path, Options{BatchRecords: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var batches []*millrace.Batch
	for {
		b, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	for _, b := range batches {
		for _, r := range b.Records {
			if want := fmt.Sprintf(`{"a":%d}`, 1+r.Offset%2); string(r.Value) != want {
				t.Fatalf("offset %d is %s, want %s", r.Offset, r.Value, want)
			}
		}
		b.Release()
		b.Release()
	}
	if s.Read() != s.Size() || s.Size() == 0 {
		t.Errorf("read %d of %d bytes", s.Read(), s.Size())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
}

func TestRowTooLong(t *testing.T) {
	long := strings.Repeat("x", rowBytesMax+chunkBytes)
	got := all(t, put(t, "f.csv", "a,b\n"+long+"\n1,2\n"), Options{})
	if len(got) != 2 || !strings.HasSuffix(got[0], "<f.csv:2: a row of more than 16 MiB>") || len(got[0]) > 2*faultBytesMax {
		t.Fatalf("got %d rows, the first %.80q", len(got), got[0])
	}
	// An open quote gives up one line, however far away the next quote is.
	row := "3,4" + strings.Repeat("0", 1<<16-4) + "\n"
	rows := rowBytesMax/len(row) + 1
	got = all(t, put(t, "f.csv", "a,b\n\"1,2\n"+strings.Repeat(row, rows)), Options{})
	if want := rows + 1; len(got) != want || !strings.Contains(got[0], "not closed") || !strings.HasPrefix(got[1], `{"a":3,"b":40`) {
		t.Fatalf("got %d rows, want %d; the first %q", len(got), want, got[0])
	}
}

// Rows must not depend on where reads happen to end.
func TestChunksDoNotMatter(t *testing.T) {
	text := "a,b\n\"x\r\n\"\"y\",1\n2,3\n\"q\",\"\"\n"
	read := func(in io.Reader) (rows []string) {
		v := &window{in: in, name: "f"}
		if err := v.begin(&begun{format: formatCSV}, true); err != nil {
			t.Fatal(err)
		}
		table, err := newTable(v, ',', &Options{})
		if err != nil {
			t.Fatal(err)
		}
		for {
			row, fault, err := table.row(nil)
			if errors.Is(err, io.EOF) {
				return rows
			}
			if err != nil || fault != nil {
				t.Fatal(err, fault)
			}
			rows = append(rows, string(row))
		}
	}
	want := read(strings.NewReader(text))
	for _, in := range []io.Reader{
		iotest.OneByteReader(strings.NewReader(text)), iotest.HalfReader(strings.NewReader(text)),
		iotest.DataErrReader(strings.NewReader(text)),
	} {
		if got := read(in); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// flatten turns a JSON object of a row back into cells by column name.
func flatten(t testing.TB, value []byte) map[string]string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(value)))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	cells := make(map[string]string, len(object))
	for k, x := range object {
		cells[k] = fmt.Sprint(x)
	}
	return cells
}

// The standard library reads the same cells out of the same file.
func TestAgreesWithEncodingCSV(t *testing.T) {
	texts := map[string]string{
		"made": "a,b.c,\"d \"\"e\"\"\"\r\n1,\"x\r\ny\",\" z \"\r\n,2,\n\"\"\"\",\",\",é\n\n-0.0,1e-5,true\n",
	}
	for _, name := range []string{"elec", "bikes", "digits", "letter", "sea"} {
		if data, err := os.ReadFile(filepath.Join(dataFolder(), name+".csv")); err == nil {
			lines := strings.SplitAfter(string(data), "\n")
			texts[name] = strings.Join(lines[:min(len(lines), 3000)], "") // all of them take long under -race
		} else {
			t.Logf("%s.csv is not here (set MILLRACE_DATA): compared without it", name)
		}
	}
	for name, text := range texts {
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		got := all(t, put(t, "f.csv", text), Options{})
		if len(got) != len(rows)-1 {
			t.Fatalf("%s: %d rows, want %d", name, len(got), len(rows)-1)
		}
		for i, row := range rows[1:] {
			want := make(map[string]string)
			for k, cell := range row {
				if cell != "" {
					want[rows[0][k]] = cell
				}
			}
			if cells := flatten(t, []byte(got[i])); !maps.Equal(cells, want) {
				t.Fatalf("%s row %d: %v, want %v", name, i, cells, want)
			}
		}
	}
}

func dataFolder() string {
	if folder := os.Getenv("MILLRACE_DATA"); folder != "" {
		return folder
	}
	return filepath.Join("..", "..", "shared", "data")
}
