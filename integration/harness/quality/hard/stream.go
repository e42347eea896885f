// Package hard spoils streams on purpose: with wild values, changes of unit and labels that flip. It measures how every
// family of models learns them beside the same streams as they were, and against a bound.
package hard

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"millrace/integration/harness/quality"
)

// Stream is a stream's text.
type Stream struct {
	Ending string // of the file's name: csv or svm
	Header string // first line of a CSV file; empty for none
	Label  string
	Lines  []string // an event each
}

// store writes the stream into a folder.
func (s *Stream) store(folder, name string) (stored quality.Stream, err error) {
	stored = quality.Stream{Name: name, Path: filepath.Join(folder, name+"."+s.Ending), Label: s.Label}
	file, err := os.Create(stored.Path)
	if err != nil {
		return stored, fmt.Errorf("writing a stream: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := bufio.NewWriter(file)
	if s.Header != "" {
		fmt.Fprintln(w, s.Header)
	}
	for _, line := range s.Lines {
		fmt.Fprintln(w, line)
	}
	if err := w.Flush(); err != nil {
		return stored, fmt.Errorf("writing a stream: %w", err)
	}
	return stored, nil
}

// labelName is the label's column of streams that are made here.
const labelName = "y"

// written are rows as CSV. A label that is one of the classes' places is written as the class.
func written(rows [][]float64, names string, classes ...string) *Stream {
	s := &Stream{Ending: "csv", Header: names + "," + labelName, Label: labelName, Lines: make([]string, len(rows))}
	var cells []string
	for i, row := range rows {
		cells = cells[:0]
		for _, v := range row {
			cells = append(cells, number(v))
		}
		if len(classes) > 0 {
			cells[len(row)-1] = classes[int(row[len(row)-1])]
		}
		s.Lines[i] = strings.Join(cells, ",")
	}
	return s
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Trial is a stream that is spoilt, beside the same as it was.
type Trial struct {
	Name          string // what is done to it
	Clean, Spoilt *Stream
	// From and To bound the clean rows whose losses are compared; Ahead rows more are before them when spoilt.
	From, To, Ahead int
	// Scale is what the spoilt labels are multiplied by at the end; 0 stands for 1.
	Scale float64
	// Least is an accuracy that is enough, however much better that of the clean stream is; 0 is none.
	Least float64
}

// Group are trials that stand in one table.
type Group struct {
	Name   string
	Trials []Trial
}

// settled is how many events after a change its effect must be over.
const settled = 2000
