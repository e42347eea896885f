package offline

import (
	"bufio"
	"encoding/json"
	"math"
	"strconv"
)

// rowWriter takes the rows of predictions, the header first. It keeps its error.
type rowWriter interface {
	Write(row []string) error
	Flush()
	Error() error
}

// lineWriter writes rows as JSON objects, a line each, with the header's names. What is empty is null.
type lineWriter struct {
	w      *bufio.Writer
	names  [][]byte // of the cells, as JSON; nil before the header came
	number []bool   // whether a cell is a number
	line   []byte
	err    error
}

// numbered reports whether a column of so many classes has numbers.
func numbered(name string, classes int) bool {
	return name != "id" && name != "time" && (name != "label" || classes == 0)
}

func (l *lineWriter) header(head []string, classes int) error {
	for _, name := range head {
		quoted, err := json.Marshal(name)
		if err != nil {
			return err
		}
		l.names, l.number = append(l.names, quoted), append(l.number, numbered(name, classes))
	}
	return nil
}

func (l *lineWriter) Write(row []string) error {
	if l.err != nil {
		return l.err
	}
	l.line = l.line[:0]
	for i, cell := range row {
		l.line = append(append(append(l.line, "{,"[min(i, 1)]), l.names[i]...), ':')
		value, err := []byte("null"), error(nil)
		switch {
		case cell == "":
		case !l.number[i]:
			value, err = json.Marshal(cell)
		default:
			if x, parseErr := strconv.ParseFloat(cell, 64); parseErr == nil && !math.IsNaN(x) && !math.IsInf(x, 0) {
				value = []byte(cell)
			}
		}
		if err != nil {
			l.err = err
			return err
		}
		l.line = append(l.line, value...)
	}
	_, l.err = l.w.Write(append(l.line, '}', '\n'))
	return l.err
}

func (l *lineWriter) Flush() {
	if l.err == nil {
		l.err = l.w.Flush()
	}
}

func (l *lineWriter) Error() error { return l.err }
