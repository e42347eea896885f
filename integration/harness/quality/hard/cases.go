package hard

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Cases are streams that went wrong elsewhere, made anew; those that need a stream of the folder are left out where
// there is none, and said.
func Cases(folder string) (Group, []string, error) {
	g := Group{Name: "cases", Trials: slices.Concat([]Trial{sentinel()}, units(), []Trial{flipped()}, digits())}
	var absent []string
	for _, name := range []string{"sea", "elec"} {
		t, err := wildRow(folder, name)
		if errors.Is(err, fs.ErrNotExist) {
			absent = append(absent, name+".csv")
			continue
		}
		if err != nil {
			return g, nil, err
		}
		g.Trials = append(g.Trials, t)
	}
	return g, absent, nil
}

// sentinel is one label that stands for none.
func sentinel() Trial {
	const rows, at = 24_000, 500
	stream := func(wild bool) *Stream {
		r, made := seeded(7), make([][]float64, rows)
		for i := range made {
			a, b := r.NormFloat64(), r.NormFloat64()
			made[i] = []float64{a, b, 3*a - 2*b + 10 + 0.1*r.NormFloat64()}
		}
		if wild {
			made[at][2] = math.MaxInt32
		}
		return written(made, "a,b")
	}
	return Trial{Name: "label 2147483647 in row 500 of 24,000", Clean: stream(false), Spoilt: stream(true), From: at + 1 + settled, To: rows}
}

// units are those of a sensor, which change after 60,000 events.
func units() []Trial {
	const rows, change = 80_000, 60_000
	stream := func(value func(a float64, later bool) float64) *Stream {
		r, made := seeded(10), make([][]float64, rows)
		for i := range made {
			a, b := r.NormFloat64(), r.NormFloat64()
			made[i] = []float64{value(a, i >= change), b, 3*a - 2*b + 0.1*r.NormFloat64()}
		}
		return written(made, "a,b")
	}
	celsius := func(a float64) float64 { return 12 + 8*a }
	seconds := func(a float64) float64 { return 30 + 5*a }
	trial := func(name string, before, after func(a float64) float64) Trial {
		return Trial{Name: name, From: change + settled, To: rows,
			Clean: stream(func(a float64, _ bool) float64 { return before(a) }),
			Spoilt: stream(func(a float64, later bool) float64 {
				if later {
					return after(a)
				}
				return before(a)
			})}
	}
	return []Trial{
		trial("°C to K after 60,000", celsius, func(a float64) float64 { return celsius(a) + 273.15 }),
		trial("ms to s after 60,000", func(a float64) float64 { return 1000 * seconds(a) }, seconds),
	}
}

// flipped is a sparse stream whose labels all turn round after a long time.
func flipped() Trial {
	const rows, flip, width, entries = 60_000, 40_000, 3000, 10
	stream := func(flips bool) *Stream {
		r := seeded(18) // both classes are about as frequent
		weights := make([]float64, width+1)
		for i := range weights {
			weights[i] = r.NormFloat64()
		}
		s := &Stream{Ending: "svm", Label: labelName, Lines: make([]string, rows)}
		for i := range s.Lines {
			s.Lines[i] = sparseRow(r, weights, entries, flips && i >= flip)
		}
		return s
	}
	return Trial{Name: "all labels flipped after 40,000 sparse rows", Clean: stream(false), Spoilt: stream(true), From: flip, To: rows, Least: 0.8}
}

func sparseRow(r *rand.Rand, weights []float64, entries int, flip bool) string {
	var columns []int
	for range entries {
		// Pareto's distribution, of shape 0.5: few columns are in most rows.
		v := math.Pow(1-r.Float64(), -2)
		columns = append(columns, int(math.Mod(v, float64(len(weights)-1)))+1)
	}
	slices.Sort(columns)
	columns = slices.Compact(columns)
	sum := 0.3 * r.NormFloat64()
	var line strings.Builder
	for _, c := range columns {
		sum += weights[c]
		fmt.Fprintf(&line, " %d:1", c)
	}
	if (sum > 0) != flip {
		return "1" + line.String()
	}
	return "0" + line.String()
}

// digits are streams whose last digits tell, beside the same without those in front of them.
func digits() []Trial {
	const rows = 6000
	stream := func(names string, row func(r *rand.Rand) []float64, classes ...string) *Stream {
		r, made := seeded(5), make([][]float64, rows)
		for i := range made {
			made[i] = row(r)
		}
		return written(made, names, classes...)
	}
	// By a name such as acct they were categories, which no digit is lost of.
	accounts := func(first float64) *Stream {
		return stream("a,z", func(r *rand.Rand) []float64 {
			last := r.IntN(16)
			return []float64{first + float64(last), r.Float64(), float64(last / 8)}
		}, "old", "new")
	}
	sensor := func(mean float64) *Stream {
		return stream("x", func(r *rand.Rand) []float64 {
			x := r.NormFloat64()
			return []float64{mean + x, 3*x + 10 + 0.1*r.NormFloat64()}
		})
	}
	labels := func(mean float64) *Stream {
		return stream("a", func(r *rand.Rand) []float64 {
			a := r.NormFloat64()
			return []float64{a, mean + 2*a + 0.1*r.NormFloat64()}
		})
	}
	return []Trial{
		{Name: "accounts from 100,000,000 on, in steps of 1", Clean: accounts(0), Spoilt: accounts(1e8), From: settled, To: rows},
		{Name: "a sensor at 1e9 ± 1", Clean: sensor(0), Spoilt: sensor(1e9), From: settled, To: rows},
		{Name: "labels of 1e8 ± 2", Clean: labels(0), Spoilt: labels(1e8), From: settled, To: rows},
	}
}

// wildRow is a stream of the folder after a row of 1e30 in every column.
func wildRow(folder, name string) (Trial, error) {
	clean, err := read(filepath.Join(folder, name+".csv"))
	if err != nil {
		return Trial{}, err
	}
	wild := *clean
	row := strings.Repeat("1e30,", strings.Count(clean.Header, ",")) + "1"
	wild.Lines = append([]string{row}, clean.Lines...)
	return Trial{Name: "a row of 1e30 before " + name + "'s first", Clean: clean, Spoilt: &wild, From: settled, To: len(clean.Lines), Ahead: 1}, nil
}

// read reads a CSV file whose last column is the label.
func read(path string) (*Stream, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a stream: %w", err)
	}
	defer file.Close()
	s := &Stream{Ending: "csv"}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if s.Header == "" {
			s.Header = lines.Text()
			continue
		}
		s.Lines = append(s.Lines, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	s.Label = s.Header[strings.LastIndexByte(s.Header, ',')+1:]
	return s, nil
}
