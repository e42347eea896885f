package hard

import (
	"fmt"
	"math"
	"math/rand/v2"
)

const (
	rowsMade = 16_000
	// half is where changes of unit set in.
	half = rowsMade / 2
	// label is its place in a row that is made here.
	label = 4
)

// kind is a way to spoil a stream of four columns and a label.
type kind struct {
	name  string
	apply func(i int, row []float64, r *rand.Rand)
	over  int     // row from which on it no longer happens, or is how things are
	scale float64 // of the label, afterwards
	label bool    // it needs a label that is a number
}

// Kinds of wild values: a sensor that fails, sentinels, overflows, in features, in the label, and in both.
func wild() []kind {
	return []kind{
		{name: "b is −1e30 in the first row", apply: at(1, func(float64) float64 { return -1e30 }, func(i int) bool { return i == 0 })},
		{name: "1e15 in 50 of the first 1,000 rows", over: 1000, apply: func(i int, row []float64, r *rand.Rand) {
			if i < 1000 && i%20 == 7 {
				row[r.IntN(label)] = 1e15
			}
		}},
		{name: "a is −999999 in 1 % of rows, until 8,000", over: half, apply: func(i int, row []float64, r *rand.Rand) {
			if i < half && r.Float64() < 0.01 {
				row[0] = -999999
			}
		}},
		{name: "3e38 and −3e38 in every 97th row, until 8,000", over: half, apply: func(i int, row []float64, _ *rand.Rand) {
			if i < half && i%97 == 0 {
				row[0], row[2] = 3e38, -3e38
			}
		}},
		{name: "label −1e9 in rows 0, 100 and 5,000", over: 5001, label: true,
			apply: at(label, func(float64) float64 { return -1e9 }, func(i int) bool { return i == 0 || i == 100 || i == 5000 })},
		{name: "label 1e6 in the first 8 rows", over: 8, label: true,
			apply: at(label, func(float64) float64 { return 1e6 }, func(i int) bool { return i < 8 })},
		{name: "label 2147483647 in 20 rows on end", over: 6020, label: true,
			apply: at(label, func(float64) float64 { return math.MaxInt32 }, func(i int) bool { return i >= 6000 && i < 6020 })},
		{name: "label 1e9 and features 1e30 in row 3,000", over: 3001, label: true, apply: func(i int, row []float64, _ *rand.Rand) {
			if i == 3000 {
				copy(row, []float64{1e30, 1e30, 1e30, 1e30, 1e9})
			}
		}},
	}
}

// Kinds of changes: another unit, another level.
func moved() []kind {
	later := func(i int) bool { return i >= half }
	return []kind{
		{name: "a times 1,000", over: half, apply: at(0, func(v float64) float64 { return v * 1000 }, later)},
		{name: "a divided by 1,000", over: half, apply: at(0, func(v float64) float64 { return v / 1000 }, later)},
		{name: "a + 4", over: half, apply: at(0, func(v float64) float64 { return v + 4 }, later)},
		{name: "all four as °C to °F", over: half, apply: func(i int, row []float64, _ *rand.Rand) {
			for j := range row[:label] {
				if later(i) {
					row[j] = row[j]*1.8 + 32
				}
			}
		}},
		{name: "a + 273, and back 500 events later", over: half + 500,
			apply: at(0, func(v float64) float64 { return v + 273 }, func(i int) bool { return later(i) && i < half+500 })},
		{name: "label + 100", over: half, label: true, apply: at(label, func(v float64) float64 { return v + 100 }, later)},
		{name: "label times 1,000", over: half, label: true, scale: 1000, apply: at(label, func(v float64) float64 { return v * 1000 }, later)},
	}
}

// at changes one column of the rows that are meant.
func at(column int, change func(float64) float64, meant func(i int) bool) func(int, []float64, *rand.Rand) {
	return func(i int, row []float64, _ *rand.Rand) {
		if meant(i) {
			row[column] = change(row[column])
		}
	}
}

// made is a stream of four columns from a normal distribution, and a label that three of them make, with noise.
func made(noise float64) [][]float64 {
	r := seeded(1)
	rows := make([][]float64, rowsMade)
	for i := range rows {
		a, b, c, d := r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
		rows[i] = []float64{a, b, c, d, 3*a - 2*b + c + 10 + noise*r.NormFloat64()}
	}
	return rows
}

// classed has the label of rows say whether it is above its mean.
func classed(rows [][]float64) [][]float64 {
	for _, row := range rows {
		if row[label] > 10 {
			row[label] = 1
		} else {
			row[label] = 0
		}
	}
	return rows
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// Numbers is a stream that is made here, spoilt in every kind.
func Numbers() Group {
	return spoilt("y = 3a − 2b + c + 10, and noise of 0.1", func() [][]float64 { return made(0.1) }, true)
}

// Classes is a stream with two classes, spoilt in every kind that leaves the label alone. The less noise, the more can
// be lost: a log-loss near 0 is many times as large after few mistakes.
func Classes(noise float64) Group {
	return spoilt(fmt.Sprintf("whether 3a − 2b + c, and noise of %g, is above 0", noise),
		func() [][]float64 { return classed(made(noise)) }, false, "below", "above")
}

func spoilt(name string, rows func() [][]float64, numbers bool, classes ...string) Group {
	const names = "a,b,c,d"
	g := Group{Name: name}
	clean := written(rows(), names, classes...)
	for _, k := range append(wild(), moved()...) {
		if k.label && !numbers {
			continue
		}
		changed, r := rows(), seeded(5)
		for i, row := range changed {
			k.apply(i, row, r)
		}
		g.Trials = append(g.Trials, Trial{Name: k.name, Clean: clean, Spoilt: written(changed, names, classes...),
			From: k.over + settled, To: rowsMade, Scale: k.scale})
	}
	return g
}
