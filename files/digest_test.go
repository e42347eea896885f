package files

import (
	"context"
	"path/filepath"
	"testing"
)

// TestDigest: the same bytes read the same way have one digest under any name, and nothing else has it.
func TestDigest(t *testing.T) {
	dir := folder(t, map[string]string{"a.csv": "x\n1\n", "b.csv": "x\n1\n", "c.csv": "x\n2\n", "d.csv": "x\n1\n2\n", "e.csv": "2\n"})
	yes := true
	seen := map[string]string{}
	for _, c := range []struct {
		what  string
		names []string
		shape Shape
	}{
		{"a", []string{"a.csv"}, Shape{}}, {"a", []string{"b.csv"}, Shape{}},
		{"a value apart", []string{"c.csv"}, Shape{}}, {"two", []string{"a.csv", "c.csv"}, Shape{}}, {"the other way", []string{"c.csv", "a.csv"}, Shape{}},
		{"one of two's bytes", []string{"d.csv"}, Shape{}}, {"cut elsewhere", []string{"a.csv", "e.csv"}, Shape{}},
		{"other delimiter", []string{"a.csv"}, Shape{Delimiter: ";"}}, {"no header", []string{"a.csv"}, Shape{NoHeader: &yes}},
	} {
		paths := make([]string, len(c.names))
		for i, name := range c.names {
			paths[i] = filepath.Join(dir, name)
		}
		var read int64
		digest, ok, err := Digest(t.Context(), paths, c.shape, func(n int64) { read = n })
		if err != nil || !ok || len(digest) != 2*digestBytes || read == 0 {
			t.Fatalf("%s: %q, %t, %v, %d bytes read", c.what, digest, ok, err, read)
		}
		if other, there := seen[digest]; there && other != c.what {
			t.Errorf("%s has the digest of %s", c.what, other)
		}
		seen[digest] = c.what
	}
	if len(seen) != 8 {
		t.Errorf("%d digests of 8", len(seen))
	}
	if _, ok, err := Digest(t.Context(), []string{StdinPath}, Shape{}, func(int64) {}); ok || err != nil {
		t.Errorf("standard input has a digest, or %v", err)
	}
	if _, _, err := Digest(t.Context(), []string{filepath.Join(dir, "none")}, Shape{}, func(int64) {}); err == nil {
		t.Error("a file that is not there has a digest")
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if _, _, err := Digest(ended, []string{filepath.Join(dir, "a.csv")}, Shape{}, func(int64) {}); err == nil {
		t.Error("reading does not end with its context")
	}
}
