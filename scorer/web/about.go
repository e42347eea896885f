package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"

	"millrace"
)

// About is what GET / says of a pipeline.
type About struct {
	Pipeline string
	Fields   []Field
	Example  json.RawMessage // an event
	Score    string          // what a score means
}

// about says what is here, and how to ask: as text, or as JSON where that is asked for.
func (h *Handler) about(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fault(w, http.StatusMethodNotAllowed, &millrace.Rejection{Reason: "method_not_allowed", Detail: "GET / says what is here; POST events to /v1/score"})
		return
	}
	version := uint64(0)
	if h.o.Version != nil {
		version = h.o.Version()
	}
	a := &h.o.About
	w.Header().Set("X-Content-Type-Options", "nosniff") // names are the pipeline's, and no page
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{ // a client that went away needs no answer
			"pipeline": a.Pipeline, "version": version, "ready": version > 0, "score": a.Score, "fields": a.Fields, "example": a.Example,
			"post": "/v1/score", "explain": "/v1/explain", "events_max": eventsMax, "event_bytes_max": h.o.EventBytesMax, "bytes_max": max(h.o.EventBytesMax, manyBytesMax)})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	var text strings.Builder
	served := fmt.Sprintf("version %d", version)
	if version == 0 {
		served = "no version yet"
	}
	address := "http://" + r.Host + "/v1/score"
	fmt.Fprintf(&text, `Millrace scores events of the pipeline %s: %s.

An event as JSON, its score in the answer:

    curl -d '%s' %s

Many at once, up to %d and %s: a JSON array, or a line each; the answer is an array or lines, in their order:

    curl -H 'Content-Type: application/x-ndjson' --data-binary @events.jsonl %s

score is %s. Why an event has its score:

    curl -d '%s' %s

Fields of an event:

`, a.Pipeline, served, strings.ReplaceAll(string(a.Example), "'", `'\''`), address, eventsMax, millrace.Bytes(max(h.o.EventBytesMax, manyBytesMax)),
		address, a.Score, strings.ReplaceAll(string(a.Example), "'", `'\''`), "http://"+r.Host+"/v1/explain")
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, f := range a.Fields {
		fmt.Fprintf(table, "    %s\t%s\t%s\n", strings.Join(f.Path, "."), f.Type, f.Name)
	}
	_ = table.Flush() // a builder takes everything
	_, _ = fmt.Fprint(w, text.String())
}
