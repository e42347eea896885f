package files

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"millrace"
)

// times reads the time of every record, in batches of two rows.
func times(t *testing.T, text string, o Options) []int64 {
	t.Helper()
	o.BatchRecords = 2
	s, err := Open(put(t, "data.jsonl", text), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []int64
	for {
		b, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			got = append(got, b.Records[i].Time)
		}
		b.Release()
	}
}

func TestRowsHaveTheirTime(t *testing.T) {
	own := func(row []byte) (int64, bool) { // rows such as {"t":12}
		ms, err := strconv.ParseInt(strings.Trim(string(row), `{}"t:`), 10, 64)
		return ms, err == nil
	}
	for _, c := range []struct {
		name, text string
		time       func([]byte) (int64, bool)
		want       []int64
	}{
		{"row numbers", "{}\n{}\n\n{\"t\":9}\n", nil, []int64{0, 1, 2}},
		{"times, back as well", "{\"t\":700}\n{\"t\":900}\n{\"t\":800}\n", own, []int64{700, 900, 800}},
		{"none, and a row that cannot be read", "{\"t\":700}\n{}\n\xff{\"t\":1}\n{\"t\":900}\n", own, []int64{700, 700, 700, 900}},
		{"none at first", "{}\n{}\n{\"t\":700}\n{}\n", own, []int64{0, 1, 700, 700}},
		{"none at all", "{}\n{}\n{}\n", own, []int64{0, 1, 2}},
		{"at zero", "{}\n{\"t\":0}\n{}\n", own, []int64{0, 0, 0}},
	} {
		if got := times(t, c.text, Options{Time: c.time}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestDisorder: rows with an earlier time than one above them are counted, and rows without a time are none of them.
func TestDisorder(t *testing.T) {
	own := func(row []byte) (int64, bool) {
		ms, err := strconv.ParseInt(strings.Trim(string(row), `{}"t:`), 10, 64)
		return ms, err == nil
	}
	for text, want := range map[string]string{
		"{\"t\":7}\n{}\n{\"t\":7}\n{\"t\":9}\n":                                      "",
		"{}\n{\"t\":-5000}\n{\"t\":-4000}\n":                                         "",
		"{\"t\":9000}\n{\"t\":8000}\n{}\n{\"t\":8500}\n{\"t\":9000}\n{\"t\":2000}\n": "3 of 6 rows have an earlier time than a row above them, the first is row 2, by 7s at most",
		"{\"t\":9223372036854775807}\n{\"t\":-5}\n":                                  "1 of 2 rows have an earlier time than a row above them, the first is row 2, by ",
	} {
		s, err := Open(put(t, "data.jsonl", text), Options{Time: own, BatchRecords: 2})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			var b *millrace.Batch
			if b, err = s.Next(t.Context()); err == nil {
				b.Release()
			}
		}
		if got := s.Disorder(); want == "" && got != "" || !strings.Contains(got, want) || want != "" && !strings.HasPrefix(got, "data.jsonl: ") {
			t.Errorf("%q: it says %q, want %q", text, got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []int64
	}{
		{"a.csv", "a,b\n1,2\n\n3,4\n\"5\n6\",7\n8,9\n", []int64{2, 4, 6, 7}},
		{"a.jsonl", "{}\n\n{}\r\n{}", []int64{1, 3, 4}},
		{"a.json", "[{},\n {\n},{}\n]", []int64{1, 3, 3}},
		{"a.svm", "# two\n1 1:2\n\n0 3:4\n", []int64{2, 4}},
		{"a.csv.gz", "a\n1\n2\n", []int64{2, 3}},
	} {
		path := put(t, c.name, c.text)
		for row, want := range c.want {
			if name, got, err := Line(path, Options{}, int64(row)); err != nil || got != want || name != c.name {
				t.Errorf("%s: row %d ends in line %d, %v, want %d", c.name, row, got, err, want)
			}
		}
		if _, _, err := Line(path, Options{}, int64(len(c.want))); err == nil {
			t.Errorf("%s: a row behind the last has a line", c.name)
		}
	}
}
