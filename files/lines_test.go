package files_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/files"
)

// TestLinesStayAsTheyWereCut: lines are cut out of the file without a copy, so a batch must stay what it is while those
// behind it are read, whatever is longer than a block, crosses blocks, is empty, faulty or of another batch that was
// released.
func TestLinesStayAsTheyWereCut(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	var want []string
	for i := range 12_000 {
		width := random.IntN(60)
		if i%1500 == 700 {
			width = 90_000 + random.IntN(200_000)
		}
		line := fmt.Sprintf(`{"row":%d,"pad":"%s"}`, i, strings.Repeat("x", width))
		switch i % 97 {
		case 0:
			line = strings.Replace(line, "pad", "pâd", 1) // not plain, and right
		case 1:
			line = strings.Replace(line, "pad", "p\x00d", 1)
		case 2:
			text.WriteString(" \t\r\n\n")
		}
		text.WriteString(line)
		if text.WriteByte('\n'); i%97 == 1 {
			line = "# " + line
		}
		want = append(want, line)
	}
	text.Truncate(text.Len() - 1) // the last line does not end
	folder := t.TempDir()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(text.Bytes())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"a.jsonl": text.Bytes(), "a.jsonl.gz": packed.Bytes()} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, held := range []int{0, 1, 3, 1 << 30} {
			for _, records := range []int{1024, 7} {
				if got := linesHeld(t, path, records, held); !slices.Equal(got, want) {
					t.Errorf("%s in batches of %d, %d of them held: %d lines are not the file's %d", name, records, held, len(got), len(want))
				}
			}
		}
	}
}

// linesHeld reads a file, and looks at each batch when so many more have been read.
func linesHeld(t *testing.T, path string, records, held int) (lines []string) {
	t.Helper()
	s, err := files.Open(path, files.Options{BatchRecords: records})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var batches []*millrace.Batch
	look := func() {
		for _, rec := range batches[0].Records {
			if faulty := bytes.HasPrefix(rec.Value, []byte("# ")); faulty != (rec.Fault != nil) {
				t.Errorf("row %d has the fault %v", rec.Offset, rec.Fault)
			}
			if rec.Offset != int64(len(lines)) {
				t.Fatalf("row %d came after %d", rec.Offset, len(lines))
			}
			lines = append(lines, string(rec.Value))
		}
		batches[0].Release()
		batches = batches[1:]
	}
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) > records {
			t.Fatalf("a batch of %d rows", len(b.Records))
		}
		if batches = append(batches, b); len(batches) > held {
			look()
		}
	}
	for len(batches) > 0 {
		look()
	}
	if want := s.Faults(); want == 0 {
		t.Error("no faults were counted")
	}
	return lines
}
