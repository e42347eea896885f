package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"millrace"
)

func TestBlobsAreSafetensors(t *testing.T) {
	b := copyOf(mustLayout(t, Part{"model", newSample(4).filled()}, Part{"", newSample(2)}))
	for name, blob := range map[string][]byte{"serving": b.Serving(), "training": b.Training()} {
		f, err := Parse(blob)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Metadata["names"] != `a "quoted" ☃` {
			t.Errorf("%s: metadata is %q", name, f.Metadata)
		}
		header := binary.LittleEndian.Uint64(blob)
		if header%8 != 0 {
			t.Errorf("%s: header of %d bytes leaves the data unaligned", name, header)
		}
		for _, tensor := range f.Tensors {
			if tensor.begin%tensor.DType.Size() != 0 {
				t.Errorf("%s: %s of type %s starts at %d", name, tensor.Name, tensor.DType, tensor.begin)
			}
		}
	}
	f, err := Parse(b.Serving())
	if err != nil {
		t.Fatal(err)
	}
	w, ok := f.Tensor("model.weights")
	if !ok || w.DType != F32 || !reflect.DeepEqual(w.Shape, []int{4, 2}) || binary.LittleEndian.Uint32(w.Data) != 0x3f000000 {
		t.Errorf("model.weights is %+v", w)
	}
	if _, ok := f.Tensor("weights"); !ok {
		t.Error("the part without prefix has no tensor weights")
	}
	if _, ok := f.Tensor("model.steps"); ok {
		t.Error("a training tensor is in the serving blob")
	}
}

func TestCopyDoesNotDependOnVisitingOrder(t *testing.T) {
	a, b := Part{"a", newSample(3).filled()}, Part{"b", newSample(5).filled()}
	one, two := copyOf(mustLayout(t, a, b)), copyOf(mustLayout(t, b, a))
	if !bytes.Equal(one.Serving(), two.Serving()) || !bytes.Equal(one.Training(), two.Training()) {
		t.Error("the blobs differ")
	}
}

// The conversion for big-endian machines must give the bytes that a little-endian one copies.
func TestPortablePathEqualsCast(t *testing.T) {
	s := newSample(9).filled()
	parts := []Part{{"m", s}}
	fast, err := newLayout(nil, "", parts, false)
	if err != nil {
		t.Fatal(err)
	}
	portable, err := newLayout(nil, "", parts, true)
	if err != nil {
		t.Fatal(err)
	}
	a, b := copyOf(fast), copyOf(portable)
	if !nativeLittleEndian() {
		t.Skip("the cast is for little-endian machines")
	}
	if !bytes.Equal(a.Serving(), b.Serving()) || !bytes.Equal(a.Training(), b.Training()) {
		t.Fatal("the blobs differ")
	}
	got := newSample(9)
	back, err := newLayout(nil, "", []Part{{"m", got}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Restore(a.Serving(), a.Training()); err != nil {
		t.Fatal(err)
	}
	got.restored = 0
	if !reflect.DeepEqual(got, s) {
		t.Errorf("restored %+v, want %+v", got, s)
	}
}

func TestNewLayoutRefuses(t *testing.T) {
	one := func(name string, tensor millrace.Tensor, role millrace.Role) []Part {
		return []Part{{"p", stateOf(func(visit func(string, millrace.Tensor, millrace.Role)) { visit(name, tensor, role) })}}
	}
	f := []float32{1, 2}
	many := stateOf(func(visit func(string, millrace.Tensor, millrace.Role)) {
		for i := range 5000 {
			visit(fmt.Sprintf("%0200d", i), millrace.Tensor{Shape: []int{1}, F32: f[:1]}, millrace.Serving)
		}
	})
	tests := map[string]struct {
		parts []Part
		want  string
	}{
		"duplicate":       {append(one("a", millrace.Tensor{Shape: []int{2}, F32: f}, 0), one("a", millrace.Tensor{Shape: []int{2}, F32: f}, 1)...), "used twice"},
		"no slice":        {one("a", millrace.Tensor{Shape: []int{0}}, 0), "0 of its slices"},
		"two slices":      {one("a", millrace.Tensor{Shape: []int{2}, F32: f, U8: []byte{1, 2}}, 0), "2 of its slices"},
		"shape":           {one("a", millrace.Tensor{Shape: []int{3}, F32: f}, 0), "has 3 elements, its slice 2"},
		"negative":        {one("a", millrace.Tensor{Shape: []int{-2}, F32: f}, 0), "negative dimension"},
		"overflow":        {one("a", millrace.Tensor{Shape: []int{1 << 40, 1 << 40}, F32: f}, 0), "larger than a blob"},
		"rank":            {one("a", millrace.Tensor{Shape: []int{2, 1, 1, 1, 1, 1, 1, 1, 1}, F32: f}, 0), "dimensions"},
		"role":            {one("a", millrace.Tensor{Shape: []int{2}, F32: f}, 2), "unknown role"},
		"long name":       {one(strings.Repeat("x", NameBytesMax), millrace.Tensor{Shape: []int{2}, F32: f}, 0), "a name has"},
		"not UTF-8":       {one("\xff", millrace.Tensor{Shape: []int{2}, F32: f}, 0), "not UTF-8"},
		"empty name":      {one("", millrace.Tensor{Shape: []int{2}, F32: f}, 0), "dot at its ends"},
		"header too long": {[]Part{{"p", many}}, "header"},
		"blob too large":  {one("a", millrace.Tensor{Shape: []int{BlobBytesMax / 4}, F32: make([]float32, BlobBytesMax/4)}, 0), "blob"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := NewLayout(nil, test.parts...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestRestore(t *testing.T) {
	from, to := newSample(4).filled(), newSample(4)
	b := copyOf(mustLayout(t, Part{"model", from}))
	l := mustLayout(t, Part{"model", to})
	if err := l.Restore(b.Serving(), nil); err != nil {
		t.Fatal(err)
	}
	if to.restored != 1 || to.steps[0] != 0 || !reflect.DeepEqual(to.weights, from.weights) {
		t.Errorf("after restoring the serving blob alone: %+v", to)
	}
	if err := l.Restore(b.Serving(), b.Training()); err != nil {
		t.Fatal(err)
	}
	to.restored = 0
	if !reflect.DeepEqual(to, from) {
		t.Errorf("restored %+v, want %+v", to, from)
	}
}

// TestDrop: what begins so is passed over where the layout lacks it, and nothing else is.
func TestDrop(t *testing.T) {
	b := copyOf(mustLayout(t, Part{"m", newSample(4).filled()}, Part{"m.calibration", newSample(2).filled()}))
	l := mustLayout(t, Part{"m", newSample(4)})
	for prefix, fits := range map[string]bool{"n.": false, "other.": false, "m.calibration.": true} {
		l.Drop("another.", prefix)
		if err := l.Restore(b.Serving(), b.Training()); (err == nil) != fits || err != nil && !errors.Is(err, millrace.ErrIncompatible) {
			t.Errorf("passing over %q: %v", prefix, err)
		}
	}
}

func TestRestoreChecksBeforeTouching(t *testing.T) {
	good := copyOf(mustLayout(t, Part{"model", newSample(4).filled()}))
	other := copyOf(mustLayout(t, Part{"model", newSample(5).filled()}))
	extra := copyOf(mustLayout(t, Part{"model", newSample(4).filled()}, Part{"more", newSample(1)}))
	renamed := copyOf(mustLayout(t, Part{"other", newSample(4).filled()}))
	tests := map[string]struct {
		serving, training []byte
		target            error
		want              string
	}{
		"shape":              {other.Serving(), good.Training(), millrace.ErrIncompatible, "model.weights is F32[5 2] in the snapshot and F32[4 2] in the pipeline"},
		"shape in training":  {good.Serving(), other.Training(), millrace.ErrIncompatible, "model.hashes is U32[5]"},
		"extra":              {extra.Serving(), good.Training(), millrace.ErrIncompatible, "the snapshot has more.variance"},
		"missing":            {renamed.Serving(), good.Training(), millrace.ErrIncompatible, "the snapshot lacks model.variance"},
		"and more":           {renamed.Serving(), nil, millrace.ErrIncompatible, "and 2 more"},
		"truncated":          {good.Serving()[:len(good.Serving())-1], good.Training(), millrace.ErrCorrupt, "serving"},
		"truncated training": {good.Serving(), good.Training()[:20], millrace.ErrCorrupt, "training"},
		"empty training":     {good.Serving(), []byte{}, millrace.ErrCorrupt, "training"},
		"swapped":            {good.Training(), good.Serving(), millrace.ErrIncompatible, "lacks"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			live := newSample(4)
			err := mustLayout(t, Part{"model", live}).Restore(test.serving, test.training)
			wantError(t, err, test.target)
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %q, want %q in it", err, test.want)
			}
			if !reflect.DeepEqual(live, newSample(4)) {
				t.Errorf("live state was touched: %+v", live)
			}
		})
	}
}

func TestRestoreReportsImpossibleState(t *testing.T) {
	b := copyOf(mustLayout(t, Part{"model", newSample(4).filled()}))
	to := newSample(4)
	to.refuse = fmt.Errorf("negative count")
	err := mustLayout(t, Part{"model", to}).Restore(b.Serving(), b.Training())
	wantError(t, err, millrace.ErrCorrupt)
	if !strings.Contains(err.Error(), "negative count") {
		t.Errorf("error is %q", err)
	}
}

func TestRestoreNoticesMovedMemory(t *testing.T) {
	s := newSample(4).filled()
	l := mustLayout(t, Part{"model", s})
	b := copyOf(l)
	s.weights = append([]float32{}, s.weights...)
	if err := l.Restore(b.Serving(), b.Training()); err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("error is %v", err)
	}
}

func TestCopyAllocatesNothing(t *testing.T) {
	l := mustLayout(t, Part{"model", newSample(1000).filled()})
	b := l.NewBuffer()
	if n := testing.AllocsPerRun(10, func() { l.Copy(b) }); n != 0 {
		t.Errorf("Copy allocates %v times", n)
	}
}

func TestCopyRefusesAnotherLayoutsBuffer(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	mustLayout(t, Part{"model", newSample(4)}).Copy(mustLayout(t, Part{"model", newSample(5)}).NewBuffer())
}

func BenchmarkCopy(b *testing.B) {
	s := newSample(1 << 17) // a serving blob of 2.6 MB, a training blob of 1.6 MB
	l := mustLayout(b, Part{"model", s.filled()})
	buffer := l.NewBuffer()
	b.SetBytes(int64(len(buffer.Serving()) + len(buffer.Training())))
	b.ReportAllocs()
	for b.Loop() {
		l.Copy(buffer)
	}
}

func BenchmarkRestore(b *testing.B) {
	l := mustLayout(b, Part{"model", newSample(1 << 17).filled()})
	buffer := copyOf(l)
	b.SetBytes(int64(len(buffer.Serving()) + len(buffer.Training())))
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Restore(buffer.Serving(), buffer.Training()); err != nil {
			b.Fatal(err)
		}
	}
}
