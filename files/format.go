package files

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// The formats of files.
const (
	formatCSV     = "csv"
	formatTSV     = "tsv"
	formatLines   = "jsonl"
	formatJSON    = "json"
	formatLIBSVM  = "libsvm"
	formatParquet = "parquet"
)

// formatNamed is the format that somebody asks for; empty stays so.
func formatNamed(asked string) (string, error) {
	switch word := strings.ToLower(asked); word {
	case "", formatCSV, formatTSV, formatLines, formatJSON, formatLIBSVM, formatParquet:
		return word, nil
	case "ndjson":
		return formatLines, nil
	case "svm", "svmlight":
		return formatLIBSVM, nil
	}
	return "", fmt.Errorf("format: %q is not known: use csv, tsv, jsonl, json, libsvm or parquet", asked)
}

// formatOf is the format that is asked for, or else the one that the file's name tells; empty where it tells none.
func formatOf(path, asked string) (string, error) {
	if asked != "" {
		return formatNamed(asked)
	}
	name := strings.ToLower(filepath.Base(path))
	for _, packed := range []string{".gz", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, packed)
	}
	switch ending := strings.TrimPrefix(filepath.Ext(name), "."); ending {
	case formatCSV, formatTSV, formatLines, formatJSON, formatLIBSVM, formatParquet:
		return ending, nil
	case "ndjson":
		return formatLines, nil
	case "svm", "svmlight":
		return formatLIBSVM, nil
	case "pq", "parq":
		return formatParquet, nil
	case "tab":
		return formatTSV, nil
	case "psv":
		return formatCSV, nil
	}
	return "", nil
}

// formatFrom is the format that a text's beginning tells; empty where it tells none.
func formatFrom(head []byte, whole bool) string {
	if bytes.HasPrefix(head, []byte(parquetMagic)) {
		return formatParquet
	}
	text := bytes.TrimSpace(head)
	switch {
	case len(text) == 0:
		return ""
	case text[0] == '[':
		return formatJSON
	case text[0] == '{':
		first, _, several := bytes.Cut(text, []byte{'\n'})
		if first = bytes.TrimSpace(first); several && first[len(first)-1] == '}' {
			return formatLines
		}
		return formatJSON // which may be an object around all rows
	}
	if sparseText(text, whole) {
		return formatLIBSVM
	}
	if _, s := detect(head, whole, false, ',', &Options{}); s.fit(1) > 0.5 {
		return formatCSV
	}
	return ""
}

// sparseText reports whether lines are a number and then index:value, as far as they are whole.
func sparseText(text []byte, whole bool) bool {
	entries, lines := 0, 0
	for line := range bytes.Lines(text) {
		if !whole && !bytes.HasSuffix(line, []byte{'\n'}) && lines > 0 || lines == sampleRows {
			break
		}
		line, _, _ = bytes.Cut(line, []byte{'#'})
		if line = trim(bytes.TrimSpace(line)); len(line) == 0 {
			continue
		}
		if _, _, problem := appendSparse(nil, line, nil); problem != "" {
			return false
		}
		lines++
		entries += bytes.Count(line, []byte{':'})
	}
	return entries > 0
}
