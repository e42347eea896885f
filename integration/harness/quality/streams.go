package quality

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// labelName is what the target is called where a file has such a column.
const labelName = "y"

// Stream is a file of data, whose rows are learned in their order.
type Stream struct {
	Name  string // of the file
	Path  string
	Label string
}

// Find lists the streams of a folder, sorted: CSV files, and LIBSVM files, by the ends of their names, also gzipped. A
// folder that is not there has none.
func Find(folder string) ([]Stream, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for streams: %w", err)
	}
	var streams []Stream
	for _, e := range entries {
		s := Stream{Name: e.Name(), Path: filepath.Join(folder, e.Name()), Label: labelName}
		switch filepath.Ext(strings.TrimSuffix(s.Name, ".gz")) {
		case ".csv":
			if s.Label, err = labelOf(s.Path); err != nil {
				return nil, err
			}
		case ".svm", ".libsvm":
		default:
			continue
		}
		streams = append(streams, s)
	}
	return streams, nil
}

// labelOf is the label's column of a CSV file: y, or else the last.
func labelOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("opening a stream: %w", err)
	}
	defer file.Close()
	var r io.Reader = bufio.NewReader(file)
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			return "", fmt.Errorf("reading %s: %w", path, err)
		}
	}
	head, err := csv.NewReader(r).Read()
	if err != nil {
		return "", fmt.Errorf("reading the header of %s: %w", path, err)
	}
	if slices.Contains(head, labelName) {
		return labelName, nil
	}
	return head[len(head)-1], nil
}

// Pick keeps the streams whose name has one of the words, all where there are none, and says which words name nothing.
func Pick(streams []Stream, words []string) (picked []Stream, absent []string) {
	if len(words) == 0 {
		return streams, nil
	}
	for _, s := range streams {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s.Name, w) }) {
			picked = append(picked, s)
		}
	}
	for _, w := range words {
		if !slices.ContainsFunc(streams, func(s Stream) bool { return strings.Contains(s.Name, w) }) {
			absent = append(absent, w)
		}
	}
	return picked, absent
}
