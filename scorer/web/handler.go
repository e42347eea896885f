// Package web is the scorer's HTTP face: one event in the body, its score in the answer.
package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"millrace"
	"millrace/scorer"
)

// Session scores records one at a time; see scorer.Session.
type Session interface {
	Score(rec *millrace.Record, dst *millrace.Score) error
}

// Metrics count what is answered; see scorer.Metrics.
type Metrics interface {
	Predicted(s *millrace.Score)
	Unscored(reason millrace.Reason)
}

// Options are what a Handler is made of.
type Options struct {
	NewSession    func() Session
	Append        func(dst []byte, s *millrace.Score) []byte // writes a score as JSON
	Metrics       Metrics
	EventBytesMax int64 // the largest event
	Now           func() time.Time
}

// bytesInFlightMax bounds what all events that are being read hold together, beyond the first bytesFree of each: slow
// or hostile clients may send many large bodies by halves. It is some sixty events of the largest default size.
const bytesInFlightMax = 64 << 20

// Handler answers POST /v1/score: an event as JSON in the body, the score as JSON in the answer. It predicts with the
// version in service and writes nothing to any topic.
//
//	200 the score
//	403, 421 from web.Server: a browser asks for somebody else's page
//	408 the event did not come in time
//	413 the event is larger than its limit
//	422 {"reason": …, "path": …, "detail": …}: the event cannot be used, with the dead letters' reason words
//	503 no snapshot is in service yet, window tables are being filled, or too much is being read at the moment
type Handler struct {
	o        Options
	inFlight *semaphore.Weighted // bytes
	sessions sync.Pool           // of *session: one serves one request at a time
	bodies   sync.Pool           // of *[]byte
}

type session struct {
	Session
	score  millrace.Score
	answer []byte
}

// NewHandler returns a handler for /v1/score.
func NewHandler(o Options) *Handler {
	h := &Handler{o: o, inFlight: semaphore.NewWeighted(max(bytesInFlightMax, 2*o.EventBytesMax))}
	h.sessions.New = func() any { return &session{Session: o.NewSession()} }
	h.bodies.New = func() any { b := make([]byte, 0, bytesFree); return &b }
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/score" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		fault(w, http.StatusMethodNotAllowed, &millrace.Rejection{Reason: "method_not_allowed", Detail: "POST an event"})
		return
	}
	body := h.body()
	defer body.release()
	if err := body.read(w, r); err != nil {
		refuse(w, err)
		return
	}
	s := h.sessions.Get().(*session) //nolint:forcetypeassert // the pool makes nothing else
	defer h.sessions.Put(s)
	h.answer(w, s, body.data)
}

// refuse says why a body was not read.
func refuse(w http.ResponseWriter, err error) {
	status, reason := http.StatusBadRequest, millrace.ReasonMalformed
	var tooLarge *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &tooLarge):
		status, reason = http.StatusRequestEntityTooLarge, millrace.ReasonTooLarge
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		status, reason = http.StatusServiceUnavailable, "busy"
	case errors.As(err, &timeout) && timeout.Timeout():
		status, reason = http.StatusRequestTimeout, "timeout"
	}
	fault(w, status, &millrace.Rejection{Reason: reason, Detail: err.Error()})
}

func (h *Handler) answer(w http.ResponseWriter, s *session, body []byte) {
	err := s.Score(&millrace.Record{Value: body, Time: h.o.Now().UnixMilli()}, &s.score)
	var why *millrace.Rejection
	switch {
	case errors.As(err, &why):
		h.o.Metrics.Unscored(why.Reason)
		fault(w, http.StatusUnprocessableEntity, why)
		return
	case errors.Is(err, scorer.ErrNotReady), errors.Is(err, scorer.ErrWindowsNotReady):
		w.Header().Set("Retry-After", "1")
		fault(w, http.StatusServiceUnavailable, &millrace.Rejection{Reason: "not_ready", Detail: err.Error()})
		return
	case err != nil:
		fault(w, http.StatusInternalServerError, &millrace.Rejection{Reason: "internal", Detail: err.Error()})
		return
	}
	h.o.Metrics.Predicted(&s.score)
	s.answer = append(h.o.Append(s.answer[:0], &s.score), '\n')
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
