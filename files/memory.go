package files

import (
	"fmt"
	"path/filepath"
	"strings"

	"millrace"
)

// memory is what one batch stands on. It goes back and forth between the source and its reader, so
// that a steady stream of batches allocates nothing a row.
type memory struct {
	data    []byte // all values, one after the other
	ends    []int  // where each value ends in data
	records []millrace.Record
	faults  []faulty
	release func()
}

// faulty is a row that could not be read.
type faulty struct {
	row  int
	text string
}

// memory returns a free one, or a new one when the reader still holds all others.
func (s *Source) memory() *memory {
	select {
	case m := <-s.free:
		return m
	default:
	}
	m := &memory{}
	m.release = func() {
		m.data, m.ends, m.faults = m.data[:0], m.ends[:0], m.faults[:0]
		select {
		case s.free <- m:
		default: // more are free than a pipeline ever holds at once
		}
	}
	return m
}

// batch cuts data into records. It waits until the batch is full, for data moves while it grows.
func (m *memory) batch(topic string, offset int64) []millrace.Record {
	m.records = m.records[:0]
	from := 0
	for i, to := range m.ends {
		m.records = append(m.records, millrace.Record{
			Topic: topic, Offset: offset + int64(i), Value: m.data[from:to:to],
		})
		from = to
	}
	for _, f := range m.faults {
		m.records[f.row].Fault = &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: f.text}
	}
	return m.records
}

// appendRaw appends a faulty row's text. A stray row may happen to be a JSON object; it must not be
// taken for an event, so a mark that no JSON text starts with is put before it.
func appendRaw(dst, raw []byte) []byte {
	for _, c := range raw {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		if c == '{' {
			dst = append(dst, "# "...)
		}
		break
	}
	return append(dst, raw...)
}

func gzipped(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".gz") }

// formatOf is the format that is asked for, or else the one that the file's name tells.
func formatOf(path, asked string) (string, error) {
	word := asked
	if word == "" {
		name := strings.ToLower(filepath.Base(path))
		word = strings.TrimPrefix(filepath.Ext(strings.TrimSuffix(name, ".gz")), ".")
	}
	switch word {
	case "csv", "tsv", "jsonl", "json", "libsvm":
		return word, nil
	case "ndjson":
		return "jsonl", nil
	case "svm":
		return "libsvm", nil
	}
	if asked != "" {
		return "", fmt.Errorf("unknown format %q: use csv, tsv, jsonl, json or libsvm", asked)
	}
	return "", fmt.Errorf("the name %q does not tell its format: "+
		"use .csv, .tsv, .jsonl, .ndjson, .json, .svm or .libsvm, each with .gz if you like, or name the format",
		filepath.Base(path))
}
