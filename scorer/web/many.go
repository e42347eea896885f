package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"millrace"
	"millrace/scorer"
)

const (
	// manyBytesMax bounds a request of many events, where a single one may not be larger by itself. It is above what
	// clients gain by larger ones, and some of them fit in bytesInFlightMax.
	manyBytesMax = 16 << 20
	// eventsMax of a request bound how long it takes: a tenth of a second with a mixture.
	eventsMax = 10_000
	// answerBytes of scores are sent at once.
	answerBytes = 64 << 10
)

// shape is how the events of a request are written.
type shape int

const (
	single shape = iota
	array
	lines
)

// space is what JSON allows between tokens.
const space = " \t\r\n"

// shapeOf tells the shape of a body, or of its beginning: by its content type, by the bracket that it begins with, or
// by a first line that is an object, with more behind it. An event over several lines is a single one.
func shapeOf(contentType string, data []byte) shape {
	if strings.Contains(contentType, "json") && contentType != "application/json" {
		media, _, err := mime.ParseMediaType(contentType)
		if err == nil && slices.Contains([]string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}, media) {
			return lines
		}
	}
	data = bytes.TrimLeft(data, space)
	if len(data) == 0 {
		return single
	}
	if data[0] == '[' {
		return array
	}
	end := bytes.IndexByte(data, '\n')
	if end >= 0 && data[0] == '{' && len(bytes.Trim(data[end:], space)) > 0 && json.Valid(data[:end]) {
		return lines
	}
	return single
}

var errTooMany = fmt.Errorf("a request has at most %d events", eventsMax)

// split cuts a body into its events, which alias it.
func split(data []byte, s shape) ([][]byte, error) {
	if s == array {
		return splitArray(data)
	}
	var events [][]byte
	for line := range bytes.Lines(data) {
		if line = bytes.Trim(line, space); len(line) == 0 {
			continue
		}
		if len(events) == eventsMax {
			return nil, errTooMany
		}
		events = append(events, line)
	}
	return events, nil
}

// splitArray cuts an array into its elements, whatever is in them: brackets and quotes alone are looked at.
func splitArray(data []byte) (events [][]byte, err error) {
	data = bytes.Trim(data, space)
	depth, from, quoted := 0, 1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}' || c == ',' && depth == 1:
			if c != ',' {
				depth--
			}
			if depth > 1 || depth == 1 && c != ',' {
				continue
			}
			event := bytes.Trim(data[from:i], space)
			last := depth == 0
			switch {
			case last && (c != ']' || i < len(data)-1):
				return nil, fmt.Errorf("byte %d: the array of events ends here, and more follows", i+1)
			case last && len(event) == 0 && len(events) == 0:
				return nil, nil
			case len(event) == 0:
				return nil, fmt.Errorf("byte %d: an event is missing between commas", i+1)
			case len(events) == eventsMax:
				return nil, errTooMany
			}
			if events, from = append(events, event), i+1; last {
				return events, nil
			}
		}
	}
	return nil, errors.New("the array of events is not closed")
}

// answerMany answers with a score for each event, in their order. What cannot be used has its error in its place.
func (h *Handler) answerMany(w http.ResponseWriter, r *http.Request, s *session, in shape, body []byte) {
	events, err := split(body, in)
	switch {
	case errors.Is(err, errTooMany):
		fault(w, http.StatusRequestEntityTooLarge, &millrace.Rejection{Reason: "too_many_events", Detail: err.Error()})
		return
	case err != nil:
		fault(w, http.StatusUnprocessableEntity, &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: err.Error()})
		return
	}
	begin, between, end, kind := "", "\n", "\n", "application/x-ndjson"
	if in == array {
		begin, between, end, kind = "[", ",\n", "]\n", "application/json"
	}
	if len(events) == 0 && in == lines {
		end = ""
	}
	s.answer = append(s.answer[:0], begin...)
	for i, event := range events {
		why := h.scoreOne(s, event)
		if i == 0 {
			if why != nil && why.Reason == reasonNotReady {
				w.Header().Set("Retry-After", "1")
				fault(w, http.StatusServiceUnavailable, why)
				return
			}
			w.Header().Set("Content-Type", kind)
		} else {
			s.answer = append(s.answer, between...)
		}
		if why == nil {
			s.answer = h.appendScore(s.answer, s, event)
		} else {
			s.answer = h.appendFault(s.answer, event, why)
		}
		if len(s.answer) >= answerBytes {
			if _, err := w.Write(s.answer); err != nil || r.Context().Err() != nil {
				return // the client went away
			}
			s.answer = s.answer[:0]
		}
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(append(s.answer, end...)) // a client that went away needs no answer
}

// reasonNotReady is that there is nothing to score with yet.
const reasonNotReady millrace.Reason = "not_ready"

// scoreOne scores one event of many, or says why not.
func (h *Handler) scoreOne(s *session, event []byte) *millrace.Rejection {
	err := s.Score(&millrace.Record{Value: event, Time: h.o.Now().UnixMilli()}, &s.score)
	var why *millrace.Rejection
	switch {
	case err == nil:
		return nil
	case errors.As(err, &why):
		h.o.Metrics.Unscored(why.Reason)
		return why
	case errors.Is(err, scorer.ErrNotReady), errors.Is(err, scorer.ErrWindowsNotReady):
		return &millrace.Rejection{Reason: reasonNotReady, Detail: err.Error()}
	}
	return &millrace.Rejection{Reason: "internal", Detail: err.Error()}
}
