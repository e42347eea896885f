package files

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// Each row that cannot be read says what it is, where it stands and what to do, and its neighbours are read.
func TestFaultyText(t *testing.T) {
	const (
		iconv = ": where all of the file is windows-1252 (latin1), say --encoding windows-1252>"
		nul   = "a NUL byte: this is no text in UTF-8, but perhaps in UTF-16: say --encoding utf-16le>"
		joint = "a byte order mark inside the file, where files were joined perhaps: remove it, and a header after it>"
	)
	cases := []struct {
		name, file, text string
		want             []string
	}{
		{"not UTF-8", "f.csv", "a,b\n1,é\n2,caf\xe9\n\"\n\xff\",3\n4,5\n", []string{`{"a":1,"b":"é"}`,
			"2,caf\xe9 <f.csv:3:6: the byte 0xe9 is not UTF-8" + iconv,
			"\"\n\xff\",3 <f.csv:5:1: the byte 0xff is not UTF-8" + iconv, `{"a":4,"b":5}`}},
		{"not UTF-8 in JSON lines", "f.jsonl", "{\"a\":\"\xe9\"}\n{\"a\":\"é\"}\n",
			[]string{"# {\"a\":\"\xe9\"} <f.jsonl:1:7: the byte 0xe9 is not UTF-8" + iconv, `{"a":"é"}`}},
		{"not UTF-8 in JSON", "f.json", "[{\"a\":1},\n{\"b\":2,\n\"a\":\"\xe9\"\n}, 7]",
			[]string{`{"a":1}`, "# {\"b\":2,\n\"a\":\"\xe9\"\n} <f.json:3:6: the byte 0xe9 is not UTF-8" + iconv, `7`}},
		{"NUL", "f.csv", "a,b\n1,x\x00\n2,y\n", []string{"1,x\x00 <f.csv:2:4: " + nul, `{"a":2,"b":"y"}`}},
		{"joined files", "f.csv", "a,b\n1,2\n" + mark + "a,b\n3,4\n", []string{`{"a":1,"b":2}`, mark + "a,b <f.csv:3:1: " + joint, `{"a":3,"b":4}`}},
		{"joined JSON lines", "f.jsonl", "{\"a\":1}\n" + mark + "{\"a\":2}\n", []string{`{"a":1}`, mark + `{"a":2}` + " <f.jsonl:2:1: " + joint}},
		{"remark", "f.csv", "a,b\n# 2 rows\n1,2\n#,3\n",
			[]string{"# 2 rows <f.csv:2: 1 cell where the header names 2: if lines that start with # are comments, say --comment '#'>", `{"a":1,"b":2}`, `{"a":"#","b":3}`}},
		{"remark as header", "f.csv", "#made by x,today\na,b,c\n", nil},
		{"a column named #", "f.csv", "#,a\n1,2\n", []string{`{"#":1,"a":2}`}},
		{"carriage returns", "f.csv", "a,b\n1,2\r3,4\r\n5,6\n", []string{"1,2\r3,4 <f.csv:2: 3 cells where the header names 2: " + macText + ">", `{"a":5,"b":6}`}},
		{"line feeds in quotes", "f.csv", "a,b\n\"x\r\ny\",2,3\n", []string{"\"x\r\ny\",2,3 <f.csv:3: 3 cells where the header names 2: " +
			"a cell that holds the delimiter stands in quotes>"}},
		{"carriage returns in JSON lines", "f.jsonl", "{\"a\":1}\r {\"a\":2}\r\n{\"a\":\r3}\n",
			[]string{"# {\"a\":1}\r {\"a\":2} <f.jsonl:1: " + macText + ">", "{\"a\":\r3}"}},
		{"carriage returns in LIBSVM", "f.svm", "1 1:1\r0 1:2\r\n1 1:3\n",
			[]string{"1 1:1\r0 1:2 <f.svm:1:7: \"0\" where index:value belongs; " + macText + ">", `{"y":1,"1":3}`}},
		{"query", "f.svm", "1 qid:3 1:1\n0 1:1\n", []string{`{"y":1,"qid":"3","1":1}`, `{"y":0,"1":1}`}},
		{"no label", "f.svm", "1:1 2:3\n1\n", []string{`1:1 2:3 <f.svm:1:1: the line starts with "1:1": the label before it is missing>`, `{"y":1}`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, records := range []int{0, 1} {
				if got := all(t, put(t, c.file, c.text), Options{BatchRecords: records}); !slices.Equal(got, c.want) {
					t.Errorf("batches of %d: got\n%q\nwant\n%q", records, got, c.want)
				}
			}
		})
	}
}

// A row without any feature is a fault; one without a label is for others to judge.
func TestRowsWithoutFeatures(t *testing.T) {
	o := Options{
		Features: func(column string) bool { return column == "a" || column == "b" },
		Missing:  func(column string) bool { return column != "c" },
	}
	got := all(t, put(t, "f.csv", "a,b,y,c\n1,,0,\nNaN,NA,1,x\n,,,\n,2,,\n"), o)
	want := []string{`{"a":1,"y":0}`,
		"NaN,NA,1,x <f.csv:3: the cells of all features are empty or missing: the row says nothing; fill them in, or remove it>",
		",,, <f.csv:4: all cells are empty or missing: remove the row>", `{"b":2}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Features that the file does not have at all are no fault of its rows.
	if got := all(t, put(t, "f.csv", "y,c\n1,\n"), o); !slices.Equal(got, []string{`{"y":1}`}) {
		t.Errorf("got %q", got)
	}
}

func TestUnreadableFile(t *testing.T) {
	path := put(t, "f.csv", "a\n1\n")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{})
	if err == nil { // whoever may read everything
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		t.Skip("permissions do not bind this user")
	}
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestPlain(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 16, 23} {
		row := []byte(strings.Repeat("~\x01z", 10)[:n])
		if !plain(row) {
			t.Errorf("%q is plain", row)
		}
		for i := range row {
			for _, c := range []byte{0, 0x80, 0xff} {
				was := row[i]
				if row[i] = c; plain(row) {
					t.Errorf("%q is not plain", row)
				}
				row[i] = was
			}
		}
	}
}
