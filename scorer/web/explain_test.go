package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"millrace"
)

// TestExplain: an event in the body or in the address has its reasons; what cannot be scored is refused as elsewhere.
func TestExplain(t *testing.T) {
	h, ready, _ := newHandler(10)
	*ready = true
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	if code, _ := ask("POST", "/v1/explain", "7"); code != http.StatusNotFound {
		t.Errorf("where nothing is explained: %d", code)
	}
	h.o.Explain = func(s Session, rec *millrace.Record) (any, error) {
		var score millrace.Score
		if len(rec.Value) == 0 {
			return nil, &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: "no event"}
		}
		if err := s.Score(rec, &score); err != nil {
			return nil, err
		}
		return map[string]any{"of": string(rec.Value), "time": rec.Time}, nil
	}
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"POST", "/v1/explain", "7", http.StatusOK, `{"of":"7","time":5}`},
		{"GET", "/v1/explain?event=%7B%7D", "", http.StatusOK, `{"of":"{}","time":5}`},
		{"GET", "/v1/explain", "", http.StatusUnprocessableEntity, "no event"},
		{"POST", "/v1/explain", "x", http.StatusUnprocessableEntity, `"detail":"no number"`},
		{"POST", "/v1/explain", "[7,8]", http.StatusUnprocessableEntity, "one is explained at a time"},
		{"POST", "/v1/explain", "12345678901", http.StatusRequestEntityTooLarge, `"reason":"too_large"`},
		{"POST", "/v1/explain", "!", http.StatusInternalServerError, `"reason":"internal"`},
		{"PUT", "/v1/explain", "7", http.StatusMethodNotAllowed, "POST an event, or GET it"},
	} {
		if code, body := ask(c.method, c.path, c.body); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s %q: %d %s, want %d %s", c.method, c.path, c.body, code, body, c.code, c.want)
		}
	}
}
