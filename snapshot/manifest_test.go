package snapshot

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace"
)

func TestCanonicalJSON(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"b":1,"a":{"d":[],"c":{}}}`, `{"a":{"c":{},"d":[]},"b":1}`},
		{`[18446744073709551615,-0,1.0,1.50,1e2,1E-7,1e21,-0.0,0.1]`, `[18446744073709551615,0,1,1.5,100,1e-7,1e+21,0,0.1]`},
		{`"\u003c\u2028\/\u0001\n\"\\é"`, "\"<\u2028/\\u0001\\n\\\"\\\\é\""},
		{`[true,false,null]`, `[true,false,null]`},
		{`{"B":1,"a":2,"é":3,"":4}`, `{"":4,"B":1,"a":2,"é":3}`},
	}
	for _, test := range tests {
		got, err := CanonicalJSON(json.RawMessage(test.in))
		if err != nil || string(got) != test.want {
			t.Errorf("%s became %s, %v; want %s", test.in, got, err, test.want)
		}
	}
	for _, bad := range []any{
		json.RawMessage(`{"a":1,"a":2}`), json.RawMessage(`1e999`), json.RawMessage(`{`), math.NaN(), func() {},
		json.RawMessage(strings.Repeat("[", 100) + strings.Repeat("]", 100)),
	} {
		if got, err := CanonicalJSON(bad); err == nil {
			t.Errorf("%v became %s", bad, got)
		}
	}
}

func FuzzCanonicalJSON(f *testing.F) {
	f.Add([]byte(`{"b":1.50,"a":["\u003c",1e21,-0]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		once, err := CanonicalJSON(json.RawMessage(data))
		if err != nil {
			return
		}
		twice, err := CanonicalJSON(json.RawMessage(once))
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q, and that %q, %v", data, once, twice, err)
		}
	})
}

func TestManifestRoundTrip(t *testing.T) {
	s := sampleSnapshot(t)
	data, err := EncodeManifest(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := DecodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 1, 2, 2, 4, 5, 678_000_000, time.UTC); !m.CreatedAt.Equal(want) || m.Positions[0].Topic != "a" ||
		m.Learned != math.MaxUint64 || string(m.Spec) != "{\"a\":[100,0,true,null,\"<\u2028\"],\"b\":1.5}" {
		t.Errorf("decoded %+v", m)
	}
	if s.Manifest.Positions[0].Topic != "b" {
		t.Error("encoding reordered the caller's positions")
	}
	if len(Digest(data)) != 64 || Digest(data) == Digest(append(data, ' ')) {
		t.Error("the digest is no SHA-256")
	}
}

func TestEncodeManifestRefuses(t *testing.T) {
	tests := map[string]func(m *millrace.Manifest){
		"format":    func(m *millrace.Manifest) { m.Format = 3 },
		"model":     func(m *millrace.Manifest) { m.Model = "" },
		"metric":    func(m *millrace.Manifest) { m.Metrics = map[string]float64{"x": math.NaN()} },
		"hash":      func(m *millrace.Manifest) { m.Serving.SHA256 = strings.ToUpper(m.Serving.SHA256) },
		"size":      func(m *millrace.Manifest) { m.Training.Bytes = BlobBytesMax + 1 },
		"positions": func(m *millrace.Manifest) { m.Positions = append(m.Positions, m.Positions[0]) },
		"offset":    func(m *millrace.Manifest) { m.Positions[0].Offset = -1 },
		"spec":      func(m *millrace.Manifest) { m.Spec = []byte(`{"a":1,"a":1}`) },
		"length":    func(m *millrace.Manifest) { m.Profile = strings.Repeat("x", ManifestBytesMax) },
	}
	for name, change := range tests {
		s := sampleSnapshot(t)
		change(&s.Manifest)
		if _, err := EncodeManifest(s.Manifest); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecodeManifestIsStrict(t *testing.T) {
	s := sampleSnapshot(t)
	good, err := EncodeManifest(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, by string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("the manifest %s has no %s", good, old)
		}
		return bytes.Replace(good, []byte(old), []byte(by), 1)
	}
	tests := map[string][]byte{
		"empty":         {},
		"null":          []byte("null"),
		"space":         replace(`,"model"`, `, "model"`),
		"newline":       append(bytes.Clone(good), '\n'),
		"unknown field": replace(`"model"`, `"modal":1,"model"`),
		"other case":    replace(`"model"`, `"Model"`),
		"missing field": replace(`"rejected":2,`, ``),
		"duplicate":     replace(`"model"`, `"model":"x","model"`),
		"time zone":     replace(`05.678Z`, `05.678+00:00`),
		"nanoseconds":   replace(`05.678Z`, `05.6789Z`),
		"type":          replace(`"rejected":2`, `"rejected":"2"`),
		"newer format":  replace(`"format":1`, `"format":3`),
		"empty parent":  replace(`"parent":"11-3-00000000000000aa"`, `"parent":""`),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeManifest(data)
			wantError(t, err, millrace.ErrCorrupt)
		})
	}
}

func FuzzDecodeManifest(f *testing.F) {
	s := sampleSnapshot(f)
	good, err := EncodeManifest(s.Manifest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeManifest(data)
		if err != nil {
			if !errors.Is(err, millrace.ErrCorrupt) {
				t.Fatalf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		if again, err := EncodeManifest(m); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q reads back as %q, %v", data, again, err)
		}
	})
}

func TestVerify(t *testing.T) {
	s := sampleSnapshot(t)
	manifest, err := EncodeManifest(s.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	digest := Digest(manifest)
	if err := Verify(s, manifest, digest); err != nil {
		t.Fatal(err)
	}
	scorer := s
	scorer.Training = nil
	if err := Verify(scorer, manifest, digest); err != nil {
		t.Errorf("without training blob: %v", err)
	}
	flipped := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
		return b
	}
	tests := map[string]func() error{
		"digest":             func() error { return Verify(s, manifest, Digest(nil)) },
		"manifest":           func() error { return Verify(s, flipped(manifest), digest) },
		"serving bit":        func() error { x := s; x.Serving = flipped(s.Serving); return Verify(x, manifest, digest) },
		"serving cut":        func() error { x := s; x.Serving = s.Serving[:9]; return Verify(x, manifest, digest) },
		"no serving":         func() error { x := s; x.Serving = nil; return Verify(x, manifest, digest) },
		"training bit":       func() error { x := s; x.Training = flipped(s.Training); return Verify(x, manifest, digest) },
		"training empty":     func() error { x := s; x.Training = []byte{}; return Verify(x, manifest, digest) },
		"another manifest":   func() error { x := s; x.Manifest.Seq++; return Verify(x, manifest, digest) },
		"not well-formed":    func() error { return reseal(s, []byte("blob")) },
		"serving NaN":        func() error { return reseal(s, withFloat(t, float32(math.NaN()), 1)) },
		"serving infinity":   func() error { return reseal(s, withFloat(t, float32(math.Inf(-1)), 1)) },
		"serving double NaN": func() error { return reseal(s, withFloat(t, 1, math.NaN())) },
	}
	for name, verify := range tests {
		t.Run(name, func(t *testing.T) { wantError(t, verify(), millrace.ErrCorrupt) })
	}
	if err := reseal(s, withFloat(t, math.MaxFloat32, math.SmallestNonzeroFloat64)); err != nil {
		t.Errorf("extreme but finite: %v", err)
	}
}

// reseal verifies s with another serving blob under checksums that fit it.
func reseal(s millrace.Snapshot, serving []byte) error {
	s.Serving = serving
	Seal(&s)
	manifest, err := EncodeManifest(s.Manifest)
	if err != nil {
		return err
	}
	return Verify(s, manifest, Digest(manifest))
}

func withFloat(t *testing.T, single float32, double float64) []byte {
	return copyOf(mustLayout(t, Part{"p", stateOf(func(visit func(string, millrace.Tensor, millrace.Role)) {
		visit("a", millrace.Tensor{Shape: []int{2}, F32: []float32{0, single}}, millrace.Serving)
		visit("b", millrace.Tensor{Shape: []int{2}, F64: []float64{0, double}}, millrace.Serving)
	})})).Serving()
}

func TestSnapshotFile(t *testing.T) {
	s := sampleSnapshot(t)
	path := filepath.Join(t.TempDir(), "a.snapshot")
	for range 2 { // over nothing, and over itself
		if err := WriteFile(path, s); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, want only its owner to read it (%v)", info.Mode(), err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Serving, s.Serving) || !bytes.Equal(got.Training, s.Training) || got.Manifest.Seq != s.Manifest.Seq {
		t.Error("another snapshot came back")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(data, fileBytesMax); err != nil {
		t.Errorf("the file is no safetensors file: %v", err)
	}
	for cut := 0; cut < len(data); cut += 1 + len(data)/97 {
		_, err := decodeFile(data[:cut])
		wantError(t, err, millrace.ErrCorrupt)
	}
	for i := 0; i < len(data); i += 1 + len(data)/97 {
		changed := bytes.Clone(data)
		changed[i] ^= 1
		_, err := decodeFile(changed)
		wantError(t, err, millrace.ErrCorrupt)
	}
}

func TestSnapshotFileErrors(t *testing.T) {
	s := sampleSnapshot(t)
	if err := WriteFile(filepath.Join(t.TempDir(), "no", "such", "directory"), s); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	s.Serving = withFloat(t, float32(math.NaN()), 0)
	wantError(t, WriteFile(filepath.Join(t.TempDir(), "x"), s), millrace.ErrCorrupt)
}

func FuzzReadFile(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	if err := WriteFile(path, sampleSnapshot(f)); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(binary.LittleEndian.AppendUint64(nil, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := decodeFile(data); err != nil && !errors.Is(err, millrace.ErrCorrupt) {
			t.Fatalf("error %v does not wrap ErrCorrupt", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	l := mustLayout(b, Part{"model", newSample(1 << 17).filled()})
	buffer := copyOf(l)
	s := sampleSnapshot(b)
	s.Serving, s.Training = buffer.Serving(), buffer.Training()
	Seal(&s)
	manifest, err := EncodeManifest(s.Manifest)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(s.Serving) + len(s.Training)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Verify(s, manifest, Digest(manifest)); err != nil {
			b.Fatal(err)
		}
	}
}
