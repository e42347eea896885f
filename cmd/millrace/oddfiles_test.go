package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// table is a file before somebody writes it in a way of their own.
type table struct {
	names []string
	rows  [][]string
}

// sales are rows whose label needs every column but the time: without one of them a model is worse by far more than
// chance.
func sales(n int) table {
	r := rand.New(rand.NewPCG(3, 4))
	t := table{names: []string{"created", "amount", "balance", "rate", "shop", "paid"}}
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for range n {
		at = at.Add(time.Duration(1+r.IntN(2400)) * time.Second)
		amount, balance, rate, shop := 5000*r.Float64(), 3000*r.Float64()-1500, 100*r.Float64(), r.IntN(5)
		paid := "no"
		if (amount-2500)/1000+balance/500+(rate-50)/20+[]float64{-2, 2, 0, 1, -1}[shop]+0.3*r.NormFloat64() > 0 {
			paid = "yes"
		}
		t.rows = append(t.rows, []string{at.Format(time.RFC3339), number(amount, 2), number(balance, 2), number(rate, 1),
			strconv.Itoa(shop + 1), paid})
	}
	return t
}

// nights are rows that only their time decides.
func nights(n int) table {
	r := rand.New(rand.NewPCG(5, 6))
	t := table{names: []string{"created", "y"}}
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for range n {
		at = at.Add(time.Duration(1+r.IntN(300)) * time.Minute)
		y := "day"
		if at.Hour() < 6 || at.Hour() >= 20 {
			y = "night"
		}
		t.rows = append(t.rows, []string{at.Format(time.RFC3339), y})
	}
	return t
}

// earlyDays are dates alone, of days that are the numbers of months as well; weekends decide.
func earlyDays(n int) table {
	t := table{names: []string{"created", "y"}}
	at := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		if i%2 == 0 {
			for at = at.AddDate(0, 0, 1); at.Day() > 12; at = at.AddDate(0, 0, 1) {
			}
		}
		y := "work"
		if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
			y = "weekend"
		}
		t.rows = append(t.rows, []string{at.Format(time.DateOnly), y})
	}
	return t
}

func number(x float64, digits int) string { return strconv.FormatFloat(x, 'f', digits, 64) }

// with is the table with one column written in another way.
func (t table) with(name string, write func(i int, cell string) string) table {
	at := slices.Index(t.names, name)
	rows := make([][]string, len(t.rows))
	for i, row := range t.rows {
		rows[i] = slices.Clone(row)
		rows[i][at] = write(i, row[at])
	}
	return table{t.names, rows}
}

// and is the table with one more column at a place.
func (t table) and(at int, name string, write func(i int) string) table {
	rows := make([][]string, len(t.rows))
	for i, row := range t.rows {
		rows[i] = slices.Insert(slices.Clone(row), at, write(i))
	}
	return table{slices.Insert(slices.Clone(t.names), at, name), rows}
}

// without is the table with a column less.
func (t table) without(name string) table {
	at := slices.Index(t.names, name)
	rows := make([][]string, len(t.rows))
	for i, row := range t.rows {
		rows[i] = slices.Delete(slices.Clone(row), at, at+1)
	}
	return table{slices.Delete(slices.Clone(t.names), at, at+1), rows}
}

// renamed is the table with another name for a column.
func (t table) renamed(name, to string) table {
	names := slices.Clone(t.names)
	names[slices.Index(names, name)] = to
	return table{names, t.rows}
}

// text is the table as text, with a delimiter and an end of lines.
func (t table) text(delimiter, end string) string {
	return line(t.names, delimiter, end) + t.body(delimiter, end)
}

func (t table) body(delimiter, end string) string {
	var b strings.Builder
	for _, row := range t.rows {
		b.WriteString(line(row, delimiter, end))
	}
	return b.String()
}

func line(cells []string, delimiter, end string) string {
	quoted := slices.Clone(cells)
	for i, c := range quoted {
		if strings.Contains(c, delimiter) {
			quoted[i] = `"` + c + `"`
		}
	}
	return strings.Join(quoted, delimiter) + end
}

// csv writes the table as most do.
func (t table) csv(tb testing.TB, name string) []string { return file(tb, name, t.text(",", "\n")) }

func file(tb testing.TB, name, text string) []string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return []string{path}
}

// american writes a number as in the US, eu as on the continent.
func american(_ int, cell string) string {
	sign, digits := "", strings.TrimPrefix(cell, "-")
	if digits != cell {
		sign = "-"
	}
	whole, rest, _ := strings.Cut(digits, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + "." + rest
}

func continental(i int, cell string) string {
	return strings.NewReplacer(",", ".", ".", ",").Replace(american(i, cell))
}

// clock writes times by a layout of Go's.
func clock(layout string) func(int, string) string {
	return func(_ int, cell string) string {
		at, err := time.Parse(time.RFC3339, cell)
		if err != nil {
			panic(err) // the table above is wrong
		}
		if layout == "unix" {
			return strconv.FormatInt(at.Unix(), 10)
		}
		return at.Format(layout)
	}
}

// blank leaves every so manieth cell out, and writes that as it is told to.
func blank(every int, marker string) func(int, string) string {
	return func(i int, cell string) string {
		if i%every == 0 {
			return marker
		}
		return cell
	}
}

// narrow is text in Latin 1, of characters that are in it.
func narrow(text string) string {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}

// wide is text in UTF-16 with its mark.
func wide(text string) string {
	var b bytes.Buffer
	for _, unit := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		_ = binary.Write(&b, binary.LittleEndian, unit)
	}
	return b.String()
}

func gzipped(tb testing.TB, text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func zstandard(tb testing.TB, text string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// array is the table as one JSON array of objects, over many lines, numbers as numbers.
func (t table) array() string {
	var b strings.Builder
	b.WriteString("[")
	for i, row := range t.rows {
		if i > 0 {
			b.WriteString(",")
		}
		for j, cell := range row {
			if _, err := strconv.ParseFloat(cell, 64); err != nil {
				cell = strconv.Quote(cell)
			}
			fmt.Fprintf(&b, "%s\n  %q: %s", []string{" {", ","}[min(j, 1)], t.names[j], cell)
		}
		b.WriteString("\n }")
	}
	b.WriteString("]\n")
	return b.String()
}

// ranked is the table as LIBSVM with queries: amount, balance, rate and one column a shop.
func (t table) ranked() string {
	var b strings.Builder
	for i, row := range t.rows {
		y := map[string]string{"yes": "1", "no": "-1"}[row[5]]
		shop, _ := strconv.Atoi(row[4])
		fmt.Fprintf(&b, "%s qid:%d 1:%s 2:%s 3:%s %d:1\n", y, i/10, row[1], row[2], row[3], 3+shop)
	}
	return b.String()
}

// sale is a row of sales as Parquet has it.
type sale struct {
	Created time.Time `parquet:"created,timestamp(millisecond)"`
	Amount  float64   `parquet:"amount"`
	Balance float64   `parquet:"balance"`
	Rate    float32   `parquet:"rate"`
	Shop    int32     `parquet:"shop"`
	Paid    string    `parquet:"paid,dict"`
}

func (t table) parquet(tb testing.TB) string {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[sale](&b, parquet.Compression(&parquet.Snappy))
	for _, row := range t.rows {
		at, err := time.Parse(time.RFC3339, row[0])
		if err != nil {
			tb.Fatal(err)
		}
		s := sale{Created: at, Paid: row[5]}
		s.Amount, _ = strconv.ParseFloat(row[1], 64)
		s.Balance, _ = strconv.ParseFloat(row[2], 64)
		rate, _ := strconv.ParseFloat(row[3], 32)
		shop, _ := strconv.Atoi(row[4])
		s.Rate, s.Shop = float32(rate), int32(shop)
		if _, err := w.Write([]sale{s}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
