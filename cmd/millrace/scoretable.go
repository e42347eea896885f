package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"millrace/pipeline"
)

// namedCSV reports whether a file's name says that it is a table.
func namedCSV(path string) bool { return strings.EqualFold(filepath.Ext(path), ".csv") }

// scoreTable writes the lines of scores as the rows of a table: what has none says why in its last cells.
type scoreTable struct {
	w       *csv.Writer
	classes []string
	rows    int64
}

// scoreLine is what a line says: a score, or why there is none.
type scoreLine struct {
	ID            json.RawMessage        `json:"id"`
	Version       json.Number            `json:"version"`
	Score         json.Number            `json:"score"`
	Class         string                 `json:"class"`
	Probabilities map[string]json.Number `json:"probabilities"`
	pipeline.RowFault
}

// newScoreTable writes the header.
func newScoreTable(to io.Writer, classes []string) (*scoreTable, error) {
	t := &scoreTable{w: csv.NewWriter(to), classes: classes}
	head := []string{"row", "id", "version", "score", "class"}
	for _, class := range classes {
		head = append(head, "p_"+class)
	}
	return t, t.w.Write(append(head, "reason", "detail"))
}

// Write takes whole lines.
func (t *scoreTable) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		var s scoreLine
		if err := json.Unmarshal(line, &s); err != nil {
			return 0, fmt.Errorf("reading a score: %w", err)
		}
		id := string(s.ID)
		if strings.HasPrefix(id, `"`) {
			if err := json.Unmarshal(s.ID, &id); err != nil {
				return 0, fmt.Errorf("reading the id of a score: %w", err)
			}
		}
		t.rows++
		row := []string{strconv.FormatInt(t.rows, 10), id, s.Version.String(), s.Score.String(), s.Class}
		for _, class := range t.classes {
			row = append(row, s.Probabilities[class].String())
		}
		detail := s.Detail
		if s.Path != "" {
			detail = fmt.Sprintf("at %q: %s", s.Path, detail)
		}
		if err := t.w.Write(append(row, string(s.Reason), detail)); err != nil {
			return 0, err
		}
	}
	return len(lines), nil
}

// flush ends the table.
func (t *scoreTable) flush() error {
	t.w.Flush()
	return t.w.Error()
}
