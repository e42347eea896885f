package tree

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"millrace"
)

// elec reads Elec2 when it is there, else it makes up a stream of the same shape.
func elec(b *testing.B) (rows [][]float32, labels []millrace.Target) {
	b.Helper()
	dir := os.Getenv("MILLRACE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, "elec.csv"))
	if err != nil {
		s := newStream(small(2, 8), 1)
		for range 45312 {
			x, y := s.next()
			rows, labels = append(rows, x), append(labels, y)
		}
		return rows, labels
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan()
	for lines.Scan() {
		words := strings.Split(lines.Text(), ",")
		x := make([]float32, len(words)-1)
		for i := range x {
			v, err := strconv.ParseFloat(words[i], 32)
			if err != nil {
				b.Fatal(err)
			}
			x[i] = float32(v)
		}
		class, err := strconv.Atoi(words[len(x)])
		if err != nil {
			b.Fatal(err)
		}
		rows, labels = append(rows, x), append(labels, millrace.Target{Class: int32(class), Known: true})
	}
	return rows, labels
}

// BenchmarkElec is predict and learn of Elec2, again and again.
func BenchmarkElec(b *testing.B) {
	rows, labels := elec(b)
	tree := Config{Classes: 2, Width: 8, Grace: 50, Delta: 1e-3, Tau: 0.05, Depth: 20, Leaves: 128, Subspace: 8}
	plain, adaptive, forest := tree, tree, tree
	plain.Leaf = Constant
	adaptive.Drift = true
	forest.Trees, forest.Lambda, forest.Subspace, forest.Drift = 10, 6, 3, true
	for _, c := range []struct {
		name   string
		config Config
	}{{"majority", plain}, {"tree", tree}, {"adwin", adaptive}, {"forest", forest}} {
		b.Run(c.name, func(b *testing.B) {
			m := build(b, c.config)
			w, dst := m.NewWork(), make([]float32, 2)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				m.Predict(dst, rows[i], w)
				if err := m.Learn(rows[i], labels[i], 1, w); err != nil {
					b.Fatal(err)
				}
				if i++; i == len(rows) {
					i = 0
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
