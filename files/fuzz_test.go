package files

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// drain reads rows to the end and checks what holds for every input: each value is one JSON object
// or a fault whose text is none, and reading ends.
func drain(t *testing.T, r rows, atMost int) (objects []string) {
	t.Helper()
	for n := 0; ; n++ {
		if n > atMost {
			t.Fatalf("more than %d rows", atMost)
		}
		value, fault, err := r.row([]byte("before"))
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		value, ok := bytes.CutPrefix(value, []byte("before"))
		if !ok {
			t.Fatalf("what stood before is gone: %q", value)
		}
		if fault != nil {
			if json.Valid(value) && bytes.HasPrefix(bytes.TrimSpace(value), []byte("{")) {
				t.Fatalf("the faulty row %q could be taken for an event", value)
			}
			continue
		}
		if !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 || bytes.Contains(value, []byte(mark)) {
			t.Fatalf("no text: %q", value)
		}
		if !json.Valid(value) || value[0] != '{' {
			t.Fatalf("no JSON object: %q", value)
		}
		objects = append(objects, string(value))
	}
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a\n\"x\"\"\ny\"\n", "a.b,a.c,d\n1,,\"\"\n", "a;b\n1;2\n", "\"a\n", "a,b\n\"1,2\n3\"x,4\n", "a,b\r1,2\r", "#,b\n,\n1,\u00e9\n", "a\n\ufeff\n\"\r\"\n", "a\n\xff\x00\\\n", "é,ü\r\n\r\n01,-\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := &window{in: strings.NewReader(text), name: "f"}
		header := false
		table, err := newTable(v, ',', &Options{Known: func(string) bool { return true }, Input: Input{
			Shape: Shape{Delimiter: ",", Quote: "double", Comment: none, NoHeader: &header},
		}})
		if err != nil {
			return
		}
		objects := drain(t, table, len(text))
		if table.tail || table.shift || table.columns[0].left || table.top > 0 {
			return // the standard library has no such rows
		}
		// Where the standard library finds no fault, it finds the same cells.
		reader := csv.NewReader(strings.NewReader(text))
		reader.Comma = rune(table.comma)
		rows, err := reader.ReadAll()
		if err != nil || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\ufeff") {
			return
		}
		// A row without any cell is a fault.
		rows = append(rows[:1], slices.DeleteFunc(rows[1:], func(row []string) bool {
			return !slices.ContainsFunc(row, func(cell string) bool { return len(trim([]byte(cell))) > 0 })
		})...)
		if len(rows)-1 != len(objects) {
			t.Fatalf("%d rows, want %d", len(objects), len(rows)-1)
		}
		for i, row := range rows[1:] {
			want := make(map[string]string)
			for k, cell := range row {
				if name := table.names[k]; len(trim([]byte(cell))) > 0 {
					want[name] = normal(cell)
				}
			}
			if got := flatten(t, []byte(objects[i])); !maps.Equal(got, want) {
				t.Fatalf("row %d: %q, want %q", i, got, want)
			}
		}
	})
}

// FuzzDialects: whatever is found out of how a table is written, rows are objects or faults, and in the next round they
// are the same.
func FuzzDialects(f *testing.F) {
	for _, seed := range []string{
		"a;b\n1;2\n", "sep=|\na|b\n1|2\n", "# x\n#a,b\n1,2\n3,4\n", ",a\n0,1\n1,2\n", "'a'\t'b'\n'x'\t'y\tz'\n", "5,6\n7,8\n9,1\n", "a,b\n1,2,\n3,4,\n",
		"a,b\r1,2\r", "\"a\",\"b\"\n\"1\",2,3\n\"2\",3,4\n", "a\tb\n5\"\t1\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		open := func(before *table) (*table, error) {
			v := &window{in: bytes.NewReader(text), name: "f"}
			if err := v.begin(&begun{format: formatCSV}, true); err != nil {
				return nil, err
			}
			if before != nil {
				return reread(v, before)
			}
			return newTable(v, ',', &Options{})
		}
		first, err := open(nil)
		if err != nil {
			return
		}
		objects := drain(t, first, len(text))
		next, err := open(first)
		if err != nil {
			t.Fatal(err)
		}
		if again := drain(t, next, len(text)); !slices.Equal(again, objects) || next.comments != first.comments {
			t.Fatalf("%q, and in the next round %q", objects, again)
		}
	})
}

// normal drops the space around a number or boolean, as appendCell does.
func normal(cell string) string {
	word := string(trim([]byte(cell)))
	switch {
	case number([]byte(word)), word == "true", word == "false":
		return word
	case word == "True", word == "TRUE", word == "False", word == "FALSE":
		return strings.ToLower(word)
	}
	return cell
}

func FuzzLIBSVM(f *testing.F) {
	for _, seed := range []string{"1 1:1 2:.5\n", "+1 1:1. # x\n-1\n", "1 1:x\n1 2:1 1:1\n", "0x1 1:1_0\n", "1 18446744073709551616:1\n", "{} 1:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bags := drain(t, &sparse{v: &window{in: strings.NewReader(text), name: "f"}, bag: []byte(`,"x":{`)}, len(text))
		objects := drain(t, &sparse{v: &window{in: strings.NewReader(text), name: "f"}}, len(text))
		if len(bags) != len(objects) {
			t.Fatalf("%d rows as bags, %d as they are", len(bags), len(objects))
		}
		for i, object := range objects {
			if _, ok := flatten(t, []byte(object))["y"]; !ok {
				t.Fatalf("%s has no label", object)
			}
			// The same entries, of which the first stands behind the object's own comma.
			label, entries, _ := strings.Cut(object[:len(object)-1], ",")
			if want := label + `,"x":{` + entries + "}}"; bags[i] != want {
				t.Fatalf("%s as a bag, want %s", bags[i], want)
			}
		}
	})
}

// FuzzJSON: a well-formed stream of values comes back value by value.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1}{"b":"}"}`, `[{"a":1},2,"x"]`, "{\n\"a\":[]}\n7 null", `{"a`, `]`, `,`, `"\"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := &values{v: &window{in: strings.NewReader(text), name: "f"}}
		var got []string
		for n := 0; ; n++ {
			if n > len(text) {
				t.Fatal("does not end")
			}
			value, fault, err := s.row(nil)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if fault == nil {
				got = append(got, string(value))
			}
		}
		var want []json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || want == nil || !utf8.ValidString(text) || strings.Contains(text, mark) {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d values of %q, want %d", len(got), text, len(want))
		}
		for i := range got {
			if got[i] != string(want[i]) {
				t.Fatalf("value %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// again gives the same bytes over and over, so that a steady state can be measured.
type again struct {
	text string
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	if a.at == len(a.text) {
		a.at = 0
	}
	n := copy(p, a.text[a.at:])
	a.at += n
	return n, nil
}

const elecRow = "0.885,3,0.255319,0.030265,0.285332,0.003467,0.422915,0.414912,1\n"

func BenchmarkCSV(b *testing.B) {
	path := put(b, "f.csv", "date,day,period,nswprice,nswdemand,vicprice,vicdemand,transfer,y\n"+strings.Repeat(elecRow, 10000))
	s, err := Open(path, Options{Loop: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.SetBytes(int64(len(elecRow)))
	b.ReportAllocs()
	b.ResetTimer()
	for rows := 0; rows < b.N; {
		batch, err := s.Next(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		rows += len(batch.Records)
		batch.Release()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkLIBSVM(b *testing.B) {
	const row = "0 1:1 6:1 17:1 21:1 35:1 42:1 54:1 62:1 71:1 73:1 74:1 76:1 80:1 83:1\n"
	benchmarkSparse(b, row, nil)
}

func benchmarkSparse(b *testing.B, row string, bag []byte) {
	s := &sparse{v: &window{in: &again{text: row}, name: "f"}, bag: bag}
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst, _, _ = s.row(dst[:0])
	}
}

// BenchmarkWideLIBSVM reads rows of 150 entries as bags.
func BenchmarkWideLIBSVM(b *testing.B) {
	row := "17"
	for i := range 150 {
		row += fmt.Sprintf(" %d:0.%d", 7+i*260, 1+i*i%9999)
	}
	benchmarkSparse(b, row+"\n", []byte(`,"x":{`))
}

// A batch costs its header; its rows cost nothing once the memory has grown.
func TestRowsDoNotAllocate(t *testing.T) {
	for name, text := range map[string]string{
		"f.csv": "a,b,\"c \"\"\"\n" + strings.Repeat("1.5,x,\"y\"\"z\"\n", 5000),
		"f.svm": strings.Repeat("1 1:1 7:0.25\n", 5000),
	} {
		s, err := Open(put(t, name, text), Options{Loop: true})
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(50, func() {
			b, err := s.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			b.Release()
		})
		// Looping opens anew every fifth batch, which the average holds too.
		if allocs > 20 {
			t.Errorf("%s: %.0f allocations a batch of %d rows", name, allocs, batchRecordsDefault)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
