package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// ordered is one of every kind of column.
type ordered struct {
	ID       int64             `parquet:"id"`
	Small    int32             `parquet:"small"`
	Unsigned uint64            `parquet:"unsigned"`
	Amount   *float64          `parquet:"amount,optional"`
	Ratio    float32           `parquet:"ratio"`
	Price    int64             `parquet:"price,decimal(2:18)"`
	Country  string            `parquet:"country,dict"`
	Paid     bool              `parquet:"paid"`
	At       time.Time         `parquet:"at,timestamp(millisecond)"`
	Day      int32             `parquet:"day,date"`
	Raw      []byte            `parquet:"raw"`
	Key      [16]byte          `parquet:"key,uuid"`
	Tags     []string          `parquet:"tags,list"`
	Bare     []int64           `parquet:"bare"`
	Owner    *owner            `parquet:"owner,optional"`
	Lines    []line            `parquet:"lines,list"`
	Extra    map[string]string `parquet:"extra"`
}

type owner struct {
	Name string `parquet:"name"`
	Age  *int32 `parquet:"age,optional"`
}

type line struct {
	Item string    `parquet:"item"`
	Each []float64 `parquet:"each,list"`
}

// parquetFile writes rows, in groups of so many.
func parquetFile[T any](t testing.TB, rows []T, group int, codec compress.Codec) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(codec), parquet.PageBufferSize(256))
	for part := range slices.Chunk(rows, group) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func orders() []ordered {
	amount, age := 12.5, int32(41)
	at := time.Date(2024, 5, 1, 12, 30, 0, 250e6, time.UTC)
	return []ordered{
		{ID: 1, Small: -7, Unsigned: 1<<64 - 1, Amount: &amount, Ratio: 0.1, Price: -1205, Country: "SE", Paid: true, At: at, Day: 19844, Raw: []byte{0xff, 0},
			Key: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, Tags: []string{"a", "b"}, Bare: []int64{1, 2},
			Owner: &owner{Name: "Åsa", Age: &age}, Lines: []line{{"x", []float64{1, 2}}, {"y", nil}, {"z", []float64{3}}}, Extra: map[string]string{"k": "v"}},
		{ID: 2, Price: 7, Country: "a \"b\"", At: at.Add(time.Hour), Owner: &owner{Name: ""}},
	}
}

// TestParquet: rows come as objects, whatever their columns are and however their pages are packed.
func TestParquet(t *testing.T) {
	want := []string{
		`{"id":1,"small":-7,"unsigned":18446744073709551615,"amount":12.5,"ratio":0.1,"price":-12.05,"country":"SE","paid":true,"at":"2024-05-01T12:30:00.25Z",` +
			`"day":"2024-05-01","raw":"/wA=","key":"01020304-0506-0708-090a-0b0c0d0e0f10","tags":["a","b"],"bare":[1,2],"owner":{"name":"Åsa","age":41},` +
			`"lines":[{"item":"x","each":[1,2]},{"item":"y","each":[]},{"item":"z","each":[3]}],"extra":{"k":"v"}}`,
		`{"id":2,"small":0,"unsigned":0,"ratio":0,"price":0.07,"country":"a \"b\"","paid":false,"at":"2024-05-01T13:30:00.25Z",` +
			`"day":"1970-01-01","raw":"","key":"00000000-0000-0000-0000-000000000000","tags":[],"bare":[],"owner":{"name":""},"lines":[],"extra":{}}`,
	}
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli} {
		for _, group := range []int{1, 100} {
			rows := slices.Repeat(orders(), 70)
			path := filepath.Join(t.TempDir(), "orders")
			if err := os.WriteFile(path, parquetFile(t, rows, group, codec), 0o600); err != nil {
				t.Fatal(err)
			}
			got, _ := told(t, path, Options{})
			if len(got) != len(rows) {
				t.Fatalf("%s: %d rows, want %d", codec, len(got), len(rows))
			}
			for i, row := range got {
				if row != want[i%2] {
					t.Fatalf("%s in groups of %d: row %d is\n%s\nwant\n%s", codec, group, i+1, row, want[i%2])
				}
			}
		}
	}
}

// TestParquetStands: it can be read from standard input once that is kept, in rounds, and where it cannot it says why.
func TestParquetStands(t *testing.T) {
	data := parquetFile(t, orders(), 1, &parquet.Snappy)
	in := NewStdin(bytes.NewReader(data))
	if _, err := in.Spool(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	s, err := Open(StdinPath, Options{Loop: true, BatchRecords: 3, Input: Input{Stdin: in}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 4 {
		b, err := s.Next(t.Context())
		if err != nil || len(b.Records) != 3 {
			t.Fatal(b, err)
		}
		b.Release()
	}
	if _, err := Open(StdinPath, Options{Input: Input{Stdin: NewStdin(bytes.NewReader(data))}}); err == nil || !strings.Contains(err.Error(), "read from its end") {
		t.Errorf("as it comes: %v", err)
	}
	path := filepath.Join(t.TempDir(), "f.parquet")
	if err := os.WriteFile(path, parquetFile(t, orders(), 1, &parquet.Lz4Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "write the file with snappy, zstd, gzip or brotli") {
		t.Errorf("lz4: %v", err)
	}
	for name, damage := range map[string][]byte{"cut off": data[:len(data)-30], "short": data[:9], "no footer": append(slices.Clone(data[:len(data)-8]), "\xff\xff\xff\x7fPAR1"...)} {
		path := filepath.Join(t.TempDir(), "f.parquet")
		if err := os.WriteFile(path, damage, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "f.parquet: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParquetBombs: a page that unpacks to more than it says, or says more than there is memory for, is refused before
// it is read.
func TestParquetBombs(t *testing.T) {
	rows := make([]struct{ A string }, 1)
	rows[0].A = strings.Repeat("x", 1<<20)
	for _, codec := range []compress.Codec{&parquet.Gzip, &parquet.Zstd, &parquet.Snappy, &parquet.Brotli} {
		data := parquetFile(t, rows, 1, codec)
		file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		m := file.Metadata().RowGroups[0].Columns[0].MetaData
		var buf []byte
		page, n, err := pageAt(bytes.NewReader(data[m.DataPageOffset:]), 0, m.TotalCompressedSize, &buf)
		if err != nil || page.unpacked < 1<<20 {
			t.Fatal(page, err)
		}
		packed := io.NewSectionReader(bytes.NewReader(data), m.DataPageOffset+n+page.levels, page.packed-page.levels)
		if err := checkPacked(packed, m.Codec, packed.Size(), page.unpacked-page.levels); err != nil {
			t.Errorf("%s as it is: %v", codec, err)
		}
		packed = io.NewSectionReader(bytes.NewReader(data), m.DataPageOffset+n+page.levels, page.packed-page.levels)
		if err := checkPacked(packed, m.Codec, packed.Size(), 1000); !errors.Is(err, errHostile) {
			t.Errorf("%s of a thousand bytes: %v", codec, err)
		}
	}
	list := thriftWalk{data: []byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07}} // a list of two thousand million structures
	if err := list.structure(0, 0, func(int, int, int64) {}); !errors.Is(err, errHostile) {
		t.Errorf("a list: %v", err)
	}
	deep := thriftWalk{data: bytes.Repeat([]byte{0x1c}, 1000)}
	if err := deep.structure(0, 0, func(int, int, int64) {}); !errors.Is(err, errHostile) {
		t.Errorf("structures in structures: %v", err)
	}
}

// FuzzParquet: whatever a file says, reading it ends, with objects or with an error.
func FuzzParquet(f *testing.F) {
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy} {
		f.Add(parquetFile(f, orders(), 1, codec), 0, byte(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, at int, change byte) {
		if at >= 0 && at < len(data) {
			data = slices.Clone(data)
			data[at] ^= change
		}
		c, err := openParquet("f", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for range 10_000 {
			row, fault, err := c.row(nil)
			if err != nil {
				return
			}
			if fault == nil && !json.Valid(row) {
				t.Fatalf("no JSON: %s", row)
			}
		}
	})
}

func BenchmarkParquet(b *testing.B) {
	type elec struct{ Date, Day, Period, NSWPrice, NSWDemand, VICPrice, VICDemand, Transfer, Y float64 }
	rows := make([]elec, 10000)
	for i := range rows {
		rows[i] = elec{0.885, float64(i % 7), 0.255319, 0.030265, 0.285332, 0.003467, 0.422915, 0.414912, float64(i % 2)}
	}
	data := parquetFile(b, rows, len(rows), &parquet.Snappy)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		c, err := openParquet("f", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			dst, _, err = c.row(dst[:0])
		}
		if !errors.Is(err, io.EOF) || n != len(rows)+1 {
			b.Fatal(fmt.Sprint(n), err)
		}
	}
	b.ReportMetric(float64(len(rows)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
