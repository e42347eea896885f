package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// told reads every value of a source, and its notes.
func told(t testing.TB, path string, o Options) (rows, notes []string) {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		b, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return rows, s.Notes()
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			text := string(b.Records[i].Value)
			if f := b.Records[i].Fault; f != nil {
				text = "<" + f.Detail + ">"
			}
			rows = append(rows, text)
		}
		b.Release()
	}
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

// TestDialects: how tables are written is found out from their first rows, or taken as it is said.
func TestDialects(t *testing.T) {
	const guessed = "f.csv: the first row looks like data, so there is no header and columns are called c1, c2 …: say so with --no-header, or --no-header=false if it is one"
	for _, c := range []struct {
		name, file, text string
		shape            Shape
		rows, notes      []string
	}{
		{"pipes", "f.csv", "a|b\n1|x, y\n2|z\n", Shape{}, []string{`{"a":1,"b":"x, y"}`, `{"a":2,"b":"z"}`}, nil},
		{"tabs in .csv", "f.csv", "a\tb\n1\t2\n", Shape{}, []string{`{"a":1,"b":2}`}, nil},
		{"decimal commas", "f.csv", "when;sum\n01.02.2024;1,5\n02.02.2024;2,5\n", Shape{},
			[]string{`{"when":"01.02.2024","sum":"1,5"}`, `{"when":"02.02.2024","sum":"2,5"}`}, nil},
		{"decimal commas without a header", "f.csv", "1,5;2,5;x\n3,5;4,5;x\n5,5;6,5;y\n", Shape{},
			[]string{`{"c1":"1,5","c2":"2,5","c3":"x"}`, `{"c1":"3,5","c2":"4,5","c3":"x"}`, `{"c1":"5,5","c2":"6,5","c3":"y"}`}, []string{guessed}},
		{"a header with the wrong delimiter in it", "f.csv", "sum, EUR;x\n1;2\n3;4\n", Shape{}, []string{`{"sum, EUR":1,"x":2}`, `{"sum, EUR":3,"x":4}`}, nil},
		{"asked", "f.csv", "a,1^b\n1,2^3\n", Shape{Delimiter: "^"}, []string{`{"a,1":"1,2","b":3}`}, nil},
		{"told by Excel", "f.csv", "sep=;\na;b\n1;2\n", Shape{}, []string{`{"a":1,"b":2}`}, nil},
		{"single quotes", "f.csv", "'a','b'\n'x, y','it''s'\n'z','1'\n", Shape{}, []string{`{"a":"x, y","b":"it's"}`, `{"a":"z","b":1}`}, nil},
		{"apostrophes", "f.csv", "a,b\nit's,1\n'tis,2\n", Shape{}, []string{`{"a":"it's","b":1}`, `{"a":"'tis","b":2}`}, nil},
		{"inches", "f.tsv", "a\tb\n5\" pipe\t1\n6\" pipe\t2\n", Shape{}, []string{`{"a":"5\" pipe","b":1}`, `{"a":"6\" pipe","b":2}`}, nil},
		{"no quotes", "f.csv", "a,b\n\"x,\"y\n", Shape{Quote: "none"}, []string{`{"a":"\"x","b":"\"y"}`}, nil},
		{"no header", "f.csv", "5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n", Shape{},
			[]string{`{"c1":5.1,"c2":3.5,"c3":"setosa"}`, `{"c1":4.9,"c2":3.0,"c3":"setosa"}`, `{"c1":6.3,"c2":3.3,"c3":"virginica"}`}, []string{guessed}},
		{"no header, words alone", "f.csv", "p,x,x\np,x,y\ne,y,x\ne,y,y\np,y,x\n", Shape{},
			[]string{`{"c1":"p","c2":"x","c3":"x"}`, `{"c1":"p","c2":"x","c3":"y"}`, `{"c1":"e","c2":"y","c3":"x"}`,
				`{"c1":"e","c2":"y","c3":"y"}`, `{"c1":"p","c2":"y","c3":"x"}`}, []string{guessed}},
		{"it is a header", "f.csv", "5.5,3.5\n1,2\n3,4\n", Shape{NoHeader: no()}, []string{`{"5.5":1,"3.5":2}`, `{"5.5":3,"3.5":4}`}, nil},
		{"it is none", "f.csv", "a,b\nc,d\n", Shape{NoHeader: yes()}, []string{`{"c1":"a","c2":"b"}`, `{"c1":"c","c2":"d"}`}, nil},
		{"numbered columns", "f.csv", "0,1,2\n5,6,7\n8,9,9\n", Shape{}, []string{`{"0":5,"1":6,"2":7}`, `{"0":8,"1":9,"2":9}`}, nil},
		{"years", "f.csv", "x,2019,2021\nA,6,7\nB,9,9\n", Shape{}, []string{`{"x":"A","2019":6,"2021":7}`, `{"x":"B","2019":9,"2021":9}`}, nil},
		{"a header again below", "f.csv", "a,b\nx,y\na,b\nx,y\n", Shape{}, []string{`{"a":"x","b":"y"}`, `{"a":"x","b":"y"}`},
			[]string{"f.csv: 1 row skipped, the header again"}},
		{"pandas", "f.csv", ",a\n0,x\n1,y\n2,z\n", Shape{}, []string{`{"a":"x"}`, `{"a":"y"}`, `{"a":"z"}`},
			[]string{"f.csv: column 1 counts the rows and has no name: it is left out"}},
		{"R", "f.csv", "\"a\",\"b\"\n\"1\",\"x\",3\n\"2\",\"y\",4\n", Shape{}, []string{`{"a":"x","b":3}`, `{"a":"y","b":4}`},
			[]string{"f.csv: column 1 counts the rows and has no name: it is left out"}},
		{"no index", "f.csv", ",a,\n0.5,x,1\n0.7,y,2\n", Shape{}, []string{`{"c1":0.5,"a":"x","c3":1}`, `{"c1":0.7,"a":"y","c3":2}`},
			[]string{"f.csv: 2 columns without a name: called c1, c3"}},
		{"again and again", "f.csv", "a,a,a_2,a\nw,x,y,z\n", Shape{}, []string{`{"a":"w","a_3":"x","a_2":"y","a_4":"z"}`},
			[]string{"f.csv: 2 columns named as one before: called a_3, a_4"}},
		{"rows end with a delimiter", "f.csv", "a,b\nx,1,\ny,2,\n", Shape{}, []string{`{"a":"x","b":1}`, `{"a":"y","b":2}`}, nil},
		{"comments", "f.csv", "# made by hand\n# in 2024\na,b\n1,2\n# and so on\n3,4\n", Shape{}, []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`},
			[]string{"f.csv: 3 comment lines skipped"}},
		{"comments, asked", "f.csv", "a,b\n%1,2\n3,4\n", Shape{Comment: "%"}, []string{`{"a":3,"b":4}`}, []string{"f.csv: 1 comment line skipped"}},
		{"no comments", "f.csv", "#,b\n#,2\n3,4\n", Shape{Comment: "none"}, []string{`{"#":"#","b":2}`, `{"#":3,"b":4}`}, nil},
		{"a header behind #", "f.tsv", "#  a\tb\n1\t2\n3\t4\n", Shape{}, []string{`{"a":1,"b":2}`, `{"a":3,"b":4}`}, nil},
		{"joined with headers", "f.csv", "a,b\n1,2\na,b\n3,b\n\"a\", b\n", Shape{}, []string{`{"a":1,"b":2}`, `{"a":3,"b":"b"}`},
			[]string{"f.csv: 2 rows skipped, the header again"}},
		{"ragged", "f.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n9,10\n", Shape{}, []string{`{"a":1,"b":2}`, "<f.csv:3: 1 cell where the header names 2>",
			"<f.csv:4: 3 cells where the header names 2: a cell that holds the delimiter stands in quotes>", `{"a":7,"b":8}`, `{"a":9,"b":10}`},
			nil},
		{"old Macs", "f.csv", "a,b\r1,2\r\"x\",3\r", Shape{}, []string{`{"a":1,"b":2}`, `{"a":"x","b":3}`}, nil},
		{"old Macs' JSON", "f.jsonl", "{\"a\":1}\r{\"a\":2}\r", Shape{}, []string{`{"a":1}`, `{"a":2}`}, nil},
		{"old Macs' LIBSVM", "f.svm", "1 1:1\r0 qid:7 1:2\r", Shape{}, []string{`{"y":1,"1":1}`, `{"y":0,"qid":"7","1":2}`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, notes := told(t, put(t, c.file, c.text), Options{Input: Input{Shape: c.shape}})
			if !slices.Equal(rows, c.rows) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(c.rows, "\n"))
			}
			if !slices.Equal(notes, c.notes) {
				t.Errorf("it notes\n%q\nwant\n%q", notes, c.notes)
			}
		})
	}
}

// TestPipelinesKnowTheirColumns: what a pipeline reads by name is a header, and no index is left out of it.
func TestPipelinesKnowTheirColumns(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"2.5": {"1.5,2.5\n1,2\n3,4\n", `{"1.5":1,"2.5":2}`},
		"c2":  {"1.5,2.5\n1,2\n3,4\n", `{"c1":1.5,"c2":2.5}`},
		"c1":  {",a\n0,7\n1,8\n", `{"c1":0,"a":7}`},
		"a":   {"Unnamed: 0,a\n0,7\n1,8\n", `{"Unnamed: 0":0,"a":7}`},
	} {
		rows, _ := told(t, put(t, "f.csv", c.text), Options{Known: func(column string) bool { return column == name }})
		if rows[0] != c.want {
			t.Errorf("a pipeline that reads %s gets %s, want %s", name, rows[0], c.want)
		}
	}
	if rows, _ := told(t, put(t, "f.csv", "Unnamed: 0,a\n0,7\n1,8\n"), Options{}); rows[0] != `{"a":7}` {
		t.Errorf("whoever has no pipeline gets %s", rows[0])
	}
}

// TestEncodings: text becomes UTF-8 where its encoding is said or marked; else the error says which it may be.
func TestEncodings(t *testing.T) {
	const text = "name,n\ncafé,1\nthé,2\n"
	want := []string{`{"name":"café","n":1}`, `{"name":"thé","n":2}`}
	latin, err := charmap.ISO8859_1.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	utf16 := map[bool]string{}
	for _, marked := range []bool{true, false} {
		policy := unicode.IgnoreBOM
		if marked {
			policy = unicode.UseBOM
		}
		if utf16[marked], err = unicode.UTF16(unicode.LittleEndian, policy).NewEncoder().String(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, text, encoding string }{
		{"UTF-8", text, ""}, {"UTF-8 with a mark", mark + text, ""}, {"latin1", latin, "latin1"}, {"windows", latin, "Windows-1252"},
		{"UTF-16 with a mark", utf16[true], ""}, {"UTF-16", utf16[false], "utf-16le"}, {"UTF-16, marked and said", utf16[true], "utf-16"},
	} {
		if rows, _ := told(t, put(t, "f.csv", c.text), Options{Input: Input{Shape: Shape{Encoding: c.encoding}}}); !slices.Equal(rows, want) {
			t.Errorf("%s: %q", c.name, rows)
		}
	}
	cyrillic, err := charmap.Windows1251.NewEncoder().String("имя,n\nчай,1\nкофе,2\n")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		latin: "2 of its first 3 lines are not UTF-8: the file may be windows-1252 (latin1): say --encoding windows-1252", cyrillic: "say --encoding windows-1251",
		utf16[false]: "perhaps UTF-16: say --encoding utf-16le",
	} {
		if _, err := Open(put(t, "f.csv", text), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
	for _, wrong := range []Shape{{Encoding: "klingon"}, {Format: "xml"}, {Delimiter: "ab"}, {Delimiter: "'"}, {Quote: "ab"}, {Quote: ",", Delimiter: ","}, {Comment: "//"}} {
		if err := wrong.Check(); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

// TestFoundFormats: what a name does not tell is found in how the file begins, and so is how it is packed.
func TestFoundFormats(t *testing.T) {
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("a,b\n1,2\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"data", "a,b\n1,2\n", []string{`{"a":1,"b":2}`}},
		{"data.txt", "a\tb\n1\t2\n", []string{`{"a":1,"b":2}`}},
		{"data.log", "{\"a\":1}\n{\"a\":2}\n", []string{`{"a":1}`, `{"a":2}`}},
		{"data.dump", "[{\"a\":1},\n{\"a\":2}]\n", []string{`{"a":1}`, `{"a":2}`}},
		{"data.out", "{\n\"a\":1}\n{\"a\":2}\n", []string{"{\n\"a\":1}", `{"a":2}`}},
		{"data.jsonl", "[{\"a\":1},\n{\"a\":2}]\n", []string{`{"a":1}`, `{"a":2}`}},
		{"a9a", "-1 3:1 11:1\n+1 2:0.5\n", []string{`{"y":-1,"3":1,"11":1}`, `{"y":1,"2":0.5}`}},
		{"f.csv.zst", packed.String(), []string{`{"a":1,"b":2}`}},
		{"f.csv", packed.String(), []string{`{"a":1,"b":2}`}},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if rows, _ := told(t, path, Options{}); !slices.Equal(rows, c.want) {
			t.Errorf("%s with %.20q: %q, want %q", c.name, c.text, rows, c.want)
		}
	}
	path := put(t, "f.csv.gz", "a,b\n1,2\n") // under another name it is gzip all the same
	other := strings.TrimSuffix(path, ".gz")
	if err := os.Rename(path, other); err != nil {
		t.Fatal(err)
	}
	if rows, _ := told(t, other, Options{}); !slices.Equal(rows, []string{`{"a":1,"b":2}`}) {
		t.Errorf("gzip without its name: %q", rows)
	}
}

// A space after each delimiter, as many programs write it, hides no quotes; and digits around an e stay as they are
// written, as ids of hexadecimal digits have them.
func TestSpacesAndExponents(t *testing.T) {
	for text, want := range map[string][]string{
		"\"a\", \"b\"\n\"1,234.5\", \"x, y\"\n\"2\" , \"q\"\"r\" \n": {`{"a":"1,234.5","b":"x, y"}`, `{"a":2,"b":"q\"r"}`},
		"a, b\n1, \"x\ny\"\n2, \"z\" w\n3, v\n": {`{"a":1,"b":"x\ny"}`,
			"2, \"z\" w <f.csv:4:4: a quoted cell with text after its closing quote; quotes inside it are doubled>", `{"a":3,"b":" v"}`},
		"a,b\n90540513e8054233,1e5\n27914409e46,1.5E-3\n1e234567,-2e+05\n": {
			`{"a":"90540513e8054233","b":1e5}`, `{"a":"27914409e46","b":1.5E-3}`, `{"a":"1e234567","b":-2e+05}`},
	} {
		if got := all(t, put(t, "f.csv", text), Options{}); !slices.Equal(got, want) {
			t.Errorf("%q: got\n%q\nwant\n%q", text, got, want)
		}
	}
}
