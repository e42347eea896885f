//go:build integration

package integration

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/integration/harness"
)

// elecRows is how many rows elec.csv has; a stand-in has as many.
const elecRows = 45312

// elec returns the path of elec.csv: in the folder that MILLRACE_DATA names, or beside the tree. The data set is not
// ours to publish, so where it is absent rows of the same shape stand in: the same columns and ranges, a label that
// drifts.
func elec(t *testing.T) string {
	t.Helper()
	if path, ok := dataFile(t, "elec.csv"); ok {
		return path
	}
	t.Log("elec.csv is absent: generated rows of the same shape stand in for it")
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	text.WriteString("date,day,period,nswprice,nswdemand,vicprice,vicdemand,transfer,y\n")
	level := 0.0
	for i := range elecRows {
		period := float64(i%48) / 47
		demand := 0.5 + 0.3*math.Sin(2*math.Pi*period) + 0.05*random.NormFloat64()
		level = 0.95*level + 0.05*random.NormFloat64()
		price := 0.06 + 0.05*demand + 0.1*level
		y := 0
		if price > 0.08+0.02*math.Sin(float64(i)/5000) {
			y = 1
		}
		fmt.Fprintf(&text, "%.6f,%d,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%d\n", float64(i)/elecRows, 1+i/48%7, period,
			price, demand, 0.0035, demand*0.9, 0.414912, y)
	}
	return writeFile(t, "elec.csv", text.String())
}

// digits returns the path of digits.csv, which is in the tree.
func digits(t *testing.T) string {
	t.Helper()
	root, err := harness.RepoRoot()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "examples", "digits.csv")
}

// dataFile finds a data set that is not in the tree.
func dataFile(t *testing.T, name string) (string, bool) {
	t.Helper()
	dir := os.Getenv("MILLRACE_DATA")
	if dir == "" {
		root, err := harness.RepoRoot()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return "", false
	} else if err != nil {
		t.Fatal(err)
	}
	return path, true
}
