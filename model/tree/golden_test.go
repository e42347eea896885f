//go:build amd64 && !amd64.v3

// Bits are compared, so the test belongs to one numeric profile: compilers for others fuse products with sums.

package tree

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
)

// Golden files are never replaced: whatever changes, trees that run at somebody's must restore and predict as they did.
// The flag writes those that do not exist.
var update = flag.Bool("update", false, "write missing golden files")

// goldenForms are what snapshots of trees were: before the level of labels was followed, with it, with the first
// values judged together, with the share of wild examples, with columns that begin again, with levels that jump, with
// replaced trees that may come back, and with splits of what is missing.
var goldenForms = []string{"plain", "levels", "first", "wild", "early", "home", "rival", "missing"}

// goldenSame is since when the same examples give the same trees of classes, and goldenNow what snapshots are, and
// since when they give the same trees of numbers.
const goldenSame, goldenNow = "missing", "missing"

// goldenConfigs are small trees of each kind.
func goldenConfigs() map[string]Config {
	all := map[string]Config{}
	for name, classes := range map[string]int{"classes": 3, "numbers": 0} {
		c := Config{Classes: classes, Width: 3, Levels: []int{0, 0, 4}, Grace: 20, Delta: 0.05, Tau: 0.1, Depth: 6, Leaves: 4, Subspace: 3, Drift: true}
		all["tree-"+name] = c
		c.Trees, c.Lambda, c.Subspace = 2, 6, 2
		all["forest-"+name] = c
	}
	return all
}

// goldenExample is the i-th of a stream that no library's random numbers can change.
func goldenExample(i, classes int) ([]float32, millrace.Target) {
	draw := func(what uint64) float64 { // splitmix64
		z := (uint64(i)<<8|what)*0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return float64((z^z>>31)>>11) / (1 << 53)
	}
	x := []float32{float32(draw(1)), float32(10 * draw(2)), float32(math.Floor(4 * draw(3)))}
	value := 20 + 5*math.Floor(3*float64(x[0])) + float64(x[1]) + float64(x[2]) + draw(4)
	if draw(5) < 0.05 {
		x[1] = float32(math.NaN())
	}
	y := millrace.Target{Known: true, Value: value}
	if classes > 0 {
		y.Class = int32(math.Floor(value)) % int32(classes)
	}
	return x, y
}

const goldenExamples = 600

// goldenLearn learns some examples.
func goldenLearn(t *testing.T, m *Trees, from, to int) {
	t.Helper()
	w := m.NewWork()
	for i := from; i < to; i++ {
		x, y := goldenExample(i, m.plan.Classes)
		if err := m.Learn(x, y, 1, w); err != nil {
			t.Fatal(err)
		}
	}
}

// goldenPredictions are those of twenty examples to come.
func goldenPredictions(m *Trees) []float64 {
	var all []float64
	w, dst := m.NewWork(), make([]float32, m.Outputs())
	for i := goldenExamples; i < goldenExamples+20; i++ {
		x, _ := goldenExample(i, m.plan.Classes)
		m.Predict(dst, x, w)
		for _, v := range dst {
			if m.plan.Classes == 0 {
				all = append(all, m.Value(v))
				continue
			}
			all = append(all, float64(v))
		}
	}
	return all
}

// goldenWrite writes predictions and then all tensors, each as its name, its length and its little-endian values.
func goldenWrite(t *testing.T, m *Trees) []byte {
	t.Helper()
	var b bytes.Buffer
	put := func(name string, values any) {
		data, err := binary.Append(nil, binary.LittleEndian, values)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d\n", name, len(data))
		b.Write(data)
	}
	put("predictions", goldenPredictions(m))
	m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
		for _, values := range []any{x.F32, x.F64, x.I32, x.U32, x.U64, x.U8} {
			if binary.Size(values) > 0 {
				put(name, values)
			}
		}
	})
	return b.Bytes()
}

// goldenRead is what goldenWrite wrote, by name.
func goldenRead(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	all, in := map[string][]byte{}, bytes.NewReader(data)
	for {
		var name string
		var size int
		if _, err := fmt.Fscanf(in, "%s %d\n", &name, &size); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[name] = make([]byte, size)
		if _, err := io.ReadFull(in, all[name]); err != nil {
			t.Fatal(err)
		}
	}
}

// golden is a golden file's content.
func golden(t *testing.T, name string, current []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name+".gz")
	if _, err := os.Stat(path); *update && os.IsNotExist(err) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(current); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(z.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The same examples give the same trees as ever, and trees of all forms restore, predict as they did and go on.
func TestGoldenTrees(t *testing.T) {
	for name, c := range goldenConfigs() {
		t.Run(name, func(t *testing.T) {
			m := build(t, c)
			goldenLearn(t, m, 0, goldenExamples)
			now := goldenWrite(t, m)
			if want := golden(t, name+"-"+goldenNow, now); !bytes.Equal(now, want) {
				goldenCompare(t, goldenRead(t, now), goldenRead(t, want))
			}
			if c.Classes > 0 {
				same := goldenRead(t, golden(t, name+"-"+goldenSame, nil))
				same["wild"], same["form"] = make([]byte, 8), []byte{1, 0, 0, 0, 0, 0, 0, 0}
				for name, data := range goldenRead(t, now) {
					if strings.HasSuffix(name, ".rival") {
						same[name] = make([]byte, len(data))
					}
				}
				goldenCompare(t, goldenRead(t, now), same)
			}
			for _, form := range goldenForms {
				restored := build(t, c)
				goldenRestore(t, restored, goldenRead(t, golden(t, name+"-"+form, nil)))
				if form == goldenNow {
					goldenLearn(t, m, goldenExamples, goldenExamples+200)
				}
				goldenLearn(t, restored, goldenExamples, goldenExamples+200)
				if err := restored.Restored(); err != nil {
					t.Errorf("%s, after some more: %v", form, err)
				}
				if form == goldenNow && !bytes.Equal(goldenWrite(t, restored), goldenWrite(t, m)) {
					t.Error("restored trees go on otherwise")
				}
			}
		})
	}
}

// goldenCompare compares tensors, but for those that are package moments'.
func goldenCompare(t *testing.T, now, was map[string][]byte) {
	t.Helper()
	for name, data := range now {
		if !bytes.Equal(data, was[name]) && !strings.Contains(name, ".first.") {
			t.Errorf("%s is another than it was", name)
		}
	}
}

// goldenRestore gives trees a state, whose predictions they then must make.
func goldenRestore(t *testing.T, m *Trees, stored map[string][]byte) {
	t.Helper()
	m.State(func(name string, to millrace.Tensor, _ millrace.Role) {
		data, ok := stored[name]
		if !ok && !to.Added {
			t.Fatalf("the golden state has no tensor %s", name)
		}
		delete(stored, name)
		in := bytes.NewReader(data)
		for _, values := range []any{to.F32, to.F64, to.I32, to.U32, to.U64, to.U8} {
			if err := binary.Read(in, binary.LittleEndian, values); ok && err != nil {
				t.Fatalf("reading tensor %s: %v", name, err)
			}
		}
		if in.Len() > 0 {
			t.Fatalf("tensor %s has %d bytes too many", name, in.Len())
		}
	})
	if err := m.Restored(); err != nil {
		t.Fatal(err)
	}
	want := make([]float64, len(stored["predictions"])/8)
	if err := binary.Read(bytes.NewReader(stored["predictions"]), binary.LittleEndian, want); err != nil {
		t.Fatal(err)
	}
	for i, got := range goldenPredictions(m) {
		if !near(got, want[i], 1e-6) { // numbers were float32 once
			t.Fatalf("prediction %d is %v and was %v", i, got, want[i])
		}
	}
	if delete(stored, "predictions"); len(stored) > 0 {
		t.Fatalf("%d tensors of the golden state have no place", len(stored))
	}
}
