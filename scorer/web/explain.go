package web

import (
	"encoding/json"
	"net/http"

	"millrace"
)

// explain answers /v1/explain: why an event, in the body or as ?event=, is scored as it is. What cannot be scored is
// answered as by /v1/score.
func (h *Handler) explain(w http.ResponseWriter, r *http.Request) {
	body := h.body()
	defer body.release()
	event := []byte(r.URL.Query().Get("event"))
	switch r.Method {
	case http.MethodGet, http.MethodHead: // the server bounds how long an address is
	case http.MethodPost:
		if err := body.read(w, r); err != nil {
			refuse(w, err)
			return
		}
		event = body.data
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		fault(w, http.StatusMethodNotAllowed, &millrace.Rejection{Reason: "method_not_allowed", Detail: "POST an event, or GET it as ?event="})
		return
	}
	if shapeOf(r.Header.Get("Content-Type"), event) != single {
		fault(w, http.StatusUnprocessableEntity, &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: "found several events; one is explained at a time"})
		return
	}
	s := h.sessions.Get().(*session) //nolint:forcetypeassert // the pool makes nothing else
	defer h.sessions.Put(s)
	report, err := h.o.Explain(s.Session, &millrace.Record{Value: event, Time: h.o.Now().UnixMilli()})
	if err != nil {
		h.unscored(w, s, event, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(report) // a client that went away needs no answer
}
