package hard

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// fewValues are those of what may be a category that is written as a number: another value of it is no wild number.
const fewValues = 40

// table is a CSV file in memory. What is not changed keeps its text.
type table struct {
	stream  *Stream
	cells   [][]string
	numbers []int     // columns of numbers, without the label's
	spread  []float64 // their standard deviations
	label   int
	amounts bool // the label is a number
}

// On are trials on a stream of the folder, in the middle of it: in all of its columns of numbers, and in a quarter.
func On(folder, name string) (Group, error) {
	g := Group{Name: name}
	clean, err := read(filepath.Join(folder, name+".csv"))
	if err != nil {
		return g, err
	}
	t, err := tabulate(clean)
	if err != nil {
		return g, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(t.numbers) == 0 || len(t.cells)/2+1+settled >= len(t.cells) {
		return g, fmt.Errorf("%s has no column of numbers, or fewer than %d rows", name, 2*settled+2)
	}
	for _, k := range t.kinds() {
		g.Trials = append(g.Trials, Trial{Name: k.name, Clean: clean, Spoilt: t.spoil(&k), From: len(t.cells)/2 + 1 + settled, To: len(t.cells)})
	}
	return g, nil
}

func tabulate(s *Stream) (*table, error) {
	cells, err := csv.NewReader(strings.NewReader(strings.Join(s.Lines, "\n"))).ReadAll()
	if err != nil {
		return nil, err
	}
	t := &table{stream: s, cells: cells, label: strings.Count(s.Header, ",")}
	for column := range t.label + 1 {
		values, distinct := make([]float64, 0, len(cells)), map[float64]bool{}
		for _, row := range cells {
			v, err := strconv.ParseFloat(row[column], 64)
			if err != nil {
				break
			}
			values = append(values, v)
			distinct[v] = true
		}
		switch {
		case len(values) < len(cells) || len(distinct) <= fewValues:
		case column == t.label:
			t.amounts = true
		default:
			t.numbers = append(t.numbers, column)
			t.spread = append(t.spread, stat.StdDev(values, nil))
		}
	}
	return t, nil
}

// change is a way to spoil rows of the columns of numbers; where is the row before the middle, at it or after it (-1, 0
// and 1).
type change struct {
	name   string
	number func(v, spread float64, where int, r *rand.Rand) float64
	few    bool // in a quarter of the columns
	label  string
}

func (t *table) kinds() []change {
	later := func(f func(v, spread float64) float64) func(float64, float64, int, *rand.Rand) float64 {
		return func(v, spread float64, where int, _ *rand.Rand) float64 {
			if where < 0 {
				return v
			}
			return f(v, spread)
		}
	}
	wild := func(v, _ float64, where int, _ *rand.Rand) float64 {
		if where == 0 {
			return 1e30
		}
		return v
	}
	kinds := []change{
		{name: "1e30 in every column, one row", number: wild},
		{name: "−999999 in 1 % of rows until the middle, a quarter of the columns", few: true,
			number: func(v, _ float64, where int, r *rand.Rand) float64 {
				if where < 0 && r.Float64() < 0.01 {
					return -999999
				}
				return v
			}},
		{name: "a quarter of the columns times 1,000", few: true, number: later(func(v, _ float64) float64 { return 1000 * v })},
		{name: "a quarter of the columns four deviations up", few: true, number: later(func(v, spread float64) float64 { return v + 4*spread })},
		{name: "every column as °C to °F", number: later(func(v, _ float64) float64 { return 1.8*v + 32 })},
	}
	if t.amounts {
		kinds = append(kinds, change{name: "1e30 in every column and label 2147483647, one row", number: wild, label: "2147483647"})
	}
	return kinds
}

func (t *table) spoil(k *change) *Stream {
	s, r := *t.stream, seeded(5)
	s.Lines = make([]string, len(t.cells))
	columns := t.numbers
	if k.few {
		columns = columns[:(len(columns)+3)/4]
	}
	for i, row := range t.cells {
		row = append([]string(nil), row...)
		where := min(max(i-len(t.cells)/2, -1), 1)
		for j, column := range columns {
			was, _ := strconv.ParseFloat(row[column], 64) // a column of numbers has nothing else
			if v := k.number(was, t.spread[j], where, r); v != was {
				row[column] = number(v)
			}
		}
		if where == 0 && k.label != "" {
			row[t.label] = k.label
		}
		s.Lines[i] = strings.Join(row, ",")
	}
	return &s
}
