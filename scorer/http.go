package scorer

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"millrace"
)

// HTTP answers POST /v1/score: an event as JSON in the body, the score as JSON in the answer. It predicts with the
// version in service and writes nothing to any topic.
//
//	200 the score
//	413 the event is larger than its limit
//	422 {"reason": …, "path": …, "detail": …}: the event cannot be used, with the dead letters' reason words
//	503 no snapshot is in service yet
type HTTP struct {
	scorer   *Scorer
	sessions sync.Pool // of *httpSession: a session serves one request at a time
	append   func(dst []byte, s *millrace.Score) []byte
	bytesMax int64
	now      func() time.Time
}

type httpSession struct {
	*Session
	answer []byte
}

// NewHTTP returns a handler; appendScore writes a score as JSON, and bytesMax is the largest event.
func NewHTTP(s *Scorer, appendScore func(dst []byte, s *millrace.Score) []byte, bytesMax int64, now func() time.Time) *HTTP {
	h := &HTTP{scorer: s, append: appendScore, bytesMax: bytesMax, now: now}
	h.sessions.New = func() any { return &httpSession{Session: s.NewSession()} }
	return h
}

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/score" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fault(w, http.StatusMethodNotAllowed, &millrace.Rejection{Reason: "method_not_allowed", Detail: "POST an event"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.bytesMax))
	if err != nil {
		status, reason := http.StatusBadRequest, millrace.ReasonMalformed
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			status, reason = http.StatusRequestEntityTooLarge, millrace.ReasonTooLarge
		}
		fault(w, status, &millrace.Rejection{Reason: reason, Detail: err.Error()})
		return
	}
	s := h.sessions.Get().(*httpSession) //nolint:forcetypeassert // the pool makes nothing else
	defer h.sessions.Put(s)
	h.answer(w, s, body)
}

func (h *HTTP) answer(w http.ResponseWriter, s *httpSession, body []byte) {
	var score millrace.Score
	err := s.Score(&millrace.Record{Value: body, Time: h.now().UnixMilli()}, &score)
	var why *millrace.Rejection
	switch {
	case errors.As(err, &why):
		h.scorer.o.Metrics.Unscored(why.Reason)
		fault(w, http.StatusUnprocessableEntity, why)
		return
	case err != nil: // no snapshot yet
		w.Header().Set("Retry-After", "1")
		fault(w, http.StatusServiceUnavailable, &millrace.Rejection{Reason: "not_ready", Detail: err.Error()})
		return
	}
	h.scorer.o.Metrics.Predicted(&score)
	s.answer = append(h.append(s.answer[:0], &score), '\n')
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.answer) // a client that went away needs no answer
}

// fault answers with what is wrong, as JSON.
func fault(w http.ResponseWriter, status int, why *millrace.Rejection) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{ // a client that went away needs no answer
		"reason": string(why.Reason), "path": why.Path, "detail": why.Detail})
}
