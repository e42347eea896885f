// Package web is the scorer's HTTP face: one event in the body, its score in the answer; or many, with as many scores.
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
	// Event is what Score decoded last.
	Event() *millrace.Event
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
	Fields        *Fields // what events have; nil tells nothing of misspelt and missing fields
	About         About   // what GET / says
	// Explain says, as JSON has it, why an event is scored as it is, with a session of NewSession's; nil explains none.
	Explain func(s Session, rec *millrace.Record) (any, error)
	// Version is the one in service, 0 before the first; nil is never one.
	Version func() uint64
}

// bytesInFlightMax bounds what all events that are being read hold together, beyond the first bytesFree of each: slow
// or hostile clients may send many large bodies by halves. It is some sixty events of the largest default size.
const bytesInFlightMax = 64 << 20

// Handler answers POST /v1/score: an event as JSON in the body, the score as JSON in the answer. It predicts with the
// version in service and writes nothing to any topic. GET / says what is here. POST /v1/explain, or GET with the event
// as ?event=, says why it is scored so.
//
// Many events may come at once, as a JSON array or as lines (NDJSON, by its content type or by its look): then the
// answer is an array or lines, in their order, and what cannot be used has its error in its place.
//
// Where fields of features are missing, the score says which, and which fields nobody knows, under "missing" and
// "unknown". What is scored does not change by that.
//
//	200 the score, or the scores
//	403, 421 from web.Server: a browser asks for somebody else's page
//	408 the event did not come in time
//	413 the event is larger than its limit, or there are too many
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
	switch r.URL.Path {
	case "/v1/score":
	case "/v1/explain":
		if h.o.Explain == nil {
			http.NotFound(w, r)
			return
		}
		h.explain(w, r)
		return
	case "/":
		h.about(w, r)
		return
	default:
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
	if shape := shapeOf(r.Header.Get("Content-Type"), body.data); shape != single {
		h.answerMany(w, r, s, shape, body.data)
		return
	}
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
	if err := s.Score(&millrace.Record{Value: body, Time: h.o.Now().UnixMilli()}, &s.score); err != nil {
		h.unscored(w, s, body, err)
		return
	}
	s.answer = append(h.appendScore(s.answer[:0], s, body), '\n')
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.answer) // a client that went away needs no answer
}

// unscored answers why an event was not scored.
func (h *Handler) unscored(w http.ResponseWriter, s *session, body []byte, err error) {
	var why *millrace.Rejection
	switch {
	case errors.As(err, &why):
		h.o.Metrics.Unscored(why.Reason)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff") // fields are the asker's
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write(append(h.appendFault(s.answer[:0], body, why), '\n')) //nolint:gosec // JSON, whose texts are quoted
	case errors.Is(err, scorer.ErrNotReady), errors.Is(err, scorer.ErrWindowsNotReady):
		w.Header().Set("Retry-After", "1")
		fault(w, http.StatusServiceUnavailable, &millrace.Rejection{Reason: "not_ready", Detail: err.Error()})
	default:
		fault(w, http.StatusInternalServerError, &millrace.Rejection{Reason: "internal", Detail: err.Error()})
	}
}

// appendScore appends the score of an event, and what of its fields is missing.
func (h *Handler) appendScore(dst []byte, s *session, event []byte) []byte {
	h.o.Metrics.Predicted(&s.score)
	dst = h.o.Append(dst, &s.score)
	if h.o.Fields == nil || !h.o.Fields.lacks(s.Event()) {
		return dst
	}
	if slip := h.o.Fields.look(event); slip != nil {
		return slip.append(dst)
	}
	return dst
}

// appendFault appends what is wrong with an event, and which of its fields nobody knows where one is missing.
func (h *Handler) appendFault(dst, event []byte, why *millrace.Rejection) []byte {
	dst = appendRejection(dst, why)
	if h.o.Fields == nil || why.Reason != millrace.ReasonMissingFeature {
		return dst
	}
	if slip := h.o.Fields.look(event); slip != nil {
		return slip.append(dst)
	}
	return dst
}

// appendRejection appends a rejection as a JSON object.
func appendRejection(dst []byte, why *millrace.Rejection) []byte {
	text, err := json.Marshal(map[string]string{"reason": string(why.Reason), "path": why.Path, "detail": why.Detail})
	if err != nil { // texts have no faults in JSON
		return append(dst, "{}"...)
	}
	return append(dst, text...)
}

// fault answers with what is wrong, as JSON.
func fault(w http.ResponseWriter, status int, why *millrace.Rejection) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(appendRejection(nil, why), '\n')) // a client that went away needs no answer
}
